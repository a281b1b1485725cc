//! A backup takes the place of a state that holds nothing yet.

use std::io::Write as _;
use std::path::PathBuf;

use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect};
use tempfile::NamedTempFile;
use tokio::sync::Semaphore;

use super::super::Words;
use super::super::answers::{Answer, Refused};
use super::super::door::Peer;
use super::super::gate::confirmed;
use super::backup::shown;
use crate::backup::{SCRATCH, require_room};
use crate::status::{RestorationFault, StatusSource};

/// What the form brought.
#[derive(Default)]
struct Form {
    words: String,
    file: Option<NamedTempFile>,
}

/// Why the form could not be taken.
enum Fault {
    Denied(StatusCode, String),
    Unreadable(MultipartError),
    Disk(std::io::Error),
}

impl From<MultipartError> for Fault {
    fn from(fault: MultipartError) -> Fault {
        Fault::Unreadable(fault)
    }
}

impl From<std::io::Error> for Fault {
    fn from(fault: std::io::Error) -> Fault {
        Fault::Disk(fault)
    }
}

/// `POST /settings/backup/restore`
pub(in super::super) async fn restore(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    headers: HeaderMap,
    form: Multipart,
) -> Answer {
    let refused = async |status: StatusCode, why: String| {
        let page = shown(&source, t, Some(why)).await?;
        Ok((status, page).into_response())
    };
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let Some(length) = length else {
        return refused(StatusCode::LENGTH_REQUIRED, t.with("backup-unread", "why", "its length is missing")).await;
    };
    // What is in it stands beside it for a while.
    if let Err(fault) = require_room(&source.config().state_directory, length) {
        return refused(StatusCode::INSUFFICIENT_STORAGE, sentence(&fault.to_string())).await;
    }
    let Ok(_one) = ONE_AT_A_TIME.try_acquire() else {
        return refused(StatusCode::CONFLICT, t.say("backup-busy")).await;
    };
    let Form { words, file } = match read(&source, &peer, form).await {
        Ok(form) => form,
        Err(Fault::Denied(status, why)) => return refused(status, why).await,
        Err(Fault::Unreadable(fault)) => {
            return refused(fault.status(), t.with("backup-unread", "why", fault.body_text())).await;
        }
        Err(Fault::Disk(error)) => {
            return refused(StatusCode::INTERNAL_SERVER_ERROR, t.with("backup-unread", "why", error.to_string())).await;
        }
    };
    let Some(file) = file else { return refused(StatusCode::BAD_REQUEST, t.say("backup-no-file")).await };
    let path: PathBuf = file.path().to_owned();
    let by = format!("on the page, from {}", peer.address.ip());
    match source.restore(path, words, &by).await {
        Ok(_) => Ok(Redirect::to("/").into_response()),
        Err(RestorationFault::Gone(gone)) => Err(Refused::gone(t)(gone)),
        Err(fault) => refused(StatusCode::UNPROCESSABLE_ENTITY, in_words(&fault)).await,
    }
}

/// The file's name here says nothing to whoever sent it.
fn in_words(fault: &RestorationFault) -> String {
    use crate::backup::RestoreFault;
    match fault {
        RestorationFault::Restore(RestoreFault::Open { fault, .. }) => {
            format!("This file cannot be restored: {fault}. Nothing was restored.")
        }
        fault => sentence(&fault.to_string()),
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).chain(['.']).collect()
}

/// The password stands first in the form: nothing else is taken from somebody who does not know it.
async fn read(source: &StatusSource, peer: &Peer, mut form: Multipart) -> Result<Form, Fault> {
    let mut read = Form::default();
    let mut is_confirmed = false;
    while let Some(field) = form.next_field().await? {
        match field.name() {
            Some("password") => {
                let password = short(field).await?;
                if let Some((status, denied)) = confirmed(&source.access, peer.address, &password).await {
                    return Err(Fault::Denied(status, denied));
                }
                is_confirmed = true;
            }
            Some("words") if is_confirmed => read.words = short(field).await?,
            Some("file") if is_confirmed => read.file = take_in(source, field).await?,
            _ => {}
        }
    }
    match is_confirmed {
        true => Ok(read),
        false => Err(Fault::Denied(StatusCode::FORBIDDEN, "The password is missing. Nothing was restored.".to_owned())),
    }
}

/// The text of a field that nobody fills with much; what is beyond is left out.
async fn short(mut field: Field<'_>) -> Result<String, Fault> {
    let mut text = Vec::new();
    while let Some(piece) = field.chunk().await? {
        if text.len() < SHORT_BYTES_MAX {
            text.extend_from_slice(&piece);
        }
    }
    text.truncate(SHORT_BYTES_MAX);
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Into a file that is gone when it was used; `None` for an empty one.
async fn take_in(source: &StatusSource, mut field: Field<'_>) -> Result<Option<NamedTempFile>, Fault> {
    let directory = source.config().state_directory.clone();
    let mut file = tempfile::Builder::new().prefix(SCRATCH).tempfile_in(directory)?;
    let mut bytes = 0;
    while let Some(piece) = field.chunk().await? {
        // A few kilobytes, which the system keeps in memory at first.
        file.write_all(&piece)?;
        bytes += piece.len();
    }
    Ok((bytes > 0).then_some(file))
}

const SHORT_BYTES_MAX: usize = 4_096;
/// Each may take as much room as there is for one.
static ONE_AT_A_TIME: Semaphore = Semaphore::const_new(1);
