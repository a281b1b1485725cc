//! What is to be sent, as the owner writes it; it leads to what that would cost, and sends nothing.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};

use super::super::answers::{Answer, Refused};
use super::super::entry::amount;
use super::super::{Frame, Words, page};
use super::drafts::{Drafts, Kept};
use super::{COINS_MAX, coins, treasury_of};
use crate::domain::money::MSAT_PER_SAT;
use crate::status::StatusSource;
use crate::text::fixed_point;
use crate::treasury::{Asked, Coin, FeeRates, Sum, TreasuryView, Wish};

/// What the owner fills in, as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entries {
    to: String,
    amount: String,
    all: bool,
    speed: String,
    rate: String,
    coins: Vec<String>,
    label: String,
}

/// A coin that can be chosen.
struct Choice {
    outpoint: String,
    label: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "savings_send.html")]
struct SendPage {
    frame: Frame,
    t: Words,
    view: TreasuryView,
    coins: Vec<Coin>,
    entries: Entries,
    faults: Vec<String>,
}

impl SendPage {
    /// Each speed with what it costs, and whether it is chosen.
    fn speeds(&self) -> Vec<(&'static str, String, bool)> {
        let FeeRates { soon, hour, day, .. } = self.view.fees;
        let rate = |rate: u64| format!("{} sat/vB", self.t.whole(&rate));
        let speeds = [
            ("soon", self.t.with("savings-soon", "rate", rate(soon))),
            ("hour", self.t.with("savings-hour", "rate", rate(hour))),
            ("day", self.t.with("savings-day", "rate", rate(day))),
            ("own", self.t.say("savings-own")),
        ];
        let chosen = if self.entries.speed.is_empty() { "hour" } else { self.entries.speed.as_str() };
        speeds.into_iter().map(|(name, label)| (name, label, name == chosen)).collect()
    }

    /// What was chosen stays chosen, also where it is not there any more.
    fn choices(&self) -> Vec<Choice> {
        let known = |outpoint: &String| self.coins.iter().any(|coin| coin.outpoint == *outpoint);
        let gone = self.entries.coins.iter().filter(|outpoint| !known(outpoint));
        let gone = gone.map(|coin| Choice { outpoint: coin.clone(), label: coin.clone(), is_chosen: true });
        let there = self.coins.iter().map(|coin| Choice {
            is_chosen: self.entries.coins.contains(&coin.outpoint),
            label: self.label(coin),
            outpoint: coin.outpoint.clone(),
        });
        gone.chain(there).collect()
    }

    fn label(&self, coin: &Coin) -> String {
        let amount = self.t.sats(&coin.sat);
        let label = self.t.fill("savings-coin", &[("amount", amount), ("address", coin.address.clone())]);
        match coin.height {
            Some(_) => label,
            None => format!("{label} ({})", self.t.say("savings-incoming-note")),
        }
    }
}

impl Entries {
    /// Of a form in which several coins can be chosen.
    fn of(pairs: Vec<(String, String)>) -> Entries {
        let mut entries = Entries::default();
        for (name, value) in pairs {
            match name.as_str() {
                "to" => entries.to = value,
                "amount" => entries.amount = value,
                "all" => entries.all = true,
                "speed" => entries.speed = value,
                "rate" => entries.rate = value,
                "label" => entries.label = value,
                "coin" if entries.coins.len() < COINS_MAX => entries.coins.push(value),
                _ => {}
            }
        }
        entries
    }

    /// What they come to, or one sentence for each mistake.
    fn wish(&self, fees: FeeRates, t: Words) -> Result<Wish, Vec<String>> {
        let to = address_of(&self.to);
        let no_address = to.is_empty().then(|| t.with("fault-empty", "field", t.say("savings-address")));
        match (no_address, self.sum(t), self.sat_per_vb(fees, t)) {
            (None, Ok(sum), Ok(sat_per_vb)) => {
                Ok(Wish { to: to.to_owned(), sum, sat_per_vb, coins: self.coins.clone() })
            }
            (no_address, sum, rate) => Err(no_address.into_iter().chain(sum.err()).chain(rate.err()).collect()),
        }
    }

