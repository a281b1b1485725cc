//! The last backup, one more at once, and one to take along.

use std::fs::File;
use std::io::Read as _;
use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect};
use futures_util::stream::unfold;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::super::answers::{Answer, Refused};
use super::super::door::Peer;
use super::super::gate::{audit, confirmed};
use super::super::{Frame, Words, page, show, wallet};
use crate::backup::Target;
use crate::status::{BackupStatus, StatusSource};

#[derive(Template)]
#[template(path = "settings_backup.html")]
struct BackupPage {
    frame: Frame,
    t: Words,
    now_ms: u64,
    zone: jiff::tz::TimeZone,
    backup: BackupStatus,
    /// One is being made.
    is_busy: bool,
    /// A backup may take the place of what is here.
    is_fresh: bool,
    /// The owner has proven that they are written down.
    words_are_safe: bool,
    fault: Option<String>,
}

/// The password.
#[derive(Deserialize)]
pub(in super::super) struct Password {
    password: String,
}

/// `GET /settings/backup`
pub(in super::super) async fn html(State(source): State<StatusSource>, t: Words) -> Answer {
    shown(&source, t, None).await
}

pub(super) async fn shown(source: &StatusSource, t: Words, fault: Option<String>) -> Answer {
    let (config, now) = (source.config(), source.clock.now());
    Ok(page(&BackupPage {
        frame: Frame::of(source, t, "settings").await?,
        t,
        now_ms: now.wall.0,
        zone: config.zone.clone(),
        backup: source.backups.status(&config.backup, now).unwrap_or_default(),
        is_busy: source.backups.is_busy(),
        is_fresh: source.has_no_past().await.map_err(Refused::gone(t))?,
        words_are_safe: wallet::words_are_checked(source),
        fault,
    }))
}

/// `POST /settings/backup`: makes one in the folder of the configuration. What takes long goes on, and the page says so.
pub(in super::super) async fn make(State(source): State<StatusSource>, t: Words) -> Answer {
    match timeout(PAGE_WAIT, source.back_up(Target::Configured)).await {
        Ok(Err(fault)) => {
            let page = shown(&source, t, Some(fault.to_string())).await?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        Ok(Ok(_)) | Err(_) => Ok(Redirect::to("/settings/backup").into_response()),
    }
}

/// `POST /settings/backup/download`: makes one that stays nowhere here, and sends it.
pub(in super::super) async fn download(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    Form(form): Form<Password>,
) -> Answer {
    if let Some((status, denied)) = confirmed(&source.access, peer.address, &form.password).await {
        return Ok((status, shown(&source, t, Some(denied)).await?).into_response());
    }
    let refused = |text: String| Refused::because(StatusCode::CONFLICT, t, text, "/settings/backup");
    let made = timeout(PAGE_WAIT, source.back_up_to_take_along()).await;
    let made = made.map_err(|_| refused(t.say("backup-too-large")))?;
    let (made, file) = made.map_err(|fault| refused(fault.to_string()))?;
    audit(&source, format!("a backup was taken along from the page, from {}", peer.address.ip())).await;
    let name = made.file.rsplit('/').next().unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (header::CONTENT_LENGTH, made.bytes.to_string()),
    ];
    Ok((headers, streamed(file)).into_response())
}

/// A few pieces of it are in memory at a time. A browser that goes away ends the reading.
fn streamed(file: File) -> Body {
    let (pieces, queue) = mpsc::channel::<std::io::Result<Vec<u8>>>(PIECES_MAX);
    tokio::task::spawn_blocking(move || {
        let mut file = file;
        loop {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            let read = (&mut file).take(PIECE_BYTES as u64).read_to_end(&mut piece);
            let is_over = matches!(read, Ok(0));
            let is_broken = read.is_err();
            // What was promised is longer than what comes before a fault, so that the browser knows.
            if is_over || pieces.blocking_send(read.map(|_| piece)).is_err() || is_broken {
                return;
            }
        }
    });
    Body::from_stream(unfold(queue, async |mut queue| queue.recv().await.map(|piece| (piece, queue))))
}

/// Forms are given up after half a minute.
const PAGE_WAIT: Duration = Duration::from_secs(25);
const PIECE_BYTES: usize = 1 << 16;
const PIECES_MAX: usize = 4;
