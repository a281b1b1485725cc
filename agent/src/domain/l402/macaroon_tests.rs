//! The vector of pymacaroons, both formats, and everything that must be refused.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::domain::l402::{Identifier, hex};

/// Made with pymacaroons: root key 00..1f, preimage 32 x 11, token id 32 x 22.
const VECTOR: &str = "AgEEbHNhdAJCAAAC1EmjH7smfI81Lplop54+X8lcG76qUC/WRU695aS+3CIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiAAIUc2VydmljZXM9bWV0ZXJkYXRhOjAAAiBtZXRlcmRhdGFfdmFsaWRfdW50aWw9MTc2NzIyNTYwMAAABiDn6d4o4/Ka+1wkMgZhS531vIrkj195zte9njfSw8I2hQ==";
const SIGNATURE: &str = "e7e9de28e3f29afb5c243206614b9df5bc8ae48f5f79ced7bd9e37d2c3c23685";
/// The same chain without the key derivation: what the L402 text alone would give.
const SIGNATURE_UNDERIVED: [u8; 32] = [
    0x01, 0xde, 0x55, 0xee, 0x32, 0x3f, 0x83, 0x8f, 0x9f, 0x0e, 0xe0, 0x6b, 0x5d, 0x0a, 0x52, 0xc7, 0x5b, 0xf5, 0x30,
    0xd2, 0x2f, 0x4d, 0x55, 0xb8, 0xb5, 0xd2, 0xc6, 0x16, 0xa0, 0x5f, 0x31, 0xfc,
];

fn root_key() -> [u8; 32] {
    core::array::from_fn(|place| u8::try_from(place).unwrap())
}

fn vector() -> Macaroon {
    let identifier = Identifier { payment_hash: sha256::Hash::hash(&[0x11; 32]).to_byte_array(), token_id: [0x22; 32] };
    let caveats = ["services=meterdata:0".to_owned(), "meterdata_valid_until=1767225600".to_owned()];
    Macaroon::mint(&root_key(), &identifier.to_bytes(), "lsat", &caveats).unwrap()
}

fn v1_packet(name: &str, content: &[u8]) -> Vec<u8> {
    let length = 4 + name.len() + 1 + content.len() + 1;
    let mut packet = format!("{length:04x}{name} ").into_bytes();
    packet.extend_from_slice(content);
    packet.push(b'\n');
    packet
}

#[test]
fn minting_gives_the_vector_byte_for_byte() {
    let minted = vector();
    assert_eq!(hex(minted.signature()), SIGNATURE);
    assert_eq!(minted.to_bytes().len(), 169);
    assert_eq!(minted.to_base64(), VECTOR);
}

#[test]
fn the_vector_is_read_and_verified_in_every_base64() {
    let url_safe = VECTOR.replace('+', "-").replace('/', "_");
    for text in [VECTOR, VECTOR.trim_end_matches('='), &url_safe, url_safe.trim_end_matches('=')] {
        let read = Macaroon::from_base64(text).unwrap();
        assert_eq!(read, vector());
        assert!(read.verify(&root_key()));
    }
}

#[test]
fn a_signature_without_key_derivation_is_refused() {
    let mut forged = vector();
    forged.signature = SIGNATURE_UNDERIVED;
    assert!(!forged.verify(&root_key()));
}

#[test]
fn any_change_breaks_the_signature() {
    assert!(!vector().verify(&[0; 32]));
    let mut dropped = vector();
    dropped.caveats.pop();
    assert!(!dropped.verify(&root_key()));
    let mut renamed = vector();
    renamed.identifier.push(0);
    assert!(!renamed.verify(&root_key()));
}

#[test]
fn anyone_may_narrow_a_macaroon() {
    let lent = vector().narrowed("path=/today").unwrap();
    assert!(lent.verify(&root_key()));
    assert_eq!(lent.caveats().len(), 3);
}

