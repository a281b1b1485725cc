//! What is still to be set up: in order, each step on the page it belongs to, to be left and taken up at any time.

use super::wallet;
use crate::status::{Status, StatusSource};

/// A step of the way.
pub(super) struct Step {
    /// What it is called in the catalogue.
    pub name: &'static str,
    /// Where it is done.
    pub path: &'static str,
    pub is_done: bool,
}

/// Every step; none once all are done.
pub(super) fn steps(source: &StatusSource, status: &Status) -> Vec<Step> {
    let config = source.config();
    let has_wallet = config.wallet.is_some() || config.node.lsp.is_some();
    let has_money = status.totals.received_msat > 0 || status.lightning.balance_msat > 0;
    let mut steps = vec![
        Step { name: "setup-house", path: "/settings", is_done: config.name != DEFAULT_NAME },
        Step { name: "setup-wallet", path: "/wallet/service", is_done: has_wallet },
    ];
    if config.wallet.is_none() {
        steps.push(Step { name: "setup-words", path: "/wallet/words", is_done: wallet::words_are_checked(source) });
    }
    let has_meter = !config.meters.is_empty() || !config.pulse_meters.is_empty();
    steps.push(Step { name: "setup-device", path: "/devices/new", is_done: has_meter });
    steps.push(Step { name: "setup-agreement", path: "/agreements/new", is_done: !config.agreements.is_empty() });
    steps.push(Step { name: "setup-money", path: "/wallet", is_done: has_money });
    if steps.iter().all(|step| step.is_done) { Vec::new() } else { steps }
}

/// What a house is called that nobody named.
const DEFAULT_NAME: &str = "My house";
