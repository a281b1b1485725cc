//! Asks the wallet for its history and balance: at start, whenever money may have moved, and its balance every hour.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{EngineGone, EngineHandle};
use crate::clock::Clock;
use crate::domain::money::Msat;
use crate::engine::{Comparison, Event};
use crate::lightning::{LightningService, ServiceFault, ServiceKind, Trouble};

/// Compares until the engine is gone. Hints only wake it; the wallet's own list decides.
pub async fn compare_wallet(lightning: LightningService, engine: EngineHandle, clock: Clock) {
    // The engine being gone ends the program; there is nobody left to tell.
    let _ = compare(&lightning, &engine, &clock).await;
}

async fn compare(lightning: &LightningService, engine: &EngineHandle, clock: &Clock) -> Result<(), EngineGone> {
    if lightning.kind().is_none() {
        return Ok(()); // Nothing is paid or received without a wallet.
    }
    let (mut pause, mut balance_due) = (PAUSE_FIRST, 0);
    loop {
        let with_balance = clock.elapsed_ms() >= balance_due;
        match ask(lightning, engine, with_balance).await? {
            Ok(comparison) => {
                engine.submit(Event::Compared(comparison)).await?;
                pause = PAUSE_FIRST;
                if with_balance {
                    balance_due = clock.elapsed_ms().saturating_add(BALANCE_EVERY_MS);
                }
                // A hint may get lost, and one that comes at once must not turn this into a busy loop.
                let _ = timeout(longest(lightning), lightning.next_hint()).await;
                sleep(PAUSE_FIRST).await;
            }
            Err(fault) => {
                tracing::warn!(%fault, "the wallet could not be compared with the ledger");
                engine.submit(Event::NotCompared(fault.to_string())).await?;
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE_LONGEST);
            }
        }
    }
}

async fn ask(
    lightning: &LightningService,
    engine: &EngineHandle,
    with_balance: bool,
) -> Result<Result<Comparison, ServiceFault>, EngineGone> {
    let mark = engine.mark().await?;
    // Before the list, so that what the balance holds is in it.
    let balance = match with_balance {
        true => match lightning.balance().await {
            Ok(balance) => Some(Msat(balance.balance_msat)),
            Err(fault) if cannot(&fault) => None,
            Err(fault) => return Ok(Err(fault)),
        },
        false => None,
    };
    Ok(match lightning.list_since(mark.since).await {
        Ok(listed) => Ok(Comparison { mark, listed: Some(listed), balance }),
        Err(fault) if cannot(&fault) => Ok(Comparison { mark, listed: None, balance }),
        Err(fault) => Err(fault),
    })
}

/// This wallet, or this credential, never tells; waiting for it would keep every payment back for ever.
fn cannot(fault: &ServiceFault) -> bool {
    matches!(fault.trouble, Trouble::Unsupported(_) | Trouble::Permission)
}

/// The node reports what comes in by itself.
fn longest(lightning: &LightningService) -> Duration {
    match lightning.kind() {
        Some(ServiceKind::Node) => Duration::from_millis(BALANCE_EVERY_MS),
        _ => LIST_EVERY,
    }
}

const PAUSE_FIRST: Duration = Duration::from_secs(2);
const PAUSE_LONGEST: Duration = Duration::from_secs(120);
const LIST_EVERY: Duration = Duration::from_secs(120);
const BALANCE_EVERY_MS: u64 = 3_600_000;
