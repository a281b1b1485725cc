//! The wallet: what it holds and can do, how money is put into it, and how it is spent by hand.

mod code;
mod pay;
mod service;
mod words;

use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use axum::Form;
use axum::extract::{Extension, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use serde::Deserialize;

pub(super) use self::code::QrCode;
pub(super) use self::pay::{form as pay_page, look as look_at_bill, pay};
pub(super) use self::service::{form as service_page, save as save_service};
pub(super) use self::words::{
    are_checked as words_are_checked, check as check_words, form as words_page, make_new as make_new_words,
    show as show_words, take_written as take_written_words,
};
use super::answers::{Answer, Refused};
use super::entry::amount;
use super::{Frame, Words, page, show};
use crate::domain::invoice::PaymentHash;
use crate::domain::money::Msat;
use crate::status::{INVOICE_EXPIRY_S, Status, StatusSource};

/// Invoices that were made on the page; kept in memory only. Money that comes in counts whether they are here or not.
#[derive(Clone, Default)]
pub(super) struct Invoices {
    made: Arc<Mutex<Vec<Made>>>,
}

#[derive(Clone)]
struct Made {
    hash: PaymentHash,
    bolt11: String,
    amount: Msat,
    expires_ms: u64,
}

#[derive(Template)]
#[template(path = "wallet.html")]
pub(super) struct WalletPage {
    pub(super) frame: Frame,
    pub(super) t: Words,
    pub(super) status: Status,
    pub(super) service: String,
    pub(super) entries: Entries,
    pub(super) fault: Option<String>,
}

#[derive(Template)]
#[template(path = "receive.html")]
struct ReceivePage {
    frame: Frame,
    t: Words,
    bolt11: String,
    amount: u64,
    code: Option<QrCode>,
    left_ms: u64,
    is_received: bool,
}

impl ReceivePage {
    fn waits(&self) -> bool {
        !self.is_received && self.left_ms > 0
    }
}

/// What is to be received, as it was written.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Entries {
    #[serde(default)]
    amount: String,
    #[serde(default)]
    text: String,
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
    Ok(page(&WalletPage { frame, t, status, service, entries, fault }))
}

/// `POST /wallet/receive`
pub(super) async fn receive(
    State(source): State<StatusSource>,
    Extension(invoices): Extension<Invoices>,
    t: Words,
    Form(entries): Form<Entries>,
) -> Answer {
    let Some(sum) = amount(&entries.amount).filter(|sum| *sum > 0) else {
        let fault = t.with("fault-amount", "field", t.say("receive-amount"));
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, shown(&source, t, entries, Some(fault)).await?).into_response());
    };
    let text = entries.text.trim();
    let text = if text.is_empty() { source.config().name.clone() } else { text.to_owned() };
    match source.invoice(Msat(sum), &text).await {
        Ok(invoice) => {
            let path = format!("/wallet/receive/{}", invoice.hash);
            let expires_ms = source.clock.elapsed_ms().saturating_add(u64::from(INVOICE_EXPIRY_S) * 1_000);
            invoices.keep(Made { hash: invoice.hash, bolt11: invoice.bolt11, amount: Msat(sum), expires_ms });
            Ok(Redirect::to(&path).into_response())
        }
        Err(fault) => {
            let page = shown(&source, t, entries, Some(fault.to_string())).await?;
            Ok((StatusCode::BAD_GATEWAY, page).into_response())
        }
    }
}

/// `GET /wallet/receive/{hash}`
pub(super) async fn waiting(
    State(source): State<StatusSource>,
    Extension(invoices): Extension<Invoices>,
    t: Words,
    Path(hash): Path<String>,
) -> Answer {
    let made = invoices.get(&hash).ok_or_else(|| Refused::missing(t, "receive-gone", "/wallet"))?;
    let is_received = source.was_received(made.hash).await.map_err(Refused::unanswered(t))?;
    let frame = Frame::of(&source, t, "wallet").await?;
    let left_ms = made.expires_ms.saturating_sub(source.clock.elapsed_ms());
    // In capitals it takes a smaller picture (BOLT 11).
    let code = QrCode::of(&format!("LIGHTNING:{}", made.bolt11.to_uppercase()));
    Ok(page(&ReceivePage { frame, t, code, bolt11: made.bolt11, amount: made.amount.0, left_ms, is_received }))
}

impl Invoices {
    fn keep(&self, made: Made) {
        let mut all = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT_MAX {
            all.remove(0);
        }
        all.push(made);
    }

    fn get(&self, hash: &str) -> Option<Made> {
        let all = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|made| made.hash.to_string() == hash).cloned()
    }
}

const KEPT_MAX: usize = 32;
