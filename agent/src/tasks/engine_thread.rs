//! The engine's own thread: the one place where the money database is touched.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::{Clock, Now};
use crate::domain::meter::MeterState;
use crate::domain::window::Period;
use crate::engine::{Effect, Engine, EngineError, Event, Mark, Order, Rules, Snapshot, Verdict};
use crate::news::News;
use crate::store::{CopyFault, JournalEntry, Statement, StoreError};

/// Hands events to the engine and waits for their commit. Clones share the engine.
#[derive(Clone, Debug)]
pub struct EngineHandle {
    commands: mpsc::Sender<Command>,
    news: News,
}

/// The engine has stopped; the reason is with whoever started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the payment engine has stopped")]
pub struct EngineGone;

/// Why a question about the past has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// Nobody answers any more.
    #[error(transparent)]
    Gone(#[from] EngineGone),
    /// This question cannot be answered; the engine goes on.
    #[error("the ledger has no answer to this question ({0}). Nothing was changed, and payments go on")]
    Question(String),
}

/// Why the money database was not copied.
#[derive(Debug, thiserror::Error)]
pub enum Uncopied {
    /// The engine does not answer.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    /// The copy failed.
    #[error(transparent)]
    Copy(#[from] CopyFault),
}

enum Command {
    Handle(Event, oneshot::Sender<()>),
    /// The answer of somebody who was asked when so many sets of rules had been replaced.
    Answer(Asked, Event, oneshot::Sender<()>),
    Meter(String, oneshot::Sender<Option<MeterState>>),
    Obey(Order, oneshot::Sender<Verdict>),
    Adopt(Box<Rules>, oneshot::Sender<()>),
    Mark(oneshot::Sender<Mark>),
    Look(Look),
    Work(Work),
    Snapshot(oneshot::Sender<Snapshot>),
    End,
}

/// Under which rule somebody was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The agreement or feed.
    pub rule: String,
    /// How many sets of rules had been replaced by then.
    pub era: u64,
}

/// Which set of rules is in force, and since which one each rule has been as it is.
#[derive(Default)]
struct Eras {
    now: u64,
    since: BTreeMap<String, u64>,
}

impl Eras {
    /// An era that the engine does not know yet was begun by who is about to tell it.
    fn holds(&self, asked: &Asked) -> bool {
        asked.era <= self.now && asked.era >= self.since.get(&asked.rule).copied().unwrap_or(0)
    }

    fn begin(&mut self, changed: Vec<String>) {
        self.now += 1;
        self.since.extend(changed.into_iter().map(|rule| (rule, self.now)));
    }
}

/// Has the engine write something and tells whoever wants to know.
type Work = Box<dyn FnOnce(&mut Engine, Now) -> Result<(), EngineError> + Send>;

/// Asks the engine something and tells whoever wants to know.
type Look = Box<dyn FnOnce(&mut Engine) -> Result<(), EngineError> + Send>;

impl EngineHandle {
    /// Starts the engine's thread. Effects go to `effects`; how the thread ended comes from the receiver.
    ///
    /// The thread ends when every handle is dropped, or at the first failure of the database.
    pub fn start(
        engine: Engine,
        clock: Clock,
        effects: mpsc::Sender<Effect>,
    ) -> (EngineHandle, oneshot::Receiver<Result<(), EngineError>>) {
        let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
        let (ended, end) = oneshot::channel();
        let news = News::default();
        let outlets = Outlets { effects, news: news.clone() };
        let thread = std::thread::Builder::new().name("engine".to_owned());
        let spawned = thread.spawn(move || {
            let result = serve(engine, &clock, receiver, &outlets);
            // Nobody may be waiting any more, which is as well.
            let _ = ended.send(result);
        });
        spawned.expect("a thread can be started");
        (EngineHandle { commands, news }, end)
    }

    /// Hears from now on of everything that may have changed.
    pub fn news(&self) -> watch::Receiver<()> {
        self.news.listen()
    }

    /// Handles one event; returns once it is committed.
    ///
    /// # Errors
    /// [`EngineGone`]: whether the event was committed is unknown.
    pub async fn submit(&self, event: Event) -> Result<(), EngineGone> {
        self.ask(|answer| Command::Handle(event, answer)).await
    }

