//! What systemd is told, and what it hands over. Where it did not start this program, nothing happens here.
//!
//! Sources: sd_notify(3), sd_listen_fds(3), systemd.service(5) `WatchdogSec=`, systemd.exec(5) `$JOURNAL_STREAM`.

use std::os::fd::AsFd as _;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::engine::Snapshot;
use crate::heartbeats::{Heartbeats, STANDSTILL};
use crate::tasks::EngineHandle;

/// The socket that systemd opened for the command line. To be asked once, before there are threads.
pub fn handed_socket() -> Option<UnixListener> {
    ListenFd::from_env().take_unix_listener(0).ok().flatten()
}

/// What this program writes to standard error goes to systemd's journal, which takes fields too.
pub fn logs_to_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(own) = rustix::fs::fstat(std::io::stderr().as_fd()) else { return false };
    stream == format!("{}:{}", own.st_dev, own.st_ino)
}

/// Everything that is to run does.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The end has begun.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("Stopping: meters close their intervals, relays are off")]);
}

/// Says in a line how it goes, and to the watchdog that all loops turn, for as long as they do. Never ends.
///
/// The engine's loop is one of them: it has to answer.
pub async fn attend(engine: EngineHandle, hearts: Heartbeats) {
    let mut beat = interval(period());
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut news, mut said, mut told_still) = (engine.news(), String::new(), Vec::new());
    news.mark_changed();
    loop {
        beat.tick().await;
        let is_new = news.has_changed().unwrap_or(false);
        news.mark_unchanged();
        let answered = match is_new {
            true => timeout(STANDSTILL, engine.snapshot()).await.map(|snapshot| snapshot.ok().as_ref().map(line)),
            false => timeout(STANDSTILL, engine.look(|_| Ok(()))).await.map(|_| None),
        };
        let mut still = hearts.standing_still();
        match answered {
            Ok(Some(line)) if line != said => {
                tell(&[NotifyState::Status(&line)]);
                said = line;
            }
            Ok(_) => {}
            Err(_) => {
                news.mark_changed();
                still.push("the payment engine".to_owned());
            }
        }
        if still.is_empty() {
            tell(&[NotifyState::Watchdog]);
        } else if still != told_still {
            tracing::error!(
                loops = still.join(", "),
                "NOT EVERY LOOP TURNS; if that lasts, the watchdog starts Kilosat anew"
            );
        }
        told_still = still;
    }
}

/// Lets systemd wait for `work`, a start, for some minutes: a large database on a slow card takes a while to open. It is told
/// so by a task of its own, whatever blocks meanwhile.
pub async fn bear_with<T>(work: impl Future<Output = T>) -> T {
    // Dropped with this future, too.
    let mut beats = JoinSet::new();
    beats.spawn(async {
        let mut beat = interval(period());
        for _ in 0..START_MAX.as_millis() / period().as_millis().max(1) {
            beat.tick().await;
            tell(&[NotifyState::Watchdog, NotifyState::ExtendTimeoutUsec(EXTENSION_US)]);
        }
    });
    work.await
}

/// A fifth of what the watchdog grants.
fn period() -> Duration {
    sd_notify::watchdog_enabled().map_or(PERIOD, |granted| granted / 5)
}

fn tell(state: &[NotifyState<'_>]) {
    // Nobody is there to be told, or the watchdog notices.
    let _ = sd_notify::notify(state);
}

/// What `systemctl status` shows.
fn line(snapshot: &Snapshot) -> String {
    let state = match (&snapshot.lock, snapshot.stopped) {
        (Some(why), _) => format!("Payments are locked: {why}"),
        (None, true) => "Payments are stopped by the owner; kilosat resume".to_owned(),
        (None, false) => "Running".to_owned(),
    };
    let asked = snapshot.questions.iter().filter(|question| !question.declined).count();
    let asked = (asked > 0).then(|| format!("{asked} payment(s) wait for your word"));
    let open = (snapshot.open_payments > 0).then(|| format!("{} payment(s) on their way", snapshot.open_payments));
    let settled = format!("{} payment(s) settled", snapshot.totals.payments_settled);
    [Some(state), asked, open, Some(settled)].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Where no watchdog is set.
const PERIOD: Duration = Duration::from_secs(5);
const START_MAX: Duration = Duration::from_secs(900);
const EXTENSION_US: u32 = 60_000_000;
