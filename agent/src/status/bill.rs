//! A bill that the owner wants to pay by hand: what it says, before anything is decided.

use std::str::FromStr as _;

use bitcoin::Address;
use bitcoin::address::NetworkUnchecked;
use serde::{Deserialize, Serialize};

use super::StatusSource;
use crate::domain::invoice::{Invoice, InvoiceFault, PaymentHash, Price};
use crate::domain::money::Msat;
use crate::engine::{ByHand, Event, Order, Verdict};
use crate::http::{HttpFault, Limits, Reach, StrictClient};
use crate::lightning::Incoming;
use crate::payees::lnurl::{LnurlFault, PayTarget, request_invoice};
use crate::tasks::{EngineGone, Unanswered};
use crate::text::cleaned;

/// A checked invoice with everything that its owner should know before it is paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// The invoice.
    pub bolt11: String,
    /// What it asks for, without the fee, in msat.
    pub amount_msat: u64,
    /// The address that gave it, if it came from one.
    pub payee: Option<String>,
    /// The node that wrote it.
    pub payee_key: String,
    /// What it is for, in the payee's words; may be empty.
    pub description: String,
    /// When it can no longer be paid, ms since 1970.
    pub expires_ms: u64,
    /// The most that the fee may be, in msat.
    pub fee_max_msat: u64,
    /// Something odd about the payee, in one sentence.
    pub warning: Option<String>,
}

