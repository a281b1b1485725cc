//! Databases of older releases are taken over with all they hold.

use super::*;

#[test]
fn a_database_of_version_1_is_taken_over_with_its_money() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("money.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../../../schema/0001_money.sql")).unwrap();
    old.execute_batch(
        "INSERT INTO purchases VALUES (1, 'a', 'energy', 'grid', 'meter@utility.example', 5000, 'paid', NULL, 5);
         INSERT INTO payments (purchase, hash, attempt, service, state, bolt11, amount_msat, fee_max_msat, fee_msat, preimage,
             payee_key, expires_ms, created_ms, changed_ms)
         VALUES (1, zeroblob(32), 1, 'lnd:77', 'settled', 'lnbcrt', 5000, 100, 40, zeroblob(32), '02', 9, 5, 6);
         INSERT INTO ledger (posting, at_ms, account, amount_msat, payment) VALUES
             (1, 4, 'wallet', 20000, NULL), (1, 4, 'income:received', -20000, NULL),
             (3, 6, 'wallet', -5040, 1), (3, 6, 'expense:energy', 5000, 1), (3, 6, 'expense:fee', 40, 1);
         PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(old);
    let mut store = Store::open(&path, "regtest").unwrap();
    let tx = store.begin().unwrap();
    assert_eq!((tx.ledger_sum().unwrap(), tx.account("wallet:lnd:77").unwrap()), (0, 14_960));
    assert!(tx.knows_payee("meter@utility.example").unwrap() && !tx.knows_payee("other@utility.example").unwrap());
    let paid = tx.payment_by_hash(&PaymentHash([0; 32])).unwrap().unwrap();
    assert_eq!((paid.state, paid.payee.as_str()), (State::Settled, "meter@utility.example"));
    assert!(tx.sql.execute("UPDATE ledger SET amount_msat = 0", []).is_err(), "entries are kept again");
    tx.commit().unwrap();
    drop(store);
    open(directory.path());
}

/// What version 2 kept by summing, version 3 keeps by counting; [`Store::open`] compares both.
#[test]
fn a_database_of_version_2_is_taken_over_and_its_sums_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("money.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../../../schema/0001_money.sql")).unwrap();
    old.execute_batch(include_str!("../../../schema/0002_owner.sql")).unwrap();
    old.execute_batch(VERSION_2).unwrap();
    drop(old);
    let mut store = Store::open(&path, "regtest").unwrap();
    let tx = store.begin().unwrap();
    assert_eq!(tx.paid_purchases("grid").unwrap(), (2, Msat(8_000)));
    assert_eq!(tx.paid_purchases("news").unwrap(), (0, Msat(0)));
    assert_eq!(tx.account("wallet:node").unwrap(), 20_000 - 5_040 - 3_010 - 1_100);
    assert_eq!((tx.account(Posting::PENDING).unwrap(), tx.account("nobody").unwrap()), (1_100, 0));
    let Totals { payments_settled, payments_failed, data_purchases, paid_energy, fees, .. } = tx.totals().unwrap();
    assert_eq!((payments_settled, payments_failed, data_purchases), (2, 1, 0));
    assert_eq!((paid_energy, fees), (Msat(8_000), Msat(50)));
    assert_eq!(tx.open_purchases(None).unwrap().len(), 1);
    assert_eq!(tx.open_purchases(Some("news")).unwrap()[0].purchase, 3);
    assert!(tx.open_purchases(Some("grid")).unwrap().is_empty());
    assert_eq!(tx.refusals("news").unwrap(), ["too dear"]);
    assert_eq!(tx.newest_payment_of(1).unwrap().unwrap().payment, 2, "the failed one is older");
    assert_eq!(tx.newest_payment_of(3).unwrap().unwrap().state, State::InFlight);
    assert_eq!(tx.unexpired_failure(1, UnixMillis(8)).unwrap().unwrap().payment, 1);
    assert!(tx.unexpired_failure(1, UnixMillis(9)).unwrap().is_none());
    assert_eq!(
        tx.billing_began("grid", "house").unwrap(),
        Some(UnixMillis(6)),
        "the newest purchase, not the last one"
    );
    assert_eq!(tx.billing_began("new", "house").unwrap(), Some(UnixMillis(4)), "the first interval");
    assert_eq!(tx.billing_began("new", "unread").unwrap(), None);
    let statement = tx.statement(Period { from: UnixMillis(5), to: UnixMillis(8) }).unwrap();
    assert_eq!((statement.opening_msat, statement.paid_msat, statement.fees_msat), (20_000, 8_000, 50));
    assert_eq!((statement.closing_msat, statement.reserved_msat), (20_000 - 8_050, 0));
    assert!(tx.sql.execute("DELETE FROM purchases", []).is_err());
    assert!(tx.sql.execute("UPDATE purchases SET rule = 'other'", []).is_err());
}

