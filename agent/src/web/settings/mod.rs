//! Settings: the house and its limits, who is logged in, the file behind it all and its former versions.

mod backup;
mod diagnostics;
mod doors;
mod file;
mod house;
mod licences;
mod messages;
mod restore;
mod tokens;

use askama::Template;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;

pub(super) use self::backup::{download as download_backup, html as backup_page, make as back_up};
pub(super) use self::diagnostics::file as diagnostics;
pub(super) use self::doors::{change_password, end_session};
pub(super) use self::file::{edit_page, restore, save_file};
use self::house::Entries;
pub(super) use self::house::save as save_house;
pub(super) use self::licences::html as licences;
pub(super) use self::messages::try_out as send_message;
pub(super) use self::restore::restore as restore_backup;
pub(super) use self::tokens::{end as end_token, html as tokens_page, make as make_token};
use super::answers::{Answer, Refused};
use super::door::Peer;
use super::gate::token_of;
use super::{Frame, Words, page};
use crate::access::SessionView;
use crate::language::Language;
use crate::settings::Version;
use crate::status::{Status, StatusSource};

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    frame: Frame,
    t: Words,
    status: Status,
    /// In ms since the start, as the sessions have it.
    elapsed_ms: u64,
    zone: jiff::tz::TimeZone,
    entries: Entries,
    faults: Vec<String>,
    sessions: Vec<SessionView>,
    /// How many programs have an access token.
    tokens: u64,
    own_session: Option<u64>,
    door_fault: Option<String>,
    /// There is an address that messages are sent to.
    notifies: bool,
    /// What came of a test message.
    notify_told: Option<String>,
    fingerprint: Option<String>,
    path: Option<String>,
    versions: Vec<Version>,
}

impl SettingsPage {
    fn is_own(&self, session: &SessionView) -> bool {
        self.own_session == Some(session.number)
    }

    /// Field, what it is called, and what stands in it.
    fn limits(&self) -> [(&'static str, &'static str, &str); 4] {
        let entries = &self.entries;
        [
            ("per_payment", "limit-payment", &entries.per_payment),
            ("per_hour", "limit-hour", &entries.per_hour),
            ("per_day", "limit-day", &entries.per_day),
            ("per_month", "limit-month", &entries.per_month),
        ]
    }

    fn languages(&self) -> [Language; 2] {
        Language::ALL
    }
}

/// `GET /settings`
pub(super) async fn html(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    headers: HeaderMap,
) -> Answer {
    let entries = Entries::of(&source.config(), t);
    shown(&source, &peer, t, &headers, Filled { entries, ..Filled::default() }).await
}

/// What stands in the forms, and what is wrong with it.
#[derive(Default)]
struct Filled {
    entries: Entries,
    faults: Vec<String>,
    door_fault: Option<String>,
    notify_told: Option<String>,
}

async fn shown(source: &StatusSource, peer: &Peer, t: Words, headers: &HeaderMap, filled: Filled) -> Answer {
    let frame = Frame::of(source, t, "settings").await?;
    let status = source.status().await.map_err(Refused::gone(t))?;
    let own_session = token_of(peer, headers).and_then(|token| source.access.session(token, false));
    let settings = source.settings.clone();
    let versions = tokio::task::spawn_blocking(move || settings.versions_kept()).await.unwrap_or_default();
    let Filled { entries, faults, door_fault, notify_told } = filled;
    Ok(page(&SettingsPage {
        frame,
        t,
        elapsed_ms: source.clock.elapsed_ms(),
        zone: source.config().zone.clone(),
        entries,
        faults,
        sessions: source.access.sessions(),
        tokens: source.access.tokens().len() as u64,
        own_session: own_session.map(|session| session.number),
        door_fault,
        notifies: source.config().notify.is_some(),
        notify_told,
        fingerprint: source.page.fingerprint(),
        path: source.settings.path().map(|path| path.display().to_string()),
        versions,
        status,
    }))
}
