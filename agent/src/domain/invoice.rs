//! A BOLT11 string checked for everything a payer must check before money may move.
//!
//! `BOLT 11`; order of the checks: `payment-protocols`, section 0; margins: `reliability-security`, section 3.

use std::str::FromStr;
use std::sync::LazyLock;

use bitcoin::Network;
use bitcoin::hashes::Hash as _;
use bitcoin::secp256k1::{Message, PublicKey, Secp256k1, VerifyOnly};
use lightning_invoice::{Bolt11Invoice, Bolt11InvoiceDescriptionRef, Currency};

use super::money::{Msat, UnixMillis};

/// The sha256 of the preimage; what a payment is known by everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaymentHash(pub [u8; 32]);

/// The proof of payment: 32 bytes whose sha256 is the payment hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Preimage(pub [u8; 32]);

/// An invoice that passed every check for one purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// The string as received; this is what is paid and kept as receipt.
    pub bolt11: String,
    /// What it will be known by.
    pub hash: PaymentHash,
    /// To be paid, without routing fees.
    pub amount: Msat,
    /// The node that signed it, 33 bytes compressed in hex.
    pub payee_key: String,
    /// It must not be paid after this instant.
    pub expires_at: UnixMillis,
    /// What it is for; empty where it commits to the hash of a text and not to the text itself.
    pub description: String,
}

/// What an invoice for one purchase may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Price {
    /// The amount we asked an invoice for, to the msat.
    Exactly(Msat),
    /// A seller's price, up to what the agreement allows.
    AtMost(Msat),
}

/// Why an invoice is not paid. Nothing was reserved, nothing was paid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvoiceFault {
    /// Longer than [`BOLT11_CHARACTERS_MAX`].
    #[error(
        "The invoice is {0} characters long, more than any real one. It was not paid; the payee must send a valid one."
    )]
    TooLong(usize),
    /// Not a BOLT11 string, or its signature does not verify.
    #[error("The payee sent something that is not a valid invoice ({0}). It was not paid.")]
    Unreadable(String),
    /// Made for another network.
    #[error(
        "The invoice is for the {found} network, this wallet is on {expected}. It was not paid; check the payee's address."
    )]
    WrongNetwork {
        /// What the invoice says.
        found: String,
        /// What the configuration says.
        expected: Network,
    },
    /// The payer would have to choose the amount, or it is zero.
    #[error("The invoice names no amount. It was not paid, because the payee could claim any amount was meant.")]
    NoAmount,
    /// More or less than was asked for.
    #[error("The invoice asks for {billed}, but {due} is due. It was not paid.")]
    WrongAmount {
        /// What the invoice says.
        billed: Msat,
        /// What was asked for.
        due: Msat,
    },
    /// Above the agreement's price.
    #[error(
        "The seller asks {billed}, the agreement allows at most {allowed}. It was not paid; raise the price limit if you accept this."
    )]
    TooExpensive {
        /// What the invoice says.
        billed: Msat,
        /// `price_max_msat` of the feed.
        allowed: Msat,
    },
    /// Past its expiry, or so close that a payment could arrive late.
    #[error("The invoice has expired or expires within a minute. It was not paid; a new one will be asked for.")]
    Expired,
    /// The recipient wants the money locked for too long.
    #[error("The invoice could lock the money for {0} blocks. It was not paid; the limit is {CLTV_DELTA_MAX}.")]
    LockedTooLong(u64),
    /// It needs a feature this wallet does not know.
    #[error("The invoice needs a Lightning feature that this wallet does not know. It was not paid.")]
    UnknownFeature,
}

