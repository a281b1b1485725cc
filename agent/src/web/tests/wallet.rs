//! What the page and the CLI say of the wallet.

use super::super::wallet::WalletPage;
use super::*;

fn wallet(status: Status) -> String {
    let t = Words::of(Language::English);
    let (frame, service) = (Frame::around(&status, t, false), "LND".to_owned());
    let entries = super::super::wallet::Entries::default();
    text_of(&WalletPage { frame, t, status, service, entries, savings_sealed: false, fault: None }.render().unwrap())
}

#[test]
fn what_the_wallet_says_and_what_the_ledger_has_stand_side_by_side() {
    let text = wallet(full());
    shows(&text, &["210 001 sat", "190 002 sat", "370 003 sat", "4 / 5", "899001", "02c6047f", "LND"]);
    shows(&text, &["209 990 sat", "5.015 sat", "17 min ago", "own number differs by 11 sat"]);
    let lightning = Balance { channels: Some(0), channels_usable: Some(0), ..Balance::default() };
    let empty = Status { lightning, wallet_age_ms: Some(0), ..Status::default() };
    shows(&wallet(empty), &["The wallet has no channel yet, so it cannot pay. The first money it receives opens one"]);
    shows(&text, &["Savings on the chain", "41 234 018 sat (≈ 25", "can be spent. Show your savings"]);
    let silent = wallet(Status::default());
    shows(&silent, &["Bitcoin that you lay by"]);
    shows(&silent, &["the wallet has not answered yet"]);
    assert!(!silent.contains("Can be received"), "{silent}");
}

#[test]
fn how_old_the_wallets_answer_is_stands_beside_it() {
    let page = |wallet_fault: Option<&str>, wallet_age_ms| {
        let status = Status { wallet_fault: wallet_fault.map(str::to_owned), wallet_age_ms, stopped: true, ..full() };
        (text_of(&html(&status)), status.as_text())
    };
    let (html, text) = page(Some("LND did not answer."), Some(125_000));
    shows(&html, &["balance is not known now. LND did not answer. What you see of it below is 2 min old."]);
    shows(&html, &["190 002 sat", "4 of 5 channels ready, 2 min ago"]);
    shows(&text, &["Wallet: LND did not answer.", "Wallet, 125 s ago: 190002 sat to spend, 4 of 5 channels ready"]);
    let (html, text) = page(Some("LND did not answer."), None);
    shows(&html, &["balance is not known. LND did not answer.", "the wallet has not answered yet"]);
    assert!(!html.contains("190 002 sat") && !text.contains("to spend"), "nothing is made up:\n{html}\n{text}");
    let (html, text) = page(None, None);
    shows(&html, &["the wallet has not answered yet"]);
    shows(&text, &["Wallet: it has not answered yet"]);
    shows(&page(None, Some(0)).0, &["4 of 5 channels ready, 0 s ago"]);
}

#[test]
fn of_a_wallet_that_does_not_tell_of_channels_nothing_is_said_about_them() {
    let mut status = full();
    (status.lightning.channels, status.lightning.channels_usable) = (None, None);
    (status.lightning.block_height, status.wallet_fault) = (0, None);
    let (page, lines) = (text_of(&html(&status)), status.as_text());
    assert!(lines.contains(" ago: 190002 sat to spend\n"), "{lines}");
    for said in [page, lines] {
        assert!(!said.to_lowercase().contains("channel"), "{said}");
    }
}

#[test]
fn payments_that_wait_for_the_comparison_say_so() {
    let ledger = WalletSnapshot { waits: true, fault: Some("LND cannot be reached.".to_owned()), ..full().ledger };
    shows(&text_of(&html(&Status { ledger, ..full() })), &["Payments wait. At every start", "LND cannot be reached."]);
}
