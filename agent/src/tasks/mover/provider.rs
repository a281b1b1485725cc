//! Whether the provider is there and what it takes: nothing is closed by itself when that changes, and the owner is told.

use std::collections::BTreeMap;

use super::Mover;
use crate::engine::Terms;
use crate::lightning::node::Channel;
use crate::tasks::Unanswered;

/// What is known of the provider since this program started.
#[derive(Clone, Debug, Default)]
pub(super) struct Provider {
    /// Since when no channel works although there are some, in monotonic ms.
    away_since: Option<u64>,
    /// What the engine was told last.
    told: Option<bool>,
    /// What the provider takes on each of its channels, as the engine was told.
    terms: BTreeMap<String, Terms>,
}

impl Mover {
    /// Tells the engine once that the provider has been away for long, and once that it is back.
    pub(super) async fn mind_provider(&mut self) -> Result<(), Unanswered> {
        let Some(node) = self.lightning.node() else { return Ok(()) };
        let Ok(funds) = node.funds().await else { return Ok(()) };
        let is_away = nobody_answers(&funds.channels);
        let now = self.clock.elapsed_ms();
        let away_since = is_away.then(|| self.provider.away_since.unwrap_or(now));
        self.provider.away_since = away_since;
        let is_long = away_since.is_some_and(|since| now.saturating_sub(since) >= AWAY_MS);
        // Away for a moment is no news, and neither is that there is no channel any more.
        let is_back = funds.channels.iter().any(|channel| channel.is_usable);
        if (is_long || is_back) && self.provider.told != Some(is_long) {
            self.provider.told = Some(is_long);
            self.engine.work(move |engine, now| engine.note_provider(now, is_long)).await?;
        }
        let lsp = self.settings.config().node.lsp.as_ref().map(|(key, _)| key.clone());
        let with_lsp = funds.channels.iter().filter(|channel| lsp.as_ref() == Some(&channel.peer));
        let told: BTreeMap<_, _> = with_lsp.filter_map(|channel| Some((channel.id.clone(), channel.terms?))).collect();
        for (channel, terms) in &told {
            if self.provider.terms.get(channel) != Some(terms) {
                let (channel, terms) = (channel.clone(), *terms);
                self.engine.work(move |engine, now| engine.note_terms(now, &channel, terms)).await?;
            }
        }
        self.provider.terms = told;
        if let Some((lsp, price)) = node.take_price() {
            self.engine.work(move |engine, now| engine.note_opening_price(now, &lsp, price)).await?;
        }
        Ok(())
    }
}

/// There are channels, and none works.
fn nobody_answers(channels: &[Channel]) -> bool {
    let mut ready = channels.iter().filter(|channel| channel.is_ready).peekable();
    ready.peek().is_some() && !ready.any(|channel| channel.is_usable)
}

const AWAY_MS: u64 = 3_600_000;
