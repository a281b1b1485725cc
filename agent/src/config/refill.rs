//! `[refill]`: between which marks the spending money is kept.

use bitcoin::Network;

use super::reader::Absent::Means;
use super::reader::{Section, grouped};
use super::sections::read_peer;
use crate::domain::refill::{LEAST_SAT, RefillRule, SweepTo};
use crate::treasury::check_address;

/// `Some(None)` where nothing is moved.
pub(super) fn read_refill(section: &Section<'_>, network: Network) -> Option<Option<RefillRule>> {
    let low = section.number("low_sat", 0..=SUPPLY_SAT, Some(0));
    let high = section.number("high_sat", 0..=SUPPLY_SAT, Some(0));
    let asks = section.flag("ask", true);
    let sweep = section.parsed("sweep_to", Means("savings"), |text| match text {
        "nowhere" => Ok(SweepTo::Nowhere),
        "savings" => Ok(SweepTo::Savings),
        address => check_address(address, network).map(SweepTo::Address).map_err(|why| {
            format!("{why}; write \"savings\", \"nowhere\", or a bitcoin address of your own for this network")
        }),
    });
    let channel_to = section.optional("channel_to", |text| read_peer(text, "the node"));
    let per_move_sat = section.number("per_move_sat", LEAST_SAT..=SUPPLY_SAT, Some(500_000));
    let per_month_sat = section.number("per_month_sat", LEAST_SAT..=SUPPLY_SAT, Some(2_000_000));
    let fee_share_max_percent = section.number("fee_share_max_percent", 1..=100, Some(10));
    let interval_hours = section.number("interval_hours", 0..=8_784, Some(24));
    section.finish();
    if let (Some(low), Some(high)) = (low, high)
        && (low, high) != (0, 0)
        && high < low.saturating_add(APART_SAT)
    {
        let least = grouped(low.saturating_add(APART_SAT));
        section.wrong("high_sat", format!("is too near to low_sat: money would move to and fro; write at least {least}, or 0 for both to move nothing"));
    }
    let (low_sat, high_sat) = (low?, high?);
    let rule = RefillRule {
        low_sat,
        high_sat,
        per_move_sat: per_move_sat?,
        per_month_sat: per_month_sat?,
        fee_share_max_percent: fee_share_max_percent?,
        interval_ms: interval_hours?.saturating_mul(3_600_000),
        asks: asks?,
        sweep: sweep?,
        channel_to: channel_to?,
    };
    Some((high_sat > 0).then_some(rule))
}

const SUPPLY_SAT: u64 = 2_100_000_000_000_000;
/// From a mark to the middle between both it must be worth a move.
const APART_SAT: u64 = 2 * LEAST_SAT;
