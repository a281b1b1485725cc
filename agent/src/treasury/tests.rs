#![allow(clippy::unwrap_used)]

use bdk_wallet::chain::Merge as _;
use bdk_wallet::miniscript::psbt::PsbtExt;
use bdk_wallet::{ChangeSet, KeychainKind};
use bitcoin::bip32::Xpriv;
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::secp256k1::Secp256k1;
use bitcoin::{Amount, Network};

use super::draft::read_psbt;
use super::guard::{Guard, read_address, read_rate};
use super::*;
use crate::config::TreasuryKind;
use crate::keys::Seed;

const WORDS: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

fn purse(kind: &TreasuryKind, saved: Option<ChangeSet>) -> Purse {
    let keys = Keys::of(kind, Network::Bitcoin, || Ok(Seed::from_words(WORDS).unwrap())).unwrap();
    Purse::open(keys, Network::Bitcoin, saved, 20).unwrap()
}

/// The first two addresses and the first one for change.
fn addresses(kind: &TreasuryKind) -> [String; 3] {
    let mut purse = purse(kind, None);
    let first = purse.address(20).address.to_string();
    let second = purse.another_address(20).address.to_string();
    [first, second, purse.wallet.peek_address(KeychainKind::Internal, 0).address.to_string()]
}

#[test]
fn the_addresses_are_those_of_bip_84_and_bip_86() {
    assert_eq!(
        addresses(&TreasuryKind::Segwit),
        [
            "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
            "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g",
            "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el",
        ]
    );
    assert_eq!(
        addresses(&TreasuryKind::Taproot),
        [
            "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
            "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh",
            "bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7",
        ]
    );
}

#[test]
fn a_watched_descriptor_names_the_same_wallet_as_its_words() {
    let own = Keys::of(&TreasuryKind::Segwit, Network::Bitcoin, || Ok(Seed::from_words(WORDS).unwrap())).unwrap();
    let external = own.external.to_string();
    let text = external.split('#').next().unwrap().replace("/0/*", "/<0;1>/*");
    assert!(check_descriptor(&text, Network::Bitcoin).is_ok(), "{text}");
    let nobody = || -> Result<Seed, crate::keys::KeyError> { panic!("its words are elsewhere") };
    let watched = Keys::of(&TreasuryKind::WatchOnly(text), Network::Bitcoin, nobody).unwrap();
    assert_eq!((watched.id(), watched.internal.to_string()), (own.id(), own.internal.to_string()));
    assert!(watched.signer.is_none() && own.signer.is_some());
    assert!(!external.contains("prv"), "nothing secret is in what the wallet keeps");
}

