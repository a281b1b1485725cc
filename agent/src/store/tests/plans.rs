//! How SQLite finds the rows of each statement of a decision, in a database that has lived for a while.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::*;
use crate::domain::meter::{Accrual, Evidence, MeterState};
use kilosat_drivers::reading::MilliwattHours;

thread_local! {
    static SEEN: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

/// Called for every statement that this thread prepares.
pub(in crate::store) fn saw(sql: &str) {
    SEEN.with_borrow_mut(|seen| seen.insert(sql.to_owned()));
}

#[test]
fn no_decision_and_no_look_at_the_status_walks_through_the_history() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = lived_in(directory.path());
    let seen = decided_and_looked(&mut store);
    assert!(seen.len() > 45, "{} statements", seen.len());
    assert_eq!(walks(&store.connection, &seen), Vec::<String>::new());
}

/// The same statements without one index: each index is needed, and the test above can fail.
#[test]
fn without_any_one_index_a_decision_walks_through_the_history() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = lived_in(directory.path());
    let seen = decided_and_looked(&mut store);
    for index in [
        "payments_ended",
        "payments_open",
        "payments_spent",
        "one_live_payment_per_purchase",
        "purchases_unpaid",
        "ledger_by_time",
        "questions_by_purchase",
    ] {
        let tx = store.begin().unwrap();
        tx.sql.execute_batch(&format!("DROP INDEX {index}")).unwrap();
        assert!(!walks(&tx.sql, &seen).is_empty(), "nothing needs {index}");
    }
}

/// The steps of SQLite's plans that read a whole table or index that grows with the house's history.
fn walks(connection: &Connection, seen: &BTreeSet<String>) -> Vec<String> {
    let mut walks = Vec::new();
    for sql in seen.iter().filter(|sql| !MAY_WALK.iter().any(|begin| sql.starts_with(begin))) {
        let mut explained = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let nothing = vec![rusqlite::types::Null; explained.parameter_count()];
        let steps = explained.query_map(rusqlite::params_from_iter(nothing), |row| row.get::<_, String>(3)).unwrap();
        for step in steps.map(Result::unwrap) {
            let is_small = SMALL.iter().any(|table| step.starts_with(&format!("SCAN {table}")));
            // The largest or smallest of a column without an index is a walk that SQLite calls a search.
            let is_walk = step.starts_with("SCAN ") || (step.starts_with("SEARCH ") && !step.contains(" USING "));
            if is_walk && !is_small {
                walks.push(format!("{step}: {sql}"));
            }
        }
    }
    walks
}

/// The statements of [`decide_and_look`], which leaves nothing behind. From here on foreign keys are off: plans name the rows
/// that refer to a new one, which SQLite looks at only after a violation.
fn decided_and_looked(store: &mut Store) -> BTreeSet<String> {
    SEEN.take();
    decide_and_look(&store.begin().unwrap());
    store.connection.pragma_update(None, "foreign_keys", false).unwrap();
    SEEN.take()
}

