//! What is fed to every parser of strangers' bytes about money, and what must hold of the result.
//!
//! The fuzzer (`tests/fuzz`) and the replay of its corpus in the ordinary tests (`tests/corpus`) both call these. A
//! target panics where something does not hold; in all of them nothing may panic by itself.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a harness may panic: that is how it reports")]

mod answers;
mod invoices;
mod oracle;
mod payees;
mod relay;
mod settings;
mod tickets;
mod wallets;

/// One parser with its properties.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name here, of its fuzz target and of its folder in the corpus.
    pub name: &'static str,
    /// Feeds it.
    pub feed: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 15] = [
    Target { name: "bolt11", feed: invoices::with_right_check_digits },
    Target { name: "bolt11_text", feed: invoices::as_it_is },
    Target { name: "cln", feed: wallets::cln },
    Target { name: "config", feed: settings::config },
    Target { name: "json", feed: payees::json },
    Target { name: "l402_challenge", feed: tickets::challenge },
    Target { name: "l402_macaroon", feed: tickets::macaroon },
    Target { name: "l402_ticket", feed: tickets::ticket },
    Target { name: "lnbits", feed: wallets::lnbits },
    Target { name: "lnd", feed: wallets::lnd },
    Target { name: "lnurl_answers", feed: payees::answers },
    Target { name: "lnurl_target", feed: payees::target },
    Target { name: "nwc", feed: wallets::nwc },
    Target { name: "nwc_relay", feed: relay::message },
    Target { name: "phoenixd", feed: wallets::phoenixd },
];

/// Feeds the target of that name.
///
/// # Panics
/// Where something does not hold, and for a name that no target has.
pub fn feed(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("no target {name}"));
    (target.feed)(input);
}

/// What reaches the owner is one line that shows what it says, and not a flood.
#[track_caller]
fn assert_fit_to_show(text: &str) {
    assert!(text.chars().count() <= SHOWN_CHARS_MAX, "too long: {text:?}");
    let hidden = |character: char| character.is_control() || ('\u{200b}'..='\u{200f}').contains(&character);
    let turned = |character: char| ('\u{202a}'..='\u{202e}').contains(&character);
    assert!(!text.chars().any(|character| hidden(character) || turned(character)), "not fit to show: {text:?}");
}

const SHOWN_CHARS_MAX: usize = 1_500;
