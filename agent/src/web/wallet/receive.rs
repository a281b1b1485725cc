//! Money that comes in: an invoice, and beside it an address of the savings for wallets that pay on the chain only.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use bitcoin::{Amount, Denomination};
use tokio::time::timeout;

use super::super::answers::{Answer, Refused};
use super::super::entry::amount;
use super::super::{Frame, Words, page};
use super::{Entries, QrCode, shown};
use crate::domain::invoice::PaymentHash;
use crate::domain::money::Msat;
use crate::lightning::ServiceFault;
use crate::status::{INVOICE_EXPIRY_S, StatusSource};
use crate::tasks::Unanswered;
use crate::treasury::Asked;

/// Invoices that were made here; kept in memory only. Money that comes in counts whether they are here or not.
#[derive(Clone, Default)]
pub(in super::super) struct Invoices {
    made: Arc<Mutex<Vec<Made>>>,
}

#[derive(Clone)]
pub(in super::super) struct Made {
    pub hash: PaymentHash,
    pub bolt11: String,
    pub amount: Msat,
    /// Of the savings, where it can be paid on the chain too.
    pub address: Option<String>,
    /// On the monotonic clock.
    pub expires_ms: u64,
}

/// Why there is no invoice.
#[derive(Debug)]
pub(in super::super) enum NotMade {
    Wallet(ServiceFault),
    /// The savings have no address for it now.
    Savings(String),
    /// The id of the sentence.
    Wrong(&'static str),
}

/// What came in for one.
#[derive(Clone, Copy, Default)]
pub(in super::super) struct CameIn {
    pub by_lightning: bool,
    pub on_chain_sat: u64,
}

#[derive(Template)]
#[template(path = "receive.html")]
struct ReceivePage {
    frame: Frame,
    t: Words,
    made: Made,
    code: Option<QrCode>,
    left_ms: u64,
    came: CameIn,
}

impl ReceivePage {
    fn is_paid(&self) -> bool {
        self.made.is_paid_by(self.came)
    }

    fn waits(&self) -> bool {
        !self.is_paid() && (self.left_ms > 0 || self.made.address.is_some())
    }
}

/// `POST /wallet/receive`
pub(in super::super) async fn receive(
    State(source): State<StatusSource>,
    Extension(invoices): Extension<Invoices>,
    t: Words,
    Form(entries): Form<Entries>,
) -> Answer {
    let Some(sum) = amount(&entries.amount).filter(|sum| *sum > 0) else {
        let fault = t.with("fault-amount", "field", t.say("receive-amount"));
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, shown(&source, t, entries, Some(fault)).await?).into_response());
    };
    match invoices.make(&source, Msat(sum), &entries.text, entries.on_chain.is_some()).await {
        Ok(made) => Ok(Redirect::to(&format!("/wallet/receive/{}", made.hash)).into_response()),
        Err(no) => {
            let (status, fault) = match no {
                NotMade::Wallet(fault) => (StatusCode::BAD_GATEWAY, fault.to_string()),
                NotMade::Savings(fault) => (StatusCode::CONFLICT, fault),
                NotMade::Wrong(id) => (StatusCode::UNPROCESSABLE_ENTITY, t.say(id)),
            };
            Ok((status, shown(&source, t, entries, Some(fault)).await?).into_response())
        }
    }
}

/// `GET /wallet/receive/{hash}`
pub(in super::super) async fn waiting(
    State(source): State<StatusSource>,
    Extension(invoices): Extension<Invoices>,
    t: Words,
    Path(hash): Path<String>,
) -> Answer {
    let made = invoices.get(&hash).ok_or_else(|| Refused::missing(t, "receive-gone", "/wallet"))?;
    let came = made.came_in(&source).await.map_err(Refused::unanswered(t))?;
    let frame = Frame::of(&source, t, "wallet").await?;
    let left_ms = made.expires_ms.saturating_sub(source.clock.elapsed_ms());
    let code = QrCode::of(&made.code(left_ms > 0));
    Ok(page(&ReceivePage { frame, t, made, code, left_ms, came }))
}

impl Invoices {
    /// A new one over `amount`; without a text, the name of the house says what it is for.
    pub(in super::super) async fn make(
        &self,
        source: &StatusSource,
        amount: Msat,
        text: &str,
        on_chain: bool,
    ) -> Result<Made, NotMade> {
        if on_chain && amount < ON_CHAIN_MIN {
            return Err(NotMade::Wrong("receive-too-little"));
        }
        let text = text.trim();
        let text = if text.is_empty() { source.config().name.clone() } else { text.to_owned() };
        let address = if on_chain { Some(new_address(source).await?) } else { None };
        let invoice = source.invoice(amount, &text).await.map_err(NotMade::Wallet)?;
        let expires_ms = source.clock.elapsed_ms().saturating_add(u64::from(INVOICE_EXPIRY_S) * 1_000);
        let made = Made { hash: invoice.hash, bolt11: invoice.bolt11, amount, address, expires_ms };
        self.keep(made.clone());
        Ok(made)
    }

