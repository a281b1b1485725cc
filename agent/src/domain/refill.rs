//! When money moves between savings and spending money, and how much: the marks of the owner, and what a move costs.

use super::money::UnixMillis;

/// What the owner set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefillRule {
    /// Below so much spending money it is filled up.
    pub low_sat: u64,
    /// Above so much it is swept.
    pub high_sat: u64,
    /// The most that one move costs and moves.
    pub per_move_sat: u64,
    /// The most that all moves of a month cost and move.
    pub per_month_sat: u64,
    /// The most that a move may cost, in percent of what it moves.
    pub fee_share_max_percent: u64,
    /// The least time between the beginnings of two moves, in ms.
    pub interval_ms: u64,
    /// The owner is asked before each move.
    pub asks: bool,
    /// Where a sweep goes.
    pub sweep: SweepTo,
    /// Public key and `host:port` of whom a wallet outside this process opens channels to.
    pub channel_to: Option<(String, String)>,
}

/// Where what is above the high mark goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SweepTo {
    /// It stays.
    Nowhere,
    /// To the savings.
    Savings,
    /// To this address of the owner's.
    Address(String),
}

/// What should be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// So many satoshis into a channel.
    Refill(u64),
    /// So many satoshis out of a channel.
    Sweep(u64),
}

/// Why nothing is moved although it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rest {
    /// The last move was not long ago.
    #[error("the last move began less than {hours} hours ago")]
    Interval {
        /// The least time between two.
        hours: u64,
    },
    /// It would cost too much.
    #[error("moving {amount_sat} sat would cost up to {cost_sat} sat, more than {percent} % of it")]
    FeeShare {
        /// What would be moved.
        amount_sat: u64,
        /// What it would cost at most.
        cost_sat: u64,
        /// The limit.
        percent: u64,
    },
}

impl RefillRule {
    /// What spending money is brought to: the middle between both marks, rounded down.
    pub fn target_sat(&self) -> u64 {
        self.low_sat.midpoint(self.high_sat)
    }

    /// What should be moved where the spending money is `spending_sat`; never more than one move may.
    pub fn need(&self, spending_sat: u64) -> Need {
        let target = self.target_sat();
        // The limit of one move holds what it costs as well.
        let most = self.per_move_sat.saturating_mul(100) / self.fee_share_max_percent.saturating_add(100);
        if spending_sat < self.low_sat {
            match (target - spending_sat).min(most) {
                sat if sat >= LEAST_SAT => Need::Refill(sat),
                _ => Need::Nothing,
            }
        } else if spending_sat > self.high_sat && self.sweep != SweepTo::Nowhere {
            match (spending_sat - target).min(most) {
                sat if sat >= LEAST_SAT => Need::Sweep(sat),
                _ => Need::Nothing,
            }
        } else {
            Need::Nothing
        }
    }

    /// Whether a move may begin, as far as the last one and its cost go.
    ///
    /// # Errors
    /// [`Rest`].
    pub fn may_begin(
        &self,
        last_at: Option<UnixMillis>,
        now: UnixMillis,
        amount_sat: u64,
        cost_sat: u64,
    ) -> Result<(), Rest> {
        // A clock that went back does not keep it back for ever.
        let is_recent = |last: UnixMillis| now.0.abs_diff(last.0) < self.interval_ms;
        if last_at.is_some_and(is_recent) {
            return Err(Rest::Interval { hours: self.interval_ms / HOUR_MS });
        }
        let percent = self.fee_share_max_percent;
        match u128::from(cost_sat) * 100 > u128::from(amount_sat) * u128::from(percent) {
            true => Err(Rest::FeeShare { amount_sat, cost_sat, percent }),
            false => Ok(()),
        }
    }
}

/// What a transaction of the node's may cost, in satoshis: half as much again as at `sat_per_vb`, since the node estimates
/// by itself.
pub fn node_fee_max_sat(virtual_bytes: u64, sat_per_vb: u64) -> u64 {
    virtual_bytes.saturating_mul(sat_per_vb.max(NODE_LEAST_SAT_PER_VB)).saturating_mul(3).div_ceil(2)
}

/// Less is not worth two transactions.
pub const LEAST_SAT: u64 = 20_000;
/// A transaction with two coins of the node's and the channel before, the channel after, and change.
pub const OPENING_VB: u64 = 320;
/// A transaction that takes money out of a channel: the channel before, the channel after, and an address.
pub const SPLICE_VB: u64 = 200;
/// A transaction that brings a few coins of the node's to one address.
pub const SENDING_VB: u64 = 300;
/// What the node takes where nobody tells it a rate.
const NODE_LEAST_SAT_PER_VB: u64 = 5;
const HOUR_MS: u64 = 3_600_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> RefillRule {
        RefillRule {
            low_sat: 50_000,
            high_sat: 150_000,
            per_move_sat: 110_000,
            per_month_sat: 1_000_000,
            fee_share_max_percent: 10,
            interval_ms: 24 * HOUR_MS,
            asks: true,
            sweep: SweepTo::Savings,
            channel_to: None,
        }
    }

    #[test]
    fn spending_money_is_kept_between_both_marks_and_brought_to_their_middle() {
        let rule = rule();
        for (spending, need) in [
            (0, Need::Refill(100_000)),
            (49_999, Need::Refill(50_001)),
            (50_000, Need::Nothing),
            (150_000, Need::Nothing),
            (150_001, Need::Sweep(50_001)),
            (u64::MAX, Need::Sweep(100_000)),
        ] {
            assert_eq!(rule.need(spending), need, "{spending}");
        }
        let stays = RefillRule { sweep: SweepTo::Nowhere, ..rule.clone() };
        assert_eq!(stays.need(150_001), Need::Nothing);
        let narrow = RefillRule { per_move_sat: 20_000, ..rule };
        assert_eq!(narrow.need(0), Need::Nothing, "so little is not worth its fees");
    }

    #[test]
    fn a_move_waits_for_the_last_one_and_for_low_fees() {
        let (rule, now) = (rule(), UnixMillis(100 * 24 * HOUR_MS));
        let ago = |ms: u64| Some(UnixMillis(now.0 - ms));
        assert_eq!(rule.may_begin(None, now, 100_000, 10_000), Ok(()));
        assert_eq!(rule.may_begin(ago(24 * HOUR_MS), now, 100_000, 10_000), Ok(()));
        assert_eq!(rule.may_begin(ago(24 * HOUR_MS - 1), now, 100_000, 0), Err(Rest::Interval { hours: 24 }));
        let dear = Rest::FeeShare { amount_sat: 100_000, cost_sat: 10_001, percent: 10 };
        assert_eq!(rule.may_begin(None, now, 100_000, 10_001), Err(dear));
        let ahead = Some(UnixMillis(now.0 + 48 * HOUR_MS));
        assert_eq!(rule.may_begin(ahead, now, 100_000, 0), Ok(()), "the clock was wrong when the last one began");
    }

    #[test]
    fn what_the_node_may_take_is_more_than_it_should() {
        assert_eq!(node_fee_max_sat(200, 10), 3_000);
        assert_eq!(node_fee_max_sat(221, 1), 1_658, "rounded up, at the least rate");
        assert_eq!(node_fee_max_sat(u64::MAX, 9), u64::MAX.div_ceil(2));
    }
}