impl Invoice {
    /// Reads and checks `bolt11` for a purchase at `price`, at the instant `now`.
    ///
    /// That the hash was never seen before is checked by the engine, which knows the ledger.
    ///
    /// # Errors
    /// The first [`InvoiceFault`] in the order of `payment-protocols`, section 0.
    pub fn check(bolt11: &str, network: Network, price: Price, now: UnixMillis) -> Result<Invoice, InvoiceFault> {
        if bolt11.len() > BOLT11_CHARACTERS_MAX {
            return Err(InvoiceFault::TooLong(bolt11.len()));
        }
        let parsed = Bolt11Invoice::from_str(bolt11).map_err(|error| InvoiceFault::Unreadable(error.to_string()))?;
        if parsed.currency() != currency_of(network) {
            return Err(InvoiceFault::WrongNetwork { found: currency_name(&parsed.currency()), expected: network });
        }
        let amount = parsed.amount_milli_satoshis().filter(|amount| *amount > 0);
        let amount = Msat(amount.ok_or(InvoiceFault::NoAmount)?);
        match price {
            Price::Exactly(due) if amount != due => {
                return Err(InvoiceFault::WrongAmount { billed: amount, due });
            }
            Price::AtMost(allowed) if amount > allowed => {
                return Err(InvoiceFault::TooExpensive { billed: amount, allowed });
            }
            _ => {}
        }
        let expires_at = parsed.expires_at().map_or(u64::MAX, |at| u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
        if expires_at <= now.plus(EXPIRY_MARGIN_MS).0 {
            return Err(InvoiceFault::Expired);
        }
        if parsed.min_final_cltv_expiry_delta() > CLTV_DELTA_MAX {
            return Err(InvoiceFault::LockedTooLong(parsed.min_final_cltv_expiry_delta()));
        }
        if parsed.features().is_some_and(|features| features.requires_unknown_bits()) {
            return Err(InvoiceFault::UnknownFeature);
        }
        Ok(Invoice {
            bolt11: bolt11.to_owned(),
            hash: PaymentHash(parsed.payment_hash().to_byte_array()),
            amount,
            payee_key: payee_key(&parsed).to_string(),
            expires_at: UnixMillis(expires_at),
            description: match parsed.description() {
                Bolt11InvoiceDescriptionRef::Direct(text) => text.to_string(),
                Bolt11InvoiceDescriptionRef::Hash(_) => String::new(),
            },
        })
    }
}

/// As `Bolt11Invoice::get_payee_pub_key`, which sets up a context for signing as well each time.
fn payee_key(invoice: &Bolt11Invoice) -> PublicKey {
    static VERIFIER: LazyLock<Secp256k1<VerifyOnly>> = LazyLock::new(Secp256k1::verification_only);
    let message = Message::from_digest(invoice.signable_hash());
    let included = invoice.payee_pub_key().copied();
    let recovered = || VERIFIER.recover_ecdsa(&message, &invoice.clone().into_signed_raw().signature().0);
    included.or_else(|| recovered().ok()).unwrap_or_else(|| invoice.get_payee_pub_key())
}

impl PaymentHash {
    /// What a payment of `bolt11` is known by; `None` if that cannot be read. Checks nothing else.
    pub fn of(bolt11: &str) -> Option<PaymentHash> {
        let readable = bolt11.len() <= BOLT11_CHARACTERS_MAX;
        let parsed = readable.then(|| Bolt11Invoice::from_str(bolt11).ok()).flatten()?;
        Some(PaymentHash(parsed.payment_hash().to_byte_array()))
    }
}

impl Preimage {
    /// Whether this is the proof for `hash`.
    pub fn proves(&self, hash: &PaymentHash) -> bool {
        bitcoin::hashes::sha256::Hash::hash(&self.0).to_byte_array() == hash.0
    }
}

/// 64 lower-case hex characters as 32 bytes.
pub fn hex32(text: &str) -> Option<[u8; 32]> {
    <[u8; 32] as bitcoin::hex::FromHex>::from_hex(text).ok()
}

macro_rules! shown_as_hex {
    ($($name:ident),*) => {$(
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&bitcoin::hex::DisplayHex::as_hex(&self.0), f)
            }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }
    )*};
}
shown_as_hex!(PaymentHash, Preimage);

fn currency_of(network: Network) -> Currency {
    match network {
        Network::Bitcoin => Currency::Bitcoin,
        Network::Signet => Currency::Signet,
        Network::Regtest => Currency::Regtest,
        _ => Currency::BitcoinTestnet,
    }
}

fn currency_name(currency: &Currency) -> String {
    match currency {
        Currency::Bitcoin => "bitcoin",
        Currency::BitcoinTestnet => "testnet",
        Currency::Regtest => "regtest",
        Currency::Signet => "signet",
        Currency::Simnet => "simnet",
    }
    .to_owned()
}

