//! The invariants of the design, section 6, asserted on the database itself.

use std::collections::BTreeMap;

use super::world::World;
use crate::domain::invoice::{PaymentHash, hex32};
use crate::domain::meter::MWH_PER_KWH;
use crate::domain::payment::State;
use crate::domain::policy::Budget;
use crate::store::{PaymentRow, PaymentSummary, Posting};

/// A payment with what only its summary has.
pub(super) struct Paid {
    pub row: PaymentRow,
    pub summary: PaymentSummary,
}

/// Checks everything that must hold after every commit.
#[track_caller]
pub(super) fn check(world: &mut World, context: &str) {
    check_ledger(world, context);
    check_energy(world, context);
    check_budgets(world, context);
    world.engine().store.verify_journal_from(0).unwrap_or_else(|error| panic!("{context}: {error}"));
}

/// Every payment row, oldest first.
pub(super) fn book(world: &mut World) -> Vec<Paid> {
    let tx = world.engine().store.begin().unwrap();
    let mut all = Vec::new();
    for summary in tx.newest_payments(u32::MAX).unwrap() {
        let hash = PaymentHash(hex32(&summary.payment_hash).unwrap());
        let row = tx.attempts(&hash).unwrap().into_iter().find(|row| row.payment == summary.payment).unwrap();
        all.push(Paid { row, summary });
    }
    all.reverse();
    all
}

/// Payments per purchase for which money has left.
pub(super) fn settlements(book: &[Paid]) -> BTreeMap<i64, usize> {
    let mut settlements = BTreeMap::new();
    for paid in book.iter().filter(|paid| paid.row.state.is_paid()) {
        *settlements.entry(paid.row.purchase).or_default() += 1;
    }
    settlements
}

/// Whether it was settled although it was given up before anything was sent.
pub(super) fn is_stray(paid: &Paid) -> bool {
    paid.row.state == State::Cancelled && paid.summary.fee_msat.is_some()
}

/// The ledger sums to zero, and what is pending is exactly what open payments reserve.
#[track_caller]
fn check_ledger(world: &mut World, context: &str) {
    let book = book(world);
    let strange = world.strange;
    let tx = world.engine().store.begin().unwrap();
    assert_eq!(tx.ledger_sum().unwrap(), 0, "{context}: the ledger");
    let open = book.iter().filter(|paid| paid.row.state.is_open());
    let reserved: u64 = open.map(|paid| paid.row.amount.0 + paid.row.fee_max.0).sum();
    assert_eq!(tx.account(Posting::PENDING).unwrap(), i64::try_from(reserved).unwrap(), "{context}: pending");
    // A settlement of what was never sent is an expense once the owner has accepted it.
    let accepted = |paid: &Paid| is_stray(paid) && tx.purchase(paid.row.purchase).unwrap().unwrap().state == "paid";
    let is_spent = |paid: &&Paid| paid.row.state.is_paid() || accepted(paid);
    let spent: u64 = book.iter().filter(is_spent).map(|paid| paid.row.amount.0).sum();
    let accounts = [Posting::ENERGY, Posting::DATA, Posting::BY_HAND];
    let expenses: i64 = accounts.into_iter().map(|account| tx.account(account).unwrap()).sum();
    assert_eq!(expenses, i64::try_from(spent).unwrap(), "{context}: spent");
    let strays: u64 = book.iter().filter(|paid| is_stray(paid) && !accepted(paid)).map(|paid| paid.row.amount.0).sum();
    assert_eq!(tx.account(Posting::SUSPENSE).unwrap(), strange + i64::try_from(strays).unwrap(), "{context}: suspense");
    for paid in &book {
        let booked = tx.booked(paid.row.payment).unwrap();
        assert_eq!(booked, i64::try_from(counted(paid)).unwrap(), "{context}: the entries of {:?}", paid.row);
    }
    let fees: u64 = book.iter().filter_map(|paid| paid.summary.fee_msat).sum();
    assert_eq!(tx.account(Posting::FEES).unwrap(), i64::try_from(fees).unwrap(), "{context}: fees");
}

/// Nothing owed is forgotten and nothing is owed twice: what is owed and what was paid is the price of what was billed.
#[track_caller]
fn check_energy(world: &mut World, context: &str) {
    let (metered, rules) = (world.meter.total.0, world.rules.clone());
    let tx = world.engine().store.begin().unwrap();
    for agreement in rules.agreements.iter().filter(|agreement| agreement.meter == "main") {
        let Some(row) = tx.agreement(&agreement.id).unwrap() else { continue };
        let billed = row.accrual.billed_to.0 - row.start_total.0;
        assert!(row.accrual.billed_to.0 <= metered, "{context}: billed more than was metered");
        let (_, paid) = tx.paid_purchases(&agreement.id).unwrap();
        let accrued = u128::from(billed) * u128::from(agreement.price.0);
        let accounted = u128::from(row.accrual.owed.0 + paid.0) * u128::from(MWH_PER_KWH);
        assert_eq!(accounted + u128::from(row.accrual.remainder), accrued, "{context}: owed and paid");
    }
}

/// What was reserved and spent fits every limit; only a service that takes its failures back, or more than the fee limit,
/// can break one.
#[track_caller]
fn check_budgets(world: &mut World, context: &str) {
    let (book, rules) = (book(world), world.rules.clone());
    let budgets = rules.agreements.iter().map(|agreement| (Some(&agreement.id), agreement.budget));
    let feeds = rules.feeds.iter().map(|feed| (Some(&feed.id), feed.budget));
    for (rule, budget) in budgets.chain(feeds).chain([(None, rules.house)]) {
        let of_rule = |paid: &&Paid| rule.is_none_or(|rule| paid.summary.rule == *rule);
        check_windows(&book.iter().filter(of_rule).collect::<Vec<_>>(), &budget, context);
    }
}

#[track_caller]
fn check_windows(payments: &[&Paid], budget: &Budget, context: &str) {
    let windows = [
        (60 * 60_000, budget.per_hour.0),
        (24 * 60 * 60_000, budget.per_day.0),
        (30 * 24 * 60 * 60_000, budget.per_month.0),
    ];
    for (length, limit) in windows {
        // Oldest first: each payment enters the window that ends with it, and those that are too old leave.
        let (mut inside, mut oldest) = (0, payments.iter());
        for last in payments {
            inside += committed(last);
            while let Some(old) = oldest.as_slice().first()
                && old.summary.created_ms + length <= last.summary.created_ms
            {
                inside -= committed(old);
                oldest.next();
            }
            assert!(inside <= limit, "{context}: {inside} of {limit} in {length} ms");
        }
    }
}

/// What counts against the limits: all that left or may still leave.
fn counted(paid: &Paid) -> u64 {
    match paid.summary.fee_msat {
        Some(fee) => paid.row.amount.0 + fee,
        None if paid.row.state.is_open() => paid.row.amount.0 + paid.row.fee_max.0,
        None => 0,
    }
}

/// What an honest wallet can have made of it: a larger fee than the limit is nobody's decision.
fn committed(paid: &Paid) -> u64 {
    match paid.row.state {
        State::Settled => paid.row.amount.0 + paid.summary.fee_msat.unwrap_or(0).min(paid.row.fee_max.0),
        state if state.is_open() => paid.row.amount.0 + paid.row.fee_max.0,
        _ => 0,
    }
}
