//! The CLI's socket: one line of JSON asks, one line of JSON answers. The CLI never opens the databases.

mod access;
mod backup;
mod channels;
mod devices;
mod keys;
mod treasury;
mod verify;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::backup::Made;
use crate::domain::money::Msat;
use crate::engine::{Order, Verdict};
use crate::status::{Bill, ChannelsView, Status, StatusSource};
use crate::store::{JournalEntry, Statement};
use crate::tasks::Unanswered;

pub use self::access::{new_setup_code, set_password};
pub use self::backup::{ask_backup, use_words};
pub use self::channels::{ChannelsQuestion, ask_channels, order_channels};
use self::devices::DeviceQuestion;
pub use self::devices::{read_device, set_device, set_meter, switch_relay};
pub use self::keys::{KeysQuestion, ask_keys};
pub use self::treasury::{TreasuryAnswer, TreasuryQuestion, ask_treasury};
pub use self::verify::ask_to_verify;

/// Why the running Kilosat could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody listens.
    #[error("no running Kilosat answers at {path} ({source}). Start it with: kilosat run --config FILE")]
    NotRunning {
        /// The socket.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It did not answer.
    #[error("the running Kilosat did not answer in time; look at its log, and at kilosat status before you ask again")]
    NoAnswer,
    /// It ended before it had answered.
    #[error(
        "Kilosat ended before it had answered, so it may have been done or not. Look before you ask again: kilosat status"
    )]
    Ended,
    /// It was told to pay and did not answer.
    #[error(
        "the running Kilosat did not say whether it pays, so the money may be on its way. Do not pay again before you have \
         looked: kilosat status"
    )]
    PaidOrNot,
    /// It said no.
    #[error("{0}")]
    Refused(String),
    /// Its answer cannot be read.
    #[error("the running Kilosat sent an answer that cannot be read; is it another version?")]
    Unreadable,
}

/// The socket's path for a state directory.
pub fn socket_path(state_directory: &Path) -> PathBuf {
    state_directory.join("control.sock")
}

