//! The one function every payment passes. No rule for a payee means no payment.

mod refusal;

pub use refusal::{Halt, Layer, Question, Refusal, Window};

use super::money::{Msat, MsatPerKwh};

/// What may be spent by one agreement or feed, on one payee, or by the whole house. Amounts include the fee limit.
///
/// Each window is the one of the owner's clock and the rolling one, see [`super::window`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The most one payment may cost.
    pub per_payment: Msat,
    /// The most within an hour.
    pub per_hour: Msat,
    /// The most within a day.
    pub per_day: Msat,
    /// The most within a month.
    pub per_month: Msat,
    /// The most payments within 60 minutes, whatever they cost.
    pub payments_per_hour: Option<u32>,
    /// The most a kilowatt-hour may cost.
    pub price_max: Option<MsatPerKwh>,
}

/// Spent plus reserved within each window of a [`Budget`], as the ledger has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Within the hour.
    pub hour: Msat,
    /// Within the day.
    pub day: Msat,
    /// Within the month.
    pub month: Msat,
    /// Payments within the last 60 minutes.
    pub payments: u32,
}

impl Committed {
    /// Both together. Saturates: what does not fit is above every limit.
    pub fn and(self, other: Committed) -> Committed {
        let sum = |one: Msat, other: Msat| Msat(one.0.saturating_add(other.0));
        Committed {
            hour: sum(self.hour, other.hour),
            day: sum(self.day, other.day),
            month: sum(self.month, other.month),
            payments: self.payments.saturating_add(other.payments),
        }
    }
}

/// How much routing may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeRule {
    /// Allowed for every payment, however small.
    pub base: Msat,
    /// Allowed on top, in millionths of the amount.
    pub ppm: u32,
}

/// When the owner is asked before anything is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskRule {
    /// Before the first payment to a payee.
    pub first: bool,
    /// Before any payment of more than this, without its fee.
    pub above: Option<Msat>,
    /// How long a question, and the answer to it, is good for, in ms.
    pub expires_ms: u64,
}

/// One side of the comparison: a limit and what already counts against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// The limits.
    pub budget: Budget,
    /// What counts against them.
    pub committed: Committed,
}

/// Everything but the amount that decides about a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What keeps every automatic payment back, if anything does.
    pub halt: Option<Halt>,
    /// The account of the agreement or feed that allows this payee, if one does.
    pub rule: Option<Account>,
    /// The owner paused the agreement or feed.
    pub paused: bool,
    /// The payee's own account, if it has limits of its own.
    pub payee: Option<Account>,
    /// The account of the whole house.
    pub house: Account,
    /// The payee is on the owner's list, or there is no such list.
    pub listed: bool,
    /// For electricity: what the kilowatt-hour costs.
    pub price: Option<MsatPerKwh>,
    /// The payee was paid or approved before.
    pub known: bool,
    /// The owner said yes to this very purchase, up to this amount.
    pub approved: Option<Msat>,
    /// The number of the question about this very purchase to which the owner said no.
    pub declined: Option<i64>,
}

/// The answer to "may this bill be paid?".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes, with at most this routing fee; amount and fee limit are to be reserved together.
    Pay {
        /// The routing fee limit.
        fee_max: Msat,
    },
    /// Only if the owner says so.
    Ask(Question),
    /// No.
    Refuse(Refusal),
}

/// Decides whether `amount` may be paid now.
pub fn decide(case: &Case, fees: FeeRule, ask: AskRule, amount: Msat) -> Decision {
    let fee_max = fees.limit(amount);
    if let Err(refusal) = allow(case, Msat(amount.0.saturating_add(fee_max.0))) {
        return Decision::Refuse(refusal);
    }
    if case.approved.is_some_and(|approved| amount <= approved) {
        return Decision::Pay { fee_max };
    }
    let above = ask.above.filter(|above| amount > *above);
    let first = ask.first && !case.known;
    match first || above.is_some() {
        true => Decision::Ask(Question { first, above }),
        false => Decision::Pay { fee_max },
    }
}

/// Whether `cost`, amount and fee limit together, may be spent now. What counts against the limits must not hold it yet.
///
/// # Errors
/// The first [`Refusal`], in the order stop or lock, rule, pause, list, the owner's no, and for each of rule, payee and house: price, limits.
pub fn allow(case: &Case, cost: Msat) -> Result<(), Refusal> {
    match &case.halt {
        Some(Halt::Stopped) => return Err(Refusal::Stopped),
        Some(Halt::Locked(reason)) => return Err(Refusal::Locked(reason.clone())),
        Some(Halt::Interlock(fault)) => return Err(Refusal::Interlock(fault.clone())),
        None => {}
    }
    let rule = case.rule.ok_or(Refusal::NoRule)?;
    if case.paused {
        return Err(Refusal::Paused);
    }
    if !case.listed {
        return Err(Refusal::NotListed);
    }
    if let Some(question) = case.declined {
        return Err(Refusal::Declined { question });
    }
    for (layer, account) in [(Layer::Rule, Some(rule)), (Layer::Payee, case.payee), (Layer::House, Some(case.house))] {
        let Some(account) = account else { continue };
        cheap_enough(layer, &account.budget, case.price)?;
        fits(layer, &account, cost)?;
    }
    Ok(())
}

/// The most of `wanted` that one payment may ever be: with its fee limit it must fit every limit of an unused `budget`.
pub fn affordable(wanted: Msat, budget: &Budget, fees: FeeRule) -> Msat {
    let limits = [budget.per_payment, budget.per_hour, budget.per_day, budget.per_month];
    let limit = limits.into_iter().min().unwrap_or(Msat::ZERO);
    let room = u128::from(limit.0.saturating_sub(fees.base.0));
    let most = room * 1_000_000 / (1_000_000 + u128::from(fees.ppm));
    wanted.min(Msat(u64::try_from(most).unwrap_or(u64::MAX)))
}

impl FeeRule {
    /// The most that routing `amount` may cost.
    pub fn limit(self, amount: Msat) -> Msat {
        Msat(self.base.0.saturating_add(amount.parts_per_million(self.ppm).0))
    }
}

impl Budget {
    /// Limits of amounts alone.
    pub const fn of(per_payment: Msat, per_hour: Msat, per_day: Msat, per_month: Msat) -> Budget {
        Budget { per_payment, per_hour, per_day, per_month, payments_per_hour: None, price_max: None }
    }
}

fn cheap_enough(layer: Layer, budget: &Budget, price: Option<MsatPerKwh>) -> Result<(), Refusal> {
    match (price, budget.price_max) {
        (Some(price), Some(limit)) if price > limit => Err(Refusal::Price { layer, price, limit }),
        _ => Ok(()),
    }
}

fn fits(layer: Layer, account: &Account, cost: Msat) -> Result<(), Refusal> {
    let Account { budget, committed } = account;
    if cost > budget.per_payment {
        return Err(Refusal::PerPayment { layer, cost, limit: budget.per_payment });
    }
    if let Some(limit) = budget.payments_per_hour.filter(|limit| committed.payments >= *limit) {
        return Err(Refusal::Rate { layer, payments: committed.payments, limit });
    }
    for (window, committed, limit) in [
        (Window::Hour, committed.hour, budget.per_hour),
        (Window::Day, committed.day, budget.per_day),
        (Window::Month, committed.month, budget.per_month),
    ] {
        if committed.checked_add(cost).is_none_or(|sum| sum > limit) {
            return Err(Refusal::Window { layer, window, cost, committed, limit });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