/// A table that is written anew keeps its rows, the numbers that were given out, what refers to it, and its rules.
#[test]
fn a_database_of_version_4_is_taken_over_and_may_hold_payments_by_hand() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("money.db");
    let old = Connection::open(&path).unwrap();
    for sql in &MIGRATIONS[..4] {
        old.execute_batch(sql).unwrap();
    }
    old.execute_batch(
        &VERSION_2
            .replace("user_version = 2", "user_version = 4")
            .replace(
                "INSERT INTO meters VALUES ('house', 1, 700, 7, 700), ('unread', 1, 0, 7, 0);",
                "INSERT INTO meters (meter, generation, raw_mwh, at_ms, total_mwh) VALUES ('house', 1, 700, 7, 700);",
            )
            .replace("intervals (meter,", "intervals (unobserved_ms, meter,")
            .replace("('house', 1, 0,", "(0, 'house', 1, 0,"),
    )
    .unwrap();
    drop(old);
    let mut store = Store::open(&path, "regtest").unwrap();
    let enforced: bool = store.connection.query_row("PRAGMA foreign_keys", [], |row| row.get(0)).unwrap();
    assert!(enforced, "references are watched again");
    let tx = store.begin().unwrap();
    assert_eq!(tx.paid_purchases("grid").unwrap(), (2, Msat(8_000)));
    assert_eq!(tx.open_purchases(None).unwrap().len(), 1);
    let by_hand = tx.open_purchase("h", PurchaseKind::Hand, BY_HAND, "02", Msat(5_000), NOW).unwrap();
    assert_eq!((by_hand.purchase, by_hand.kind), (4, PurchaseKind::Hand));
    intent(&tx, by_hand.purchase, &invoice(1)).unwrap();
    assert!(intent(&tx, by_hand.purchase, &invoice(2)).is_err(), "one live payment for a purchase");
    assert!(intent(&tx, 99, &invoice(3)).is_err(), "a payment has a purchase");
    assert!(tx.sql.execute("DELETE FROM purchases", []).is_err());
    assert!(tx.sql.execute("UPDATE purchases SET rule = 'other'", []).is_err());
    tx.set_purchase_state(by_hand.purchase, "paid").unwrap();
    tx.commit().unwrap();
    drop(store);
    open(directory.path());
}

#[test]
fn four_hundred_days_of_an_earlier_version_are_taken_over_to_the_msat() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("money.db");
    let old = Connection::open(&path).unwrap();
    for sql in &MIGRATIONS[..4] {
        old.execute_batch(sql).unwrap();
    }
    old.execute_batch(FOUR_HUNDRED_DAYS).unwrap();
    drop(old);
    let mut store = Store::open(&path, "regtest").unwrap();
    let tx = store.begin().unwrap();
    let Totals { payments_settled, paid_energy, fees, .. } = tx.totals().unwrap();
    assert_eq!((payments_settled, paid_energy, fees), (9_600, Msat(48_000_000), Msat(384_000)));
    assert_eq!(tx.account(WALLET).unwrap(), 100_000_000 - 48_384_000);
    assert_eq!(tx.payments(&Wanted { most: 20_000, ..Wanted::default() }).unwrap().len(), 9_600);
    let last = tx.story(9_600).unwrap().unwrap();
    assert_eq!((last.purchase, last.summary.rate, last.summary.memo), (9_600, None, None));
}

#[test]
fn sums_that_are_not_those_of_the_rows_are_noticed_at_start() {
    for tampered in [
        "UPDATE balances SET balance_msat = balance_msat + 1 WHERE account = 'pending'",
        "DELETE FROM balances WHERE account = 'suspense'",
        "INSERT INTO balances VALUES ('wallet:other', 5)",
        "UPDATE rule_totals SET paid = paid + 1",
        "UPDATE rule_totals SET paid_msat = paid_msat + 1",
        "UPDATE rule_totals SET newest_ms = newest_ms - 1",
        "UPDATE rule_totals SET settled = 1",
        "UPDATE rule_totals SET failed = failed + 1",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path());
        let tx = store.begin().unwrap();
        let payment = intent(&tx, purchase(&tx, "a"), &invoice(1)).unwrap();
        tx.post(NOW, Some(payment), &[Posting(WALLET, -5_100), Posting(Posting::PENDING, 5_100)]).unwrap();
        tx.post(NOW, None, &[Posting(Posting::SUSPENSE, 7), Posting(WALLET, -7)]).unwrap();
        tx.commit().unwrap();
        drop(store);
        let store = open(directory.path());
        assert_eq!(store.connection.execute(tampered, []).unwrap(), 1, "{tampered}");
        drop(store);
        let error = Store::open(&directory.path().join("money.db"), "regtest").unwrap_err();
        assert!(matches!(error, StoreError::Damaged(_)), "{tampered}: {error}");
    }
}

