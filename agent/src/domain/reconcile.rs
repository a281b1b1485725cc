//! Compares what the wallet says it holds with what the ledger says it must hold.
//!
//! `reliability-security`, rule 4.10: small differences are roundings of the wallet; a large one that lasts is money that
//! moved without us.

/// What one comparison came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// They agree as far as a wallet that rounds can agree.
    Agrees,
    /// They differ by this many msat (positive: the wallet has more), which may still pass.
    Differs(i64),
    /// They still differ by this many msat.
    StillDiffers(i64),
}

/// Compares balances in msat; `differed` says that the comparison before, an hour ago, found a difference too.
pub fn compare(wallet: i64, ledger: i64, differed: bool) -> Finding {
    let difference = wallet.saturating_sub(ledger);
    match (difference.unsigned_abs() <= tolerance(wallet), differed) {
        (true, _) => Finding::Agrees,
        (false, false) => Finding::Differs(difference),
        (false, true) => Finding::StillDiffers(difference),
    }
}

/// 100 sat, or half a percent of what the wallet holds where that is more.
pub fn tolerance(wallet: i64) -> u64 {
    (wallet.unsigned_abs() / 200).max(TOLERANCE_MIN_MSAT)
}

const TOLERANCE_MIN_MSAT: u64 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roundings_are_forgiven_and_a_difference_counts_an_hour_later() {
        assert_eq!(compare(1_000_000, 1_000_000, true), Finding::Agrees);
        assert_eq!(compare(1_100_000, 1_000_000, false), Finding::Agrees);
        assert_eq!(compare(1_100_001, 1_000_000, false), Finding::Differs(100_001));
        assert_eq!(compare(1_100_001, 1_000_000, true), Finding::StillDiffers(100_001));
        assert_eq!(compare(0, 100_001, true), Finding::StillDiffers(-100_001));
        assert_eq!(compare(100_000_000, 99_500_000, true), Finding::Agrees);
        assert_eq!(compare(100_000_000, 99_499_999, true), Finding::StillDiffers(500_001));
        assert_eq!(compare(i64::MAX, i64::MIN, true), Finding::StillDiffers(i64::MAX));
    }
}
