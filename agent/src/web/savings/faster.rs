//! A waiting transaction made faster: what that would cost is shown first.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use bitcoin::Txid;
use serde::Deserialize;

use super::super::answers::{Answer, Refused};
use super::super::{Frame, Words, page};
use super::drafts::{Drafts, Kept};
use super::{treasury_of, txid_of};
use crate::status::StatusSource;
use crate::treasury::{self, Asked, DraftView, FeeRates, Treasury};

#[derive(Template)]
#[template(path = "savings_faster.html")]
struct FasterPage {
    frame: Frame,
    t: Words,
    txid: String,
    rate: String,
    fees: FeeRates,
    fault: String,
}

/// The fee rate, as it was written; empty is what the network asks for.
#[derive(Deserialize)]
pub(in super::super) struct Rate {
    #[serde(default)]
    rate: String,
}

/// `POST /wallet/savings/faster/{txid}`
pub(in super::super) async fn faster(
    State(source): State<StatusSource>,
    Extension(drafts): Extension<Drafts>,
    t: Words,
    Path(txid): Path<String>,
    Form(Rate { rate }): Form<Rate>,
) -> Answer {
    let (wallet, txid) = (treasury_of(&source, t)?, txid_of(&txid, t)?);
    let wanted = match rate.trim() {
        "" => None,
        text => match text.parse::<u64>() {
            Ok(wanted) => Some(wanted),
            Err(_) => {
                let fault = t.with("fault-number", "field", t.say("savings-rate"));
                return refused(&source, wallet, t, txid, rate, fault).await;
            }
        },
    };
    match drafted(wallet, t, txid, wanted).await? {
        Ok(draft) => {
            let path = format!("/wallet/savings/send/{}", draft.id);
            let history = source.onchain_history(WAITING_MAX).await.map_err(Refused::unanswered(t))?;
            let old = history.iter().find(|known| known.txid == txid.to_string());
            drafts.keep(Kept::faster(draft, old, &wallet.view()));
            Ok(Redirect::to(&path).into_response())
        }
        Err(no) => refused(&source, wallet, t, txid, rate, no.to_string()).await,
    }
}

/// Without a rate of the owner's own, as much as is asked for, and enough to be taken.
async fn drafted(
    wallet: &Treasury,
    t: Words,
    txid: Txid,
    wanted: Option<u64>,
) -> Result<Result<DraftView, treasury::Refused>, Refused> {
    let rate = wanted.unwrap_or(wallet.view().fees.soon);
    let draft = wallet.ask(|answer| Asked::Faster(txid, rate, answer)).await.map_err(Refused::gone(t))?;
    match draft {
        Err(treasury::Refused::BumpTooSmall { least, fee }) if wanted.is_none() => {
            let rate = least_rate(rate, least, fee);
            wallet.ask(|answer| Asked::Faster(txid, rate, answer)).await.map_err(Refused::gone(t))
        }
        other => Ok(other),
    }
}

/// The rate at which a transaction that costs `fee` at `rate` costs at least `least`.
fn least_rate(rate: u64, least: u64, fee: u64) -> u64 {
    let needed = (u128::from(least) * u128::from(rate)).div_ceil(u128::from(fee.max(1)));
    u64::try_from(needed).unwrap_or(u64::MAX).max(rate.saturating_add(1))
}

async fn refused(
    source: &StatusSource,
    wallet: &Treasury,
    t: Words,
    txid: Txid,
    rate: String,
    fault: String,
) -> Answer {
    let frame = Frame::of(source, t, "wallet").await?;
    let (txid, fees) = (txid.to_string(), wallet.view().fees);
    let page = page(&FasterPage { frame, t, txid, rate, fees, fault });
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// What waits stands at the beginning of the history.
const WAITING_MAX: u32 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_until_the_fee_is_enough() {
        assert_eq!(least_rate(2, 451, 300), 4);
        assert_eq!(least_rate(10, 1_410, 1_400), 11);
        assert_eq!(least_rate(10, 5, 1_400), 11, "always more than before");
        assert_eq!(least_rate(1, u64::MAX, 0), u64::MAX);
    }
}
