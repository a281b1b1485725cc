//! Asks the wallet for its history and balance: at start, whenever money may have moved, and its balance every hour.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{EngineGone, EngineHandle};
use crate::clock::Clock;
use crate::domain::money::{Msat, UnixMillis};
use crate::engine::{Comparison, Event, Mark};
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
    Ok(compare_with(lightning, mark, with_balance).await)
}

async fn compare_with(
    lightning: &LightningService,
    mark: Mark,
    with_balance: bool,
) -> Result<Comparison, ServiceFault> {
    // Before the list, so that what the balance holds is in it.
    let balance = if with_balance { optional(lightning.balance().await)? } else { None };
    let node_id = balance.as_ref().map(|balance| balance.node_id.clone()).filter(|id| is_node_key(id));
    let mut amount = balance.map(|balance| balance.balance_msat);
    let mut listed = match lightning.list_since(mark.since).await {
        Ok(listed) => Some(listed),
        // Once it has told, it can: then this is a disturbance, and a restored ledger would go unnoticed.
        Err(fault) if mark.first && cannot(&fault) => None,
        Err(fault) => return Err(fault),
    };
    if mark.first && listed.as_ref().is_some_and(Vec::is_empty) {
        listed = Some(lightning.list_since(UnixMillis(0)).await?);
    }
    // What arrived meanwhile may be in the list and not in the balance; the next round begins with a new one.
    if mark.first && amount.is_some() && optional(lightning.balance().await)?.map(|now| now.balance_msat) != amount {
        amount = None;
    }
    Ok(Comparison { mark, node_id, listed, balance: amount.map(Msat) })
}

fn optional<T>(answer: Result<T, ServiceFault>) -> Result<Option<T>, ServiceFault> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(fault) if cannot(&fault) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// This wallet, or this credential, never tells; waiting for it would keep every payment back for ever.
fn cannot(fault: &ServiceFault) -> bool {
    matches!(fault.trouble, Trouble::Unsupported(_) | Trouble::Permission)
}

/// A compressed public key in hex; some wallets have a name of their owner's choice instead.
fn is_node_key(id: &str) -> bool {
    id.len() == NODE_KEY_CHARS && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The node reports what comes in by itself.
fn longest(lightning: &LightningService) -> Duration {
    match lightning.kind() {
        Some(ServiceKind::Node) => Duration::from_millis(BALANCE_EVERY_MS),
        _ => LIST_EVERY,
    }
}

const NODE_KEY_CHARS: usize = 66;
const PAUSE_FIRST: Duration = Duration::from_secs(2);
const PAUSE_LONGEST: Duration = Duration::from_secs(120);
const LIST_EVERY: Duration = Duration::from_secs(120);
const BALANCE_EVERY_MS: u64 = 3_600_000;
