//! The savings on the chain: what they hold and what happened, how more comes in, and how their owner sends some of it.

mod draft;
mod drafts;
mod faster;
mod left;
mod overview;
mod receive;
mod send;
mod signed;

use std::time::Duration;

use axum::Form;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use bitcoin::Txid;
use serde::Deserialize;
use tokio::time::timeout;

pub(super) use self::draft::{html as draft_page, psbt, send};
pub(super) use self::drafts::Drafts;
#[cfg(all(test, not(feature = "node")))]
pub(super) use self::drafts::Kept;
pub(super) use self::faster::faster;
pub(super) use self::left::{collect, give_up};
#[cfg(all(test, not(feature = "node")))]
pub(super) use self::overview::SavingsPage;
use self::overview::closed;
pub(super) use self::overview::html;
pub(super) use self::receive::{another as another_address, html as receive_page};
pub(super) use self::send::{draft as make_draft, form as send_page};
pub(super) use self::signed::{form as signed_page, send as send_signed};
use super::Words;
use super::answers::{Answer, Refused};
use super::change::{Changes, Pending, proposed, told};
use super::wallet::words_are_checked;
use crate::config::{Place, TreasuryKind};
use crate::status::StatusSource;
use crate::treasury::{Asked, Coin, Treasury};

/// What the owner writes beside a transaction.
#[derive(Deserialize)]
pub(super) struct Note {
    #[serde(default)]
    label: String,
}

/// `POST /wallet/savings/open`: shows what would change; the words come first.
pub(super) async fn open(
    State(source): State<StatusSource>,
    Extension(changes): Extension<Changes>,
    t: Words,
) -> Answer {
    if source.config().treasury.is_some() {
        return Ok(Redirect::to(HOME).into_response());
    }
    if !words_are_checked(&source) {
        return Ok(Redirect::to("/wallet/words").into_response());
    }
    match proposed(&source, |draft| draft.set(Place::Section("treasury"), "wallet", &"segwit".into())) {
        Ok(proposal) => {
            let what = "savings on the chain were opened".to_owned();
            Ok(changes.ask(&source, Pending::new(proposal, what, HOME.to_owned(), HOME.to_owned())))
        }
        Err(fault) => {
            let page = closed(&source, t, told(fault)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// `POST /wallet/savings/look`: asks the chain now.
pub(super) async fn look(State(source): State<StatusSource>, t: Words) -> Answer {
    look_again(&source, t, false).await
}

/// `POST /wallet/savings/search`: also about addresses that were never shown.
pub(super) async fn search(State(source): State<StatusSource>, t: Words) -> Answer {
    look_again(&source, t, true).await
}

async fn look_again(source: &StatusSource, t: Words, all: bool) -> Answer {
    let treasury = treasury_of(source, t)?;
    // It goes on without anybody waiting; the page then says how far it is.
    if let Ok(looked) = timeout(LOOK_WAIT, treasury.ask(|answer| Asked::Look(all, answer))).await {
        looked.map_err(Refused::gone(t))?;
    }
    Ok(Redirect::to(HOME).into_response())
}

/// `POST /wallet/savings/label/{txid}`
pub(super) async fn label(
    State(source): State<StatusSource>,
    t: Words,
    Path(txid): Path<String>,
    Form(note): Form<Note>,
) -> Answer {
    let txid = txid_of(&txid, t)?;
    match source.label_onchain(txid, &note.label).await.map_err(Refused::gone(t))? {
        true => Ok(Redirect::to(&format!("{HOME}#tx-{txid}")).into_response()),
        false => Err(Refused::missing(t, "savings-no-such", HOME)),
    }
}

fn treasury_of(source: &StatusSource, t: Words) -> Result<&Treasury, Refused> {
    source.treasury.as_ref().ok_or_else(|| Refused::missing(t, "savings-closed", HOME))
}

fn txid_of(text: &str, t: Words) -> Result<Txid, Refused> {
    text.parse().map_err(|_| Refused::missing(t, "savings-no-such", HOME))
}

/// The coins; none while the wallet is busy sending.
async fn coins(treasury: &Treasury, t: Words) -> Result<Vec<Coin>, Refused> {
    match timeout(COINS_WAIT, treasury.ask(Asked::Coins)).await {
        Ok(coins) => Ok(coins.map_err(Refused::gone(t))?.into_iter().take(COINS_MAX).collect()),
        Err(_) => Ok(Vec::new()),
    }
}

/// Whether this device's own words hold the keys, and nobody has proven yet that they are written down.
fn words_are_missing(source: &StatusSource) -> bool {
    let config = source.config();
    let kind = config.treasury.as_ref().map(|treasury| &treasury.kind);
    matches!(kind, Some(TreasuryKind::Segwit | TreasuryKind::Taproot)) && !words_are_checked(source)
}

const HOME: &str = "/wallet/savings";
/// An answer most often comes sooner; reading blocks can take hours.
const LOOK_WAIT: Duration = Duration::from_secs(5);
const COINS_WAIT: Duration = Duration::from_secs(2);
/// More are not shown, the largest come first.
const COINS_MAX: usize = 500;
