//! The built-in node's channels, in words: what they can send and receive, what comes back from closed ones, and closing one.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use serde::Deserialize;

use super::answers::{Answer, Refused};
use super::door::Peer;
use super::gate::{audit, confirmed};
use super::{Frame, Words, page};
use crate::status::{ChannelFault, ChannelView, ChannelsView, ClosingView, StatusSource};

/// Which channel is to be closed.
#[derive(Deserialize)]
pub(super) struct Wanted {
    channel: String,
    #[serde(default)]
    password: String,
}

#[derive(Template)]
#[template(path = "channels.html")]
pub(super) struct ChannelsPage {
    pub(super) frame: Frame,
    pub(super) t: Words,
    /// `None` where the built-in node does not run.
    pub(super) view: Option<ChannelsView>,
    pub(super) has_savings: bool,
}

impl ChannelsPage {
    /// How it stands, by the name of its dot and in words.
    fn standing(&self, channel: &ChannelView) -> (&'static str, String) {
        let counted = |number: u32| self.t.whole(&u64::from(number));
        match channel.state.as_str() {
            "works" => ("good", self.t.say("channels-works")),
            "away" => ("doubtful", self.t.say("channels-away")),
            _ => {
                let (done, of) = (channel.confirmations, channel.confirmations_needed);
                let values = [("done", counted(done)), ("of", counted(of))];
                ("doubtful", self.t.fill("channels-confirming", &values))
            }
        }
    }

    /// What its peer takes for passing payments on.
    fn terms(&self, channel: &ChannelView) -> Option<String> {
        Some(self.t.passing_fee(channel.base_msat?.into(), channel.ppm?.into()))
    }

    /// When the money of a closed channel can be had, at ten minutes for a block.
    fn when(&self, closing: &ClosingView) -> String {
        match closing.blocks {
            None => self.t.say("channels-closing-soon"),
            Some(blocks) => {
                let ms = u64::from(blocks).saturating_mul(600_000);
                let values = [("blocks", self.t.whole(&u64::from(blocks))), ("span", self.t.span(&ms))];
                self.t.fill("channels-closing-in", &values)
            }
        }
    }
}

/// `GET /wallet/channels`
pub(super) async fn html(State(source): State<StatusSource>, t: Words) -> Answer {
    let view = source.channels().await.map_err(Refused::unanswered(t))?;
    let has_savings = source.config().treasury.is_some();
    Ok(page(&ChannelsPage { frame: Frame::of(&source, t, "wallet").await?, t, view, has_savings }))
}

/// `POST /wallet/channels/close`: with the password, since nothing can be paid through it any more.
pub(super) async fn close(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    Form(wanted): Form<Wanted>,
) -> Answer {
    if let Some((status, denied)) = confirmed(&source.access, peer.address, &wanted.password).await {
        return Err(Refused::because(status, t, denied, HOME));
    }
    went(source.close_channel(&wanted.channel).await, t)?;
    audit(&source, format!("a channel is being closed, on the page, from {}", peer.address.ip())).await;
    Ok(Redirect::to(HOME).into_response())
}

/// `POST /wallet/channels/back`: what is beside the channels goes to the savings.
pub(super) async fn bring_back(State(source): State<StatusSource>, t: Words) -> Answer {
    went(source.bring_back().await, t)?;
    Ok(Redirect::to("/wallet/moves").into_response())
}

fn went(went: Result<(), ChannelFault>, t: Words) -> Result<(), Refused> {
    went.map_err(|fault| match fault {
        ChannelFault::Unanswered(why) => Refused::unanswered(t)(why),
        other => Refused::because(StatusCode::CONFLICT, t, other.to_string(), HOME),
    })
}

const HOME: &str = "/wallet/channels";
