//! Units of money and time, with checked arithmetic only.

use std::fmt;

/// Thousandths of a satoshi.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Msat(pub u64);

/// A price: thousandths of a satoshi for one kilowatt-hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MsatPerKwh(pub u64);

/// Milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixMillis(pub u64);

impl Msat {
    /// No money.
    pub const ZERO: Msat = Msat(0);
    /// More than there can be: no limit.
    pub const MAX: Msat = Msat(u64::MAX);

    /// The sum, or `None` above `u64::MAX` msat.
    pub fn checked_add(self, other: Msat) -> Option<Msat> {
        self.0.checked_add(other.0).map(Msat)
    }

    /// The difference, or `None` below zero.
    pub fn checked_sub(self, other: Msat) -> Option<Msat> {
        self.0.checked_sub(other.0).map(Msat)
    }

    /// The largest whole number of satoshis in this amount, still in msat; the rest stays with the caller.
    pub fn whole_sats(self) -> Msat {
        Msat(self.0 - self.0 % MSAT_PER_SAT)
    }

    /// `ppm` millionths of this amount, rounded down; saturates at `u64::MAX`.
    pub fn parts_per_million(self, ppm: u32) -> Msat {
        let product = u128::from(self.0) * u128::from(ppm) / 1_000_000;
        Msat(u64::try_from(product).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Msat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / MSAT_PER_SAT, self.0 % MSAT_PER_SAT) {
            (sat, 0) => write!(f, "{sat} sat"),
            (sat, rest) => write!(f, "{sat}.{rest:03} sat"),
        }
    }
}

impl UnixMillis {
    /// This instant plus `millis`, saturating at the end of time.
    pub fn plus(self, millis: u64) -> UnixMillis {
        UnixMillis(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this instant; zero when `earlier` is later.
    pub fn since(self, earlier: UnixMillis) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Msat in one satoshi.
pub const MSAT_PER_SAT: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_satoshis() {
        assert_eq!(Msat(5_000).to_string(), "5 sat");
        assert_eq!(Msat(5_007).to_string(), "5.007 sat");
        assert_eq!(Msat(12_345).whole_sats(), Msat(12_000));
    }

    #[test]
    fn a_share_rounds_down_and_never_wraps() {
        assert_eq!(Msat(999).parts_per_million(1_000), Msat(0));
        assert_eq!(Msat(60_000).parts_per_million(20_000), Msat(1_200));
        assert_eq!(Msat(u64::MAX).parts_per_million(u32::MAX), Msat(u64::MAX));
    }
}
