//! What serves whoever asks, and what happens by the clock, from start to stop.

use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::engine::Event;
use crate::lightning::LightningService;
use crate::status::StatusSource;
use crate::tasks::{EngineHandle, compare_wallet, publish_costs};
use crate::{backup, control, web};

/// The page, the CLI's socket, the wallet's reports and the engine's clock ticks.
pub(super) fn start_servers(
    mut servers: JoinSet<()>,
    parts: &StatusSource,
    web: Option<TcpListener>,
    socket: UnixListener,
) -> JoinSet<()> {
    if let Some(listener) = web {
        servers.spawn(web::serve(listener, parts.clone()));
    }
    servers.spawn(control::serve(socket, parts.clone()));
    servers.spawn(forward_reports(parts.lightning.clone(), parts.engine.clone()));
    servers.spawn(compare_wallet(parts.lightning.clone(), parts.engine.clone(), parts.clock.clone()));
    servers.spawn(announce_ready(parts.lightning.clone(), parts.engine.clone()));
    servers.spawn(tick(parts.engine.clone()));
    let StatusSource { settings, engine, latest, clock, .. } = parts.clone();
    servers.spawn(publish_costs(settings, engine, latest, clock));
    servers.spawn(watch_file(parts.clone()));
    servers.spawn(backup::run(parts.clone()));
    servers
}

/// Each report is committed before the wallet may forget it, so none is lost; the engine ignores repetitions.
async fn forward_reports(lightning: LightningService, engine: EngineHandle) {
    while let Some(report) = lightning.next_report().await {
        if engine.submit(report).await.is_err() {
            return;
        }
        lightning.report_handled().await;
    }
}

async fn announce_ready(lightning: LightningService, engine: EngineHandle) {
    loop {
        lightning.next_ready().await;
        if engine.submit(Event::WalletReady).await.is_err() {
            return;
        }
    }
}

/// Takes up what somebody changes in the configuration file by hand.
async fn watch_file(source: StatusSource) {
    let mut beat = interval(FILE_LOOKS);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        source.look_for_changes_by_hand().await;
    }
}

async fn tick(engine: EngineHandle) {
    let mut beat = interval(TICK);
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        beat.tick().await;
        if engine.submit(Event::Tick).await.is_err() {
            return;
        }
    }
}

const FILE_LOOKS: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(500);
