//! Every misbehaviour of a wallet behind a Nostr relay, to pay calls and to look-ups, while it holds each thing it can
//! hold.

use std::sync::Arc;
use std::time::Duration;

use kilosat::lightning::{LightningService, ServiceKind};
use lightning_invoice::Currency;
use sim::wait::let_pass;
use sim::wallets::nwc::{Manner, Misbehaviour, NwcWallet};
use sim::wallets::{Ledger, Plan};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::bench::{hash_of, remote};
use crate::truth::Says::{self, Lie, NoFee, Nothing, Truth};
use crate::truth::{
    AT_ONCE, FEE_MAX, Facts, Holds, Judged, TOGETHER, held, honest, judge_found, judge_paid, right, state, tells,
};

/// How it misbehaves.
#[derive(Clone, Copy, Debug)]
enum Form {
    Does(Misbehaviour),
    /// Does what was asked and answers so. `METHOD` stands for the method, `HASH` and `PROOF` for the payment, `OTHER` and
    /// `STRANGER` for proof and hash of another one, and `PAID` for the members of a true answer.
    Says(&'static str),
    /// Does what was asked and shows this for a proof.
    Proof(&'static str),
    /// Does what was asked and names this for a fee.
    Fee(&'static str),
}

#[rustfmt::skip] // a table: one misbehaviour a row
const ROWS: [(Says, Form); 67] = [
    (Nothing, Form::Does(Misbehaviour::Silent)),
    (Nothing, Form::Does(Misbehaviour::Deaf)),
    (Nothing, Form::Does(Misbehaviour::WrongAuthor)),
    (Nothing, Form::Does(Misbehaviour::WrongRequest)),
    (Nothing, Form::Does(Misbehaviour::Garbage)),
    (Truth, Form::Does(Misbehaviour::Twice)),
    (Truth, Form::Does(Misbehaviour::InternalFirst)),
    (Nothing, Form::Does(Misbehaviour::Code("INTERNAL"))),
    (Nothing, Form::Does(Misbehaviour::Code("OTHER"))),
    (Nothing, Form::Does(Misbehaviour::CodeAfter("INTERNAL"))),
    (Nothing, Form::Does(Misbehaviour::CodeAfter("OTHER"))),
    (Nothing, Form::Does(Misbehaviour::CodeAfter("PAYMENT_FAILED"))),
    (Nothing, Form::Does(Misbehaviour::CodeAfter("SOMETHING_NEW"))),
    (Nothing, Form::Does(Misbehaviour::CodeAfter("restricted"))),
    (Nothing, Form::Does(Misbehaviour::CodeAfter(" RESTRICTED"))),
    (Nothing, Form::Does(Misbehaviour::CodeAfter(""))),
    (Nothing, Form::Does(Misbehaviour::InternalThen("QUOTA_EXCEEDED"))),
    (Nothing, Form::Does(Misbehaviour::InternalThen("RESTRICTED"))),
    (Nothing, Form::Does(Misbehaviour::InternalThen("INSUFFICIENT_BALANCE"))),
    (Lie, Form::Does(Misbehaviour::CodeAfter("RATE_LIMITED"))),
    (Lie, Form::Does(Misbehaviour::CodeAfter("NOT_IMPLEMENTED"))),
    (Lie, Form::Does(Misbehaviour::CodeAfter("INSUFFICIENT_BALANCE"))),
    (Lie, Form::Does(Misbehaviour::CodeAfter("QUOTA_EXCEEDED"))),
    (Lie, Form::Does(Misbehaviour::CodeAfter("RESTRICTED"))),
    (Lie, Form::Does(Misbehaviour::CodeAfter("UNAUTHORIZED"))),
    (Lie, Form::Does(Misbehaviour::CodeAfter("UNSUPPORTED_ENCRYPTION"))),
    (Lie, Form::Does(Misbehaviour::CodeAfter("NOT_FOUND"))),
    (Lie, Form::Says(r#"{"result_type":"METHOD","result":{"type":"outgoing","payment_hash":"HASH","state":"failed"}}"#)),
    (Lie, Form::Says(r#"{"result_type":"METHOD","result":{"type":"outgoing","payment_hash":"HASH","state":"pending"}}"#)),
    (Nothing, Form::Says(" ")),
    (Nothing, Form::Says("not json")),
    (Nothing, Form::Says("{}")),
    (Nothing, Form::Says("[]")),
    (Nothing, Form::Says("null")),
    (Nothing, Form::Says("7")),
    (Nothing, Form::Says(r#"{"result_type":"METHOD"}"#)),
    (Nothing, Form::Says(r#"{"result_type":"METHOD","error":null,"result":null}"#)),
    (Nothing, Form::Says(r#"{"result_type":"METHOD","error":null,"result":[]}"#)),
    (Nothing, Form::Says(r#"{"result_type":"METHOD","error":null,"result":{}}"#)),
    (Nothing, Form::Says(r#"{"result_type":"METHOD","error":null,"result":"PROOF"}"#)),
    (Nothing, Form::Says(r#"{"result_type":"METHOD","error":"RESTRICTED","result":null}"#)),
    (Nothing, Form::Says(r#"{"result_type":"METHOD","error":{"message":"RESTRICTED"},"result":null}"#)),
    (Nothing, Form::Says(r#"{"result_type":"METHOD","error":{"code":7},"result":null}"#)),
    (Nothing, Form::Says(r#"{"result_type":"METHOD","error":{},"result":{PAID}}"#)),
    (Nothing, Form::Says(r#"{"result_type":"METHOD","error":{"code":"RESTRICTED"},"error":null,"result":{PAID}}"#)),
    (Nothing, Form::Says(r#"{"result_type":"METHOD","result":{PAID},"error":null,"error":{"code":"NOT_FOUND"}}"#)),
    (Lie, Form::Says(r#"{"result_type":"METHOD","result":{PAID,"state":"failed"}}"#)),
    (Nothing, Form::Says(r#"{"result_type":"get_balance","error":{"code":"RESTRICTED"},"result":null}"#)),
    (Nothing, Form::Says(r#"{"result_type":"get_balance","error":null,"result":{PAID}}"#)),
    (Nothing, Form::Says(r#"{"result_type":"get_balance","error":{"code":"NOT_FOUND"},"result":null}"#)),
    (Nothing, Form::Says(r#"[{"result_type":"METHOD","error":null,"result":{PAID}}]"#)),
    (Nothing, Form::Says(r#"{"result_type":"METHOD","error":null,"result":{PAID}"#)),
    (Nothing, Form::Says(r#"{"result_type":"METHOD","result":{"type":"outgoing","payment_hash":"HASH","state":"perhaps"}}"#)),
    (Nothing, Form::Says(r#"{"result_type":"METHOD","result":{"type":"outgoing","payment_hash":"HASH","state":"expired"}}"#)),
    (Nothing, Form::Says(r#"{"result_type":"METHOD","result":{"type":"outgoing","payment_hash":"HASH","state":"settled"}}"#)),
    (Nothing, Form::Says(r#"{"result_type":"METHOD","result":{"type":"outgoing","payment_hash":"STRANGER","state":"failed"}}"#)),
    (Nothing, Form::Says(r#"{"result_type":"METHOD","result":{"type":"incoming","payment_hash":"HASH","state":"failed"}}"#)),
    (Nothing, Form::Says(r#"{"result_type":"METHOD","result":{"payment_hash":"HASH","state":"failed"}}"#)),
    (Nothing, Form::Proof("OTHER")),
    (Nothing, Form::Proof("HASH")),
    (Nothing, Form::Proof("")),
    (Nothing, Form::Proof("0000000000000000000000000000000000000000000000000000000000000000")),
    (NoFee, Form::Fee("-5")),
    (NoFee, Form::Fee("1.5")),
    (NoFee, Form::Fee("99999999999999999999999")),
    (NoFee, Form::Fee("\"little\"")),
    (Nothing, Form::Fee("NaN")),
];

impl Form {
    fn misbehaviour(self, method: &str, facts: &Facts, other: &Facts) -> Misbehaviour {
        let members = |proof: &str, fee: &str| {
            let way = r#""type":"outgoing","payment_hash":"HASH","settled_at":1700000000"#;
            format!(r#"{way},"preimage":"{proof}","fees_paid":{fee}"#)
        };
        let success = |proof: &str, fee: &str| {
            format!(r#"{{"result_type":"METHOD","error":null,"result":{{{}}}}}"#, members(proof, fee))
        };
        let template = match self {
            Form::Does(misbehaviour) => return misbehaviour,
            Form::Says(text) => text.replace("PAID", &members("PROOF", "1000")),
            Form::Proof(proof) => success(proof, "1000"),
            Form::Fee(fee) => success("PROOF", fee),
        };
        let told = template.replace("METHOD", method).replace("HASH", &facts.hash).replace("PROOF", &facts.preimage);
        let told = told.replace("OTHER", &other.preimage).replace("STRANGER", &other.hash);
        // A misbehaviour holds its text for as long as the tests run.
        Misbehaviour::Text(Box::leak(told.into_boxed_str()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_misbehaviour_to_a_pay_call_costs_anything() {
    every_cell("pay_invoice").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_misbehaviour_to_a_look_up_hides_the_truth() {
    every_cell("lookup_invoice").await;
}

struct House {
    wallet: NwcWallet,
    ledger: Ledger,
    service: LightningService,
}

async fn every_cell(method: &'static str) {
    let ledger = Ledger::new(Currency::Bitcoin, 1_000_000_000, 1_000);
    let wallet = NwcWallet::start(ledger.clone(), Manner::default()).await;
    let mut remote = remote("nwc://unused", &wallet.connection_text);
    // A connection is not what is tried here; a slow machine may take its time for one.
    (remote.waits.connect, remote.waits.pay) = (Duration::from_secs(20), Duration::from_millis(800));
    let service = LightningService::remote(ServiceKind::Nwc, remote).unwrap();
    let (house, mut wrong) = (Arc::new(House { wallet, ledger, service }), Vec::new());
    for (plan, holds) in TOGETHER.into_iter().filter(|(plan, _)| method == "pay_invoice" || *plan == Plan::Settle) {
        let other = held(&house.ledger, Holds::Settled).1;
        let cells = holds.iter().flat_map(|holds| ROWS.map(|row| (row, *holds, held(&house.ledger, *holds))));
        let cells: Vec<_> = cells.collect();
        house.ledger.plan(plan);
        let (turns, mut running) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
        for (row, holds, (bolt11, facts)) in cells {
            let (house, turns, other) = (house.clone(), turns.clone(), other.clone());
            running.spawn(async move {
                let _turn = turns.acquire().await.unwrap();
                cell(&house, method, row, holds, (&bolt11, &facts), &other).await
            });
        }
        while let Some(ended) = running.join_next().await {
            wrong.extend(ended.unwrap().err());
        }
    }
    assert!(wrong.is_empty(), "{} of them: {}", wrong.len(), wrong.join("\n"));
}

async fn cell(
    house: &House,
    method: &'static str,
    (says, form): (Says, Form),
    holds: Holds,
    (bolt11, facts): (&str, &Facts),
    other: &Facts,
) -> Judged {
    let (hash, pays) = (hash_of(bolt11), method == "pay_invoice");
    // Nobody has a proof of what is not paid; what is asked for is done before the answer.
    let proven = holds == Holds::Settled || (pays && matches!(holds, Holds::Nothing | Holds::Failed));
    let preimage = if proven { facts.preimage.clone() } else { "5".repeat(64) };
    let facts = Facts { preimage, ..facts.clone() };
    let about = if pays { bolt11.to_owned() } else { facts.hash.clone() };
    house.wallet.push_about(method, about.clone(), form.misbehaviour(method, &facts, other));
    let context = format!("{method} while it holds {holds:?}: {form:?}");
    if pays {
        let outcome = house.service.pay(bolt11, FEE_MAX).await;
        judge_paid(&outcome, says, &house.ledger, &hash, &context)?;
    } else {
        let found = house.service.look_up(&hash).await;
        judge_found(&found, says, &house.ledger, &hash, &context)?;
    }
    // The request may still be on its way when nobody waits for its answer any more.
    for _ in 0..LOOKS_MAX {
        if !house.wallet.waits(&about) {
            break;
        }
        let_pass(Duration::from_millis(50)).await;
    }
    right(!house.wallet.waits(&about), || format!("{context}: the misbehaviour was never met"))?;
    let (found, truth) = (honest(&house.service, &house.ledger, &hash).await, state(&house.ledger, &hash));
    right(tells(&found, truth), || format!("{context}: afterwards {found:?}, in truth {truth:?}"))
}

const LOOKS_MAX: u32 = 400;
