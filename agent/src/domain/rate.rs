//! What a bitcoin costs in the owner's currency: several strangers say it, and here is decided what to believe.
//!
//! Source: `payment-protocols`, section 9.2. A rate is shown beside amounts and kept with each payment; nothing is paid or
//! refused by it.

use super::money::{Msat, UnixMillis};

/// A currency that enough sources know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Currency {
    /// Australian dollar.
    Aud,
    /// Canadian dollar.
    Cad,
    /// Swiss franc.
    Chf,
    /// Euro.
    Eur,
    /// Pound sterling.
    Gbp,
    /// Yen.
    Jpy,
    /// US dollar.
    Usd,
}

/// What one source says a bitcoin costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Who says it.
    pub source: &'static str,
    /// Hundredths of the currency for one bitcoin.
    pub cents: u64,
    /// When it was so.
    pub at: UnixMillis,
}

/// What a bitcoin costs, as several sources agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In which currency.
    pub currency: Currency,
    /// Hundredths of it for one bitcoin.
    pub cents: u64,
    /// When the oldest of its sources said so.
    pub at: UnixMillis,
    /// Who said what, such as `kraken 61234.50, coinbase 61240.00`.
    pub sources: String,
}

/// Why there is no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateFault {
    /// Too few sources answered with something usable.
    #[error("only {0} source(s) said what a bitcoin costs, and two are needed; it will be asked again")]
    TooFew(usize),
    /// They do not agree.
    #[error("the sources of the price of a bitcoin do not agree with each other; it will be asked again")]
    Disagree,
    /// It is far from the one before.
    #[error("the price of a bitcoin would have jumped by more than a tenth; it counts once it is confirmed")]
    Jump,
}

/// The rate that counts, round after round.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    accepted: Option<Rate>,
    /// So far from the accepted one that a second round has to confirm it.
    doubted: Option<Rate>,
}

impl Currency {
    /// Every one.
    pub const ALL: [Currency; 7] =
        [Currency::Aud, Currency::Cad, Currency::Chf, Currency::Eur, Currency::Gbp, Currency::Jpy, Currency::Usd];

    /// Its code in ISO 4217.
    pub fn code(self) -> &'static str {
        match self {
            Currency::Aud => "AUD",
            Currency::Cad => "CAD",
            Currency::Chf => "CHF",
            Currency::Eur => "EUR",
            Currency::Gbp => "GBP",
            Currency::Jpy => "JPY",
            Currency::Usd => "USD",
        }
    }

    /// The currency with this code.
    pub fn from_code(code: &str) -> Option<Currency> {
        Currency::ALL.into_iter().find(|currency| currency.code() == code)
    }
}

impl Rate {
    /// Whether it may be shown and kept with a payment at `now`.
    pub fn is_fresh(&self, now: UnixMillis) -> bool {
        now.since(self.at) <= RATE_AGE_MS_MAX && self.at.since(now) <= QUOTE_AGE_MS_MAX
    }
}

/// What `amount` is worth where a bitcoin costs `cents`, rounded to the nearest hundredth; it is shown and never paid.
pub fn cents_at(cents: u64, amount: Msat) -> u64 {
    let product = u128::from(amount.0) * u128::from(cents);
    u64::try_from((product + MSAT_PER_BTC / 2) / MSAT_PER_BTC).unwrap_or(u64::MAX)
}

/// Hundredths as a decimal number.
pub fn decimal(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// A decimal number such as `61234.5` in hundredths; what is beyond them is cut off.
pub fn hundredths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || whole.len() > DIGITS_MAX
        || part.len() > DIGITS_MAX
        || !are_digits(whole)
        || !are_digits(part)
    {
        return None;
    }
    let cents: u64 = format!("{:0<2}", part.get(..part.len().min(2))?).parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(cents)
}

/// What the sources agree on at `now`.
///
/// # Errors
/// [`RateFault::TooFew`] where fewer than two said something fresh that can be, [`RateFault::Disagree`] where fewer than
/// two are near the middle of them.
pub fn agreed(currency: Currency, quotes: &[Quote], now: UnixMillis) -> Result<Rate, RateFault> {
    let can_be = |quote: &&Quote| {
        let fresh = now.since(quote.at) <= QUOTE_AGE_MS_MAX && quote.at.since(now) <= QUOTE_AGE_MS_MAX;
        fresh && CENTS_BELIEVED.contains(&quote.cents)
    };
    let fresh: Vec<&Quote> = quotes.iter().filter(can_be).collect();
    if fresh.len() < SOURCES_MIN {
        return Err(RateFault::TooFew(fresh.len()));
    }
    let middle = median(fresh.iter().map(|quote| quote.cents).collect());
    let near: Vec<&Quote> =
        fresh.into_iter().filter(|quote| is_within(quote.cents, middle, SOURCE_OFF_PERCENT)).collect();
    if near.len() < SOURCES_MIN {
        return Err(RateFault::Disagree);
    }
    let sources = near.iter().map(|quote| format!("{} {}", quote.source, decimal(quote.cents)));
    Ok(Rate {
        currency,
        cents: median(near.iter().map(|quote| quote.cents).collect()),
        at: near.iter().map(|quote| quote.at).min().unwrap_or(now),
        sources: sources.collect::<Vec<_>>().join(", "),
    })
}

