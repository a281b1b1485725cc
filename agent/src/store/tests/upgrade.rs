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
