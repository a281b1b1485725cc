//! The history's own thread, and the questions it answers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};

use super::bucket::{Bucket, Level, Range, Timed};
use super::database::HistoryFault;
use super::keeper::{Batch, DATABASE, Keeper, Key, set_aside};
use super::{Recorder, Settings};
use crate::clock::Clock;

/// Asks the history. Clones share it.
#[derive(Clone, Debug)]
pub struct History {
    commands: mpsc::Sender<Command>,
    recorder: Recorder,
    settings: Settings,
    /// From one write to the next: the house's time may run faster.
    every: Duration,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryGone {
    /// Nobody answers any more.
    #[error("the history has stopped; restart Kilosat")]
    Stopped,
    /// The history cannot be read.
    #[error("{0}")]
    Unreadable(String),
}

/// What there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Extent {
    /// When the oldest value is of, in ms since 1970; `None` when there is none.
    pub from_ms: Option<i64>,
    /// The size of `history.db`.
    pub bytes: u64,
    /// Why nothing is recorded, in one sentence.
    pub fault: Option<String>,
    /// When a damaged history was set aside and a new one begun, in ms since 1970.
    pub damaged_ms: Option<i64>,
}

type Answer<T> = oneshot::Sender<Result<T, HistoryGone>>;

enum Command {
    Write(Batch, oneshot::Sender<()>),
    Keys(Answer<Vec<Key>>),
    Buckets(Key, Level, Range, Answer<Vec<Bucket>>),
    Values(Key, Range, Answer<Vec<Timed>>),
    Extent(oneshot::Sender<Extent>),
    End(oneshot::Sender<()>),
}

impl History {
    /// Starts the history of `directory`: what `recorder` takes is kept. The thread ends when every handle is dropped.
    pub fn start(directory: &Path, settings: Settings, clock: Clock, recorder: Recorder) -> History {
        // A minute that waits for the disk holds up a page, nothing else.
        let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
        let every = (settings.write_every / clock.speed().max(1)).max(WRITE_EVERY_MIN);
        let (directory, kept) = (directory.to_owned(), settings.clone());
        let thread = std::thread::Builder::new().name("history".to_owned());
        let served = thread.spawn(move || {
            // Nobody may be waiting for its end.
            if let Some(ended) = Served::open(directory, kept, clock).serve(receiver) {
                let _ = ended.send(());
            }
        });
        served.expect("a thread can be started");
        History { commands, recorder, settings, every }
    }

    /// Writes what waits, again and again, until the future is dropped.
    pub async fn run(self) {
        let mut beat = interval(self.every);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = beat.tick() => {}
                () = self.recorder.much.notified() => beat.reset(),
            }
            if self.write().await.is_err() {
                return;
            }
        }
    }

    /// Writes what waits; on disk when this returns, unless [`History::extent`] says why not.
    ///
    /// # Errors
    /// [`HistoryGone::Stopped`].
    pub async fn write(&self) -> Result<(), HistoryGone> {
        let (batch, lost) = self.recorder.take();
        if lost > 0 {
            tracing::warn!(lost, "values came faster than the history could be written; these are not in it");
        }
        self.ask(|answer| Command::Write(batch, answer)).await
    }

    /// Closes the database, whoever still has a handle; returns once that is done.
    ///
    /// # Errors
    /// [`HistoryGone::Stopped`]: it was closed already.
    pub async fn end(&self) -> Result<(), HistoryGone> {
        self.ask(Command::End).await
    }

    /// Every point there is or was.
    ///
    /// # Errors
    /// [`HistoryGone`].
    pub async fn keys(&self) -> Result<Vec<Key>, HistoryGone> {
        self.ask(Command::Keys).await?
    }

    /// The buckets of a point that touch `range`, oldest first; times without a value have none.
    ///
    /// # Errors
    /// [`HistoryGone`].
    pub async fn buckets(&self, key: Key, level: Level, range: Range) -> Result<Vec<Bucket>, HistoryGone> {
        self.ask(|answer| Command::Buckets(key, level, range, answer)).await?
    }

    /// The values of a point within `range`, oldest first.
    ///
    /// # Errors
    /// [`HistoryGone`].
    pub async fn values(&self, key: Key, range: Range) -> Result<Vec<Timed>, HistoryGone> {
        self.ask(|answer| Command::Values(key, range, answer)).await?
    }

    /// What there is.
    ///
    /// # Errors
    /// [`HistoryGone::Stopped`].
    pub async fn extent(&self) -> Result<Extent, HistoryGone> {
        self.ask(Command::Extent).await
    }

    /// Where values go that are to be kept.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// How it is kept.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, HistoryGone> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).await.map_err(|_| HistoryGone::Stopped)?;
        answered.await.map_err(|_| HistoryGone::Stopped)
    }
}