    fn sum(&self, t: Words) -> Result<Sum, String> {
        match (self.amount.trim(), self.all) {
            ("", true) => Ok(Sum::All),
            (_, true) => Err(t.say("savings-both")),
            (text, false) => {
                let msat = amount(text).filter(|msat| *msat > 0 && msat % MSAT_PER_SAT == 0);
                match (msat.map(|msat| msat / MSAT_PER_SAT), amount_in(&self.to)) {
                    (None, Some(asked)) if text.is_empty() => Ok(Sum::Sat(asked)),
                    (Some(written), Some(asked)) if written != asked => {
                        let (written, asked) = (("written", t.sats(&written)), ("asked", t.sats(&asked)));
                        Err(t.fill("savings-other-amount", &[written, asked]))
                    }
                    (Some(written), _) => Ok(Sum::Sat(written)),
                    (None, _) => Err(t.with("savings-fault-amount", "field", t.say("receive-amount"))),
                }
            }
        }
    }

    fn sat_per_vb(&self, fees: FeeRates, t: Words) -> Result<u64, String> {
        let wrong = |_| t.with("fault-number", "field", t.say("savings-own-rate"));
        match (self.speed.as_str(), self.rate.trim()) {
            ("soon", "") => Ok(fees.soon),
            ("day", "") => Ok(fees.day),
            ("own", text) => text.parse().map_err(wrong),
            (_, "") => Ok(fees.hour),
            // Whoever writes a rate means it.
            (_, text) => text.parse().map_err(wrong),
        }
    }
}

/// `GET /wallet/savings/send`
pub(in super::super) async fn form(State(source): State<StatusSource>, t: Words) -> Answer {
    shown(&source, t, Entries::default(), Vec::new()).await
}

/// `POST /wallet/savings/send`: leads to what it would cost.
pub(in super::super) async fn draft(
    State(source): State<StatusSource>,
    Extension(drafts): Extension<Drafts>,
    t: Words,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer {
    let (treasury, entries) = (treasury_of(&source, t)?, Entries::of(pairs));
    let view = treasury.view();
    let wish = match entries.wish(view.fees, t) {
        Ok(wish) => wish,
        Err(faults) => return refused(shown(&source, t, entries, faults).await),
    };
    match treasury.ask(|answer| Asked::Draft(wish, answer)).await.map_err(Refused::gone(t))? {
        Ok(draft) => {
            let path = format!("/wallet/savings/send/{}", draft.id);
            drafts.keep(Kept::sending(draft, entries.label, &view));
            Ok(Redirect::to(&path).into_response())
        }
        Err(no) => refused(shown(&source, t, entries, vec![no.to_string()]).await),
    }
}

async fn shown(source: &StatusSource, t: Words, entries: Entries, faults: Vec<String>) -> Answer {
    let treasury = treasury_of(source, t)?;
    let (view, coins) = (treasury.view(), coins(treasury, t).await?);
    let frame = Frame::of(source, t, "wallet").await?;
    Ok(page(&SendPage { frame, t, view, coins, entries, faults }))
}

fn refused(page: Answer) -> Answer {
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page?).into_response())
}

/// The address in what wallets hand out as a link (BIP 321). One that asks for what nobody here knows is no address.
fn address_of(text: &str) -> &str {
    let text = text.trim();
    let Some((scheme, rest)) = text.split_once(':') else { return text };
    let (address, more) = rest.split_once('?').unwrap_or((rest, ""));
    let asks_more = more.split('&').any(|part| part.to_ascii_lowercase().starts_with("req-"));
    if scheme.eq_ignore_ascii_case("bitcoin") && !asks_more { address } else { text }
}

