//! The wallet's words: shown to whoever knows the password, and checked once they are written down.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use serde::Deserialize;

use super::super::answers::{Answer, Refused};
use super::super::door::Peer;
use super::super::gate::{audit, confirmed};
use super::super::{Frame, Words, page};
use crate::agent::WORDS_CHECKED;
use crate::disk;
use crate::keys::WordCount;
use crate::status::{StatusSource, WantedWords, WordsFault};

#[derive(Template)]
#[template(path = "wallet_words.html")]
struct WordsPage {
    frame: Frame,
    t: Words,
    /// The wallet that pays has words of its own; these are those of the savings on the chain.
    pays_elsewhere: bool,
    /// Nothing is under them yet, so that they may be replaced.
    are_unused: bool,
    /// Empty while the password has not been given.
    words: Vec<&'static str>,
    /// Which are asked for, counted from 1.
    asked: [(&'static str, usize); 3],
    fault: Option<String>,
}

/// The password.
#[derive(Deserialize)]
pub(in super::super) struct Password {
    password: String,
}

/// Words that somebody wrote down, and the password.
#[derive(Deserialize)]
pub(in super::super) struct Written {
    words: String,
    password: String,
}

/// How many new words, and the password.
#[derive(Deserialize)]
pub(in super::super) struct Fresh {
    count: String,
    password: String,
}

/// The words that were asked for, and which they are.
#[derive(Deserialize)]
pub(in super::super) struct Check {
    first: usize,
    first_word: String,
    second: usize,
    second_word: String,
    third: usize,
    third_word: String,
}

/// `GET /wallet/words`
pub(in super::super) async fn form(State(source): State<StatusSource>, t: Words) -> Answer {
    shown(&source, t, Vec::new(), None).await
}

async fn shown(source: &StatusSource, t: Words, words: Vec<&'static str>, fault: Option<String>) -> Answer {
    if source.vault.closed().is_some() {
        return Ok(Redirect::to("/wallet/protection").into_response());
    }
    let frame = Frame::of(source, t, "wallet").await?;
    let pays_elsewhere = source.config().wallet.is_some();
    let [first, second, third] = three_of(words.len());
    let asked = [("first", first), ("second", second), ("third", third)];
    let are_unused = source.words_hold_nothing().await.map_err(Refused::gone(t))?;
    Ok(page(&WordsPage { frame, t, pays_elsewhere, are_unused, words, asked, fault }))
}

/// `POST /wallet/words/written`: those on paper take the place of those here.
pub(in super::super) async fn take_written(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    Form(form): Form<Written>,
) -> Answer {
    replace(&source, &peer, t, &form.password, WantedWords::These(form.words)).await
}

/// `POST /wallet/words/new`
pub(in super::super) async fn make_new(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    Form(form): Form<Fresh>,
) -> Answer {
    let count = if form.count == "24" { WordCount::TwentyFour } else { WordCount::Twelve };
    replace(&source, &peer, t, &form.password, WantedWords::New(count)).await
}

async fn replace(source: &StatusSource, peer: &Peer, t: Words, password: &str, wanted: WantedWords) -> Answer {
    if source.vault.closed().is_some() {
        return shown(source, t, Vec::new(), None).await;
    }
    if let Some((status, denied)) = confirmed(&source.access, peer.address, password).await {
        return Ok((status, shown(source, t, Vec::new(), Some(denied)).await?).into_response());
    }
    match source.replace_words(wanted, &format!("on the page, from {}", peer.address.ip())).await {
        Ok(()) => Ok(Redirect::to("/").into_response()),
        Err(WordsFault::Gone(gone)) => Err(Refused::gone(t)(gone)),
        Err(fault) => {
            let page = shown(source, t, Vec::new(), Some(fault.to_string())).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// `POST /wallet/words`: shows them.
pub(in super::super) async fn show(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    Form(form): Form<Password>,
) -> Answer {
    if let Some((status, denied)) = confirmed(&source.access, peer.address, &form.password).await {
        return Ok((status, shown(&source, t, Vec::new(), Some(denied)).await?).into_response());
    }
    if source.vault.closed().is_some() {
        return shown(&source, t, Vec::new(), None).await;
    }
    let words = words(&source, t)?;
    audit(&source, format!("the wallet's words were shown on the page, from {}", peer.address.ip())).await;
    shown(&source, t, words, None).await
}

/// `POST /wallet/words/check`
pub(in super::super) async fn check(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    Form(form): Form<Check>,
) -> Answer {
    let words = words(&source, t)?;
    let told = [(form.first, &form.first_word), (form.second, &form.second_word), (form.third, &form.third_word)];
    let is_right = |(number, word): &(usize, &String)| {
        let known = number.checked_sub(1).and_then(|index| words.get(index));
        known.is_some_and(|known| known.eq_ignore_ascii_case(word.trim()))
    };
    let mut numbers = told.map(|(number, _)| number);
    numbers.sort_unstable();
    let are_three = numbers.windows(2).all(|pair| pair[0] != pair[1]);
    if !are_three || !told.iter().all(is_right) {
        let page = shown(&source, t, Vec::new(), Some(t.say("words-wrong"))).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let marker = source.config().state_directory.join(WORDS_CHECKED);
    disk::replace(&marker, b"")
        .map_err(|error| Refused::because(StatusCode::INTERNAL_SERVER_ERROR, t, error.to_string(), "/wallet/words"))?;
    audit(&source, format!("the wallet's words were checked on the page, from {}", peer.address.ip())).await;
    Ok(Redirect::to("/").into_response())
}

/// Whether the owner has proven once that the words are written down.
pub(in super::super) fn are_checked(source: &StatusSource) -> bool {
    source.config().state_directory.join(WORDS_CHECKED).exists()
}

fn words(source: &StatusSource, t: Words) -> Result<Vec<&'static str>, Refused> {
    let seed = source.vault.seed_or_fresh();
    let refused = |text: String| Refused::because(StatusCode::INTERNAL_SERVER_ERROR, t, text, "/wallet");
    Ok(seed.map_err(|fault| refused(fault.to_string()))?.words())
}

/// Three different places, counted from 1, that nobody can know before.
fn three_of(words: usize) -> [usize; 3] {
    let mut random = [0; 3];
    // Without it, the same three are asked for, which is no secret either.
    let _ = getrandom::fill(&mut random);
    let third = (words / 3).max(1);
    let pick = |part: usize, byte: u8| part * third + usize::from(byte) % third + 1;
    [pick(0, random[0]), pick(1, random[1]), pick(2, random[2])]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_different_words_are_asked_for() {
        for _ in 0..100 {
            for words in [12, 24] {
                let [first, second, third] = three_of(words);
                assert!(1 <= first && first < second && second < third && third <= words);
            }
        }
    }
}