/// Everything the engine asks of the store between a reading and a settled payment, and for the status.
fn decide_and_look(tx: &Tx<'_>) {
    let meter = MeterState {
        generation: 1,
        raw: MilliwattHours(1),
        at: NOW,
        total: MilliwattHours(9_000_000),
        evidence: Evidence::default(),
    };
    tx.meter("house").unwrap();
    tx.close_interval("house", Some(meter), meter, 1).unwrap();
    let row = AgreementRow {
        agreement: "grid".to_owned(),
        meter: "house".to_owned(),
        start_total: meter.total,
        accrual: Accrual { billed_to: meter.total, ..Accrual::default() },
    };
    tx.put_agreement(&row).unwrap();
    tx.agreement("grid").unwrap();
    tx.billing_began("grid", "house").unwrap();
    tx.paid_purchases("grid").unwrap();
    assert_eq!(tx.open_purchases(None).unwrap().len(), tx.open_purchases(Some("grid")).unwrap().len());
    let bought = purchase(tx, "new");
    tx.purchase(bought).unwrap();
    tx.set_purchase_amount(bought, Msat(5_000)).unwrap();
    tx.set_purchase_payee(bought, "meter@utility.example").unwrap();
    tx.set_refusal(bought, Some("not yet")).unwrap();
    tx.knows_payee("meter@utility.example").unwrap();
    tx.know_payee("meter@utility.example", NOW).unwrap();
    let question = tx.ask(bought, "meter@utility.example", Msat(5_000), "new", NOW, NOW).unwrap();
    tx.question(question).unwrap();
    tx.question_about(bought).unwrap();
    tx.set_question(question, QuestionState::Approved, NOW).unwrap();
    let windows = Starts { hour: UnixMillis(900_000), day: UnixMillis(500_000), month: UnixMillis(0), jump: None };
    tx.committed("grid", "meter@utility.example", None, &windows).unwrap();
    tx.strayed(&windows).unwrap();
    let payment = intent(tx, bought, &invoice(255)).unwrap();
    tx.post(NOW, Some(payment), &[Posting(WALLET, -5_100), Posting(Posting::PENDING, 5_100)]).unwrap();
    tx.record(NOW, &serde_json::json!({"event": "intent"})).unwrap();
    assert!(!tx.is_sending().unwrap());
    tx.set_payment_state(payment, State::Sending, None, NOW).unwrap();
    assert!(tx.is_sending().unwrap());
    assert_eq!(tx.newest_payment_of(bought).unwrap().unwrap().payment, payment);
    assert_eq!(tx.unexpired_failure(bought, NOW).unwrap(), None);
    assert_eq!(tx.payment_by_hash(&PaymentHash([255; 32])).unwrap().unwrap().payment, payment);
    tx.open_payments().unwrap();
    tx.set_not_found(payment, 1, NOW).unwrap();
    tx.set_payment_paid(payment, State::Settled, &Preimage([1; 32]), Msat(1), NOW).unwrap();
    tx.keep_stray_proof(payment, &Preimage([1; 32]), Msat(1)).unwrap();
    tx.set_purchase_state(bought, "paid").unwrap();
    tx.put_ticket("news", ("L402", "token"), &Preimage([1; 32]), payment).unwrap();
    tx.ticket("news").unwrap();
    tx.note_ticket("news", true).unwrap();
    tx.note_ticket("news", false).unwrap();
    tx.was_received(&PaymentHash([1; 32])).unwrap();
    tx.note_received(&PaymentHash([1; 32]), Msat(1), NOW).unwrap();
    tx.is_stranger("node", &PaymentHash([1; 32])).unwrap();
    tx.note_stranger("node", &PaymentHash([1; 32]), true).unwrap();
    tx.frozen_purchases().unwrap();
    tx.account(WALLET).unwrap();
    tx.newest_entry().unwrap();
    tx.totals().unwrap();
    tx.newest_payments(20).unwrap();
    tx.refusals("grid").unwrap();
    tx.open_questions().unwrap();
    tx.journal_head().unwrap();
    tx.journal_after(0, 10).unwrap();
    tx.set_meta("lock", "1").unwrap();
    tx.meta("lock").unwrap();
    tx.clear_meta("lock").unwrap();
    tx.statement(Period { from: UnixMillis(900_000), to: NOW }).unwrap();
}

/// A house with thousands of rows of everything.
fn lived_in(directory: &Path) -> Store {
    let store = open(directory);
    store
        .connection
        .execute_batch(&format!(
            "{COUNT} INSERT INTO purchases (idem_key, kind, rule, payee, amount_msat, state, created_ms)
                 SELECT n, 'energy', iif(n % 2, 'grid', 'solar'), 'a', 5000, iif(n % 1000, 'paid', 'withdrawn'), n FROM count;
             {COUNT} INSERT INTO payments (purchase, hash, attempt, service, state, bolt11, amount_msat, fee_max_msat, fee_msat,
                     preimage, payee_key, expires_ms, created_ms, changed_ms, payee, rule)
                 SELECT n, randomblob(32), 1, 'node', iif(n % 10, 'settled', 'failed'), 'lnbcrt', 5000, 100, 1, zeroblob(32),
                     '02', 1, n, n, 'a', iif(n % 2, 'grid', 'solar') FROM count;
             {COUNT} INSERT INTO ledger (posting, at_ms, account, amount_msat, payment)
                 SELECT n, n, iif(n % 2, 'pending', 'expense:energy'), iif(n % 2, 5000, -5000), n FROM count;
             {COUNT} INSERT INTO questions (purchase, payee, amount_msat, why, state, asked_ms, expires_ms)
                 SELECT n, 'a', 5000, 'new', 'approved', n, n FROM count;
             INSERT INTO meters (meter, generation, raw_mwh, at_ms, total_mwh, first_ms) VALUES ('house', 1, 1, 1, 1, 1);
             {COUNT} INSERT INTO intervals (meter, generation, start_total_mwh, end_total_mwh, raw_mwh, start_ms, end_ms, samples)
                 SELECT 'house', 1, n, n, n, n, n, 1 FROM count;"
        ))
        .unwrap();
    store
}

const COUNT: &str = "WITH RECURSIVE count (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < 4000)";
/// Tables of one row for each agreement, feed or account, and rows without a table.
const SMALL: [&str; 4] = ["CONSTANT ROW", "agreements", "rule_totals", "balances"];
/// These read a table from its newest row and stop there, or after the few rows that are shown; the last one is asked
/// once a month.
const MAY_WALK: [&str; 5] = [
    "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1",
    "SELECT ifnull(max(entry), 0) FROM ledger",
    "SELECT ifnull(max(entry), 0) + 1 FROM ledger",
    "SELECT p.payment, u.kind, u.rule, p.state, p.amount_msat, p.fee_msat, lower(hex(p.hash))",
    "SELECT meter, sum(end_total_mwh - start_total_mwh) FROM intervals WHERE end_ms >= ?1 AND end_ms < ?2",
];
