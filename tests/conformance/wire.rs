//! Every misbehaviour on the wire, to pay calls and to look-ups, while the wallet holds each thing it can hold.

use std::sync::Arc;

use kilosat::domain::invoice::PaymentHash;
use kilosat::lightning::LightningService;
use sim::wallets::gate::{Acts, Answer, Gate, Piece, Turn};
use sim::wallets::{Ledger, PayState, Plan};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::bench::hash_of;
use crate::lies::{LIES, Lie};
use crate::truth::{
    AT_ONCE, FEE_MAX, Facts, Holds, Judged, TOGETHER, held, honest, judge_found, judge_paid, right, state, tells,
};

/// A wallet whose wire can be bent, and the words of its API.
pub struct Wire {
    pub service: LightningService,
    pub ledger: Ledger,
    pub gate: Gate,
    pub words: Words,
    pub pay_path: &'static str,
    pub look_up_path: &'static str,
    /// How a look-up names a payment.
    pub named: fn(&PaymentHash) -> String,
}

/// The answers of an API as it documents them. Fees are given as the text of the number.
#[derive(Clone, Copy)]
pub struct Words {
    /// The status of success.
    pub ok: u16,
    pub paid: fn(&Facts, &str) -> String,
    pub found: fn(&Facts, &str) -> String,
    pub failed: fn(&Facts) -> (u16, String),
    pub found_failed: fn(&Facts) -> (u16, String),
    pub nothing: (u16, &'static str),
    /// The word for a payment that was made, and one that the API does not have.
    pub state: (&'static str, &'static str),
}

/// One call that is answered by a script.
pub struct Call {
    pub facts: Facts,
    pub other: Facts,
    words: Words,
    looks_up: bool,
}

impl Call {
    pub fn ok(&self) -> u16 {
        self.words.ok
    }

    /// A well-formed answer with the status of success.
    pub fn yes(&self, body: impl AsRef<[u8]>) -> Piece {
        Piece::answer(self.words.ok, body)
    }

    pub fn paid_of(&self, facts: &Facts, fee: &str) -> String {
        if self.looks_up { (self.words.found)(facts, fee) } else { (self.words.paid)(facts, fee) }
    }

    pub fn proven_by(&self, preimage: &str) -> String {
        self.paid_of(&Facts { preimage: preimage.to_owned(), ..self.facts.clone() }, "1000")
    }

    pub fn failure(&self) -> (u16, String) {
        self.failure_of(&self.facts)
    }

    pub fn failed(&self) -> Vec<u8> {
        let (status, body) = self.failure();
        bytes(Piece::answer(status, body))
    }

    /// Only where the API says of which payment it speaks.
    pub fn failure_of_another(&self) -> Piece {
        let (status, body) = self.failure_of(&self.other);
        if body.contains(&self.other.hash) { Piece::answer(status, body) } else { self.yes("{}") }
    }

    pub fn nothing(&self) -> Piece {
        let (status, body) = self.words.nothing;
        Piece::answer(status, body)
    }

    pub fn strange(&self) -> String {
        let (known, unknown) = self.words.state;
        let told = (self.words.found)(&self.facts, "1000");
        assert!(told.contains(known), "{told}");
        told.replace(known, unknown)
    }

    /// Two objects as one: what both have is there twice.
    pub fn merged(&self, one: &str, other: &str) -> String {
        let inner = |text: &str| text.trim().strip_prefix('{').unwrap().strip_suffix('}').unwrap().to_owned();
        format!("{{{},{}}}", inner(one), inner(other))
    }

    /// A redirect to where nobody must be seen.
    pub fn elsewhere(&self, status: u16) -> Piece {
        Piece::text(format!("HTTP/1.1 {status} X\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"))
    }

