//! The provider at the other end of the channels: whether it answers, what it takes, and what its channels have cost.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::event::Opening;
use super::{Engine, EngineError, Step};
use crate::clock::Now;
use crate::domain::invoice::PaymentHash;
use crate::domain::money::MSAT_PER_SAT;
use crate::store::StoreError;

/// What a peer takes for passing a payment on to this node (`channel_update` of BOLT 7); who pays pays that, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// For each payment, in millisatoshis.
    pub base_msat: u32,
    /// For each million millisatoshis.
    pub ppm: u32,
    /// So many blocks earlier it wants to know how a payment ends.
    pub blocks: u16,
}

/// What the LSP asks for opening a channel for an amount that comes in (LSPS2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpeningPrice {
    /// What comes in, in millisatoshis.
    pub amount_msat: u64,
    /// What it keeps of that.
    pub fee_msat: u64,
}

impl OpeningPrice {
    /// Whether it must come from other terms than `before` did, and dearer ones: for no more than then it asks more. A price
    /// never falls where the amount grows (LSPS2: a share of it, and a least fee).
    fn is_dearer_than(self, before: OpeningPrice) -> bool {
        self.amount_msat <= before.amount_msat && self.fee_msat > before.fee_msat
    }

    /// The same the other way round.
    fn is_cheaper_than(self, before: OpeningPrice) -> bool {
        self.amount_msat >= before.amount_msat && self.fee_msat < before.fee_msat
    }
}

impl Engine {
    /// The provider has been away for long, or is there; recorded once.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn note_provider(&mut self, now: Now, is_away: bool) -> Result<(), EngineError> {
        self.transact(now, |step| match (step.tx.meta(PROVIDER_AWAY)?, is_away) {
            (None, true) => {
                step.tx.set_meta(PROVIDER_AWAY, &step.now.wall.0.to_string())?;
                step.record(json!({"event": "provider_away"}))
            }
            (Some(_), false) => {
                step.tx.clear_meta(PROVIDER_AWAY)?;
                step.record(json!({"event": "provider_back"}))
            }
            _ => Ok(()),
        })
        .map(drop)
    }

    /// What the provider takes on one of its channels now; recorded where it took something else before.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn note_terms(&mut self, now: Now, channel: &str, terms: Terms) -> Result<(), EngineError> {
        self.transact(now, |step| {
            let before: Option<Terms> = step.swap(&format!("{TERMS}:{channel}"), &terms)?;
            match before.filter(|before| (before.base_msat, before.ppm) != (terms.base_msat, terms.ppm)) {
                Some(before) => step.record(json!({
                    "event": "provider_terms", "channel": channel, "base_msat": terms.base_msat, "ppm": terms.ppm,
                    "blocks": terms.blocks, "before": before,
                })),
                None => Ok(()),
            }
        })
        .map(drop)
    }

    /// What `lsp` asked for opening a channel; recorded where that shows that its terms have changed.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn note_opening_price(&mut self, now: Now, lsp: &str, price: OpeningPrice) -> Result<(), EngineError> {
        self.transact(now, |step| {
            let before: Option<OpeningPrice> = step.swap(&format!("{PRICE}:{lsp}"), &price)?;
            let event = match before {
                Some(before) if price.is_dearer_than(before) => "opening_dearer",
                Some(before) if price.is_cheaper_than(before) => "opening_cheaper",
                _ => return Ok(()),
            };
            step.record(json!({
                "event": event, "peer": lsp, "amount_msat": price.amount_msat, "fee_msat": price.fee_msat, "before": before,
            }))
        })
        .map(drop)
    }

    /// What each of these channels has cost so far, in satoshis, rounded up: the chain's fees for what went into it and out
    /// of it, and what the LSP kept for opening it.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn channel_costs_sat(&mut self, channels: &[String]) -> Result<Vec<u64>, EngineError> {
        let (tx, service) = (self.store.begin()?, &self.rules.service);
        let costs = channels.iter().map(|channel| {
            let kept_msat =
                tx.meta(&format!("{OPENED}:{channel}"))?.and_then(|text| text.parse().ok()).unwrap_or(0_u64);
            Ok(tx.channel_cost_sat(service, channel)?.saturating_add(kept_msat.div_ceil(MSAT_PER_SAT)))
        });
        Ok(costs.collect::<Result<_, StoreError>>()?)
    }
}

impl Step<'_> {
    /// The LSP kept something of a payment for the channel that it opened. A report may come twice.
    pub(super) fn on_opening(&mut self, hash: &PaymentHash, opening: &Opening) -> Result<(), StoreError> {
        let by = format!("{OPENED_BY}:{hash}");
        if self.tx.meta(&by)?.is_some() {
            return Ok(());
        }
        let mut unmarked = Vec::new();
        for channel in &opening.channels {
            if self.tx.meta(&format!("{OPENED}:{channel}"))?.is_none() {
                unmarked.push(channel.as_str());
            }
        }
        // With several, from before this was noted, it is not known which one it is.
        let opened = match unmarked[..] {
            [channel] => Some(channel),
            _ => None,
        };
        if let Some(channel) = opened {
            self.tx.set_meta(&format!("{OPENED}:{channel}"), &opening.fee.0.to_string())?;
        }
        self.tx.set_meta(&by, opened.unwrap_or_default())?;
        self.record(json!({
            "event": "channel_opened", "channel": opened, "hash": hash.to_string(), "fee_msat": opening.fee.0,
        }))
    }

    /// What was kept under this key before.
    fn swap<T: Serialize + for<'a> Deserialize<'a> + PartialEq>(
        &mut self,
        key: &str,
        now: &T,
    ) -> Result<Option<T>, StoreError> {
        let before = self.tx.meta(key)?.and_then(|text| serde_json::from_str(&text).ok());
        if before.as_ref() != Some(now) {
            self.tx.set_meta(key, &json!(now).to_string())?;
        }
        Ok(before)
    }
}

/// Key in the table `meta`: since when the provider has been away.
const PROVIDER_AWAY: &str = "provider_away";
/// Keys in the table `meta`, followed by a colon and a channel, ...
const TERMS: &str = "provider_terms";
/// ... a node's key, ...
const PRICE: &str = "opening_price";
/// ... a channel, with millisatoshis ...
const OPENED: &str = "channel_opened";
/// ... and a payment, with the channel where that is known.
const OPENED_BY: &str = "channel_opened_by";