/// The longest invoice accepted; real ones have a few hundred characters.
pub const BOLT11_CHARACTERS_MAX: usize = 4_096;
/// Blocks that the recipient may keep the last hop locked: two days.
pub const CLTV_DELTA_MAX: u64 = 288;
/// An invoice must live at least this much longer when it is accepted.
pub const EXPIRY_MARGIN_MS: u64 = 60_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use bitcoin::hashes::sha256;
    use bitcoin::secp256k1::{Secp256k1, SecretKey};
    use lightning_invoice::{InvoiceBuilder, PaymentSecret};

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    fn bolt11(currency: Currency, amount_msat: Option<u64>, expiry_s: u64, cltv: u64) -> String {
        let key = SecretKey::from_slice(&[7; 32]).unwrap();
        let mut builder = InvoiceBuilder::new(currency)
            .description("Meter 1".to_owned())
            .payment_hash(sha256::Hash::hash(&[1; 32]))
            .payment_secret(PaymentSecret([2; 32]))
            .duration_since_epoch(Duration::from_millis(NOW.0))
            .expiry_time(Duration::from_secs(expiry_s))
            .min_final_cltv_expiry_delta(cltv);
        if let Some(amount) = amount_msat {
            builder = builder.amount_milli_satoshis(amount);
        }
        builder.build_signed(|hash| Secp256k1::new().sign_ecdsa_recoverable(hash, &key)).unwrap().to_string()
    }

    #[track_caller]
    fn refused(bolt11: &str, price: Price, expected: &InvoiceFault) {
        assert_eq!(&Invoice::check(bolt11, Network::Regtest, price, NOW).unwrap_err(), expected);
    }

    #[test]
    fn a_good_invoice_is_read() {
        let text = bolt11(Currency::Regtest, Some(5_000), 600, 40);
        let invoice = Invoice::check(&text, Network::Regtest, Price::Exactly(Msat(5_000)), NOW).unwrap();
        assert_eq!(invoice.amount, Msat(5_000));
        assert_eq!(invoice.expires_at, UnixMillis(NOW.0 + 600_000));
        assert_eq!(invoice.description, "Meter 1");
        assert!(Preimage([1; 32]).proves(&invoice.hash));
        assert!(!Preimage([2; 32]).proves(&invoice.hash));
        assert_eq!(hex32(&invoice.hash.to_string()), Some(invoice.hash.0));
    }

    #[test]
    fn one_msat_more_than_due_is_refused() {
        let text = bolt11(Currency::Regtest, Some(5_001), 600, 40);
        refused(
            &text,
            Price::Exactly(Msat(5_000)),
            &InvoiceFault::WrongAmount { billed: Msat(5_001), due: Msat(5_000) },
        );
        refused(
            &text,
            Price::AtMost(Msat(5_000)),
            &InvoiceFault::TooExpensive { billed: Msat(5_001), allowed: Msat(5_000) },
        );
        assert!(Invoice::check(&text, Network::Regtest, Price::AtMost(Msat(5_001)), NOW).is_ok());
    }

    #[test]
    fn another_network_no_amount_expiry_and_long_locks_are_refused() {
        let due = Price::Exactly(Msat(5_000));
        refused(
            &bolt11(Currency::Bitcoin, Some(5_000), 600, 40),
            due,
            &InvoiceFault::WrongNetwork { found: "bitcoin".to_owned(), expected: Network::Regtest },
        );
        refused(&bolt11(Currency::Regtest, None, 600, 40), due, &InvoiceFault::NoAmount);
        let nothing = bolt11(Currency::Regtest, Some(0), 600, 40);
        refused(&nothing, Price::AtMost(Msat(5_000)), &InvoiceFault::NoAmount);
        refused(&bolt11(Currency::Regtest, Some(5_000), 60, 40), due, &InvoiceFault::Expired);
        refused(&bolt11(Currency::Regtest, Some(5_000), 600, 289), due, &InvoiceFault::LockedTooLong(289));
        refused(&"l".repeat(5_000), due, &InvoiceFault::TooLong(5_000));
        assert!(matches!(
            Invoice::check("lnbcrt1nonsense", Network::Regtest, due, NOW),
            Err(InvoiceFault::Unreadable(_))
        ));
    }
}