/// Listens at `path`, for this user only.
///
/// # Errors
/// What the system says; another running Kilosat is found out earlier, by the lock on the state directory.
pub fn listen(path: &Path) -> std::io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers questions until the future is dropped; a few at a time.
pub async fn serve(listener: UnixListener, source: StatusSource) {
    // Dropped with this future, so that no asker outlives it.
    let mut askers = JoinSet::new();
    loop {
        while askers.try_join_next().is_some() {}
        if askers.len() >= ASKERS_MAX {
            askers.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                let source = source.clone();
                askers.spawn(async move {
                    // An asker that goes away or is slow loses its answer, nothing else.
                    let _ = answer(stream, source, SERVE_WAIT).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the control socket cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Asks the running Kilosat for its status.
///
/// # Errors
/// [`ControlError`].
pub async fn ask_status(path: &Path) -> Result<Status, ControlError> {
    match ask(path, &Question::Status, ANSWER_WAIT).await? {
        Answer::Status(status) => Ok(*status),
        other => Err(other.unexpected()),
    }
}

/// Asks the running Kilosat for an invoice over `amount`, to put money into its wallet.
///
/// # Errors
/// [`ControlError`].
pub async fn ask_invoice(path: &Path, amount: Msat) -> Result<String, ControlError> {
    match ask(path, &Question::Receive { amount_msat: amount.0 }, ANSWER_WAIT).await? {
        Answer::Invoice { bolt11 } => Ok(bolt11),
        other => Err(other.unexpected()),
    }
}

/// Asks the running Kilosat what paying `what` would mean: an invoice, or an address and an amount. Nothing is paid.
///
/// # Errors
/// [`ControlError`]; [`ControlError::Refused`] says why there is nothing to pay.
pub async fn ask_bill(path: &Path, what: String, amount: Option<Msat>) -> Result<Bill, ControlError> {
    match ask(path, &Question::Bill { what, amount_msat: amount.map(|amount| amount.0) }, ANSWER_WAIT).await? {
        Answer::Bill(bill) => Ok(*bill),
        other => Err(other.unexpected()),
    }
}

/// Lets the running Kilosat pay a bill that the owner has agreed to; the answer is one sentence.
///
/// # Errors
/// [`ControlError`]; [`ControlError::Refused`] says why it is not paid.
pub async fn pay_bill(path: &Path, bill: Bill) -> Result<String, ControlError> {
    match ask(path, &Question::Pay(Box::new(bill)), ANSWER_WAIT).await {
        Err(ControlError::NoAnswer | ControlError::Ended | ControlError::Unreadable) => Err(ControlError::PaidOrNot),
        answer => done(answer?),
    }
}

/// Asks the running Kilosat for the account of a month of the owner's calendar, such as `2026-11`; of this one without.
///
/// # Errors
/// [`ControlError`].
pub async fn ask_statement(path: &Path, month: Option<String>) -> Result<Statement, ControlError> {
    match ask(path, &Question::Statement { month }, ANSWER_WAIT).await? {
        Answer::Statement(statement) => Ok(*statement),
        other => Err(other.unexpected()),
    }
}

/// Asks the running Kilosat for what it recorded after entry `after`, oldest first, some hundred entries at a time.
///
/// # Errors
/// [`ControlError`].
pub async fn ask_events(path: &Path, after: u64) -> Result<Vec<JournalEntry>, ControlError> {
    match ask(path, &Question::Events { after }, ANSWER_WAIT).await? {
        Answer::Events(entries) => Ok(entries),
        other => Err(other.unexpected()),
    }
}

/// Gives the running Kilosat an order about automatic payments; the answer is one sentence.
///
/// # Errors
/// [`ControlError`]; [`ControlError::Refused`] says why the order was not obeyed.
pub async fn give_order(path: &Path, order: Order) -> Result<String, ControlError> {
    done(ask(path, &Question::Order(order), ANSWER_WAIT).await?)
}

fn done(answer: Answer) -> Result<String, ControlError> {
    match answer {
        Answer::Done(text) => Ok(text),
        other => Err(other.unexpected()),
    }
}

/// What the CLI may ask. It may hold a password, so it is never shown.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Question {
    Status,
    Receive { amount_msat: u64 },
    Order(Order),
    Statement { month: Option<String> },
    Events { after: u64 },
    Device(DeviceQuestion),
    SetupCode,
    Password { password: String },
    Words { words: String },
    Bill { what: String, amount_msat: Option<u64> },
    Pay(Box<Bill>),
    Treasury(Box<TreasuryQuestion>),
    Channels(ChannelsQuestion),
    Keys(KeysQuestion),
    Backup { folder: Option<PathBuf> },
    Verify,
}

/// What it is told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Status(Box<Status>),
    Invoice { bolt11: String },
    Done(String),
    Refused(String),
    Statement(Box<Statement>),
    Events(Vec<JournalEntry>),
    Bill(Box<Bill>),
    Treasury(Box<TreasuryAnswer>),
    Channels(Box<ChannelsView>),
    Backup(Box<Made>),
}

impl Answer {
    fn unexpected(self) -> ControlError {
        match self {
            Answer::Refused(why) => ControlError::Refused(why),
            Answer::Status(_)
            | Answer::Invoice { .. }
            | Answer::Done(_)
            | Answer::Statement(_)
            | Answer::Events(_)
            | Answer::Bill(_)
            | Answer::Treasury(_)
            | Answer::Channels(_)
            | Answer::Backup(_) => ControlError::Unreadable,
        }
    }
}

async fn ask(path: &Path, question: &Question, wait: Duration) -> Result<Answer, ControlError> {
    let connected = UnixStream::connect(path).await;
    let mut stream =
        connected.map_err(|source| ControlError::NotRunning { path: path.display().to_string(), source })?;
    let line = serde_json::to_string(question).map_err(|_| ControlError::Unreadable)? + "\n";
    let exchange = async {
        stream.write_all(line.as_bytes()).await?;
        let mut text = String::new();
        stream.take(ANSWER_BYTES_MAX).read_to_string(&mut text).await?;
        Ok::<_, std::io::Error>(text)
    };
    let text = timeout(wait, exchange).await.map_err(|_| ControlError::NoAnswer)?;
    let text = match text {
        Ok(text) if !text.is_empty() => text,
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return Err(ControlError::Unreadable),
        // Who was at the other end is gone.
        Ok(_) | Err(_) => return Err(ControlError::Ended),
    };
    serde_json::from_str(&text).map_err(|_| ControlError::Unreadable)
}

/// Whatever takes longer than `wait` is answered with a word about that.
async fn answer(stream: UnixStream, source: StatusSource, wait: Duration) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(reader.take(QUESTION_BYTES_MAX));
    timeout(LINE_WAIT, reader.read_line(&mut line)).await??;
    // Who asked while Kilosat was starting may have given up by now, and nothing is done for nobody.
    if line.ends_with('\n') && matches!(timeout(Duration::ZERO, reader.fill_buf()).await, Ok(Ok([]) | Err(_))) {
        return Ok(());
    }
    let answer = match serde_json::from_str::<Question>(line.trim()) {
        Ok(question) => match timeout(wait.max(wait_of(&question)), reply(question, &source)).await {
            Ok(answer) => answer.unwrap_or_else(|why| Answer::Refused(why.to_string())),
            Err(_) => Answer::Refused(TOO_LONG.to_owned()),
        },
        Err(_) => Answer::Refused("this question is not known here; is the CLI another version?".to_owned()),
    };
    let text = serde_json::to_string(&answer).unwrap_or_default() + "\n";
    timeout(LINE_WAIT, writer.write_all(text.as_bytes())).await?
}

async fn reply(question: Question, source: &StatusSource) -> Result<Answer, Unanswered> {
    Ok(match question {
        Question::Status => Answer::Status(Box::new(source.status().await?)),
        Question::Receive { amount_msat } => match source.invoice(Msat(amount_msat), INVOICE_TEXT).await {
            Ok(invoice) => Answer::Invoice { bolt11: invoice.bolt11 },
            Err(fault) => Answer::Refused(fault.to_string()),
        },
        Question::Order(order) => match source.obey(order).await? {
            Verdict::Done(text) => Answer::Done(text),
            Verdict::Refused(why) => Answer::Refused(why),
        },
        Question::Statement { month } => match source.statement(month.as_deref()).await? {
            Some(statement) => Answer::Statement(Box::new(statement)),
            None => Answer::Refused(NO_MONTH.to_owned()),
        },
        Question::Device(order) => devices::reply(order, source).await,
        Question::SetupCode => access::reply_with_code(source),
        Question::Password { password } => access::reply_to_password(&password, source).await?,
        Question::Verify => verify::reply(source).await?,
        Question::Bill { what, amount_msat } => match source.bill(&what, amount_msat.map(Msat)).await {
            Ok(bill) => Answer::Bill(Box::new(bill)),
            Err(fault) => Answer::Refused(fault.to_string()),
        },
        Question::Pay(bill) => match source.pay(&bill, "on the machine itself").await?.0 {
            Verdict::Done(text) => Answer::Done(format!("{text} What becomes of it: kilosat status")),
            Verdict::Refused(why) => Answer::Refused(why),
        },
        Question::Channels(question) => channels::reply(question, source).await?,
        Question::Keys(question) => keys::reply(question, source).await,
        Question::Treasury(question) => treasury::reply(*question, source).await?,
        Question::Words { words } => backup::reply_about_words(words, source).await,
        Question::Backup { folder } => backup::reply(folder, source).await,
        Question::Events { after } => Answer::Events(source.engine.journal_after(after, EVENTS_MAX).await?),
    })
}

/// How long the answer to a question takes at most, where that is long: a large database on a slow disk takes a while.
fn wait_of(question: &Question) -> Duration {
    if matches!(question, Question::Backup { .. } | Question::Verify) { DISK_WAIT } else { Duration::ZERO }
}

fn answered(done: Result<String, String>) -> Answer {
    done.map_or_else(Answer::Refused, Answer::Done)
}

/// For whoever names a month that is none.
pub const NO_MONTH: &str = "This is not a month; write it as year and month, such as 2026-11.";
const TOO_LONG: &str = "this took Kilosat too long, and it may still come about; see: kilosat status, kilosat events";
const INVOICE_TEXT: &str = "Spending money for Kilosat";
/// Shorter than the asker's, who is told so.
const SERVE_WAIT: Duration = Duration::from_secs(25);
/// A line is written in one go.
const LINE_WAIT: Duration = Duration::from_secs(4);
/// An LSP may take a while to say what a channel costs.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
const DISK_WAIT: Duration = Duration::from_secs(600);
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
const ASKERS_MAX: usize = 8;
/// A signed transaction with many coins; an invoice with its description is far below.
const QUESTION_BYTES_MAX: u64 = 1 << 18;
/// Entries are a few hundred bytes each.
const EVENTS_MAX: u32 = 500;
const ANSWER_BYTES_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests;
