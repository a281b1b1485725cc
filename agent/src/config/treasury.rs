//! The section of the on-chain wallet.

use bitcoin::Network;

use super::chain::{Of, read_chain};
use super::reader::Absent::{IsWrong, Means};
use super::reader::Section;
use super::{NodeConfig, TreasuryConfig, TreasuryKind};
use crate::treasury::check_descriptor;

/// `Some(None)` where the owner wants none. Without sources of its own it asks where the node does.
pub(super) fn read_treasury(
    section: &Section<'_>,
    network: Network,
    node: Option<&NodeConfig>,
) -> Option<Option<TreasuryConfig>> {
    let wallet = section.parsed("wallet", Means("none"), |text| match text {
        "none" | "segwit" | "taproot" | "watch-only" => Ok(text.to_owned()),
        other => {
            Err(format!("{other:?} is no kind of wallet; write \"none\", \"segwit\", \"taproot\" or \"watch-only\""))
        }
    });
    let watched = wallet.as_deref() == Some("watch-only");
    let descriptor = match watched {
        true => section.parsed("descriptor", IsWrong(EXAMPLE), |text| check_descriptor(text, network)).map(Some),
        false => section.optional("descriptor", |text| check_descriptor(text, network)),
    };
    let reserve_sat = section.number("reserve_sat", 0..=SUPPLY_SAT, Some(0));
    let fee_share_max_percent = section.number("fee_share_max_percent", 1..=100, Some(10));
    let first_block = section.number("first_block", 0..=10_000_000, Some(0));
    let stop_gap = section.number("stop_gap", 5..=1_000, Some(20));
    let chains: Vec<_> = section.list("chain").iter().map(|chain| read_chain(chain, network, Of::TheSavings)).collect();
    section.finish();
    let kind = match (wallet?.as_str(), descriptor?) {
        ("none", _) => None,
        ("taproot", _) => Some(TreasuryKind::Taproot),
        ("watch-only", Some(descriptor)) => Some(TreasuryKind::WatchOnly(descriptor)),
        _ => Some(TreasuryKind::Segwit),
    };
    let mut chains: Vec<_> = chains.into_iter().collect::<Option<_>>()?;
    if chains.is_empty() {
        chains.push(node?.chain.clone());
    }
    let (reserve_sat, fee_share_max_percent) = (reserve_sat?, fee_share_max_percent?);
    let whole = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let (first_block, stop_gap) = (whole(first_block?), whole(stop_gap?));
    Some(kind.map(|kind| TreasuryConfig { kind, reserve_sat, fee_share_max_percent, first_block, stop_gap, chains }))
}

const SUPPLY_SAT: u64 = 2_100_000_000_000_000;
const EXAMPLE: &str = "wpkh([d34db33f/84h/0h/0h]xpub6C.../<0;1>/*)";
