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
use super::code::for_scanning;
use super::{Entries, QrCode, shown};
use crate::domain::invoice::PaymentHash;
use crate::domain::money::Msat;
use crate::lightning::ServiceFault;
use crate::status::{INVOICE_EXPIRY_S, StatusSource};
use crate::tasks::Unanswered;
use crate::treasury::{Asked, For};

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
    /// The savings give no address for it: the name of the sentence that says why.
    Savings(&'static str),
    TooLittle,
}

impl NotMade {
    /// In the reader's language.
    pub fn told(self, t: Words) -> (StatusCode, String) {
        match self {
            NotMade::Wallet(fault) => (StatusCode::BAD_GATEWAY, fault.to_string()),
            NotMade::Savings(name) => (StatusCode::CONFLICT, t.say(name)),
            NotMade::TooLittle => {
                (StatusCode::UNPROCESSABLE_ENTITY, t.with("receive-too-little", "least", t.sat(&ON_CHAIN_MIN.0)))
            }
        }
    }
}

/// What came in for one.
#[derive(Clone, Copy, Default)]
pub(in super::super) struct CameIn {
    pub by_lightning: bool,
    /// In blocks.
    pub on_chain_sat: u64,
    /// In no block yet: it can still be taken back by whoever sent it.
    pub waiting_sat: u64,
}

#[derive(Template)]
#[template(path = "receive.html")]
struct ReceivePage {
    frame: Frame,
    t: Words,
    made: Made,
    code: Option<QrCode>,
    left_ms: u64,
    /// `None` while the savings are busy.
    came: Option<CameIn>,
}

impl ReceivePage {
    fn came(&self) -> CameIn {
        self.came.unwrap_or_default()
    }

    fn is_paid(&self) -> bool {
        self.made.is_paid_by(self.came())
    }

    fn link(&self) -> String {
        self.made.link(self.left_ms > 0)
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
            let (status, fault) = no.told(t);
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
            return Err(NotMade::TooLittle);
        }
        if on_chain && source.treasury.is_none() {
            return Err(NotMade::Savings("savings-closed"));
        }
        let text = text.trim();
        let text = if text.is_empty() { source.config().name.clone() } else { text.to_owned() };
        let invoice = source.invoice(amount, &text).await.map_err(NotMade::Wallet)?;
        let address = if on_chain { Some(new_address(source).await?) } else { None };
        let expires_ms = source.clock.elapsed_ms().saturating_add(u64::from(INVOICE_EXPIRY_S) * 1_000);
        let made = Made { hash: invoice.hash, bolt11: invoice.bolt11, amount, address, expires_ms };
        self.keep(made.clone());
        Ok(made)
    }

    /// What can only be paid by Lightning goes first where there are too many.
    pub(in super::super) fn keep(&self, made: Made) {
        let mut all = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT_MAX {
            let oldest = all.iter().position(|made| made.address.is_none()).unwrap_or(0);
            all.remove(oldest);
        }
        all.push(made);
    }

    pub(in super::super) fn get(&self, hash: &str) -> Option<Made> {
        let all = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|made| made.hash.to_string() == hash).cloned()
    }
}

/// One that was shown for nothing else, so that what is paid to it is paid for this.
async fn new_address(source: &StatusSource) -> Result<String, NotMade> {
    let treasury = source.treasury.as_ref().ok_or(NotMade::Savings("savings-closed"))?;
    let busy = || NotMade::Savings("receive-savings-busy");
    let asked = timeout(SAVINGS_WAIT, treasury.ask(|answer| Asked::Address(For::OneBill, answer))).await;
    let address = asked.map_err(|_| busy())?.map_err(|_| busy())?.map_err(|_| busy())?;
    if address.is_new { Ok(address.address) } else { Err(NotMade::Savings("receive-no-address")) }
}

impl Made {
    /// What is asked for on the chain: whole sat, rounded up.
    pub(in super::super) fn on_chain_sat(&self) -> u64 {
        self.amount.0.div_ceil(1_000)
    }

    pub(in super::super) fn is_paid_by(&self, came: CameIn) -> bool {
        came.by_lightning || (self.address.is_some() && came.on_chain_sat >= self.on_chain_sat())
    }

