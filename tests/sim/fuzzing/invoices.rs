//! BOLT11: the text as it is, and with check digits put right so that what lies behind them is reached.

use std::str::FromStr as _;

use bitcoin::Network;
use bitcoin::bech32::primitives::iter::Fe32IterExt as _;
use bitcoin::bech32::{Bech32, Fe32, Hrp};
use bitcoin::hashes::Hash as _;
use kilosat::domain::invoice::{BOLT11_CHARACTERS_MAX, EXPIRY_MARGIN_MS, Invoice, InvoiceFault, PaymentHash, Price};
use kilosat::domain::money::{Msat, UnixMillis};
use lightning_invoice::Bolt11Invoice;

use super::assert_fit_to_show;

/// The input is `HRP1DATA`: characters of bech32 count as they are, others by their lowest five bits. A wrong or missing
/// human-readable part becomes the one of mainnet; the check digits are computed.
pub fn with_right_check_digits(input: &[u8]) {
    let input = input.get(..BOLT11_CHARACTERS_MAX).unwrap_or(input);
    let end = input.iter().position(|byte| *byte == b'1').unwrap_or(0);
    let (hrp, data) = input.split_at(end);
    let data = data.strip_prefix(b"1").unwrap_or(data);
    let hrp = std::str::from_utf8(hrp).ok().filter(|hrp| hrp.starts_with("ln")).and_then(|hrp| Hrp::parse(hrp).ok());
    let hrp = hrp.unwrap_or(Hrp::parse_unchecked("lnbc"));
    let digits = data.iter().map(|byte| {
        Fe32::from_char(char::from(*byte)).unwrap_or_else(|_| Fe32::try_from(byte & 31).expect("five bits"))
    });
    let text: String = digits.with_checksum::<Bech32>(&hrp).chars().collect();
    read(&text);
}

/// The input is the text that a payee sent.
pub fn as_it_is(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        read(text);
    }
}

fn read(text: &str) {
    let hash = PaymentHash::of(text);
    let generous = |price| NETWORKS.map(|network| Invoice::check(text, network, price, UnixMillis(0)));
    let checked = generous(Price::AtMost(Msat(u64::MAX)));
    for fault in checked.iter().filter_map(|checked| checked.as_ref().err()) {
        assert_fit_to_show(&fault.to_string());
    }
    let accepted: Vec<&Invoice> = checked.iter().filter_map(|checked| checked.as_ref().ok()).collect();
    assert!(accepted.len() <= 1, "one invoice is for one network: {text}");
    let Ok(parsed) = Bolt11Invoice::from_str(text) else {
        assert!(hash.is_none() && accepted.is_empty(), "what cannot be read is neither named nor accepted: {text}");
        return;
    };
    let own = PaymentHash(parsed.payment_hash().to_byte_array());
    assert_eq!(hash.is_some(), text.len() <= BOLT11_CHARACTERS_MAX);
    assert!(hash.is_none_or(|hash| hash == own));
    reencoded(&parsed);
    let Some(invoice) = accepted.first() else { return };
    assert_eq!((invoice.hash, invoice.bolt11.as_str()), (own, text));
    assert_eq!(Some(invoice.amount.0), parsed.amount_milli_satoshis().filter(|amount| *amount > 0));
    assert_eq!(invoice.payee_key.len(), 66);
    let exactly = |amount| generous(Price::Exactly(Msat(amount))).into_iter().filter(Result::is_ok).count();
    assert_eq!(exactly(invoice.amount.0), 1);
    assert_eq!(exactly(invoice.amount.0.wrapping_add(1)), 0, "another amount than the one due");
    let late = UnixMillis(invoice.expires_at.0.saturating_sub(EXPIRY_MARGIN_MS));
    for network in NETWORKS {
        let late = Invoice::check(text, network, Price::AtMost(Msat(u64::MAX)), late);
        assert!(matches!(late, Err(InvoiceFault::Expired | InvoiceFault::WrongNetwork { .. })), "{late:?}");
    }
}

/// What the library writes of an invoice means the same to it.
fn reencoded(parsed: &Bolt11Invoice) {
    let again = Bolt11Invoice::from_str(&parsed.to_string());
    let Ok(again) = again else { panic!("{parsed} is not read again: {again:?}") };
    assert_eq!(again.payment_hash(), parsed.payment_hash());
    assert_eq!(again.amount_milli_satoshis(), parsed.amount_milli_satoshis());
    assert_eq!(again.currency(), parsed.currency());
    assert_eq!(again.expiry_time(), parsed.expiry_time());
    assert_eq!(again.min_final_cltv_expiry_delta(), parsed.min_final_cltv_expiry_delta());
    assert_eq!(again.payment_secret(), parsed.payment_secret());
}

const NETWORKS: [Network; 4] = [Network::Bitcoin, Network::Testnet, Network::Signet, Network::Regtest];
