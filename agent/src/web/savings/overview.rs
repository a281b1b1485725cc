//! What the savings hold, what happened in them, and where that is known from.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect};
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::super::answers::{Answer, Refused};
use super::super::wallet::words_are_checked;
use super::super::{Frame, Words, page, show};
use super::{coins, words_are_missing};
use crate::domain::money::MSAT_PER_SAT;
use crate::status::StatusSource;
use crate::treasury::{Coin, TreasuryView, TxView};

/// How much of the past.
#[derive(Deserialize)]
pub(in super::super) struct Wanted {
    all: Option<String>,
}

#[derive(Template)]
#[template(path = "savings.html")]
pub(in super::super) struct SavingsPage {
    pub(in super::super) frame: Frame,
    pub(in super::super) t: Words,
    pub(in super::super) view: TreasuryView,
    /// Newest first.
    pub(in super::super) history: Vec<TxView>,
    /// There are older ones than these.
    pub(in super::super) has_older: bool,
    /// Largest first.
    pub(in super::super) coins: Vec<Coin>,
    pub(in super::super) zone: TimeZone,
    /// Nobody has proven that the words are written down.
    pub(in super::super) words_missing: bool,
}

/// There are none yet.
#[derive(Template)]
#[template(path = "savings_open.html")]
struct OpenPage {
    frame: Frame,
    t: Words,
    words_checked: bool,
    faults: Vec<String>,
}

impl SavingsPage {
    fn kind(&self) -> String {
        self.t.say(match self.view.kind.as_str() {
            "taproot" => "savings-kind-taproot",
            "watch-only" => "savings-kind-watch",
            _ => "savings-kind-segwit",
        })
    }

    fn signs_elsewhere(&self) -> bool {
        self.view.kind == "watch-only"
    }

    /// Whether this page changes by itself soon.
    fn is_moving(&self) -> bool {
        self.view.progress.is_some() || (!self.view.searched && self.view.fault.is_none())
    }

    fn what(&self, tx: &TxView) -> String {
        self.t.say(match tx.purpose.as_str() {
            "opening" => "savings-opening",
            "sent" => "savings-sent",
            _ => "savings-received",
        })
    }

    /// With its sign.
    fn amount(&self, tx: &TxView) -> String {
        let plus = if tx.net_sat > 0 { "+" } else { "" };
        format!("{plus}{}", self.t.signed_sat(&tx.net_sat.saturating_mul(MSAT_PER_SAT.cast_signed())))
    }

    /// What it was worth then; empty where that is not known.
    fn worth(&self, tx: &TxView) -> String {
        match (&tx.worth_cents, &tx.currency) {
            (Some(cents), Some(currency)) if tx.net_sat != 0 => self.t.worth_then(cents.unsigned_abs(), currency),
            _ => String::new(),
        }
    }

    /// How it stands, by the name of its dot and in words.
    fn standing(&self, tx: &TxView) -> (&'static str, String) {
        match (tx.is_gone, tx.height) {
            (true, _) => ("failed", self.t.say("savings-gone")),
            (false, None) => ("doubtful", self.t.say("savings-waiting")),
            (false, Some(_)) => ("good", self.t.count("savings-confirmations", &u64::from(tx.confirmations.max(1)))),
        }
    }

    fn can_be_faster(&self, tx: &TxView) -> bool {
        tx.height.is_none() && !tx.is_gone
    }

    /// So much of the work is done, of so much.
    fn progress(&self) -> Option<(u64, u64)> {
        self.view.progress.map(|(done, of)| (u64::from(done.min(of)), u64::from(of)))
    }

    fn coins_count(&self) -> String {
        self.t.count("savings-coins-count", &u64::try_from(self.coins.len()).unwrap_or(u64::MAX))
    }

    fn block(&self, height: &u32) -> String {
        self.t.whole(&u64::from(*height))
    }
}

/// `GET /wallet/savings`
pub(in super::super) async fn html(
    State(source): State<StatusSource>,
    t: Words,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let Some(treasury) = &source.treasury else {
        // There are some, whose keys cannot be opened now.
        if source.config().treasury.is_some() && source.vault.closed().is_some() {
            return Ok(Redirect::to("/wallet/protection").into_response());
        }
        return closed(&source, t, Vec::new()).await;
    };
    let most = if wanted.all.is_some() { HISTORY_MAX } else { HISTORY_FIRST };
    let mut history = source.onchain_history(most.saturating_add(1)).await.map_err(Refused::unanswered(t))?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let has_older = wanted.all.is_none() && history.len() > most;
    history.truncate(most);
    let coins = coins(treasury, t).await?;
    let frame = Frame::of(&source, t, "wallet").await?;
    let (view, zone) = (treasury.view(), source.config().zone.clone());
    let words_missing = words_are_missing(&source);
    Ok(page(&SavingsPage { frame, t, view, history, has_older, coins, zone, words_missing }))
}

pub(super) async fn closed(source: &StatusSource, t: Words, faults: Vec<String>) -> Answer {
    let frame = Frame::of(source, t, "wallet").await?;
    Ok(page(&OpenPage { frame, t, words_checked: words_are_checked(source), faults }))
}

const HISTORY_FIRST: u32 = 100;
const HISTORY_MAX: u32 = 1_000;
