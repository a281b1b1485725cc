//! The CLI's socket: one line of question, one line of JSON in answer. The CLI never opens the databases.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::status::{Status, StatusSource};

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
    #[error("the running Kilosat did not answer within {} seconds; look at its log", ANSWER_WAIT.as_secs())]
    NoAnswer,
    /// It cannot say.
    #[error("the running Kilosat cannot tell its status: {0}")]
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
                    let _ = timeout(ANSWER_WAIT, answer(stream, source)).await;
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
    ask_within(path, ANSWER_WAIT).await
}

async fn ask_within(path: &Path, wait: Duration) -> Result<Status, ControlError> {
    let connected = UnixStream::connect(path).await;
    let mut stream =
        connected.map_err(|source| ControlError::NotRunning { path: path.display().to_string(), source })?;
    let exchange = async {
        stream.write_all(b"status\n").await?;
        let mut text = String::new();
        stream.take(ANSWER_BYTES_MAX).read_to_string(&mut text).await?;
        Ok::<_, std::io::Error>(text)
    };
    let text = timeout(wait, exchange).await.map_err(|_| ControlError::NoAnswer)?;
    let text = text.map_err(|_| ControlError::Unreadable)?;
    serde_json::from_str(&text).map_err(|_| match serde_json::from_str::<Refusal>(&text) {
        Ok(refusal) => ControlError::Refused(refusal.error),
        Err(_) => ControlError::Unreadable,
    })
}

/// An answer other than a status.
#[derive(Serialize, Deserialize)]
struct Refusal {
    error: String,
}

async fn answer(stream: UnixStream, source: StatusSource) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut question = String::new();
    BufReader::new(reader.take(QUESTION_BYTES_MAX)).read_line(&mut question).await?;
    let answer = match question.trim() {
        "status" => match source.status().await {
            Ok(status) => serde_json::to_string(&status).unwrap_or_default(),
            Err(gone) => refusal(gone.to_string()),
        },
        other => refusal(format!("unknown question {other:?}")),
    };
    writer.write_all(answer.as_bytes()).await?;
    writer.write_all(b"\n").await
}

fn refusal(error: String) -> String {
    serde_json::to_string(&Refusal { error }).unwrap_or_default()
}

const ANSWER_WAIT: Duration = Duration::from_secs(5);
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
const ASKERS_MAX: usize = 8;
const QUESTION_BYTES_MAX: u64 = 1_024;
const ANSWER_BYTES_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests;
