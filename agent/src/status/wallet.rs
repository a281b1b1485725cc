//! The wallet's last answer, asked for while somebody looks. Nobody who looks waits for a wallet that does not answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::lightning::{Balance, LightningService, ServiceFault, ServiceKind, Trouble};

/// What the wallet said of itself. Clones share it, and the wallet is asked once for all who look.
#[derive(Clone)]
pub struct WalletView {
    lightning: LightningService,
    clock: Clock,
    pace: Pace,
    seen: Arc<watch::Sender<Seen>>,
}

/// What is known of the wallet at one instant.
#[derive(Clone, Debug, Default)]
pub(super) struct WalletAnswer {
    /// Its last answer; nothing, while it has given none.
    pub(super) balance: Balance,
    /// How old that is.
    pub(super) age_ms: Option<u64>,
    /// Why it did not answer when it was asked last.
    pub(super) fault: Option<String>,
}

/// How often the wallet is asked, and how long is waited for it; in ms.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Whoever looks waits for so long after the wallet was asked.
    view_wait: u64,
    /// It is asked so often while somebody looks ...
    every: u64,
    /// ... and so often while money moves.
    while_moving: u64,
}

#[derive(Default)]
struct Seen {
    answer: Option<(Balance, u64)>,
    fault: Option<String>,
    asked: Option<Asked>,
}

/// The last time it was asked.
struct Asked {
    at_ms: u64,
    answered: bool,
    /// What the ledger held then.
    ledger_msat: i64,
}

impl WalletView {
    /// Asks nothing yet.
    pub fn new(lightning: LightningService, clock: Clock) -> WalletView {
        // The node in this process costs nobody anything.
        let every = if lightning.kind() == Some(ServiceKind::Node) { 0 } else { 30_000 };
        WalletView::at_pace(lightning, clock, Pace { view_wait: 2_000, every, while_moving: 5_000 })
    }

    fn at_pace(lightning: LightningService, clock: Clock, pace: Pace) -> WalletView {
        WalletView { lightning, clock, pace, seen: Arc::default() }
    }

    /// What is known now. The wallet is asked again when that is old, and soon when the ledger tells that money moved.
    pub(super) async fn look(&self, ledger_msat: i64) -> WalletAnswer {
        if self.begins_to_ask(ledger_msat) {
            // On its own, so that the answer is kept also when whoever looks goes away.
            tokio::spawn(self.clone().ask());
        }
        let now = self.clock.elapsed_ms();
        let asked_ms = self.seen.borrow().asked.as_ref().map_or(now, |asked| asked.at_ms);
        let patience = self.pace.view_wait.saturating_sub(now.saturating_sub(asked_ms));
        let mut seen = self.seen.subscribe();
        // Whoever waited in vain is shown what was known before.
        let _ = timeout(Duration::from_millis(patience), seen.wait_for(|seen| !seen.is_asking())).await;
        let seen = self.seen.borrow();
        let now = self.clock.elapsed_ms();
        let balance = seen.answer.as_ref().map(|(balance, _)| balance.clone()).unwrap_or_default();
        let age_ms = seen.answer.as_ref().map(|(_, at_ms)| now.saturating_sub(*at_ms));
        WalletAnswer { balance, age_ms, fault: seen.fault.clone() }
    }

    /// True for the one who has to ask.
    fn begins_to_ask(&self, ledger_msat: i64) -> bool {
        let (now, pace) = (self.clock.elapsed_ms(), self.pace);
        self.seen.send_if_modified(|seen| {
            let due = seen.asked.as_ref().is_none_or(|asked| {
                let since = now.saturating_sub(asked.at_ms);
                let moved = asked.answered && asked.ledger_msat != ledger_msat;
                since >= ASKED_FOR_GOOD_MS
                    || asked.answered && since >= pace.every
                    || moved && since >= pace.while_moving
            });
            if due {
                seen.asked = Some(Asked { at_ms: now, answered: false, ledger_msat });
            }
            due
        })
    }

    async fn ask(self) {
        let answer = match timeout(ASK_WAIT, self.lightning.balance()).await {
            Ok(answer) => answer,
            Err(_) => Err(ServiceFault::new(self.lightning.kind().unwrap_or(ServiceKind::Node), Trouble::TooSlow)),
        };
        let now = self.clock.elapsed_ms();
        self.seen.send_modify(|seen| {
            match answer {
                Ok(balance) => (seen.answer, seen.fault) = (Some((balance, now)), None),
                Err(fault) => seen.fault = Some(fault.to_string()),
            }
            if let Some(asked) = &mut seen.asked {
                asked.answered = true;
            }
        });
    }
}

impl Seen {
    fn is_asking(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| !asked.answered)
    }
}

/// Some wallets are asked several things in turn, each with a time limit of its own.
const ASK_WAIT: Duration = Duration::from_secs(25);
/// Longer than it can take: asked again whatever became of the question.
const ASKED_FOR_GOOD_MS: u64 = 60_000;

#[cfg(test)]
pub(super) mod tests;