#[test]
fn format_version_1_is_read() {
    let original = vector();
    let mut bytes = v1_packet("location", b"lsat");
    bytes.extend(v1_packet("identifier", original.identifier()));
    for caveat in original.caveats() {
        bytes.extend(v1_packet("cid", caveat.as_bytes()));
    }
    bytes.extend(v1_packet("signature", original.signature()));
    assert_eq!(Macaroon::from_bytes(&bytes).unwrap(), original);

    bytes.push(b'0');
    assert_eq!(Macaroon::from_bytes(&bytes), Err(MacaroonFault::Malformed));
}

#[test]
fn third_party_caveats_are_refused_in_both_formats() {
    let mut v1 = v1_packet("identifier", b"id");
    v1.extend(v1_packet("cid", b"elsewhere"));
    v1.extend(v1_packet("vid", &[7; 48]));
    assert_eq!(Macaroon::from_bytes(&v1), Err(MacaroonFault::ThirdParty));

    let head = [VERSION_2, FIELD_IDENTIFIER, 1, b'i', FIELD_END];
    let with_vid = [FIELD_IDENTIFIER, 1, b'c', FIELD_VERIFICATION, 1, 7];
    let with_place = [FIELD_LOCATION, 1, b'p', FIELD_IDENTIFIER, 1, b'c'];
    for caveat in [with_vid, with_place] {
        let v2 = [head.as_slice(), &caveat].concat();
        assert_eq!(Macaroon::from_bytes(&v2), Err(MacaroonFault::ThirdParty));
    }
}

#[test]
fn too_large_or_too_many_is_refused() {
    let many = vec!["a=b".to_owned(); CAVEATS_MAX + 1];
    let minted = Macaroon::mint(&[0; 32], b"id", "", &many);
    assert_eq!(minted, Err(MacaroonFault::TooManyCaveats));
    let long = ["x".repeat(MACAROON_BYTES_MAX)];
    let minted = Macaroon::mint(&[0; 32], b"id", "", &long);
    assert_eq!(minted, Err(MacaroonFault::TooLong));

    let mut full = Macaroon::mint(&[0; 32], b"id", "", &many[1..]).unwrap();
    full.caveats.push("a=b".to_owned());
    assert_eq!(Macaroon::from_bytes(&full.to_bytes()), Err(MacaroonFault::TooManyCaveats));
    let bytes = vec![VERSION_2; MACAROON_BYTES_MAX + 1];
    assert_eq!(Macaroon::from_bytes(&bytes), Err(MacaroonFault::TooLong));
    let text = "A".repeat(2 * MACAROON_BYTES_MAX);
    assert_eq!(Macaroon::from_base64(&text), Err(MacaroonFault::TooLong));
}

#[test]
fn a_cut_macaroon_is_malformed_at_every_length() {
    let whole = vector().to_bytes();
    for length in 0..whole.len() {
        let cut = whole.get(..length).unwrap();
        assert_eq!(Macaroon::from_bytes(cut), Err(MacaroonFault::Malformed));
    }
    let longer = [whole.as_slice(), &[0]].concat();
    assert_eq!(Macaroon::from_bytes(&longer), Err(MacaroonFault::Malformed));
}

proptest! {
    #[test]
    fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..300), v1 in any::<bool>()) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = if v1 { b'0' } else { VERSION_2 };
        }
        let _ = Macaroon::from_bytes(&bytes);
    }

    #[test]
    fn what_was_minted_is_read_back(key in any::<[u8; 32]>(), id in proptest::collection::vec(any::<u8>(), 0..200), caveats in proptest::collection::vec("[ -~]{0,90}", 0..20)) {
        let minted = Macaroon::mint(&key, &id, "shop", &caveats).unwrap();
        let read = Macaroon::from_bytes(&minted.to_bytes()).unwrap();
        prop_assert!(read.verify(&key));
        prop_assert_eq!(read, minted);
    }
}