/// What such a link asks for, in sat.
fn amount_in(text: &str) -> Option<u64> {
    let (_, more) = text.trim().split_once('?')?;
    let mut parts = more.split('&').filter_map(|part| part.split_once('='));
    let (_, bitcoin) = parts.find(|(name, _)| name.eq_ignore_ascii_case("amount"))?;
    fixed_point(bitcoin, BITCOIN_PLACES).filter(|sat| *sat > 0)
}

const BITCOIN_PLACES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    const T: Words = Words::of(Language::English);
    const FEES: FeeRates = FeeRates { soon: 9, hour: 5, day: 2, is_guess: false };

    fn entries(pairs: &[(&str, &str)]) -> Entries {
        Entries::of(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn what_is_written_becomes_a_wish() {
        let wish = |pairs: &[(&str, &str)]| entries(pairs).wish(FEES, T);
        let to = ("to", " bitcoin:bc1qx?amount=0.1&label=y ");
        let expected = |sum, sat_per_vb, coins: &[&str]| {
            let coins = coins.iter().map(|coin| (*coin).to_owned()).collect();
            Ok(Wish { to: "bc1qx".to_owned(), sum, sat_per_vb, coins })
        };
        assert_eq!(wish(&[to]), expected(Sum::Sat(10_000_000), 5, &[]), "what the link asks for");
        assert_eq!(wish(&[("to", "BITCOIN:bc1qx?AMOUNT=0.1")]), expected(Sum::Sat(10_000_000), 5, &[]));
        assert_eq!(wish(&[to, ("amount", "10 000 000")]), expected(Sum::Sat(10_000_000), 5, &[]));
        let other = wish(&[to, ("amount", "50 000 sat")]).unwrap_err();
        assert!(
            other[0].contains("10\u{202f}000\u{202f}000 sat") && other[0].contains("50\u{202f}000 sat"),
            "{other:?}"
        );
        let plain = ("to", " bitcoin:bc1qx?amount=lots&label=y ");
        assert_eq!(wish(&[plain, ("amount", "50 000 sat")]), expected(Sum::Sat(50_000), 5, &[]));
        let to = ("to", " bitcoin:bc1qx?label=y ");
        assert_eq!(wish(&[to, ("all", "on"), ("amount", " "), ("speed", "soon")]), expected(Sum::All, 9, &[]));
        let coins = [to, ("amount", "7"), ("speed", "own"), ("rate", "3"), ("coin", "a:0"), ("coin", "b:1")];
        assert_eq!(wish(&coins), expected(Sum::Sat(7), 3, &["a:0", "b:1"]));
        let rate = [to, ("amount", "7"), ("speed", "day"), ("rate", " 4 ")];
        assert_eq!(wish(&rate), expected(Sum::Sat(7), 4, &[]));
        assert_eq!(wish(&rate[..3]), expected(Sum::Sat(7), 2, &[]));
    }

    #[test]
    fn every_mistake_is_said() {
        let wrong = entries(&[("amount", "0.5"), ("speed", "own"), ("rate", "fast")]).wish(FEES, T).unwrap_err();
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        let both = entries(&[("to", "x"), ("amount", "5"), ("all", "on")]).wish(FEES, T).unwrap_err();
        assert_eq!(both, [T.say("savings-both")]);
        for amount in ["", "0", "-1", "1.5", "all"] {
            assert!(entries(&[("to", "x"), ("amount", amount)]).wish(FEES, T).is_err(), "{amount}");
        }
    }

    #[test]
    fn a_link_that_asks_for_more_is_no_address() {
        assert_eq!(address_of("BITCOIN:BC1QX"), "BC1QX");
        assert_eq!(address_of("bitcoin:bc1qx?REQ-thing=1"), "bitcoin:bc1qx?REQ-thing=1");
        assert_eq!(address_of("litecoin:bc1qx"), "litecoin:bc1qx");
    }
}
