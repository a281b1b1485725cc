//! The words every service answers in.

use bitcoin::Network;
use bitcoin::hashes::Hash as _;
use lightning_invoice::Bolt11Invoice;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::trouble::{ServiceFault, ServiceKind, Trouble};
use crate::domain::invoice::{Invoice, InvoiceFault, PaymentHash, Price};
use crate::domain::money::{Msat, UnixMillis};
pub use crate::engine::{Direction, Listed};

/// What a service can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// How the routing fee is kept within its limit.
    pub fee_limit: FeeLimit,
    /// It never pays one hash twice, so the same invoice may be handed to it again after a look-up found nothing.
    pub refuses_duplicates: bool,
    /// It makes invoices with a fraction of a satoshi.
    pub sub_sat_invoices: bool,
    /// It pays BOLT12 offers.
    pub offers: bool,
    /// It hands out an on-chain address.
    pub deposit_address: bool,
}

/// How a routing fee is kept within its limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeLimit {
    /// The pay call carries it and the service obeys.
    InCall,
    /// The service has a fixed formula; a payment whose fee by that formula is above the limit is not sent.
    Predicted,
    /// Nothing keeps it; what was paid is booked, whatever it was.
    #[default]
    None,
}

/// Who and where a wallet is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// The node's public key in hex, or the wallet's id where there is no node.
    pub node_id: String,
    /// Its own name for itself; shown cleaned.
    pub alias: String,
    /// The network it is on, if it says.
    pub network: Option<Network>,
    /// The height of its newest block, if it says.
    pub block_height: Option<u32>,
    /// The server's version, if it says; shown cleaned.
    pub version: String,
}

/// What can be spent and received now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Balance {
    /// The wallet's name on the Lightning network.
    pub node_id: String,
    /// All of it, in msat.
    pub balance_msat: u64,
    /// What can be sent now, in msat.
    pub spendable_msat: u64,
    /// What can be received now, in msat; 0 where the wallet does not say.
    pub receivable_msat: u64,
    /// Open channels, usable or not; none where the wallet does not say, as it has none of its own.
    pub channels: Option<usize>,
    /// Channels over which payments work now; none where the wallet does not say.
    pub channels_usable: Option<usize>,
    /// Height of the newest block known; 0 where the wallet does not say.
    pub block_height: u32,
}

/// An invoice to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvoiceRequest {
    /// To be received. Services that count in satoshis round it up to a whole one.
    pub amount: Msat,
    /// Shown to whoever pays.
    pub description: String,
    /// How long it can be paid, in seconds.
    pub expiry_s: u32,
    /// Ours for it; where the service takes labels, asking twice gives the same invoice.
    pub label: String,
}

/// An invoice of ours, checked: it is for what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInvoice {
    /// The string to show or hand out.
    pub bolt11: String,
    /// What it is known by.
    pub hash: PaymentHash,
}

/// What became of an invoice of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// Can still be paid.
    Open,
    /// Paid; what arrived, after fees the service kept.
    Paid(Msat),
    /// Can no longer be paid.
    Expired,
    /// This wallet does not know it.
    NotFound,
}

/// What trying a credential showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub grade: Grade,
    /// One sentence.
    pub text: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// As it should be.
    Good,
    /// It works, but the credential can do more than is needed, or something should be changed.
    Warning,
    /// It does not work.
    Error,
}

impl Finding {
    /// A good one.
    pub fn good(text: impl Into<String>) -> Finding {
        Finding { grade: Grade::Good, text: text.into() }
    }

    /// A warning.
    pub fn warning(text: impl Into<String>) -> Finding {
        Finding { grade: Grade::Warning, text: text.into() }
    }

    /// A fault as a finding.
    pub fn error(fault: &ServiceFault) -> Finding {
        Finding { grade: Grade::Error, text: fault.to_string() }
    }
}

impl Balance {
    /// How many channels are ready, in words; nothing where the wallet does not say.
    pub fn channels_told(&self) -> Option<String> {
        Some(match (self.channels_usable?, self.channels?) {
            (_, 0) => "no channel yet".to_owned(),
            (usable, 1) => format!("{usable} of 1 channel ready"),
            (usable, channels) => format!("{usable} of {channels} channels ready"),
        })
    }
}

impl NewInvoice {
    /// Checks what a service made of `request`: network, at least the amount and less than a satoshi more, and life.
    ///
    /// # Errors
    /// [`ServiceFault`] with [`Trouble::Network`] or [`Trouble::Unclear`]: the service made another invoice than asked
    /// for; it must not be used.
    pub fn checked(
        kind: ServiceKind,
        bolt11: &str,
        request: &InvoiceRequest,
        network: Network,
        now: UnixMillis,
    ) -> Result<NewInvoice, ServiceFault> {
        let unclear = |detail: String| ServiceFault { kind, trouble: Trouble::Unclear, detail };
        let most = Msat(request.amount.0.saturating_add(SUB_SAT_MAX));
        let invoice = Invoice::check(bolt11, network, Price::AtMost(most), now).map_err(|fault| match fault {
            InvoiceFault::WrongNetwork { found, expected } => {
                ServiceFault::new(kind, Trouble::Network { found, expected })
            }
            fault => unclear(fault.to_string()),
        })?;
        if invoice.amount < request.amount {
            return Err(unclear(format!("it made an invoice over {} instead of {}", invoice.amount, request.amount)));
        }
        Ok(NewInvoice { bolt11: invoice.bolt11, hash: invoice.hash })
    }
}

/// Whether a payment that was called failed at `failed_at` can be believed to be over.
///
/// LNbits, and services behind Nostr Wallet Connect, also say `failed` because the invoice expired, while what they sent
/// is still on its way; so from then on the word proves nothing. What remains: a service that was not sure and said it
/// while the invoice was valid, or one whose clock is wrong by more than [`CLOCKS_DIFFER_MS`]. Nothing in its answers
/// tells; a proof that comes later is booked as a late settlement.
pub(super) fn failed_before_expiry(failed_at: UnixMillis, expires_at: Option<UnixMillis>) -> bool {
    expires_at.is_some_and(|expires_at| failed_at.plus(CLOCKS_DIFFER_MS) < expires_at)
}

/// When the invoice of `hash` expires; `None` if this is another one, or none.
pub(super) fn expiry_of(bolt11: &str, hash: &PaymentHash) -> Option<UnixMillis> {
    let invoice: Bolt11Invoice = bolt11.parse().ok()?;
    let expires_at = invoice.expires_at()?.as_millis();
    let is_it = PaymentHash(invoice.payment_hash().to_byte_array()) == *hash;
    u64::try_from(expires_at).ok().filter(|_| is_it).map(UnixMillis)
}

/// Of a service and of this machine; half of what an invoice must live on when it is paid.
const CLOCKS_DIFFER_MS: u64 = 30_000;
/// Rounding up to a whole satoshi adds at most this.
const SUB_SAT_MAX: u64 = 999;