    /// The same for what a stranger answered. Where the rule changed since, the answer counts for nothing: it may be of a
    /// payee that is none any more.
    ///
    /// # Errors
    /// [`EngineGone`].
    pub async fn submit_answer(&self, asked: Asked, event: Event) -> Result<(), EngineGone> {
        self.ask(|answer| Command::Answer(asked, event, answer)).await
    }

    /// What is known of a meter.
    ///
    /// # Errors
    /// [`EngineGone`].
    pub async fn meter(&self, meter: &str) -> Result<Option<MeterState>, EngineGone> {
        self.ask(|answer| Command::Meter(meter.to_owned(), answer)).await
    }

    /// Obeys the owner; returns once it is committed.
    ///
    /// # Errors
    /// [`EngineGone`]: whether it was committed is unknown.
    pub async fn obey(&self, order: Order) -> Result<Verdict, EngineGone> {
        self.ask(|answer| Command::Obey(order, answer)).await
    }

    /// Goes on under other rules of the same wallet.
    ///
    /// # Errors
    /// [`EngineGone`].
    pub async fn adopt(&self, rules: Rules) -> Result<(), EngineGone> {
        self.ask(|answer| Command::Adopt(Box::new(rules), answer)).await
    }

    /// Ends the engine once it has done what it was told before, whoever still holds a handle.
    pub async fn end(&self) {
        // Gone is as well.
        let _ = self.commands.send(Command::End).await;
    }

    /// Where the ledger stands, to be asked before the wallet is asked for its history and balance.
    ///
    /// # Errors
    /// [`EngineGone`].
    pub async fn mark(&self) -> Result<Mark, EngineGone> {
        self.ask(Command::Mark).await
    }

    /// The account of a period.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn statement(&self, period: Period) -> Result<Statement, Unanswered> {
        self.look(move |engine| engine.statement(period)).await
    }

    /// What was recorded after entry `after`, oldest first, at most `most` entries.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn journal_after(&self, after: u64, most: u32) -> Result<Vec<JournalEntry>, Unanswered> {
        self.look(move |engine| engine.journal_after(after, most)).await
    }

    /// Writes the money database as it is now to a new file at `to`, and checks that. Payments go on meanwhile.
    ///
    /// # Errors
    /// [`Uncopied`].
    pub async fn copy_money(&self, to: PathBuf) -> Result<(), Uncopied> {
        let copier = self.look(|engine| Ok(engine.copier())).await?;
        let copied = tokio::task::spawn_blocking(move || copier.copy(&to)).await;
        Ok(copied.map_err(|_| EngineGone).map_err(Unanswered::from)??)
    }

    /// Looks at all of the money database; how many entries its journal has, or what is wrong, in a sentence. Payments go on
    /// meanwhile.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn verify(&self) -> Result<Result<u64, String>, Unanswered> {
        let copier = self.look(|engine| Ok(engine.copier())).await?;
        let verified = tokio::task::spawn_blocking(move || copier.verify()).await.map_err(|_| EngineGone)?;
        Ok(verified.map_err(|fault| fault.to_string()))
    }

    /// The answer to a question that changes nothing.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn look<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Engine) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, Unanswered> {
        let ask = |asker| Command::Look(Box::new(move |engine| tell(asker, question(engine))));
        self.ask(ask).await?
    }

    /// Has the engine write something; returns what that comes to once it is committed.
    ///
    /// # Errors
    /// [`EngineGone`]: whether it was committed is unknown.
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Engine, Now) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineGone> {
        self.ask(|asker| {
            Command::Work(Box::new(move |engine, now| {
                // Nobody may be waiting any more, which is as well.
                let _ = asker.send(work(engine, now)?);
                Ok(())
            }))
        })
        .await
    }

    /// What the status shows of the engine.
    ///
    /// # Errors
    /// [`EngineGone`].
    pub async fn snapshot(&self) -> Result<Snapshot, EngineGone> {
        self.ask(Command::Snapshot).await
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, EngineGone> {
        let (sender, answer) = oneshot::channel();
        self.commands.send(command(sender)).await.map_err(|_| EngineGone)?;
        answer.await.map_err(|_| EngineGone)
    }
}

