#![allow(clippy::unwrap_used)]

use std::path::Path;

use kilosat_drivers::reading::MilliwattHours;

use super::*;
use crate::domain::invoice::{Invoice, PaymentHash, Preimage};
use crate::domain::meter::{Evidence, Former, Mark, MeterState, Stamp};
use crate::domain::money::{Msat, UnixMillis};
use crate::domain::payment::State;
use crate::domain::window::{Period, Starts};

mod ledger;
pub(super) mod plans;
mod statement;
mod upgrade;

const WALLET: &str = "wallet:node";
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
    let new = NewPayment {
        purchase,
        payee: "meter@utility.example",
        invoice,
        fee_max: Msat(100),
        service: "node",
        ticket: None,
        memo: None,
        rate: None,
    };
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
    tx.set_payment_state(payment, State::Sending, None, NOW).unwrap();
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
    tx.set_payment_state(payment, State::Sending, None, NOW).unwrap();
    assert!(tx.set_payment_state(payment, State::Settled, None, NOW).is_err(), "settled needs a preimage");
    tx.set_payment_paid(payment, State::Settled, &Preimage([3; 32]), Msat(7), NOW).unwrap();
    assert!(tx.set_payment_state(payment, State::Failed, None, NOW).is_err());
    assert!(tx.sql.execute("DELETE FROM payments", []).is_err());
    let again = "REPLACE INTO payments SELECT * FROM payments";
    assert!(tx.sql.execute(again, []).is_err(), "nor replaced");
    assert!(tx.sql.execute("UPDATE ledger SET amount_msat = 0", []).is_ok(), "an empty ledger has nothing to change");
}

/// Both say the same of every move, so that neither can be changed alone.
#[test]
fn the_database_knows_the_same_legal_moves_as_the_program() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    let tx = store.begin().unwrap();
    let moves = State::ALL.into_iter().flat_map(|from| State::ALL.map(|to| (from, to)));
    for (number, (from, to)) in (0_u8..).zip(moves.filter(|(from, to)| from != to)) {
        let purchase = purchase(&tx, &number.to_string());
        // A proof and a fee, so that only the move is judged.
        let sql = "INSERT INTO payments (purchase, hash, attempt, service, state, bolt11, amount_msat, fee_max_msat, fee_msat,
                       preimage, payee_key, expires_ms, created_ms, changed_ms)
                   VALUES (?1, ?2, 1, 'node', ?3, 'lnbcrt', 1, 0, 0, zeroblob(32), '02', 1, 1, 1)";
        tx.sql.execute(sql, rusqlite::params![purchase, [number; 32], from.name()]).unwrap();
        let payment = tx.sql.last_insert_rowid();
        let moved = tx.set_payment_state(payment, to, None, NOW).is_ok();
        assert_eq!(moved, from.move_to(to).is_ok(), "{from:?} to {to:?}");
    }
}

#[test]
fn a_statement_adds_up() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    let tx = store.begin().unwrap();
    let payment = intent(&tx, purchase(&tx, "a"), &invoice(1)).unwrap();
    let at = UnixMillis;
    let post = |when, payment, sides: &[Posting<'_>]| tx.post(at(when), payment, sides).unwrap();
    post(5, None, &[Posting(WALLET, 9_000), Posting(Posting::OPENING, -9_000)]);
    post(10, None, &[Posting(WALLET, 7_000), Posting(Posting::INCOME, -7_000)]);
    post(11, Some(payment), &[Posting(WALLET, -5_100), Posting(Posting::PENDING, 5_100)]);
    let settled = [
        Posting(Posting::PENDING, -5_100),
        Posting(Posting::ENERGY, 5_000),
        Posting(Posting::FEES, 40),
        Posting(WALLET, 60),
    ];
    post(19, Some(payment), &settled);
    post(20, None, &[Posting(WALLET, -300), Posting(Posting::SUSPENSE, 300)]);
    let statement = tx.statement(Period { from: at(10), to: at(20) }).unwrap();
    let Statement { opening_msat, received_msat, paid_msat, fees_msat, suspense_msat, closing_msat, .. } = statement;
    assert_eq!((opening_msat, received_msat, paid_msat, fees_msat), (9_000, 7_000, 5_000, 40));
    assert_eq!((suspense_msat, closing_msat, statement.reserved_msat), (0, 10_960, 0));
    assert_eq!(opening_msat + received_msat - paid_msat - fees_msat, closing_msat);
    let [line] = statement.lines.as_slice() else { panic!("{:?}", statement.lines) };
    assert_eq!((line.rule.as_str(), line.payments, line.paid_msat, line.fees_msat), ("grid", 1, 5_000, 40));
    let half = tx.statement(Period { from: at(10), to: at(12) }).unwrap();
    assert_eq!((half.reserved_msat, half.closing_msat, half.lines.len()), (5_100, 10_900, 0));
    assert!(statement.as_text().contains("10.960 sat"), "{}", statement.as_text());
}

#[test]
fn a_posting_that_does_not_sum_to_zero_is_refused_and_entries_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    let tx = store.begin().unwrap();
    assert!(tx.post(NOW, None, &[Posting(WALLET, -5), Posting(Posting::ENERGY, 4)]).is_err());
    tx.post(NOW, None, &[Posting(WALLET, -5), Posting(Posting::ENERGY, 5)]).unwrap();
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
    assert!(matches!(Store::open(&path, "regtest"), Err(StoreError::Newer { found: 99, known: 7 })));
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

#[test]
fn what_a_meter_is_judged_by_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let read = |ms: u64| Stamp { wall: UnixMillis(1_000 + ms), trusted: ms == 5, boot: 77, monotonic_ms: ms };
    let too_high = Some(Mark { raw: MilliwattHours(99), read: read(6), impossible: true });
    let fallen_from = Some(Former { raw: MilliwattHours(40), total: MilliwattHours(30) });
    let evidence =
        Evidence { read: read(5), serial: Some(12), has_counted: true, too_high, fallen_from, unobserved_ms: 0 };
    let (raw, total) = (MilliwattHours(20), MilliwattHours(30));
    let state = MeterState { generation: 2, raw, at: read(5).wall, total, evidence };
    let plain = MeterState { evidence: Evidence { read: read(7), ..Evidence::default() }, at: read(7).wall, ..state };
    for (stored, mark) in [(state, too_high), (state, None), (plain, too_high), (plain, None)] {
        let mut store = open(directory.path());
        let tx = store.begin().unwrap();
        tx.close_interval("main", None, stored, 4).unwrap();
        assert_eq!(tx.meter("main").unwrap(), Some(stored));
        tx.put_too_high("main", mark).unwrap();
        tx.commit().unwrap();
        drop(store);
        let found = open(directory.path()).begin().unwrap().meter("main").unwrap().unwrap();
        assert_eq!(found, MeterState { evidence: Evidence { too_high: mark, ..stored.evidence }, ..stored });
    }
}