#[test]
fn what_is_written_down_brings_the_same_wallet_back_and_gives_no_address_twice() {
    let mut first = purse(&TreasuryKind::Segwit, None);
    let mut saved: ChangeSet = serde_json::from_str(&first.staged().unwrap()).unwrap();
    let mut given = vec![first.address(20).address, first.another_address(20).address];
    saved.merge(serde_json::from_str(&first.staged().unwrap()).unwrap());
    assert_eq!(first.staged(), None);
    let mut again = purse(&TreasuryKind::Segwit, Some(saved.clone()));
    assert_eq!(again.address(20).address, given[0], "nobody has paid to it yet");
    given.push(again.another_address(20).address);
    assert_eq!(given.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    // Taproot's wallet is another one.
    let keys = Keys::of(&TreasuryKind::Taproot, Network::Bitcoin, || Ok(Seed::from_words(WORDS).unwrap())).unwrap();
    assert!(matches!(Purse::open(keys, Network::Bitcoin, Some(saved), 20), Err(TreasuryFault::Saved(_))));
}

#[test]
fn no_more_addresses_are_shown_than_a_search_would_find_again() {
    let mut purse = purse(&TreasuryKind::Segwit, None);
    let shown: Vec<_> = (0..60).map(|_| purse.another_address(20).index).collect();
    assert_eq!(shown.iter().max(), Some(&18), "{shown:?}");
}

#[test]
fn the_address_of_a_bill_is_shown_for_nothing_else() {
    let mut purse = purse(&TreasuryKind::Segwit, None);
    let bill = purse.another_address(20).index;
    purse.billed.insert(bill);
    for _ in 0..60 {
        assert!(purse.address(20).index != bill && purse.another_address(20).index != bill);
    }
}

#[test]
fn guards_hold_exactly_at_their_limits() {
    let guard = Guard { reserve: Amount::from_sat(1_000), fee_share_max_percent: 10 };
    let allow = |sent, fee, left| guard.allow(Amount::from_sat(sent), Amount::from_sat(fee), Amount::from_sat(left));
    assert_eq!(allow(1_000, 100, 1_000), Ok(()));
    assert!(matches!(allow(1_000, 101, 1_000), Err(Refused::FeeShare { fee: 101, sat: 1_000, percent: 10 })));
    assert!(matches!(allow(1_000, 100, 999), Err(Refused::Reserve { left: 999, reserve: 1_000 })));
    let without = Guard { reserve: Amount::ZERO, ..guard };
    assert_eq!(without.allow(Amount::from_sat(1_000), Amount::ONE_SAT, Amount::ZERO), Ok(()));
    assert!(read_rate(0).is_err() && read_rate(1).is_ok() && read_rate(1_000).is_ok() && read_rate(1_001).is_err());
    let address = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu";
    assert!(read_address(address, Network::Bitcoin).is_ok());
    assert!(matches!(read_address(address, Network::Testnet), Err(Refused::Network(_))));
    assert!(matches!(read_address("\u{202e}bc1q", Network::Bitcoin), Err(Refused::Address(text)) if text == "bc1q"));
}

#[test]
fn psbts_are_read_as_bip_174_and_bip_371_have_them() {
    let vectors = include_str!("../../../tests/vectors/psbt.txt");
    let mut count = 0;
    for vector in vectors.lines().filter(|line| !line.starts_with('#')) {
        let [kind, bip, text] = vector.split(' ').collect::<Vec<_>>()[..] else { panic!("{vector}") };
        match (kind, read_psbt(&format!(" {text}\n"))) {
            ("valid", Ok(psbt)) => assert_eq!(read_psbt(&psbt.to_string()).unwrap(), psbt, "{bip} {text}"),
            ("invalid", Err(Refused::OtherPsbt(_))) => {}
            (_, read) => panic!("{kind} in BIP {bip}: {read:?} of {text}"),
        }
        count += 1;
    }
    assert_eq!(count, 26);
}

#[test]
fn psbts_are_signed_finalized_and_extracted_as_bip_174_has_it() {
    let vectors = include_str!("../../../tests/vectors/psbt_signing.txt");
    let lines: Vec<_> = vectors.lines().filter(|line| !line.starts_with('#')).collect();
    let [master, combined, finalized, tx] = lines[..] else { panic!("{vectors}") };
    let (secp, master) = (Secp256k1::new(), master.parse::<Xpriv>().unwrap());
    let combined = read_psbt(combined).unwrap();
    let mut unsigned = combined.clone();
    unsigned.inputs.iter_mut().for_each(|input| input.partial_sigs.clear());
    let mut signed = unsigned.clone();
    signed.sign(&master, &secp).unwrap();
    assert_eq!(signed, combined);
    // Who signs elsewhere signs a part each, in any order.
    let parts = [0, 1].map(|which| {
        let mut part = combined.clone();
        part.inputs[which].partial_sigs.clear();
        part
    });
    for order in [[0, 1], [1, 0]] {
        let mut whole = unsigned.clone();
        order.into_iter().for_each(|which: usize| whole.combine(parts[which].clone()).unwrap());
        assert_eq!(whole, combined);
        whole.finalize_mut(&secp).unwrap();
        assert_eq!(whole, read_psbt(finalized).unwrap());
        assert_eq!(serialize_hex(&PsbtExt::extract(&whole, &secp).unwrap()), tx);
    }
}