/// What the thread owns.
struct Served {
    directory: PathBuf,
    settings: Settings,
    clock: Clock,
    keeper: Option<Keeper>,
    fault: Option<String>,
    /// So many writes are not tried after the files could not be opened.
    pause: u32,
}

impl Served {
    fn open(directory: PathBuf, settings: Settings, clock: Clock) -> Served {
        let mut served = Served { directory, settings, clock, keeper: None, fault: None, pause: 0 };
        served.reopen();
        served
    }

    /// Until nobody can ask any more, or somebody ends it, who is told once all of this is closed.
    fn serve(mut self, mut commands: mpsc::Receiver<Command>) -> Option<oneshot::Sender<()>> {
        while let Some(command) = commands.blocking_recv() {
            // Whoever asked may be gone, which is as well.
            match command {
                Command::Write(batch, answer) => {
                    self.write(batch);
                    let _ = answer.send(());
                }
                Command::Keys(answer) => drop(answer.send(self.read(|keeper| Ok(keeper.keys())))),
                Command::Buckets(key, level, range, answer) => {
                    drop(answer.send(self.read(|keeper| keeper.buckets(&key, level, range))));
                }
                Command::Values(key, range, answer) => {
                    drop(answer.send(self.read(|keeper| keeper.values(&key, range))));
                }
                Command::Extent(answer) => drop(answer.send(self.extent())),
                Command::End(ended) => return Some(ended),
            }
        }
        None
    }

    fn write(&mut self, batch: Batch) {
        // Somebody may have deleted it to make room.
        let is_there = self.directory.join(DATABASE).exists();
        if self.keeper.is_none() || !is_there {
            self.keeper = None;
            // Looking through a large file is dear, and a disk does not heal in a minute.
            match self.pause.checked_sub(1) {
                Some(pause) => self.pause = pause,
                None => self.reopen(),
            }
        }
        let Some(keeper) = &mut self.keeper else { return };
        match keeper.add(batch) {
            Ok(()) => self.fault = None,
            Err(fault) => self.failed(&fault),
        }
    }

    fn failed(&mut self, fault: &HistoryFault) {
        tracing::warn!(%fault, "the history was not written");
        self.fault = Some(fault.to_string());
        if fault.is_damage() {
            self.keeper = None;
            let opened = self.begin_anew(fault);
            self.opened(opened);
        }
    }

    /// A damaged file is set aside, never repaired and never a reason to stop.
    fn reopen(&mut self) {
        let opened = match Keeper::open(&self.directory, self.settings.clone()) {
            Err(fault) if fault.is_damage() => self.begin_anew(&fault),
            opened => opened,
        };
        self.opened(opened);
    }

    fn opened(&mut self, opened: Result<Keeper, HistoryFault>) {
        match opened {
            Ok(keeper) => (self.keeper, self.fault) = (Some(keeper), None),
            Err(fault) => {
                tracing::warn!(%fault, "the history cannot be used");
                self.fault = Some(fault.to_string());
                self.pause = WRITES_PAUSED;
            }
        }
    }

    fn begin_anew(&self, fault: &HistoryFault) -> Result<Keeper, HistoryFault> {
        tracing::warn!(%fault, "the history is set aside as history.db.damaged and a new one begins; payments do not need it");
        set_aside(&self.directory)?;
        let mut keeper = Keeper::open(&self.directory, self.settings.clone())?;
        keeper.note_damage(i64::try_from(self.clock.house_now().0).unwrap_or(i64::MAX))?;
        Ok(keeper)
    }

    fn read<T>(&self, ask: impl FnOnce(&Keeper) -> Result<T, HistoryFault>) -> Result<T, HistoryGone> {
        let unreadable = |why: String| HistoryGone::Unreadable(why);
        match &self.keeper {
            Some(keeper) => ask(keeper).map_err(|fault| unreadable(fault.to_string())),
            None => Err(unreadable(self.fault.clone().unwrap_or_default())),
        }
    }

    fn extent(&self) -> Extent {
        let mut extent = self.keeper.as_ref().and_then(|keeper| keeper.extent().ok()).unwrap_or_default();
        extent.fault.clone_from(&self.fault);
        extent
    }
}

const COMMANDS_MAX: usize = 32;
const WRITE_EVERY_MIN: Duration = Duration::from_secs(1);
/// Ten minutes.
const WRITES_PAUSED: u32 = 10;

#[cfg(test)]
mod tests;
