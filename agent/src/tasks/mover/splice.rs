//! Changing what a channel holds: what the node has agreed to do it goes on with, over restarts too, until it reports an end.

use super::Mover;
use super::node::{PROVIDER_AWAY, channel_of};
use super::open::DEARER;
use crate::domain::refill::{OPENING_VB, SPLICE_VB};
use crate::engine::MoveStep;
use crate::lightning::Trouble;
use crate::lightning::node::{NodeFunds, NodeService};
use crate::store::{ASKED_LONG_MS, MoveRow};
use crate::tasks::Unanswered;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Splice {
    In,
    Out,
}

impl Mover {
    /// Goes on with what an earlier start of this program, or this one, has told the node. False once nothing comes of it.
    ///
    /// The node takes up what it had agreed to when it meets the peer again, and refuses a second one meanwhile. So it is told
    /// once more after a restart: then either it had forgotten it, or it refuses.
    pub(super) async fn go_on_splicing(
        &mut self,
        open: &MoveRow,
        node: &NodeService,
        funds: &NodeFunds,
        way: Splice,
    ) -> Result<bool, Unanswered> {
        let Some(channel) = channel_of(open, funds) else { return Ok(false) };
        let now = self.clock.elapsed_ms();
        if !channel.is_usable {
            self.tries.refused_at = self.tries.refused_at.map(|_| now);
            self.stuck(open, PROVIDER_AWAY).await?;
            return Ok(true);
        }
        if open.fault.as_deref() == Some(PROVIDER_AWAY) {
            self.note(open, MoveStep::Stuck(None)).await?;
        }
        if self.tries.told {
            if self.clock.now().wall.since(open.changed_at) > ASKED_LONG_MS {
                self.stuck(open, NO_ANSWER).await?;
            }
            // Refused, and no word for as long as the channel worked: there was nothing to go on with.
            return Ok(self.tries.refused_at.is_none_or(|since| now.saturating_sub(since) < REFUSED_MS));
        }
        if let Err(why) = self.may_go_on(open).await? {
            self.stuck(open, &why).await?;
            return Ok(true);
        }
        if self.is_dearer(open, if way == Splice::In { OPENING_VB } else { SPLICE_VB }) {
            self.stuck(open, DEARER).await?;
            return Ok(true);
        }
        self.tries.told = true;
        let told = match (way, &open.address) {
            (Splice::In, _) => node.splice_in(&channel.id, open.amount_sat).await,
            (Splice::Out, Some(address)) => node.splice_out(&channel.id, address, open.amount_sat).await,
            (Splice::Out, None) => return Ok(false),
        };
        match told {
            Ok(()) => {}
            Err(fault) if fault.trouble == Trouble::NotReady => self.tries.told = false,
            Err(_) => self.tries.refused_at = Some(now),
        }
        Ok(true)
    }
}

/// Once both sides are there, it takes seconds.
const REFUSED_MS: u64 = 3_600_000;
const NO_ANSWER: &str =
    "The provider has been asked for a day and has not agreed. You can take it back, or go on waiting.";