/// Why there is nothing to pay. Nothing was decided, nothing was paid.
#[derive(Debug, thiserror::Error)]
pub enum BillFault {
    /// An address of the chain.
    #[error(
        "This is a bitcoin address, to be paid on the chain. Kilosat pays over Lightning; ask the payee for a Lightning \
         invoice or address. Nothing was paid."
    )]
    OnChain,
    /// A BOLT12 offer.
    #[error("This is a Lightning offer, which Kilosat cannot pay yet; ask the payee for an invoice. Nothing was paid.")]
    Offer,
    /// An address without an amount.
    #[error("A Lightning address is paid any amount: write how much. Nothing was paid.")]
    WantsAmount,
    /// The invoice is not paid.
    #[error(transparent)]
    Invoice(#[from] InvoiceFault),
    /// The invoice is not over what the owner wrote.
    #[error(
        "The invoice asks for {billed}, and you wrote {written}. Nothing was paid; leave the amount empty to see this invoice."
    )]
    OtherAmount {
        /// What the invoice says.
        billed: Msat,
        /// What the owner wrote.
        written: Msat,
    },
    /// The invoice is for another text than the address says.
    #[error(
        "The invoice is not for what the address says it is for, so somebody may have exchanged it. Nothing was paid."
    )]
    OtherText,
    /// The owner would pay themselves.
    #[error("This invoice is one of your own: money would only go around. Nothing was paid.")]
    Own,
    /// The address gave no invoice.
    #[error("There is no invoice from this address: {0}. Nothing was paid.")]
    Payee(#[from] LnurlFault),
    /// TLS could not be set up.
    #[error(transparent)]
    Http(#[from] HttpFault),
    /// The engine does not answer.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
}

/// What was typed or scanned.
enum Read {
    Invoice(String),
    Target(Box<PayTarget>),
}

impl StatusSource {
    /// What paying `text` would mean: an invoice, a Lightning address or an LNURL, also within a link. An address is asked
    /// for an invoice over `amount`, which costs nothing.
    ///
    /// # Errors
    /// [`BillFault`].
    pub async fn bill(&self, text: &str, amount: Option<Msat>) -> Result<Bill, BillFault> {
        match read(text)? {
            Read::Invoice(bolt11) => self.bill_of(bolt11, None, amount).await,
            Read::Target(target) => {
                let amount = amount.ok_or(BillFault::WantsAmount)?;
                let payee = target.to_string();
                let client = StrictClient::new(self.reach_of(&payee), Limits::default())?;
                let offer = request_invoice(&client, &target, amount.0, None).await?;
                if offer.is_for_another_text() {
                    return Err(BillFault::OtherText);
                }
                let bill = self.bill_of(offer.bolt11, Some(payee), Some(amount)).await?;
                let warning = offer.warning.map(|warning| warning.to_string());
                Ok(Bill { description: offer.metadata_text, warning, ..bill })
            }
        }
    }

    /// What paying this invoice would mean.
    ///
    /// # Errors
    /// [`BillFault`].
    pub async fn bill_of(
        &self,
        bolt11: String,
        payee: Option<String>,
        amount: Option<Msat>,
    ) -> Result<Bill, BillFault> {
        let invoice = Invoice::check(&bolt11, self.config().network, Price::AtMost(Msat::MAX), self.clock.now().wall)?;
        if let Some(written) = amount.filter(|written| *written != invoice.amount) {
            return Err(BillFault::OtherAmount { billed: invoice.amount, written });
        }
        // A wallet that does not answer cannot pay either; the engine refuses what was received before.
        if matches!(self.lightning.look_up_incoming(&invoice.hash).await, Ok(Incoming::Open | Incoming::Paid(_))) {
            return Err(BillFault::Own);
        }
        let billed = invoice.amount;
        let fee_max = self.engine.look(move |engine| Ok(engine.fee_max(billed))).await?;
        Ok(Bill {
            bolt11,
            amount_msat: invoice.amount.0,
            payee,
            payee_key: invoice.payee_key,
            description: cleaned(&invoice.description, DESCRIPTION_SHOWN_MAX),
            expires_ms: invoice.expires_at.0,
            fee_max_msat: fee_max.0,
            warning: None,
        })
    }

    /// Pays a bill that the owner has seen, and notes in the journal at which `place` they said so; the number of its
    /// payment stands beside what came of it, if there is one.
    ///
    /// # Errors
    /// [`Unanswered`]: whether it is paid is not known; the payments will show it.
    pub async fn pay(&self, bill: &Bill, place: &str) -> Result<(Verdict, Option<i64>), Unanswered> {
        let Bill { bolt11, amount_msat, payee, description, .. } = bill.clone();
        let hash = PaymentHash::of(&bolt11);
        self.engine.submit(Event::Access(format!("a payment of {} was ordered {place}", Msat(amount_msat)))).await?;
        let verdict = self.engine.obey(Order::Pay(ByHand { bolt11, amount_msat, payee, memo: description })).await?;
        let Some(hash) = hash else { return Ok((verdict, None)) };
        let number = self.engine.look(move |engine| engine.payment_with(&hash)).await?;
        Ok((verdict, number))
    }

    /// Where a payee that the owner has an agreement with may lead; everybody else is a stranger.
    fn reach_of(&self, payee: &str) -> Reach {
        let config = self.config();
        let known = config.agreements.iter().find(|known| known.payee.to_string() == payee);
        known.map_or(Reach::Public, |known| known.reach.clone())
    }
}

/// Tells invoices from addresses; links and prefixes around them are taken off.
fn read(text: &str) -> Result<Read, BillFault> {
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("bitcoin:") {
        // BIP 21: a Lightning invoice may stand beside the address.
        let query = text.split_once('?').map_or("", |(_, query)| query);
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        let lightning = pairs.find(|(name, _)| name.eq_ignore_ascii_case("lightning"));
        return lightning.map_or(Err(BillFault::OnChain), |(_, invoice)| Ok(Read::Invoice(invoice.to_lowercase())));
    }
    let bare = lower.strip_prefix("lightning:").map_or(lower.as_str(), |rest| rest.trim_start_matches('/'));
    if bare.starts_with("lno1") {
        return Err(BillFault::Offer);
    }
    if bare.starts_with("ln") && !bare.starts_with("lnurl") && !bare.contains(['@', '.', ':']) {
        return Ok(Read::Invoice(bare.to_owned()));
    }
    if Address::<NetworkUnchecked>::from_str(text).is_ok() {
        return Err(BillFault::OnChain);
    }
    Ok(Read::Target(Box::new(PayTarget::parse(text)?)))
}

impl From<EngineGone> for BillFault {
    fn from(gone: EngineGone) -> BillFault {
        BillFault::Unanswered(gone.into())
    }
}

const DESCRIPTION_SHOWN_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> &'static str {
        match read(text) {
            Ok(Read::Invoice(_)) => "invoice",
            Ok(Read::Target(_)) => "target",
            Err(BillFault::OnChain) => "chain",
            Err(BillFault::Offer) => "offer",
            Err(_) => "fault",
        }
    }

    #[test]
    fn what_people_paste_is_told_apart() {
        for (text, expected) in [
            ("lnbc20m1pvjluez", "invoice"),
            (" LIGHTNING:LNBCRT1PVJLUEZ ", "invoice"),
            ("lightning://lntb1pvjluez", "invoice"),
            ("bitcoin:1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2?amount=0.1&lightning=lnbc1pvjluez", "invoice"),
            ("bitcoin:1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2?amount=0.1", "chain"),
            ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "chain"),
            ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "chain"),
            ("lno1qgsqvgnwgcg35z6ee2h3yczraddm72xrfua9uve2rlrm9deu7xyfzrc", "offer"),
            ("alice@example.com", "target"),
            ("lnbits@example.com", "target"),
            ("lightning:alice@example.com", "target"),
            ("", "fault"),
            ("hello", "fault"),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
        let scanned = read("bitcoin:BC1QAR0?amount=0.1&lightning=LNBC1PVJLUEZ");
        assert!(
            matches!(scanned, Ok(Read::Invoice(bolt11)) if bolt11 == "lnbc1pvjluez"),
            "in capitals, as it is scanned"
        );
    }
}
