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

/// Compares balances in msat; `differs_for` is how long ago, in ms, the first comparison was that found a difference, if
/// every one since then did.
pub fn compare(wallet: i64, ledger: i64, differs_for: Option<u64>) -> Finding {
    let difference = wallet.saturating_sub(ledger);
    if difference.unsigned_abs() <= tolerance(wallet) {
        Finding::Agrees
    } else if differs_for.is_none_or(|ms| ms < ROUND_MS_MIN) {
        Finding::Differs(difference)
    } else {
        Finding::StillDiffers(difference)
    }
}

/// 100 sat, or half a percent of what the wallet holds where that is more.
fn tolerance(wallet: i64) -> u64 {
    (wallet.unsigned_abs() / 200).max(TOLERANCE_MIN_MSAT)
}

const TOLERANCE_MIN_MSAT: u64 = 100_000;
/// A second comparison counts as another hourly round from here on; a restart is none.
const ROUND_MS_MIN: u64 = 3_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(wallet: i64, ledger: i64, differs_for: Option<u64>, expected: Finding) {
        assert_eq!(compare(wallet, ledger, differs_for), expected);
    }

    #[test]
    fn roundings_are_forgiven_and_a_difference_counts_an_hour_later() {
        let hour = Some(3_600_000);
        case(1_000_000, 1_000_000, hour, Finding::Agrees);
        case(1_100_000, 1_000_000, None, Finding::Agrees);
        case(1_100_001, 1_000_000, None, Finding::Differs(100_001));
        case(1_100_001, 1_000_000, Some(60_000), Finding::Differs(100_001));
        case(1_100_001, 1_000_000, hour, Finding::StillDiffers(100_001));
        case(0, 100_001, hour, Finding::StillDiffers(-100_001));
        case(100_000_000, 99_500_000, hour, Finding::Agrees);
        case(100_000_000, 99_499_999, hour, Finding::StillDiffers(500_001));
        case(i64::MAX, i64::MIN, hour, Finding::StillDiffers(i64::MAX));
    }
}