    /// What wallets open: the invoice as long as it can be paid, and where it can be paid on the chain the address with it
    /// (BIP 321).
    pub(in super::super) fn link(&self, can_be_paid: bool) -> String {
        match &self.address {
            None => format!("lightning:{}", self.bolt11),
            Some(address) => self.with_address(address, can_be_paid.then_some(&self.bolt11)),
        }
    }

    /// The same as it is scanned; in capitals it takes a smaller picture (BOLT 11).
    fn code(&self, can_be_paid: bool) -> String {
        let invoice = self.bolt11.to_uppercase();
        match &self.address {
            None => format!("LIGHTNING:{invoice}"),
            Some(address) => self.with_address(&for_scanning(address), can_be_paid.then_some(&invoice)),
        }
    }

    fn with_address(&self, address: &str, invoice: Option<&String>) -> String {
        let amount = Amount::from_sat(self.on_chain_sat()).to_string_in(Denomination::Bitcoin);
        let invoice = invoice.map(|invoice| format!("&lightning={invoice}")).unwrap_or_default();
        format!("bitcoin:{address}?amount={amount}{invoice}")
    }

    /// What came in for it; `None` where the savings are busy and cannot say.
    pub(in super::super) async fn came_in(&self, source: &StatusSource) -> Result<Option<CameIn>, Unanswered> {
        let mut came = CameIn { by_lightning: source.was_received(self.hash).await?, ..CameIn::default() };
        let Some((address, treasury)) = self.address.clone().zip(source.treasury.as_ref()) else {
            return Ok(Some(came));
        };
        let asked = timeout(SAVINGS_WAIT, treasury.ask(|answer| Asked::PaidTo(address, answer))).await;
        let Ok(Ok(Ok(arrivals))) = asked else { return Ok(came.by_lightning.then_some(came)) };
        for arrival in arrivals {
            let sum = if arrival.height.is_some() { &mut came.on_chain_sat } else { &mut came.waiting_sat };
            *sum = sum.saturating_add(arrival.sat);
        }
        Ok(Some(came))
    }
}

const KEPT_MAX: usize = 256;
/// Less can cost more to spend on the chain than it is worth.
pub(super) const ON_CHAIN_MIN: Msat = Msat(10_000_000);
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
        assert_eq!(made.link(true), "bitcoin:bcrt1qtest?amount=0.00012346&lightning=lnbcrt1xyz");
        assert_eq!(made.link(false), "bitcoin:bcrt1qtest?amount=0.00012346");
        assert_eq!(made.code(true), "bitcoin:BCRT1QTEST?amount=0.00012346&lightning=LNBCRT1XYZ");
        assert_eq!(made.code(false), "bitcoin:BCRT1QTEST?amount=0.00012346");
        let came = |on_chain_sat, waiting_sat| CameIn { by_lightning: false, on_chain_sat, waiting_sat };
        assert!(!made.is_paid_by(came(12_345, 0)) && made.is_paid_by(came(12_346, 0)));
        assert!(!made.is_paid_by(came(0, 12_346)), "no block has it");
        let plain = Made { address: None, ..made };
        assert_eq!(plain.link(true), "lightning:lnbcrt1xyz");
        assert_eq!(plain.code(true), "LIGHTNING:LNBCRT1XYZ");
        let by_lightning = CameIn { by_lightning: true, ..CameIn::default() };
        assert!(plain.is_paid_by(by_lightning) && !plain.is_paid_by(came(99_999, 0)));
    }

    #[test]
    fn of_too_many_those_on_the_chain_stay_longest() {
        let (invoices, number) = (Invoices::default(), |number: usize| u8::try_from(number % 256).unwrap());
        let made = |place: usize, address: Option<&str>| Made {
            hash: PaymentHash([number(place); 32]),
            bolt11: String::new(),
            amount: Msat(1),
            address: address.map(str::to_owned),
            expires_ms: 0,
        };
        invoices.keep(made(0, Some("bcrt1q")));
        for place in 1..KEPT_MAX {
            invoices.keep(made(place, None));
        }
        let one_more = Made { hash: PaymentHash([1; 32]), bolt11: "new".to_owned(), ..made(0, None) };
        invoices.keep(one_more);
        assert!(invoices.get(&PaymentHash([0; 32]).to_string()).is_some());
        assert_eq!(invoices.get(&PaymentHash([1; 32]).to_string()).unwrap().bolt11, "new");
    }
}
