//! The one function every payment passes. No rule for a payee means no payment.

use super::money::Msat;

/// What may be spent, by one agreement or feed or by the whole house. Amounts include the fee limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The most one payment may cost.
    pub per_payment: Msat,
    /// The most within the last 60 minutes.
    pub per_hour: Msat,
    /// The most within the last 24 hours.
    pub per_day: Msat,
    /// The most within the last 30 days.
    pub per_month: Msat,
}

/// Spent plus reserved within each window of a [`Budget`], as the ledger has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Within the last 60 minutes.
    pub hour: Msat,
    /// Within the last 24 hours.
    pub day: Msat,
    /// Within the last 30 days.
    pub month: Msat,
}

/// How much routing may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeRule {
    /// Allowed for every payment, however small.
    pub base: Msat,
    /// Allowed on top, in millionths of the amount.
    pub ppm: u32,
}

/// One side of the comparison: a limit and what already counts against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// The limits.
    pub budget: Budget,
    /// What counts against them.
    pub committed: Committed,
}

/// The answer to "may this bill be paid?".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes, with at most this routing fee; amount and fee limit are to be reserved together.
    Pay {
        /// The routing fee limit.
        fee_max: Msat,
    },
    /// No.
    Refuse(Refusal),
}

/// Whose limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The limits of the agreement or feed.
    Rule,
    /// The limits of the whole house.
    House,
}

/// Which window was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The last 60 minutes.
    Hour,
    /// The last 24 hours.
    Day,
    /// The last 30 days.
    Month,
}

/// What keeps every automatic payment back, whatever the limits say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The owner pressed stop.
    Stopped,
    /// Kilosat found something that must not be; the text says what.
    Locked(String),
}

/// Why a bill is not paid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The owner pressed stop.
    #[error("Automatic payments are stopped by you. Nothing was paid; to go on: kilosat resume")]
    Stopped,
    /// Automatic payments are locked; the text says why.
    #[error("Automatic payments are locked: {0}")]
    Locked(String),
    /// It belongs to a wallet that is not in use any more.
    #[error("This payment was meant for the wallet used before. Nothing was paid; a new invoice will be asked for.")]
    OtherWallet,
    /// Nobody allowed this payee.
    #[error("No agreement or feed covers this payee any more. Nothing was paid.")]
    NoRule,
    /// One payment would cost too much.
    #[error("This payment could cost {cost} with fees; {} allows at most {limit} at once. Nothing was paid.", .owner.words())]
    PerPayment {
        /// Whose limit.
        owner: Owner,
        /// Amount plus fee limit.
        cost: Msat,
        /// The limit.
        limit: Msat,
    },
    /// A window is used up.
    #[error("{committed} of {limit} {} are already spent or reserved by {}; {cost} more do not fit. It will be tried again later.", .window.words(), .owner.words())]
    Window {
        /// Whose limit.
        owner: Owner,
        /// Which window.
        window: Window,
        /// Amount plus fee limit.
        cost: Msat,
        /// Spent plus reserved already.
        committed: Msat,
        /// The limit.
        limit: Msat,
    },
}

/// Decides whether `amount` may be paid now. `rule` is the agreement's or feed's account, if there is one.
pub fn decide(halt: Option<&Halt>, rule: Option<&Account>, house: &Account, fees: FeeRule, amount: Msat) -> Decision {
    let fee_max = Msat(fees.base.0.saturating_add(amount.parts_per_million(fees.ppm).0));
    match allow(halt, rule, house, Msat(amount.0.saturating_add(fee_max.0))) {
        Ok(()) => Decision::Pay { fee_max },
        Err(refusal) => Decision::Refuse(refusal),
    }
}

/// Whether `cost`, amount and fee limit together, may be spent now. What counts against the limits must not hold it yet.
///
/// # Errors
/// The first [`Refusal`], in the order stop or lock, rule, limits of the rule, limits of the house.
pub fn allow(halt: Option<&Halt>, rule: Option<&Account>, house: &Account, cost: Msat) -> Result<(), Refusal> {
    match halt {
        Some(Halt::Stopped) => return Err(Refusal::Stopped),
        Some(Halt::Locked(reason)) => return Err(Refusal::Locked(reason.clone())),
        None => {}
    }
    let rule = rule.ok_or(Refusal::NoRule)?;
    fits(Owner::Rule, rule, cost)?;
    fits(Owner::House, house, cost)
}

/// The most of `wanted` that one payment may ever be: with its fee limit it must fit every limit of an unused `budget`.
pub fn affordable(wanted: Msat, budget: &Budget, fees: FeeRule) -> Msat {
    let limits = [budget.per_payment, budget.per_hour, budget.per_day, budget.per_month];
    let limit = limits.into_iter().min().unwrap_or(Msat::ZERO);
    let room = u128::from(limit.0.saturating_sub(fees.base.0));
    let most = room * 1_000_000 / (1_000_000 + u128::from(fees.ppm));
    wanted.min(Msat(u64::try_from(most).unwrap_or(u64::MAX)))
}

