//! What may be spent, when the owner is asked, and whose clock counts.

use jiff::tz::TimeZone;

use super::reader::{Section, grouped};
use crate::domain::money::{Msat, MsatPerKwh};
use crate::domain::policy::{AskRule, Budget, FeeRule};

/// Limits without which a section is incomplete are `None`.
pub(super) struct BudgetDefaults {
    per_payment: Option<u64>,
    per_hour: u64,
    per_day: u64,
    per_month: Option<u64>,
    /// Electricity is among what is paid, so that its price can be limited.
    prices: bool,
}

/// Reads four limits. A default never exceeds the next wider limit, and a written one may not.
pub(super) fn read_budget(section: &Section<'_>, defaults: BudgetDefaults) -> Option<Budget> {
    let limit = |key, default| section.number(key, 1..=AMOUNT_MAX_MSAT, default);
    let within = |default: u64, wider: Option<u64>| Some(default.min(wider.unwrap_or(AMOUNT_MAX_MSAT)));
    let month = limit("per_month_msat", defaults.per_month);
    let day = limit("per_day_msat", within(defaults.per_day, month));
    let hour = limit("per_hour_msat", within(defaults.per_hour, day));
    let payment = match defaults.per_payment {
        Some(default) => limit("per_payment_msat", within(default, hour)),
        None => limit("per_payment_msat", None),
    };
    for (key, amount, wider_key, wider) in [
        ("per_payment_msat", payment, "per_hour_msat", hour),
        ("per_hour_msat", hour, "per_day_msat", day),
        ("per_day_msat", day, "per_month_msat", month),
    ] {
        if let (Some(amount), Some(wider)) = (amount, wider)
            && amount > wider
        {
            let wider = grouped(wider);
            let text = format!(
                "is more than {wider_key} allows ({wider}), so it could never be used up; write at most {wider}"
            );
            section.wrong(key, text);
        }
    }
    let payments_per_hour = section.optional_number("payments_per_hour", 1..=PAYMENTS_PER_HOUR_MAX);
    let price_max = match defaults.prices {
        true => section.optional_number("price_max_msat_per_kwh", 0..=AMOUNT_MAX_MSAT),
        false => Some(None),
    };
    Some(Budget {
        payments_per_hour: payments_per_hour?.map(|count| u32::try_from(count).expect("at most a million")),
        price_max: price_max?.map(MsatPerKwh),
        ..Budget::of(Msat(payment?), Msat(hour?), Msat(day?), Msat(month?))
    })
}

/// Reports a limit per payment so low that not even one satoshi could be paid with its fee.
pub(super) fn require_room(limits: &Section<'_>, budget: Option<Budget>, fees: Option<FeeRule>) {
    let (Some(budget), Some(fees)) = (budget, fees) else { return };
    let fee_max = fees.base.0.saturating_add(u64::from(fees.ppm).div_ceil(PPM_PER_MSAT_OF_A_SAT));
    let least = fee_max.saturating_add(ONE_SAT_MSAT);
    if budget.per_payment.0 < least {
        let text = format!(
            "leaves no room for one satoshi and its fee (see fee_base_max_msat under [limits]), so nothing could ever \
             be paid; write at least {}",
            grouped(least)
        );
        limits.wrong("per_payment_msat", text);
    }
}

pub(super) fn read_fees(limits: &Section<'_>) -> Option<FeeRule> {
    let base = limits.number("fee_base_max_msat", 0..=1_000_000, Some(5_000));
    let ppm = limits.number("fee_max_ppm", 0..=1_000_000, Some(20_000));
    Some(FeeRule { base: Msat(base?), ppm: u32::try_from(ppm?).expect("at most a million") })
}

/// When the owner is asked before a payment.
pub(super) fn read_ask(section: &Section<'_>) -> Option<AskRule> {
    let first = section.flag("first_payment", true);
    let above = section.number("above_msat", 0..=AMOUNT_MAX_MSAT, Some(2_000_000));
    let expires_s = section.number("expires_s", 60..=31_536_000, Some(604_800));
    section.finish();
    Some(AskRule { first: first?, above: Some(Msat(above?)), expires_ms: expires_s?.saturating_mul(1_000) })
}

/// A name of the IANA time zone database, or the setting of this machine.
pub(super) fn read_zone(text: &str) -> Result<TimeZone, String> {
    if text == "system" {
        return Ok(TimeZone::system());
    }
    TimeZone::get(text).map_err(|_| {
        format!("{text:?} is not a time zone; write the name of one such as \"Europe/Berlin\", or \"system\" for this machine's own")
    })
}

/// 21 million bitcoin in msat.
pub(super) const AMOUNT_MAX_MSAT: u64 = 2_100_000_000_000_000_000;

/// Agreements and payees: what one payment and one month may cost is the owner's word; the month bounds the rest.
pub(super) const OWN_DEFAULTS: BudgetDefaults = BudgetDefaults {
    per_payment: None,
    per_hour: AMOUNT_MAX_MSAT,
    per_day: AMOUNT_MAX_MSAT,
    per_month: None,
    prices: true,
};

/// Feeds: the same, but data has no price per kilowatt-hour.
pub(super) const FEED_DEFAULTS: BudgetDefaults = BudgetDefaults { prices: false, ..OWN_DEFAULTS };

pub(super) const HOUSE_DEFAULTS: BudgetDefaults = BudgetDefaults {
    per_payment: Some(5_000_000),
    per_hour: 20_000_000,
    per_day: 100_000_000,
    per_month: Some(1_000_000_000),
    prices: true,
};
const PAYMENTS_PER_HOUR_MAX: u64 = 1_000_000;
const ONE_SAT_MSAT: u64 = 1_000;
/// A share of so many millionths of one satoshi is one msat.
const PPM_PER_MSAT_OF_A_SAT: u64 = 1_000;