fn serve(
    mut engine: Engine,
    clock: &Clock,
    mut commands: mpsc::Receiver<Command>,
    outlets: &Outlets,
) -> Result<(), EngineError> {
    outlets.hand_out(engine.start(clock.now())?);
    let (mut next, mut eras) = (None, Eras::default());
    while let Some(command) = next.take().or_else(|| commands.blocking_recv()) {
        // An asker that went away does not matter: what was to be done is done.
        let command = match command {
            Command::Answer(asked, event, done) if eras.holds(&asked) => Command::Handle(event, done),
            other => other,
        };
        match command {
            Command::Answer(.., done) => {
                let _ = done.send(());
            }
            Command::Handle(event, done) => {
                let (mut events, mut askers) = (vec![event], vec![done]);
                next = join_those_waiting(&mut commands, &eras, &mut events, &mut askers);
                let is_news = events.iter().any(|event| !matches!(event, Event::Tick));
                outlets.hand_out(engine.handle_all(clock.now(), events)?);
                if is_news {
                    outlets.news.tell();
                }
                for done in askers {
                    let _ = done.send(());
                }
            }
            Command::Meter(meter, answer) => {
                let _ = answer.send(engine.meter(&meter)?);
            }
            Command::Obey(order, answer) => {
                let (verdict, wanted) = engine.obey(clock.now(), order)?;
                outlets.hand_out(wanted);
                outlets.news.tell();
                let _ = answer.send(verdict);
            }
            Command::Adopt(rules, answer) => {
                eras.begin(engine.changed(&rules));
                outlets.hand_out(engine.adopt(clock.now(), *rules)?);
                outlets.news.tell();
                let _ = answer.send(());
            }
            Command::Mark(answer) => {
                let _ = answer.send(engine.mark(clock.now())?);
            }
            Command::End => break,
            Command::Look(look) => look(&mut engine)?,
            Command::Work(work) => outlets.told(work(&mut engine, clock.now()))?,
            Command::Snapshot(answer) => {
                let _ = answer.send(engine.snapshot()?);
            }
        }
    }
    Ok(())
}

/// Whoever waits already shares this commit, and with it the flush to disk. The command that cannot comes back.
fn join_those_waiting(
    commands: &mut mpsc::Receiver<Command>,
    eras: &Eras,
    events: &mut Vec<Event>,
    askers: &mut Vec<oneshot::Sender<()>>,
) -> Option<Command> {
    while events.len() < EVENTS_PER_COMMIT_MAX {
        match commands.try_recv().ok()? {
            Command::Handle(event, done) => {
                events.push(event);
                askers.push(done);
            }
            Command::Answer(asked, event, done) if eras.holds(&asked) => {
                events.push(event);
                askers.push(done);
            }
            other => return Some(other),
        }
    }
    None
}

/// A question that cannot be answered is no reason to stop paying; a database that fails is.
fn tell<T>(asker: oneshot::Sender<Result<T, Unanswered>>, answer: Result<T, EngineError>) -> Result<(), EngineError> {
    let answer = match answer {
        Ok(answer) => Ok(answer),
        Err(EngineError::Store(StoreError::Sqlite(why))) if is_about_the_question(&why) => {
            tracing::warn!(%why, "a question could not be answered");
            Err(Unanswered::Question(why.to_string()))
        }
        Err(failure) => return Err(failure),
    };
    let _ = asker.send(answer);
    Ok(())
}

/// Numbers that do not fit, on the way in or out, and sums that overflow; not what the disk or the file is to blame for.
fn is_about_the_question(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => failure.code == rusqlite::ErrorCode::Unknown,
        _ => true,
    }
}

/// Where the engine's work goes.
struct Outlets {
    effects: mpsc::Sender<Effect>,
    news: News,
}

impl Outlets {
    /// Tells whoever listens that something was written.
    fn told(&self, written: Result<(), EngineError>) -> Result<(), EngineError> {
        self.news.tell();
        written
    }

    /// Effects that find no room are dropped: the engine derives them again. Waiting here could lock both sides.
    fn hand_out(&self, effects: Vec<Effect>) {
        for effect in effects {
            if let Err(error) = self.effects.try_send(effect) {
                tracing::warn!(%error, "a task queue is full; this will be tried again");
            }
        }
    }
}

const COMMANDS_MAX: usize = 256;
const EVENTS_PER_COMMIT_MAX: usize = 128;

#[cfg(test)]
mod tests;