/// A payment an hour.
const FOUR_HUNDRED_DAYS: &str = "
    CREATE TEMP TABLE hours AS
        WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < 9600) SELECT n FROM count;
    INSERT INTO purchases SELECT n, 'e' || n, 'energy', 'grid', 'meter@utility.example', 5000, 'paid', NULL, n * 3600000 FROM hours;
    INSERT INTO payments (payment, purchase, hash, attempt, service, state, bolt11, amount_msat, fee_max_msat, fee_msat, preimage,
        payee_key, expires_ms, created_ms, changed_ms, payee, rule)
        SELECT n, n, randomblob(32), 1, 'node', 'settled', 'lnbcrt', 5000, 100, 40, randomblob(32), '02', n * 3600000 + 9,
            n * 3600000, n * 3600000 + 5, 'meter@utility.example', 'grid' FROM hours;
    INSERT INTO ledger (posting, at_ms, account, amount_msat) VALUES
        (1, 1, 'wallet:node', 100000000), (1, 1, 'income:received', -100000000);
    INSERT INTO ledger (posting, at_ms, account, amount_msat, payment) SELECT 3 * n, n * 3600000, 'wallet:node', -5040, n FROM hours;
    INSERT INTO ledger (posting, at_ms, account, amount_msat, payment) SELECT 3 * n, n * 3600000, 'expense:energy', 5000, n FROM hours;
    INSERT INTO ledger (posting, at_ms, account, amount_msat, payment) SELECT 3 * n, n * 3600000, 'expense:fee', 40, n FROM hours;
    PRAGMA user_version = 4;";

const VERSION_2: &str = "
    INSERT INTO meters VALUES ('house', 1, 700, 7, 700), ('unread', 1, 0, 7, 0);
    INSERT INTO intervals (meter, generation, start_total_mwh, end_total_mwh, raw_mwh, start_ms, end_ms, samples) VALUES
        ('house', 1, 0, 0, 0, 5, 5, 1), ('house', 1, 0, 700, 700, 3, 4, 1);
    INSERT INTO purchases VALUES
        (1, 'a', 'energy', 'grid', 'meter@utility.example', 5000, 'paid', NULL, 6),
        (2, 'b', 'energy', 'grid', 'meter@utility.example', 3000, 'paid', NULL, 5),
        (3, 'c', 'data', 'news', 'https://news.example', 1000, 'open', 'too dear', 7);
    INSERT INTO payments (payment, purchase, hash, attempt, service, state, bolt11, amount_msat, fee_max_msat, fee_msat,
        preimage, payee_key, expires_ms, created_ms, changed_ms, payee, rule) VALUES
        (1, 1, zeroblob(32), 1, 'node', 'failed', 'lnbcrt', 5000, 100, NULL, NULL, '02', 9, 5, 6, 'm', 'grid'),
        (2, 1, zeroblob(32), 2, 'node', 'settled', 'lnbcrt', 5000, 100, 40, zeroblob(32), '02', 9, 5, 6, 'm', 'grid'),
        (3, 2, randomblob(32), 1, 'node', 'settled', 'lnbcrt', 3000, 100, 10, zeroblob(32), '02', 9, 5, 6, 'm', 'grid'),
        (4, 3, randomblob(32), 1, 'node', 'in_flight', 'lnbcrt', 1000, 100, NULL, NULL, '02', 9, 7, 7, 'n', 'news');
    INSERT INTO ledger (posting, at_ms, account, amount_msat, payment) VALUES
        (1, 4, 'wallet:node', 20000, NULL), (1, 4, 'income:received', -20000, NULL),
        (3, 6, 'wallet:node', -5040, 2), (3, 6, 'expense:energy', 5000, 2), (3, 6, 'expense:fee', 40, 2),
        (6, 7, 'wallet:node', -3010, 3), (6, 7, 'expense:energy', 3000, 3), (6, 7, 'expense:fee', 10, 3),
        (9, 8, 'wallet:node', -1100, 4), (9, 8, 'pending', 1100, 4);
    PRAGMA user_version = 2;";
