use proptest::prelude::*;

use super::*;

const BUDGET: Budget = Budget::of(Msat(100_000), Msat(200_000), Msat(300_000), Msat(400_000));
const FEES: FeeRule = FeeRule { base: Msat(1_000), ppm: 10_000 };
const NEVER: AskRule = AskRule { first: false, above: None, expires_ms: 1 };
const ALWAYS: AskRule = AskRule { first: true, above: Some(Msat(20_000)), expires_ms: 1 };

fn account(hour: u64, day: u64, month: u64) -> Account {
    let committed = Committed { hour: Msat(hour), day: Msat(day), month: Msat(month), payments: 0 };
    Account { budget: BUDGET, committed }
}

fn limited(limit: impl Fn(&mut Budget)) -> Account {
    let mut account = account(0, 0, 0);
    limit(&mut account.budget);
    account.committed.payments = 3;
    account
}

/// A payment to a known payee with nothing against it.
fn idle() -> Case {
    let account = account(0, 0, 0);
    Case {
        halt: None,
        rule: Some(account),
        paused: false,
        payee: None,
        house: account,
        listed: true,
        price: None,
        known: true,
        approved: None,
        declined: None,
    }
}

#[track_caller]
fn case(case: &Case, amount: u64, expected: Option<(Layer, Option<Window>)>) {
    let got = match decide(case, FEES, NEVER, Msat(amount)) {
        Decision::Pay { .. } => None,
        Decision::Refuse(Refusal::PerPayment { layer, .. }) => Some((layer, None)),
        Decision::Refuse(Refusal::Window { layer, window, .. }) => Some((layer, Some(window))),
        other => panic!("{other:?}"),
    };
    assert_eq!(got, expected);
}

#[track_caller]
fn refused(case: &Case, expected: &Refusal) {
    assert_eq!(decide(case, FEES, NEVER, Msat(1)), Decision::Refuse(expected.clone()));
}

#[test]
fn each_limit_has_its_own_refusal() {
    let rule = |hour, day, month| Case { rule: Some(account(hour, day, month)), ..idle() };
    let payee = |hour, day, month| Case { payee: Some(account(hour, day, month)), ..idle() };
    let house = |hour, day, month| Case { house: account(hour, day, month), ..idle() };
    case(&idle(), 90_000, None);
    case(&idle(), 99_000, Some((Layer::Rule, None)));
    case(&rule(150_000, 150_000, 150_000), 60_000, Some((Layer::Rule, Some(Window::Hour))));
    case(&rule(0, 299_000, 299_000), 10_000, Some((Layer::Rule, Some(Window::Day))));
    case(&rule(0, 0, 399_000), 10_000, Some((Layer::Rule, Some(Window::Month))));
    case(&payee(0, 299_000, 299_000), 10_000, Some((Layer::Payee, Some(Window::Day))));
    case(&house(0, 0, 399_000), 10_000, Some((Layer::House, Some(Window::Month))));
}

#[test]
fn no_rule_no_place_on_the_list_and_a_halt_mean_no_payment() {
    refused(&Case { rule: None, ..idle() }, &Refusal::NoRule);
    refused(&Case { paused: true, ..idle() }, &Refusal::Paused);
    refused(&Case { listed: false, ..idle() }, &Refusal::NotListed);
    let declined = Case { declined: Some(7), approved: Some(Msat(u64::MAX)), ..idle() };
    refused(&declined, &Refusal::Declined { question: 7 });
    let locked = Some(Halt::Locked("why".to_owned()));
    refused(&Case { halt: locked, ..idle() }, &Refusal::Locked("why".to_owned()));
    let interlock = Some(Halt::Interlock("no chip".to_owned()));
    refused(&Case { halt: interlock, ..idle() }, &Refusal::Interlock("no chip".to_owned()));
    refused(&Case { halt: Some(Halt::Stopped), rule: None, ..idle() }, &Refusal::Stopped);
}

