//! The wallet: what it holds and can do, how money is put into it, and how it is spent by hand.

mod code;
mod pay;
mod protection;
mod receive;
mod service;
mod words;

use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;

pub(super) use self::code::{QrCode, for_scanning};
pub(super) use self::pay::{form as pay_page, look as look_at_bill, pay};
pub(super) use self::protection::{
    html as protection_page, open as open_words, protect as protect_words, recover as recover_words,
};
#[cfg(all(test, not(feature = "node")))]
pub(super) use self::receive::Made;
pub(super) use self::receive::{CameIn, Invoices, receive, waiting};
pub(super) use self::service::{form as service_page, save as save_service};
pub(super) use self::words::{
    are_checked as words_are_checked, check as check_words, form as words_page, make_new as make_new_words,
    show as show_words, take_written as take_written_words,
};
use super::answers::{Answer, Refused};
use super::{Frame, Words, page, show};
use crate::status::{Status, StatusSource};

#[derive(Template)]
#[template(path = "wallet.html")]
pub(super) struct WalletPage {
    pub(super) frame: Frame,
    pub(super) t: Words,
    pub(super) status: Status,
    pub(super) service: String,
    pub(super) entries: Entries,
    /// There are savings, which cannot be looked at now.
    pub(super) savings_sealed: bool,
    pub(super) fault: Option<String>,
}

impl WalletPage {
    /// What is taken on the chain.
    fn least_on_chain(&self) -> String {
        self.t.sat(&receive::ON_CHAIN_MIN.0)
    }
}

/// What is to be received, as it was written.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Entries {
    #[serde(default)]
    amount: String,
    #[serde(default)]
    text: String,
    /// Wallets that pay on the chain only can pay it too.
    #[serde(default)]
    on_chain: Option<String>,
}

/// `GET /wallet`; an amount may be filled in already.
pub(super) async fn html(State(source): State<StatusSource>, t: Words, Query(entries): Query<Entries>) -> Answer {
    shown(&source, t, entries, None).await
}

async fn shown(source: &StatusSource, t: Words, entries: Entries, fault: Option<String>) -> Answer {
    let status = source.status().await.map_err(Refused::gone(t))?;
    let frame = Frame::of(source, t, "wallet").await?;
    let kind = source.lightning.kind();
    let service = kind.map_or_else(|| t.say("wallet-none"), |kind| t.say(&format!("service-{}", kind.name())));
    let savings_sealed = status.keys.closed.is_some() && source.config().treasury.is_some();
    Ok(page(&WalletPage { frame, t, status, service, entries, savings_sealed, fault }))
}