impl Rates {
    /// Takes up what the sources said in one round.
    ///
    /// # Errors
    /// [`RateFault`]: what counted before still does, for as long as it is fresh.
    pub fn hear(&mut self, currency: Currency, quotes: &[Quote], now: UnixMillis) -> Result<Rate, RateFault> {
        let next = agreed(currency, quotes, now)?;
        let before = self.accepted.as_ref().filter(|known| known.currency == currency && now.since(known.at) <= DAY_MS);
        let jumps = before.is_some_and(|known| !is_within(next.cents, known.cents, JUMP_PERCENT));
        let is_confirmed = self.doubted.take().is_some_and(|doubted| {
            doubted.currency == currency && is_within(next.cents, doubted.cents, SOURCE_OFF_PERCENT)
        });
        if jumps && !is_confirmed {
            self.doubted = Some(next);
            return Err(RateFault::Jump);
        }
        self.accepted = Some(next.clone());
        Ok(next)
    }
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    let middle = values.len() / 2;
    match (values.len() % 2, values.get(middle), middle.checked_sub(1).and_then(|below| values.get(below))) {
        (0, Some(above), Some(below)) => below + (above - below) / 2,
        (_, Some(value), _) => *value,
        _ => 0,
    }
}

fn is_within(value: u64, of: u64, percent: u64) -> bool {
    u128::from(value.abs_diff(of)) * 100 <= u128::from(of) * u128::from(percent)
}

const MSAT_PER_BTC: u128 = 100_000_000_000;
/// No price of a bitcoin has more.
const DIGITS_MAX: usize = 20;
const SOURCES_MIN: usize = 2;
/// Between 1,000 and 100,000,000 of the currency.
const CENTS_BELIEVED: std::ops::RangeInclusive<u64> = 100_000..=10_000_000_000;
const SOURCE_OFF_PERCENT: u64 = 3;
const JUMP_PERCENT: u64 = 10;
const QUOTE_AGE_MS_MAX: u64 = 600_000;
/// `reliability-security`, rule 4.12.
const RATE_AGE_MS_MAX: u64 = 1_800_000;
const DAY_MS: u64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    fn quote(source: &'static str, units: u64) -> Quote {
        Quote { source, cents: units * 100, at: NOW }
    }

    #[test]
    fn numbers_are_read_exactly_or_not_at_all() {
        for (text, expected) in [
            ("61234.5", Some(6_123_450)),
            ("61234.567", Some(6_123_456)),
            ("61234", Some(6_123_400)),
            ("0.00", Some(0)),
            ("", None),
            (".5", None),
            ("-1", None),
            ("1e5", None),
            ("1,000", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(hundredths(text), expected, "{text}");
        }
    }

    #[test]
    fn the_middle_counts_and_who_is_far_from_it_does_not() {
        let quotes = [quote("a", 60_000), quote("b", 60_100), quote("c", 75_000), quote("d", 60_200)];
        let rate = agreed(Currency::Eur, &quotes, NOW).unwrap();
        assert_eq!(rate.cents, 6_010_000);
        assert!(!rate.sources.contains('c'), "{}", rate.sources);
        assert_eq!(agreed(Currency::Eur, &quotes[..1], NOW), Err(RateFault::TooFew(1)));
        let apart = [quote("a", 60_000), quote("b", 75_000)];
        assert_eq!(agreed(Currency::Eur, &apart, NOW), Err(RateFault::Disagree));
    }

    #[test]
    fn nothing_old_and_nothing_that_cannot_be_is_believed() {
        let old = Quote { at: UnixMillis(NOW.0 - QUOTE_AGE_MS_MAX - 1), ..quote("a", 60_000) };
        let ahead = Quote { at: UnixMillis(NOW.0 + QUOTE_AGE_MS_MAX + 1), ..quote("b", 60_000) };
        let nothing = quote("c", 0);
        let quotes = [old, ahead, nothing, quote("d", 60_000), quote("e", 200_000_000)];
        assert_eq!(agreed(Currency::Usd, &quotes, NOW), Err(RateFault::TooFew(1)));
    }

    #[test]
    fn a_jump_counts_once_a_second_round_confirms_it() {
        let round = |units| [quote("a", units), quote("b", units)];
        let mut rates = Rates::default();
        assert!(rates.hear(Currency::Eur, &round(60_000), NOW).is_ok());
        assert_eq!(rates.hear(Currency::Eur, &round(70_000), NOW), Err(RateFault::Jump));
        assert_eq!(
            rates.hear(Currency::Eur, &round(80_000), NOW),
            Err(RateFault::Jump),
            "another jump confirms nothing"
        );
        assert!(rates.hear(Currency::Eur, &round(80_100), NOW).is_ok());
        assert!(rates.hear(Currency::Usd, &round(95_000), NOW).is_ok(), "another currency is no jump");
    }

    #[test]
    fn what_an_amount_is_worth_is_exact_to_half_a_hundredth() {
        // 500 sat at 60,000 are 0.30 (`payment-protocols`, section 9.2).
        assert_eq!(cents_at(6_000_000, Msat(500_000)), 30);
        assert_eq!(cents_at(6_000_000, Msat(8_333)), 0);
        assert_eq!(cents_at(6_000_000, Msat(8_334)), 1);
        assert_eq!(cents_at(u64::MAX, Msat(u64::MAX)), u64::MAX);
    }

    #[test]
    fn a_rate_goes_stale_after_half_an_hour_and_when_the_clock_jumps() {
        let rate = agreed(Currency::Eur, &[quote("a", 60_000), quote("b", 60_000)], NOW).unwrap();
        assert!(rate.is_fresh(NOW.plus(RATE_AGE_MS_MAX)));
        assert!(!rate.is_fresh(NOW.plus(RATE_AGE_MS_MAX + 1)));
        assert!(!rate.is_fresh(UnixMillis(NOW.0 - QUOTE_AGE_MS_MAX - 1)));
    }

    #[test]
    fn codes_round_trip() {
        for currency in Currency::ALL {
            assert_eq!(Currency::from_code(currency.code()), Some(currency));
        }
        assert_eq!(Currency::from_code("XYZ"), None);
    }
}
