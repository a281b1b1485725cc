//! Amounts, energy and times as they are written in the reader's language.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{Words, show};
use crate::domain::money::MSAT_PER_SAT;
use crate::language::Language;
use crate::store::{BY_HAND, BitcoinPrice};

impl Words {
    /// A whole number with thousands apart.
    pub fn whole(self, number: &u64) -> String {
        self.localised(show::whole(*number))
    }

    /// Satoshis; thousandths only when there are some.
    pub fn sat(self, msat: &u64) -> String {
        self.localised(show::sat(msat))
    }

    /// Whole satoshis.
    pub fn sats(self, sat: &u64) -> String {
        self.sat(&sat.saturating_mul(MSAT_PER_SAT))
    }

    /// Satoshis that may be below zero.
    pub fn signed_sat(self, msat: &i64) -> String {
        self.localised(show::signed_sat(msat))
    }

    /// What an amount is worth at a price of bitcoin.
    pub fn worth(self, msat: &u64, price: &BitcoinPrice) -> String {
        match *msat {
            0 => format!("≈ {}", self.money(0, &price.currency)),
            msat => self.worth_then(price.cents_of(msat), &price.currency),
        }
    }

    /// What something was worth that is not nothing, in hundredths of the currency.
    pub fn worth_then(self, cents: u64, currency: &str) -> String {
        let least = smallest(currency);
        if cents < least {
            return self.with("worth-less", "amount", self.money(least, currency));
        }
        format!("≈ {}", self.money(cents, currency))
    }

    /// An amount of a currency, given in hundredths.
    pub fn money(self, cents: u64, currency: &str) -> String {
        let amount = match smallest(currency) {
            1 => format!("{}.{:02}", show::whole(cents / 100), cents % 100),
            least => show::whole((cents + least / 2) / least),
        };
        self.localised(format!("{amount} {currency}"))
    }

    /// What a payment was for: the name of an agreement or feed, or that it was made by hand.
    pub fn rule(self, rule: &str) -> String {
        if rule == BY_HAND { self.say("by-hand") } else { rule.to_owned() }
    }

    /// Thousandths as percent.
    pub fn permille(self, permille: &u16) -> String {
        self.localised(format!("{}.{} %", permille / 10, permille % 10))
    }

    /// Kilowatt-hours.
    pub fn kwh(self, mwh: &u64) -> String {
        self.localised(show::kwh(mwh))
    }

    /// Watts, or kilowatts above one.
    pub fn watts(self, mw: &i64) -> String {
        self.localised(show::watts(mw))
    }

    /// A value in the unit people use for it; `milli` is thousandths of `unit`.
    pub fn quantity(self, milli: &i64, unit: &str) -> String {
        self.localised(show::quantity(*milli, unit))
    }

    /// What somebody takes for passing a payment on: millisatoshis for each, and millionths of it.
    pub fn passing_fee(self, base_msat: u64, ppm: u64) -> String {
        let base = self.quantity(&i64::try_from(base_msat).unwrap_or(i64::MAX), "sat");
        let share = self.localised(format!("{} %", show::decimal(i64::try_from(ppm).unwrap_or(i64::MAX), 10_000, 4)));
        self.fill("passing-fee", &[("base", base), ("share", share)])
    }

    /// A span of time in its largest unit.
    pub fn span(self, ms: &u64) -> String {
        let (unit, count) = in_largest_unit(*ms);
        self.count(&format!("span-{unit}"), &count)
    }

    /// So long before.
    pub fn before(self, ms: &u64) -> String {
        let (unit, count) = in_largest_unit(*ms);
        self.count(&format!("ago-{unit}"), &count)
    }

    /// How long before `now` the instant `then` was, both in ms since 1970.
    pub fn ago(self, now: &u64, then: &u64) -> String {
        self.before(&now.saturating_sub(*then))
    }

    /// Day and time of day; empty outside the calendar.
    pub fn moment(self, at_ms: &u64, zone: &TimeZone) -> String {
        self.clock(*at_ms, zone).map_or_else(String::new, |clock| self.dated("form-moment", clock))
    }

    /// A meter's counter, which some meters let run below zero.
    pub fn counter(self, mwh: &i64) -> String {
        self.localised(show::counter(mwh))
    }

    /// A meter's state.
    pub fn meter_state(self, name: &str) -> String {
        self.say(&format!("meter-state-{name}"))
    }

    /// An input's state.
    pub fn input_state(self, name: &str) -> String {
        self.say(&format!("input-state-{name}"))
    }

    /// A relay's state and the reason for it.
    pub fn relay_state(self, name: &str, why: &str) -> String {
        self.with(&format!("relay-state-{name}"), "why", why)
    }

    /// A payment's state.
    pub fn state(self, name: &str) -> String {
        self.say(&format!("state-{}", name.replace('_', "-")))
    }

    /// A day or an instant in the form that the catalogue has under this name: `%A` and `%B` are the names of the day and
    /// the month, `%a` and `%b` their short ones, everything else is as `strftime` has it.
    pub fn dated(self, form: &str, at: DateTime) -> String {
        let nth = |list: &str, index: i8| {
            let names = self.say(list);
            let index = usize::try_from(index).unwrap_or_default();
            names.split_whitespace().nth(index).unwrap_or_default().to_owned()
        };
        let (month, day) = (at.month() - 1, at.weekday().to_monday_zero_offset());
        let mut form = self.say(form);
        for (mark, list, index) in
            [("%A", "days-long", day), ("%a", "days", day), ("%B", "months-long", month), ("%b", "months", month)]
        {
            if form.contains(mark) {
                form = form.replace(mark, &nth(list, index));
            }
        }
        at.strftime(&form).to_string()
    }

    /// A value beside an axis on which `largest` is the largest.
    pub fn on_axis(self, milli: i64, unit: &str, largest: i128) -> String {
        self.localised(show::on_axis(milli, unit, largest))
    }

    fn clock(self, at_ms: u64, zone: &TimeZone) -> Option<DateTime> {
        let timestamp = Timestamp::from_millisecond(i64::try_from(at_ms).ok()?).ok()?;
        Some(timestamp.to_zoned_datetime(zone.clone()).datetime())
    }

    /// A number as `show` writes it, with the language's own mark before the decimals.
    fn localised(self, number: String) -> String {
        match self.language {
            Language::English => number,
            Language::German => number.replace('.', ","),
        }
    }
}

fn in_largest_unit(ms: u64) -> (&'static str, u64) {
    match ms / 1_000 {
        s @ 0..=119 => ("seconds", s),
        s @ 120..=7_199 => ("minutes", s / 60),
        s @ 7_200..=172_799 => ("hours", s / 3_600),
        s => ("days", s / 86_400),
    }
}

/// The smallest amount of a currency that can be paid, in hundredths: the yen has none.
fn smallest(currency: &str) -> u64 {
    if currency == "JPY" { 100 } else { 1 }
}