#[test]
fn a_rate_counts_payments_whatever_they_cost() {
    let four = limited(|budget| budget.payments_per_hour = Some(4));
    case(&Case { rule: Some(four), payee: Some(four), house: four, ..idle() }, 1, None);
    let three = limited(|budget| budget.payments_per_hour = Some(3));
    refused(&Case { payee: Some(three), ..idle() }, &Refusal::Rate { layer: Layer::Payee, payments: 3, limit: 3 });
    refused(&Case { house: three, ..idle() }, &Refusal::Rate { layer: Layer::House, payments: 3, limit: 3 });
}

#[test]
fn a_kilowatt_hour_above_the_ceiling_is_not_paid() {
    let ceiling = limited(|budget| budget.price_max = Some(MsatPerKwh(300)));
    let with = |price| Case { rule: Some(ceiling), price, ..idle() };
    case(&with(Some(MsatPerKwh(300))), 1, None);
    case(&with(None), 1, None);
    let refusal = Refusal::Price { layer: Layer::Rule, price: MsatPerKwh(301), limit: MsatPerKwh(300) };
    refused(&with(Some(MsatPerKwh(301))), &refusal);
}

#[test]
fn the_owner_is_asked_before_the_first_and_before_a_large_payment() {
    let asked = |case: &Case, amount| decide(case, FEES, ALWAYS, Msat(amount));
    let pay = |amount: u64| Decision::Pay { fee_max: Msat(1_000 + amount / 100) };
    let stranger = Case { known: false, ..idle() };
    assert_eq!(asked(&idle(), 20_000), pay(20_000));
    assert_eq!(asked(&idle(), 20_001), Decision::Ask(Question { first: false, above: Some(Msat(20_000)) }));
    assert_eq!(asked(&stranger, 1), Decision::Ask(Question { first: true, above: None }));
    assert_eq!(asked(&stranger, 30_000), Decision::Ask(Question { first: true, above: Some(Msat(20_000)) }));
    let approved = |amount| Case { approved: Some(Msat(amount)), ..stranger.clone() };
    assert_eq!(asked(&approved(30_000), 30_000), pay(30_000));
    assert!(matches!(asked(&approved(29_999), 30_000), Decision::Ask(_)), "approved for less");
    assert!(matches!(asked(&approved(500_000), 500_000), Decision::Refuse(_)), "an approval lifts no limit");
}

#[test]
fn the_fee_limit_is_base_plus_share() {
    assert_eq!(decide(&idle(), FEES, NEVER, Msat(50_000)), Decision::Pay { fee_max: Msat(1_500) });
}

#[test]
fn what_is_affordable_passes_and_one_satoshi_more_does_not() {
    let most = affordable(Msat(1_000_000), &BUDGET, FEES);
    assert_eq!(most, Msat(98_019));
    assert!(matches!(decide(&idle(), FEES, NEVER, most), Decision::Pay { .. }));
    assert!(matches!(decide(&idle(), FEES, NEVER, Msat(most.0 + 1_000)), Decision::Refuse(_)));
    assert_eq!(affordable(Msat(5), &BUDGET, FEES), Msat(5));
    let narrow = Budget { per_day: Msat(10_000), ..BUDGET };
    assert_eq!(affordable(Msat(1_000_000), &narrow, FEES), Msat(8_910));
}

proptest! {
    #[test]
    fn what_is_paid_never_exceeds_any_window(amounts in prop::collection::vec(0_u64..150_000, 1..60)) {
        let mut committed = 0;
        for amount in amounts {
            let account = account(committed, committed, committed);
            let case = Case { rule: Some(account), payee: Some(account), house: account, ..idle() };
            if let Decision::Pay { fee_max } = decide(&case, FEES, NEVER, Msat(amount)) {
                committed += amount + fee_max.0;
            }
            prop_assert!(committed <= BUDGET.per_hour.0);
        }
    }

    #[test]
    fn what_is_asked_is_never_what_would_be_refused(
        amount in 0_u64..150_000, hour in 0_u64..250_000, known: bool, listed: bool, approved in 0_u64..150_000,
    ) {
        let account = account(hour, hour, hour);
        let case = Case { house: account, known, listed, approved: Some(Msat(approved)), ..idle() };
        let cost = Msat(amount + FEES.limit(Msat(amount)).0);
        let decision = decide(&case, FEES, ALWAYS, Msat(amount));
        prop_assert_eq!(matches!(decision, Decision::Refuse(_)), allow(&case, cost).is_err());
    }
}
