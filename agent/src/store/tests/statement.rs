//! The account of a period against the ledger: whatever is booked, its lines add up.

use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_lines_of_a_month_add_up_whatever_was_booked(
        booked in prop::collection::vec((0..KINDS, 0_u64..30, 1_i64..1_000_000, 0_usize..5), 0..40),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path());
        let tx = store.begin().unwrap();
        let payments = payments(&tx);
        for (kind, at, amount, payment) in booked {
            book(&tx, kind, at, amount, payments[payment]);
        }
        assert_adds_up(&tx.statement(MONTH).unwrap());
    }
}

#[test]
fn a_month_with_every_kind_of_posting_shows_each_in_its_own_line() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    let tx = store.begin().unwrap();
    let payments = payments(&tx);
    book(&tx, 0, 5, 50_000_000, payments[0]);
    for kind in 0..KINDS {
        book(&tx, kind, 15, 1_000 << kind, payments[0]);
    }
    let month = tx.statement(MONTH).unwrap();
    assert_adds_up(&month);
    assert_eq!((month.opening_msat, month.brought_msat, month.received_msat), (50_000_000, 1_000, 2_000));
    // Settled, late, and what was cancelled and turned out to be paid.
    assert_eq!((month.paid_msat, month.credited_msat), (8_000 + 32_000 + 128_000, 512_000));
    assert_eq!((month.fees_msat, month.fees_returned_msat), (3 * FEE, 2_048_000));
    // Late without a purchase, accepted, strayed, credited, and a difference in our favour.
    assert_eq!(month.suspense_msat, 64_000 - 128_000 + 256_000 - 512_000 - 4_096_000);
    assert_eq!((month.rounding_msat, month.reserved_msat), (-1_024_000, 4_000 + FEE_MAX));
    let text = month.as_text();
    for expected in ["Roundings of the wallet", "Credited to agreements  ", "Fees that were lower than booked"] {
        assert!(text.contains(expected), "{expected} is not in:\n{text}");
    }
}

/// A new account would change what the wallets hold without being in a line.
#[test]
fn every_account_of_the_ledger_has_a_line() {
    let accounts = include_str!("../ledger.rs").lines().filter_map(|line| line.split_once(": &'static str = \""));
    let accounts: Vec<&str> = accounts.filter_map(|(_, rest)| rest.split('"').next()).collect();
    assert!(accounts.contains(&Posting::SUSPENSE) && accounts.len() > 7, "{accounts:?}");
    // Savings are told apart from what the wallets hold: they are booked against an account of their own.
    for account in accounts.into_iter().filter(|account| !account.starts_with("savings:")) {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path());
        let tx = store.begin().unwrap();
        tx.post(UnixMillis(15), None, &[Posting(WALLET, -7), Posting(account, 7)]).unwrap();
        let month = tx.statement(MONTH).unwrap();
        assert_eq!(month.changes().iter().map(|change| change.msat).sum::<i64>(), -7, "{account}");
    }
}

#[track_caller]
fn assert_adds_up(month: &Statement) {
    let changes: i64 = month.changes().iter().map(|change| change.msat).sum();
    assert_eq!(month.opening_msat + changes, month.closing_msat, "{month:#?}");
    assert_eq!(month.lines.iter().map(|line| line.paid_msat).sum::<i64>(), month.paid_msat, "{month:#?}");
    assert_eq!(month.lines.iter().map(|line| line.fees_msat).sum::<i64>(), month.fees_msat, "{month:#?}");
}

/// One payment each of two agreements and two feeds, and one by hand.
fn payments(tx: &Tx<'_>) -> Vec<i64> {
    let rules = [("grid", PurchaseKind::Energy), ("solar", PurchaseKind::Energy), ("weather", PurchaseKind::Data)];
    let rules = rules.into_iter().chain([("prices", PurchaseKind::Data), (BY_HAND, PurchaseKind::Hand)]);
    let payment = |(tag, (rule, kind)): (u8, (&str, PurchaseKind))| {
        let purchase = tx.open_purchase(rule, kind, rule, "meter@utility.example", Msat(5_000), NOW).unwrap();
        intent(tx, purchase.purchase, &invoice(tag)).unwrap()
    };
    (1..).zip(rules).map(payment).collect()
}

/// Books as the engine does.
fn book(tx: &Tx<'_>, kind: usize, at: u64, amount: i64, payment: i64) {
    let (wallet, reserved) = (WALLET, amount + FEE_MAX);
    let expense = match payment {
        1 | 2 => Posting::ENERGY,
        3 | 4 => Posting::DATA,
        _ => Posting::BY_HAND,
    };
    let (about, sides): (Option<i64>, Vec<(&'static str, i64)>) = match kind {
        0 => (None, vec![(wallet, amount), (Posting::OPENING, -amount)]),
        1 => (None, vec![(wallet, amount), (Posting::INCOME, -amount)]),
        2 => (Some(payment), vec![(wallet, -reserved), (Posting::PENDING, reserved)]),
        3 => {
            book(tx, 2, at.saturating_sub(amount.unsigned_abs() % 3), amount, payment);
            let settled = [(Posting::PENDING, -reserved), (expense, amount), (Posting::FEES, FEE)];
            (Some(payment), settled.into_iter().chain([(wallet, FEE_MAX - FEE)]).collect())
        }
        4 => {
            book(tx, 2, at, amount, payment);
            (Some(payment), vec![(Posting::PENDING, -reserved), (wallet, reserved)])
        }
        5 => (Some(payment), vec![(wallet, -amount - FEE), (expense, amount), (Posting::FEES, FEE)]),
        6 => (Some(payment), vec![(wallet, -amount - FEE), (Posting::SUSPENSE, amount), (Posting::FEES, FEE)]),
        7 => (Some(payment), vec![(Posting::SUSPENSE, -amount), (expense, amount)]),
        8 => (None, vec![(wallet, -amount), (Posting::SUSPENSE, amount)]),
        9 => (None, vec![(Posting::SUSPENSE, -amount), (Posting::ENERGY, amount)]),
        10 => (None, vec![(wallet, amount), (Posting::ROUNDING, -amount)]),
        11 => (None, vec![(wallet, amount), (Posting::FEES, -amount)]),
        _ => (None, vec![("wallet:lnd-77", amount), (Posting::SUSPENSE, -amount)]),
    };
    let sides: Vec<_> = sides.iter().map(|(account, amount)| Posting(account, *amount)).collect();
    tx.post(UnixMillis(at), about, &sides).unwrap();
}

const KINDS: usize = 13;
const FEE: i64 = 40;
const FEE_MAX: i64 = 100;
const MONTH: Period = Period { from: UnixMillis(10), to: UnixMillis(20) };
