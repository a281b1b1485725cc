//! Paying by hand: an invoice or an address, what it would cost, and the owner's word with the password.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use serde::Deserialize;

use super::super::answers::{Answer, Refused};
use super::super::door::Peer;
use super::super::entry::amount;
use super::super::gate::confirmed;
use super::super::{Frame, Words, page};
use crate::domain::money::Msat;
use crate::engine::Verdict;
use crate::payees::lnurl::PayTarget;
use crate::status::{Bill, Status, StatusSource};

#[derive(Template)]
#[template(path = "pay.html")]
struct PayPage {
    frame: Frame,
    t: Words,
    entries: Entries,
    /// What can be spent; absent where the wallet has not said so.
    spendable_msat: Option<u64>,
    fault: Option<String>,
}

#[derive(Template)]
#[template(path = "pay_bill.html")]
struct BillPage {
    frame: Frame,
    t: Words,
    bill: Bill,
    left_ms: u64,
    status: Status,
    fault: Option<String>,
}

impl BillPage {
    /// More than the wallet says it can pay.
    fn is_too_much(&self) -> bool {
        self.status.wallet_age_ms.is_some() && self.bill.amount_msat > self.status.lightning.spendable_msat
    }
}

/// What is to be paid, as it was written.
#[derive(Clone, Debug, Default, Deserialize)]
pub(in super::super) struct Entries {
    #[serde(default)]
    what: String,
    #[serde(default)]
    amount: String,
}

/// What the owner agreed to, and the password.
#[derive(Deserialize)]
pub(in super::super) struct Agreed {
    invoice: String,
    amount_msat: u64,
    #[serde(default)]
    payee: String,
    /// What it is for, as the page showed it.
    #[serde(default)]
    about: String,
    #[serde(default)]
    password: String,
}

/// `GET /wallet/pay`
pub(in super::super) async fn form(State(source): State<StatusSource>, t: Words) -> Answer {
    shown(&source, t, Entries::default(), None).await
}

async fn shown(source: &StatusSource, t: Words, entries: Entries, fault: Option<String>) -> Answer {
    let status = source.status().await.map_err(Refused::gone(t))?;
    let spendable_msat = status.wallet_age_ms.map(|_| status.lightning.spendable_msat);
    let frame = Frame::of(source, t, "wallet").await?;
    Ok(page(&PayPage { frame, t, entries, spendable_msat, fault }))
}

/// `POST /wallet/pay`: shows what it would cost, and pays nothing.
pub(in super::super) async fn look(
    State(source): State<StatusSource>,
    t: Words,
    Form(entries): Form<Entries>,
) -> Answer {
    let wanted = match entries.amount.trim() {
        "" => None,
        text => match amount(text).filter(|wanted| *wanted > 0) {
            Some(wanted) => Some(Msat(wanted)),
            None => {
                let fault = t.with("fault-amount", "field", t.say("receive-amount"));
                return refused(shown(&source, t, entries, Some(fault)).await);
            }
        },
    };
    match source.bill(&entries.what, wanted).await {
        Ok(bill) => asked(&source, t, bill, None).await,
        Err(fault) => refused(shown(&source, t, entries, Some(fault.to_string())).await),
    }
}

async fn asked(source: &StatusSource, t: Words, bill: Bill, fault: Option<String>) -> Answer {
    let status = source.status().await.map_err(Refused::gone(t))?;
    let frame = Frame::of(source, t, "wallet").await?;
    let left_ms = bill.expires_ms.saturating_sub(source.clock.now().wall.0);
    Ok(page(&BillPage { frame, t, bill, left_ms, status, fault }))
}

/// `POST /wallet/pay/now`: pays, with the password.
pub(in super::super) async fn pay(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    Form(Agreed { invoice, amount_msat, payee, about, password }): Form<Agreed>,
) -> Answer {
    let payee = PayTarget::parse(&payee).ok().map(|payee| payee.to_string());
    let bill = match source.bill_of(invoice, payee, Some(Msat(amount_msat))).await {
        Ok(bill) => Bill { description: about, ..bill },
        Err(fault) => return refused(shown(&source, t, Entries::default(), Some(fault.to_string())).await),
    };
    if let Some((status, denied)) = confirmed(&source.access, peer.address, &password).await {
        return Ok((status, asked(&source, t, bill, Some(denied)).await?).into_response());
    }
    let place = format!("on the page, from {}", peer.address.ip());
    let (verdict, number) = source.pay(&bill, &place).await.map_err(Refused::unanswered(t))?;
    match verdict {
        Verdict::Done(_) => {
            let path = number.map_or_else(|| "/payments".to_owned(), |number| format!("/payments/{number}"));
            Ok(Redirect::to(&path).into_response())
        }
        Verdict::Refused(why) => Ok((StatusCode::CONFLICT, asked(&source, t, bill, Some(why)).await?).into_response()),
    }
}

fn refused(page: Answer) -> Answer {
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page?).into_response())
}