    fn failure_of(&self, facts: &Facts) -> (u16, String) {
        if self.looks_up { (self.words.found_failed)(facts) } else { (self.words.failed)(facts) }
    }
}

fn bytes(piece: Piece) -> Vec<u8> {
    let Piece::Bytes(bytes) = piece else { unreachable!("an answer is bytes") };
    bytes
}

/// Pays while the wire misbehaves in every way, whatever the wallet holds.
pub async fn no_misbehaviour_to_a_pay_call_costs_anything(wire: Wire) {
    every_cell(wire, false).await;
}

/// Looks up while the wire misbehaves in every way, whatever the wallet holds.
pub async fn no_misbehaviour_to_a_look_up_hides_the_truth(wire: Wire) {
    every_cell(wire, true).await;
}

async fn every_cell(wire: Wire, looks_up: bool) {
    assert!(LIES.len() >= 100);
    let (wire, mut wrong) = (Arc::new(wire), Vec::new());
    for (plan, holds) in TOGETHER.into_iter().filter(|(plan, _)| !looks_up || *plan == Plan::Settle) {
        let other = held(&wire.ledger, Holds::Settled).1;
        let lies = || LIES.iter().filter(|lie| plan == Plan::Settle || (lie.acts && !lie.needs_answer));
        let cells = holds.iter().flat_map(|holds| lies().map(|lie| (lie, *holds, held(&wire.ledger, *holds))));
        let cells: Vec<_> = cells.collect();
        wire.ledger.plan(plan);
        let (turns, mut running) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
        for (lie, holds, (bolt11, facts)) in cells {
            let (wire, turns, other) = (wire.clone(), turns.clone(), other.clone());
            running.spawn(async move {
                let _turn = turns.acquire().await.unwrap();
                let call = Call { facts, other, words: wire.words, looks_up };
                cell(&wire, lie, holds, &bolt11, call).await
            });
        }
        while let Some(ended) = running.join_next().await {
            wrong.extend(ended.unwrap().err());
        }
    }
    assert!(wrong.is_empty(), "{} of them: {}", wrong.len(), wrong.join("\n"));
    assert!(!wire.gate.seen().iter().any(|line| line.contains("elsewhere")), "a redirect was followed");
}

async fn cell(wire: &Wire, lie: &'static Lie, holds: Holds, bolt11: &str, call: Call) -> Judged {
    let (hash, looks_up) = (hash_of(bolt11), call.looks_up);
    let about = if looks_up { (wire.named)(&hash) } else { bolt11.to_owned() };
    let ledger = wire.ledger.clone();
    let acts = match (lie.acts, holds) {
        (false, _) => Acts::Never,
        (true, Holds::SoonHeld) => Acts::Until(Box::new(move || ledger.payment(&hash.0).is_some())),
        (true, _) => Acts::First,
    };
    let path = if looks_up { wire.look_up_path } else { wire.pay_path };
    let ledger = wire.ledger.clone();
    let script = Box::new(move |answer: Answer| {
        // Nobody has a proof of what is not paid.
        let proven = ledger.payment(&hash.0).is_some_and(|payment| payment.state == PayState::Settled);
        let preimage = if proven { call.facts.preimage.clone() } else { "5".repeat(64) };
        (lie.script)(&Call { facts: Facts { preimage, ..call.facts.clone() }, ..call }, answer)
    });
    wire.gate.push(Turn { path, about: about.clone(), acts, script });
    let context = format!("{} while it holds {holds:?}, look-up: {looks_up}", lie.name);
    if looks_up {
        let found = wire.service.look_up(&hash).await;
        judge_found(&found, lie.says, &wire.ledger, &hash, &context)?;
    } else {
        let outcome = wire.service.pay(bolt11, FEE_MAX).await;
        judge_paid(&outcome, lie.says, &wire.ledger, &hash, &context)?;
    }
    assert!(!wire.gate.waits(&about), "{context}: the misbehaviour was never met");
    let (found, truth) = (honest(&wire.service, &wire.ledger, &hash).await, state(&wire.ledger, &hash));
    right(tells(&found, truth), || format!("{context}: afterwards {found:?}, in truth {truth:?}"))
}
