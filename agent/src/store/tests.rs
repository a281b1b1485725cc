#![allow(clippy::unwrap_used)]

use std::path::Path;

use super::*;
use crate::domain::invoice::{Invoice, PaymentHash, Preimage};
use crate::domain::money::{Msat, UnixMillis};
use crate::domain::payment::State;

const NOW: UnixMillis = UnixMillis(1_000_000);

fn open(directory: &Path) -> Store {
    Store::open(&directory.join("money.db"), "regtest").unwrap()
}

fn invoice(tag: u8) -> Invoice {
    Invoice {
        bolt11: format!("lnbcrt{tag}"),
        hash: PaymentHash([tag; 32]),
        amount: Msat(5_000),
        payee_key: "02".to_owned(),
        expires_at: UnixMillis(2_000_000),
        description: String::new(),
    }
}

fn intent(tx: &Tx<'_>, purchase: i64, invoice: &Invoice) -> Result<i64, StoreError> {
    let new = NewPayment { purchase, invoice, fee_max: Msat(100), service: "node", ticket: None };
    tx.insert_intent(&new, NOW)
}

fn purchase(tx: &Tx<'_>, key: &str) -> i64 {
    tx.open_purchase(key, PurchaseKind::Energy, "grid", "meter@utility.example", Msat(5_000), NOW).unwrap().purchase
}

#[test]
fn the_database_forbids_a_second_live_payment_for_a_purchase_or_a_hash() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    let tx = store.begin().unwrap();
    let first = purchase(&tx, "a");
    let second = purchase(&tx, "b");
    let payment = intent(&tx, first, &invoice(1)).unwrap();
    assert!(intent(&tx, first, &invoice(2)).is_err());
    assert!(intent(&tx, second, &invoice(1)).is_err());
    tx.set_payment_state(payment, State::Failed, Some("no route"), NOW).unwrap();
    intent(&tx, first, &invoice(1)).unwrap();
    assert_eq!(tx.payment_by_hash(&PaymentHash([1; 32])).unwrap().unwrap().attempt, 2);
}

#[test]
fn a_final_payment_cannot_be_changed_or_deleted_in_sql_either() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    let tx = store.begin().unwrap();
    let purchase = purchase(&tx, "a");
    let payment = intent(&tx, purchase, &invoice(1)).unwrap();
    assert!(tx.set_payment_state(payment, State::Settled, None, NOW).is_err(), "settled needs a preimage");
    tx.set_payment_paid(payment, State::Settled, &Preimage([3; 32]), Msat(7), NOW).unwrap();
    assert!(tx.set_payment_state(payment, State::Failed, None, NOW).is_err());
    assert!(tx.sql.execute("DELETE FROM payments", []).is_err());
    assert!(tx.sql.execute("UPDATE ledger SET amount_msat = 0", []).is_ok(), "an empty ledger has nothing to change");
}

#[test]
fn a_posting_that_does_not_sum_to_zero_is_refused_and_entries_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    let tx = store.begin().unwrap();
    assert!(tx.post(NOW, None, &[Posting(Posting::WALLET, -5), Posting(Posting::ENERGY, 4)]).is_err());
    tx.post(NOW, None, &[Posting(Posting::WALLET, -5), Posting(Posting::ENERGY, 5)]).unwrap();
    assert_eq!((tx.ledger_sum().unwrap(), tx.account(Posting::ENERGY).unwrap()), (0, 5));
    assert!(tx.sql.execute("UPDATE ledger SET amount_msat = 0", []).is_err());
    assert!(tx.sql.execute("DELETE FROM ledger", []).is_err());
}

#[test]
fn the_same_need_finds_the_same_purchase() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    let tx = store.begin().unwrap();
    let first = purchase(&tx, "grid:0");
    assert_eq!(purchase(&tx, "grid:0"), first);
    tx.set_purchase_state(first, "withdrawn").unwrap();
    assert!(tx.open_purchases(None).unwrap().is_empty());
    assert_eq!(purchase(&tx, "grid:0"), first);
    assert_eq!(tx.open_purchases(Some("grid")).unwrap().len(), 1);
}

#[test]
fn a_changed_journal_is_noticed_at_start() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    let tx = store.begin().unwrap();
    tx.record(NOW, &serde_json::json!({"what": "first"})).unwrap();
    tx.record(NOW, &serde_json::json!({"what": "second"})).unwrap();
    tx.commit().unwrap();
    assert_eq!(store.verify_journal_from(0).unwrap().0, 2);
    store.connection.execute("UPDATE journal SET payload = replace(payload, 'first', 'other')", []).unwrap();
    drop(store);
    let error = Store::open(&directory.path().join("money.db"), "regtest").unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)), "{error}");
}

#[test]
fn a_newer_schema_and_another_network_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("money.db");
    drop(open(directory.path()));
    assert!(matches!(Store::open(&path, "bitcoin"), Err(StoreError::OtherNetwork { .. })));
    let store = open(directory.path());
    store.connection.pragma_update(None, "user_version", 99).unwrap();
    drop(store);
    assert!(matches!(Store::open(&path, "regtest"), Err(StoreError::Newer { found: 99, known: 1 })));
}

#[test]
fn a_file_that_is_not_a_database_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("money.db");
    #[allow(clippy::disallowed_methods)] // a broken file is what this test is about
    std::fs::write(&path, "not a database, but forty bytes of something").unwrap();
    assert!(Store::open(&path, "regtest").is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "not a database, but forty bytes of something");
}
