//! What payees send over LNURL, and any JSON from which numbers are read.

use std::sync::OnceLock;

use bitcoin::hashes::{Hash as _, sha256};
use kilosat::http::{Limits, Reach, StrictClient};
use kilosat::json::{Document, thousandths, whole_number};
use kilosat::payees::lnurl::{InvoiceOffer, PayTarget, read_offer};
use serde_json::Value;

use super::{answers, assert_fit_to_show};

/// The two answers of a Lightning address; the first one is taken for both where there is only one.
pub fn answers(input: &[u8]) {
    let answers = answers::read(input);
    let (first, second) = (&answers[0], answers.get(1).unwrap_or(&answers[0]));
    let target = PayTarget::parse(ADDRESS).unwrap();
    match read_offer(client(), &target, AMOUNT_MSAT, [first, second]) {
        Ok(offer) => {
            let metadata = serde_json::from_slice::<Value>(&first.body).unwrap()["metadata"].clone();
            let hash = sha256::Hash::hash(metadata.as_str().unwrap().as_bytes()).to_byte_array();
            assert_eq!(offer.description_hash_of_metadata, hash);
            sound(&offer);
        }
        Err(fault) => assert_fit_to_show(&fault.to_string()),
    }
}

fn sound(offer: &InvoiceOffer) {
    assert!((1..=4_096).contains(&offer.bolt11.len()));
    assert!(offer.bolt11.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_fit_to_show(&offer.metadata_text);
    assert!(offer.metadata_text.chars().count() <= 256);
    offer.success.iter().for_each(|text| assert_fit_to_show(text));
    assert_fit_to_show(&format!("{:?}", offer.warning));
    assert!(offer.verify.as_ref().is_none_or(|url| url.scheme() == "https" && client().check(url).is_ok()));
}

/// What an owner typed or scanned: where it can be paid, it leads to a web address and is stored as itself.
pub fn target(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let target = match PayTarget::parse(text) {
        Ok(target) => target,
        Err(fault) => return assert_fit_to_show(&fault.to_string()),
    };
    let stored = target.to_string();
    assert_eq!(PayTarget::parse(&stored).as_ref(), Ok(&target), "{stored}");
    match target.url(&Reach::Public) {
        Ok(url) => assert_eq!(PayTarget::parse(&stored).unwrap().url(&Reach::Public), Ok(url)),
        Err(fault) => assert_fit_to_show(&fault.to_string()),
    }
}

/// A JSON pointer on the first line, a document below it: the digits found are those of the value.
pub fn json(input: &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (pointer, body) = input.split_at(end);
    let (Ok(pointer), Ok(document)) = (std::str::from_utf8(pointer), Document::parse(body)) else { return };
    let value = document.value.pointer(pointer);
    let text = document.text_at(pointer);
    // Deeper than any document that is read, nothing is looked for.
    assert_eq!(text.is_some(), value.is_some(), "{pointer:?}");
    let items = document.items_at(pointer).map(|items| items.len());
    assert_eq!(items, value.and_then(Value::as_array).map(Vec::len), "{pointer:?}");
    let (Some(text), Some(value)) = (text, value) else { return };
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), *value, "{pointer:?}");
    if let Some(number) = value.as_u64() {
        assert_eq!(whole_number(text), Some(number));
        let thousandfold = i64::try_from(number).ok().and_then(|number| number.checked_mul(1_000));
        assert_eq!(thousandths(text), thousandfold);
    } else if !value.is_number() {
        assert_eq!((whole_number(text), thousandths(text)), (None, None));
    } else if let (Some(whole), Some(milli)) = (whole_number(text), thousandths(text)) {
        assert_eq!(i64::try_from(whole).ok().and_then(|whole| whole.checked_mul(1_000)), Some(milli));
    }
}

fn client() -> &'static StrictClient {
    static CLIENT: OnceLock<StrictClient> = OnceLock::new();
    CLIENT.get_or_init(|| StrictClient::new(Reach::Public, Limits::default()).unwrap())
}

const ADDRESS: &str = "meter1@pay.example";
const AMOUNT_MSAT: u64 = 5_000_000;