    pub(in super::super) fn keep(&self, made: Made) {
        let mut all = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT_MAX {
            all.remove(0);
        }
        all.push(made);
    }

    pub(in super::super) fn get(&self, hash: &str) -> Option<Made> {
        let all = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|made| made.hash.to_string() == hash).cloned()
    }
}

/// One of its own for each invoice, so that it is known what was paid to it.
async fn new_address(source: &StatusSource) -> Result<String, NotMade> {
    let treasury = source.treasury.as_ref().ok_or(NotMade::Wrong("savings-closed"))?;
    let asked = timeout(SAVINGS_WAIT, treasury.ask(|answer| Asked::Address(true, answer))).await;
    let busy = |_| NotMade::Wrong("receive-savings-busy");
    let address = asked.map_err(busy)?.map_err(|_| NotMade::Wrong("receive-savings-busy"))?;
    Ok(address.map_err(|no| NotMade::Savings(no.to_string()))?.address)
}

impl Made {
    /// What is asked for on the chain: whole sat, rounded up.
    pub(in super::super) fn on_chain_sat(&self) -> u64 {
        self.amount.0.div_ceil(1_000)
    }

    pub(in super::super) fn is_paid_by(&self, came: CameIn) -> bool {
        came.by_lightning || (self.address.is_some() && came.on_chain_sat >= self.on_chain_sat())
    }

    /// What wallets open: the invoice, and where it can be paid on the chain the address with it (BIP 321).
    pub(in super::super) fn link(&self) -> String {
        match &self.address {
            None => format!("lightning:{}", self.bolt11),
            Some(address) => self.with_address(address, Some(&self.bolt11)),
        }
    }

    /// The same as it is scanned, without an invoice that cannot be paid any more. In capitals it takes a smaller picture
    /// (BOLT 11, BIP 173).
    fn code(&self, can_be_paid: bool) -> String {
        let invoice = self.bolt11.to_uppercase();
        match &self.address {
            None => format!("LIGHTNING:{invoice}"),
            Some(address) => self.with_address(&address.to_uppercase(), can_be_paid.then_some(&invoice)),
        }
    }

    fn with_address(&self, address: &str, invoice: Option<&str>) -> String {
        let amount = Amount::from_sat(self.on_chain_sat()).to_string_in(Denomination::Bitcoin);
        let invoice = invoice.map(|invoice| format!("&lightning={invoice}")).unwrap_or_default();
        format!("bitcoin:{address}?amount={amount}{invoice}")
    }

    /// What came in for it. Savings that are busy show what was paid to them later.
    pub(in super::super) async fn came_in(&self, source: &StatusSource) -> Result<CameIn, Unanswered> {
        let by_lightning = source.was_received(self.hash).await?;
        let Some((address, treasury)) = self.address.clone().zip(source.treasury.as_ref()) else {
            return Ok(CameIn { by_lightning, on_chain_sat: 0 });
        };
        let arrivals = match timeout(SAVINGS_WAIT, treasury.ask(|answer| Asked::PaidTo(address, answer))).await {
            Ok(Ok(Ok(arrivals))) => arrivals,
            _ => Vec::new(),
        };
        let sats = arrivals.iter().fold(0_u64, |sum, arrival| sum.saturating_add(arrival.sat));
        Ok(CameIn { by_lightning, on_chain_sat: sats })
    }
}

const KEPT_MAX: usize = 32;
/// Less can cost more to spend on the chain than it is worth.
const ON_CHAIN_MIN: Msat = Msat(10_000_000);
const SAVINGS_WAIT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_code_holds_the_address_and_the_invoice_and_the_picture_is_in_capitals() {
        let made = Made {
            hash: PaymentHash([7; 32]),
            bolt11: "lnbcrt1xyz".to_owned(),
            amount: Msat(12_345_001),
            address: Some("bcrt1qtest".to_owned()),
            expires_ms: 0,
        };
        // 12,345.001 sat are 12,346 on the chain.
        assert_eq!(made.link(), "bitcoin:bcrt1qtest?amount=0.00012346&lightning=lnbcrt1xyz");
        assert_eq!(made.code(true), "bitcoin:BCRT1QTEST?amount=0.00012346&lightning=LNBCRT1XYZ");
        assert_eq!(made.code(false), "bitcoin:BCRT1QTEST?amount=0.00012346");
        let came = |on_chain_sat| CameIn { by_lightning: false, on_chain_sat };
        assert!(!made.is_paid_by(came(12_345)) && made.is_paid_by(came(12_346)));
        let plain = Made { address: None, ..made };
        assert_eq!(plain.link(), "lightning:lnbcrt1xyz");
        assert_eq!(plain.code(true), "LIGHTNING:LNBCRT1XYZ");
        assert!(plain.is_paid_by(CameIn { by_lightning: true, on_chain_sat: 0 }) && !plain.is_paid_by(came(99_999)));
    }
}