fn fits(owner: Owner, account: &Account, cost: Msat) -> Result<(), Refusal> {
    let Account { budget, committed } = account;
    if cost > budget.per_payment {
        return Err(Refusal::PerPayment { owner, cost, limit: budget.per_payment });
    }
    for (window, committed, limit) in [
        (Window::Hour, committed.hour, budget.per_hour),
        (Window::Day, committed.day, budget.per_day),
        (Window::Month, committed.month, budget.per_month),
    ] {
        if committed.checked_add(cost).is_none_or(|sum| sum > limit) {
            return Err(Refusal::Window { owner, window, cost, committed, limit });
        }
    }
    Ok(())
}

impl Owner {
    fn words(self) -> &'static str {
        match self {
            Owner::Rule => "this agreement",
            Owner::House => "the whole house",
        }
    }
}

impl Window {
    fn words(self) -> &'static str {
        match self {
            Window::Hour => "per hour",
            Window::Day => "per day",
            Window::Month => "per month",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BUDGET: Budget = Budget {
        per_payment: Msat(100_000),
        per_hour: Msat(200_000),
        per_day: Msat(300_000),
        per_month: Msat(400_000),
    };
    const FEES: FeeRule = FeeRule { base: Msat(1_000), ppm: 10_000 };

    fn account(hour: u64, day: u64, month: u64) -> Account {
        Account { budget: BUDGET, committed: Committed { hour: Msat(hour), day: Msat(day), month: Msat(month) } }
    }

    #[track_caller]
    fn case(rule: Account, house: Account, amount: u64, expected: Option<(Owner, Option<Window>)>) {
        let got = match decide(None, Some(&rule), &house, FEES, Msat(amount)) {
            Decision::Pay { .. } => None,
            Decision::Refuse(Refusal::PerPayment { owner, .. }) => Some((owner, None)),
            Decision::Refuse(Refusal::Window { owner, window, .. }) => Some((owner, Some(window))),
            Decision::Refuse(other) => panic!("{other}"),
        };
        assert_eq!(got, expected);
    }

    #[test]
    fn each_limit_has_its_own_refusal() {
        let idle = account(0, 0, 0);
        case(idle, idle, 90_000, None);
        case(idle, idle, 99_000, Some((Owner::Rule, None)));
        case(account(150_000, 150_000, 150_000), idle, 60_000, Some((Owner::Rule, Some(Window::Hour))));
        case(account(0, 299_000, 299_000), idle, 10_000, Some((Owner::Rule, Some(Window::Day))));
        case(account(0, 0, 399_000), idle, 10_000, Some((Owner::Rule, Some(Window::Month))));
        case(idle, account(0, 0, 399_000), 10_000, Some((Owner::House, Some(Window::Month))));
    }

    #[test]
    fn no_rule_and_a_lock_mean_no_payment() {
        let idle = account(0, 0, 0);
        assert_eq!(decide(None, None, &idle, FEES, Msat(1)), Decision::Refuse(Refusal::NoRule));
        assert_eq!(
            decide(Some(&Halt::Locked("why".to_owned())), Some(&idle), &idle, FEES, Msat(1)),
            Decision::Refuse(Refusal::Locked("why".to_owned()))
        );
        assert_eq!(decide(Some(&Halt::Stopped), Some(&idle), &idle, FEES, Msat(1)), Decision::Refuse(Refusal::Stopped));
    }

    #[test]
    fn the_fee_limit_is_base_plus_share() {
        let idle = account(0, 0, 0);
        assert_eq!(decide(None, Some(&idle), &idle, FEES, Msat(50_000)), Decision::Pay { fee_max: Msat(1_500) });
    }

    #[test]
    fn what_is_affordable_passes_and_one_satoshi_more_does_not() {
        let idle = account(0, 0, 0);
        let most = affordable(Msat(1_000_000), &BUDGET, FEES);
        assert_eq!(most, Msat(98_019));
        assert!(matches!(decide(None, Some(&idle), &idle, FEES, most), Decision::Pay { .. }));
        assert!(matches!(decide(None, Some(&idle), &idle, FEES, Msat(most.0 + 1_000)), Decision::Refuse(_)));
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
                if let Decision::Pay { fee_max } = decide(None, Some(&account), &account, FEES, Msat(amount)) {
                    committed += amount + fee_max.0;
                }
                prop_assert!(committed <= BUDGET.per_hour.0);
            }
        }
    }
}
