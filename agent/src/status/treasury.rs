//! The on-chain wallet: what happened in it, as it is shown.

use bitcoin::Txid;

use super::StatusSource;
use crate::store::OnchainTx;
use crate::tasks::{EngineGone, Unanswered};
use crate::text::cleaned;
use crate::treasury::NOT_TAKEN;
use crate::treasury::TxView;

impl StatusSource {
    /// The newest transactions of the on-chain wallet: those that wait for a block first, then by height. Empty without one.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn onchain_history(&self, most: u32) -> Result<Vec<TxView>, Unanswered> {
        let Some(treasury) = &self.treasury else { return Ok(Vec::new()) };
        let view = treasury.view();
        let id = view.id.clone();
        let known = self.engine.look(move |engine| engine.onchain_history(&id, most)).await?;
        Ok(known.into_iter().map(|tx| shown(tx, view.height)).collect())
    }

    /// Writes beside a transaction what the owner says it was; an empty text takes that away. False when there is none.
    ///
    /// # Errors
    /// [`EngineGone`].
    pub async fn label_onchain(&self, txid: Txid, label: &str) -> Result<bool, EngineGone> {
        let Some(treasury) = &self.treasury else { return Ok(false) };
        let (id, label) = (treasury.view().id, label_of(label));
        self.engine.work(move |engine, _| engine.label(&id, &txid, label.as_deref())).await
    }
}

/// What the owner wrote, made fit to keep.
pub(crate) fn label_of(text: &str) -> Option<String> {
    Some(cleaned(text, LABEL_CHARS_MAX)).filter(|label| !label.is_empty())
}

fn shown(tx: OnchainTx, tip: u32) -> TxView {
    let (currency, cents) = tx.rate.map_or((None, None), |(currency, cents)| (Some(currency), Some(cents)));
    TxView {
        txid: tx.txid.to_string(),
        net_sat: tx.net_sat,
        fee_sat: tx.fee_sat.filter(|_| tx.net_sat < 0),
        height: tx.height,
        confirmations: tx.height.map_or(0, |height| tip.saturating_sub(height).saturating_add(1)),
        first_ms: tx.first_at.0,
        purpose: tx.purpose,
        label: tx.label,
        can_be_given_up: tx.address.is_some()
            && tx.taken_at.is_none()
            && tx.height.is_none()
            && tx.net_sat != 0
            && tx.replaces.is_none()
            && tx.of_move.is_none()
            && tx.fault.as_ref().is_some_and(|fault| fault.contains(NOT_TAKEN)),
        address: tx.address,
        is_gone: tx.net_sat == 0 && tx.height.is_none(),
        fault: tx.fault.filter(|_| tx.height.is_none()),
        worth_cents: cents.map(|cents| worth(tx.net_sat, cents)),
        currency,
    }
}

/// In hundredths, rounded towards zero.
fn worth(sat: i64, cents_per_btc: u64) -> i64 {
    let worth = i128::from(sat) * i128::from(cents_per_btc) / SAT_PER_BTC;
    i64::try_from(worth).unwrap_or(i64::MAX)
}

const SAT_PER_BTC: i128 = 100_000_000;
const LABEL_CHARS_MAX: usize = 200;
