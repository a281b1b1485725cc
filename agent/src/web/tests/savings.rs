//! The savings on the chain, as their page shows and moves them. Their only chain source is where nobody listens.

use std::path::Path;

use askama::Template as _;
use bitcoin::hashes::Hash as _;
use bitcoin::{Amount, Psbt, ScriptBuf, Transaction, TxIn, TxOut, Txid};
use jiff::tz::TimeZone;
use tempfile::TempDir;

use super::super::Words;
use super::super::savings::{Kept, SavingsPage};
use super::browser::{Tab, axe};
use super::changes::{location, read};
use super::full::{HOSTILE, full, savings};
use super::pay::euro;
use super::receive::bill;
use super::served::{EXAMPLE, PASSWORD, Served, body, example_house, house_in};
use super::{shows, text_of};
use crate::config::{ChainSource, TreasuryConfig};
use crate::engine::{Event, Keep};
use crate::language::Language;
use crate::lightning::LightningService;
use crate::status::StatusSource;
use crate::treasury::{Coin, DraftView, Keeper, Keys, LeftView, SeenTx, TreasuryView, TxView};
use crate::web::Frame;

/// Opens those that the configuration wants.
pub(super) async fn open_savings(source: &mut StatusSource) {
    let config = source.config();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let chains = vec![ChainSource::Esplora(format!("http://127.0.0.1:{port}"))];
    let wanted = TreasuryConfig { chains, ..config.treasury.clone().unwrap() };
    let keys = Keys::of(&wanted.kind, config.network, || source.vault.seed_or_fresh()).unwrap();
    let opened = Keeper::open(keys, wanted, config.network, source.engine.clone(), source.clock.clone()).await;
    let (keeper, treasury, asked) = opened.unwrap().unwrap();
    tokio::spawn(keeper.run(asked));
    source.treasury = Some(treasury);
}

fn txid(number: u8) -> Txid {
    Txid::from_byte_array([number; 32])
}

/// Something came in, and all of it went out again.
pub(super) async fn move_savings(source: &StatusSource) {
    source.rates.put(euro(source));
    source.engine.submit(Event::Rate(euro(source))).await.unwrap();
    let (id, now_s) = (source.treasury.as_ref().unwrap().view().id, source.clock.now().wall.0 / 1_000);
    let seen = |number, net_sat, fee_sat, height: Option<u32>| SeenTx {
        txid: txid(number),
        net_sat,
        fee_sat,
        height,
        block_s: height.map(|_| now_s - 86_400),
    };
    let keep = Keep {
        wallet: id.clone(),
        seen: vec![
            seen(1, 1_250_000, None, Some(925_001)),
            seen(2, -400_282, Some(282), Some(925_002)),
            seen(3, -849_718, Some(1_410), None),
        ],
        ..Keep::default()
    };
    source.engine.work(move |engine, now| engine.keep(now, &keep)).await.unwrap();
    let label = format!("the new roof {HOSTILE}");
    source.engine.work(move |engine, _| engine.label(&id, &txid(2), Some(&label))).await.unwrap();
}

/// A house with savings of this kind.
pub(super) async fn saving(wallet: &str) -> (StatusSource, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let state = format!("state_directory = {:?}", folder.path());
    let text = EXAMPLE.replace("state_directory = \"/var/lib/kilosat\"", &state);
    let text = text.replace("\nwallet = \"none\"", &format!("\nwallet = {wallet:?}"));
    let text = if wallet == "watch-only" { text.replace("#descriptor = ", "descriptor = ") } else { text };
    crate::disk::replace(&folder.path().join("kilosat.toml"), text.as_bytes()).unwrap();
    let mut house = house_in(folder, LightningService::Absent);
    open_savings(&mut house.0).await;
    house
}

pub(super) fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// A transaction that nobody has signed.
fn psbt() -> Psbt {
    let output = TxOut { value: Amount::from_sat(60_017), script_pubkey: ScriptBuf::new() };
    Psbt::from_unsigned_tx(Transaction {
        version: bitcoin::transaction::Version::TWO,
        lock_time: bitcoin::absolute::LockTime::ZERO,
        input: vec![TxIn::default()],
        output: vec![output],
    })
    .unwrap()
}

fn draft(signs_elsewhere: bool) -> Kept {
    let psbt = psbt();
    let draft = DraftView {
        id: psbt.unsigned_tx.compute_txid().to_string(),
        to: ADDRESS.to_owned(),
        amount_sat: 60_017,
        fee_sat: 1_128,
        sat_per_kvb: 8_250,
        replaces: None,
        collects: false,
        signs_elsewhere,
        psbt: psbt.to_string(),
    };
    Kept { draft, label: format!("a car {HOSTILE}"), left_sat: Some(777_018) }
}

fn tx(number: u8, net_sat: i64, purpose: &str) -> TxView {
    TxView {
        txid: txid(number).to_string(),
        net_sat,
        fee_sat: None,
        height: Some(925_000),
        confirmations: 23,
        first_ms: 1_764_424_805_000,
        purpose: purpose.to_owned(),
        label: None,
        address: None,
        is_gone: false,
        can_be_given_up: false,
        fault: None,
        worth_cents: None,
        currency: None,
    }
}

fn page(view: TreasuryView, history: Vec<TxView>) -> String {
    let t = Words::of(Language::English);
    let coin = Coin { outpoint: format!("{}:0", txid(9)), sat: 41_234_018, height: None, address: ADDRESS.to_owned() };
    let (frame, zone) = (Frame::around(&full(), t, false), TimeZone::UTC);
    let page = SavingsPage { frame, t, view, history, has_older: true, coins: vec![coin], zone, words_missing: true };
    page.render().unwrap()
}

#[test]
fn everything_of_the_savings_is_on_their_page() {
    let (fault, currency) = (Some(format!("a node does not take it {HOSTILE}")), Some("EUR".to_owned()));
    let sent = TxView {
        fee_sat: Some(1_410),
        height: None,
        label: Some(HOSTILE.to_owned()),
        address: Some(ADDRESS.to_owned()),
        fault,
        can_be_given_up: true,
        worth_cents: Some(-52_345),
        currency: currency.clone(),
        ..tx(4, -849_718, "sent")
    };
    let gone = TxView { is_gone: true, height: None, ..tx(3, 0, "received") };
    let tiny = TxView { worth_cents: Some(0), currency, confirmations: 1, ..tx(2, 7, "received") };
    let html = page(savings(), vec![sent, gone, tiny, tx(1, 1_250_000, "opening")]);
    let text = text_of(&html);
    shows(&text, &["41 234 018 sat", "≈ 25 249.47 EUR", "350 019 sat", "625 020 sat", "5 000 021 sat", "925 022"]);
    shows(&text, &["11 min ago", "23 s ago", "https://esplora.example/api", "segwit (bc1q)", "1 coin", ADDRESS]);
    shows(&text, &["Sent", "waits for a block", "−849 718 sat", "≈ 523.45 EUR", "1 410 sat", HOSTILE]);
    shows(&text, &["replaced or dropped", "+7 sat", "less than 0.01 EUR", "1 confirmation ", "29 Nov 2025, 14:00"]);
    shows(
        &text,
        &["Was there already", "+1 250 000 sat", "23 confirmations", "Show older ones", "Nobody has checked yet"],
    );
    shows(
        &text,
        &["Closed channels left 197 023 sat", "Bring it to the savings", "No chain source takes this", "Give it up"],
    );
    assert!(!html.contains("<script>") && !html.contains("<img src=//"), "a label is only text");
    assert_eq!(html.matches("action=\"/wallet/savings/faster/").count(), 1, "only what waits is made faster");
    let place = |text: &str| html.find(text).unwrap();
    assert!(place("−849") < place("+1\u{202f}250"), "newest first");
}

#[test]
fn what_closed_channels_left_is_told_with_what_came_of_the_search() {
    let with = |left| text_of(&page(TreasuryView { left, ..savings() }, Vec::new()));
    let none = LeftView { sat: 0, coins: 0, is_going: false, fault: None };
    let fault = Some("bitcoind does not answer (timeout)".to_owned());
    shows(&with(Some(none.clone())), &["Closed channels have left nothing to collect."]);
    shows(
        &with(Some(LeftView { fault, ..none.clone() })),
        &["could not be looked for: bitcoind does not answer (timeout)"],
    );
    shows(
        &with(Some(LeftView { is_going: true, ..none.clone() })),
        &["What closed channels left is being looked for."],
    );
    assert!(!with(None).contains("losed channels"), "nobody has looked");
}

#[test]
fn what_is_not_known_of_the_chain_is_said() {
    let fault = Some("https://esplora.example/api does not answer (timeout)".to_owned());
    let view = TreasuryView {
        fault,
        stale: Some("no chain source answered for 41 minutes".to_owned()),
        progress: Some((1_200, 925_000)),
        source: None,
        asked_ms: None,
        tip_age_ms: None,
        ..savings()
    };
    let html = page(view, Vec::new());
    let text = text_of(&html);
    shows(&text, &["what you see may be old: https://esplora.example/api does not answer (timeout)."]);
    shows(&text, &["Nothing is sent now: no chain source answered for 41 minutes.", "1 200 of 925 000", "nobody yet"]);
    shows(&text, &["Nothing has come in yet. Press Receive"]);
    assert!(html.contains("/static/live.js") && html.contains("<progress max=\"925000\" value=\"1200\""), "{html}");
    assert!(!page(savings(), Vec::new()).contains("live.js"), "a note that is being written is not taken away");
}

#[tokio::test]
async fn savings_are_opened_once_the_words_are_checked_and_with_the_password() {
    let house = example_house();
    let source = house.0.clone();
    let served = Served::house(house).await;
    let text = read(&served, "/wallet/savings").await;
    shows(&text, &["only you send, with your password", "First write down the words of this device"]);
    let (status, answer) = served.send("/wallet/savings/open", "").await;
    assert_eq!((status, location(&answer).as_str()), (303, "/wallet/words"));
    for path in ["receive", "send", "signed"] {
        assert_eq!(served.get(&format!("/wallet/savings/{path}")).await.0, 404, "{path}");
    }
    crate::disk::replace(&source.config().state_directory.join("words-checked"), b"").unwrap();
    let text = read(&served, "/wallet/savings").await;
    assert!(text.contains("Open savings on the chain") && !text.contains("First write down"), "{text}");
    let change = location(&served.send("/wallet/savings/open", "").await.1);
    let text = read(&served, &change).await;
    shows(&text, &["− wallet = \"none\"", "+ wallet = \"segwit\"", "asks for your password"]);
    assert_eq!(served.send(&change, "password=wrong").await.0, 403);
    let (status, answer) = served.send(&change, &format!("password={PASSWORD}")).await;
    assert_eq!((status, location(&answer).as_str()), (303, "/wallet/savings"), "{answer}");
    let file = std::fs::read_to_string(source.settings.path().unwrap()).unwrap();
    assert!(file.contains("\nwallet = \"segwit\"\n"), "{file}");
}

#[tokio::test]
async fn each_address_is_shown_as_text_and_as_a_picture() {
    let served = Served::house(saving("segwit").await).await;
    let address = |page: &str| {
        let (_, rest) = page.split_once("id=\"address\">").unwrap();
        rest.split_once('<').unwrap().0.to_owned()
    };
    let first = served.get("/wallet/savings/receive").await.1;
    assert!(address(&first).starts_with("bc1q") && first.contains("<svg class=\"qr\""), "{first}");
    assert!(text_of(&first).contains("Nobody has checked yet that the words of this device are written down"));
    assert_eq!(address(&served.get("/wallet/savings/receive").await.1), address(&first), "looking takes none");
    let (status, other) = served.send("/wallet/savings/address", "").await;
    assert!(status == 200 && other.contains("<svg class=\"qr\""), "{other}");
    assert!(address(&other).starts_with("bc1q") && address(&other) != address(&first), "{other}");
    let text = read(&served, "/wallet/savings").await;
    shows(&text, &["Nothing has come in yet", "Nothing is sent now: the chain was not asked since the start."]);
}

#[tokio::test]
async fn what_cannot_be_drafted_is_said_and_nothing_that_was_typed_is_lost() {
    let served = Served::house(saving("segwit").await).await;
    let coin = format!("{}:1", txid(7));
    let fields = [("to", ADDRESS), ("amount", "50 000"), ("speed", "own"), ("rate", "17"), ("label", "a \"roof\"")];
    let mut fields = fields.to_vec();
    fields.push(("coin", &coin));
    let (status, answer) = served.send("/wallet/savings/send", &form(&fields)).await;
    let html = body(&answer);
    assert_eq!(status, 422, "{html}");
    shows(&text_of(html), &["the newest block known here is old (the chain was not asked since the start)"]);
    for kept in [ADDRESS, "50 000", "17", "a &#34;roof&#34;", coin.as_str()] {
        assert!(html.contains(&format!("value=\"{kept}\"")), "{kept}: {html}");
    }
    assert!(html.contains("<option value=\"own\" selected>") && html.contains("<details id=\"coins\" open>"), "{html}");
    let (status, answer) = served.send("/wallet/savings/send", "amount=5&all=on&to=").await;
    let text = text_of(body(&answer));
    assert_eq!(status, 422);
    shows(
        &text,
        &["Bitcoin address of the recipient: this must not be empty.", "Write an amount or choose everything"],
    );
}

#[tokio::test]
async fn nothing_is_sent_without_the_password() {
    let house = saving("segwit").await;
    let kept = draft(false);
    let path = format!("/wallet/savings/send/{}", kept.draft.id);
    house.0.memory.drafts.keep(kept);
    let served = Served::house(house).await;
    let html = served.get(&path).await.1;
    let text = text_of(&html);
    shows(&text, &["Send 60 017 sat?", ADDRESS, "1 128 sat", "1.9 %", "8.25 sat/vB", "777 018 sat", "a car", HOSTILE]);
    assert!(!html.contains("<script>") && html.contains("type=\"password\""), "{html}");
    for wrong in ["", "password=wrong"] {
        let (status, answer) = served.send(&path, wrong).await;
        assert!(status == 403 && text_of(&answer).contains("Send 60 017 sat?"), "{answer}");
    }
    let (status, answer) = served.send(&path, &format!("password={PASSWORD}")).await;
    assert!(status == 409 && text_of(&answer).contains("Nothing was sent; wait until"), "{answer}");
    let (status, answer) = served.send("/wallet/savings/send/00", &format!("password={PASSWORD}")).await;
    assert!(status == 404 && text_of(&answer).contains("This draft is not known any more"), "{answer}");
}

#[tokio::test]
async fn a_transaction_is_taken_to_its_key_and_brought_back() {
    let house = saving("watch-only").await;
    let kept = draft(true);
    let (id, text) = (kept.draft.id.clone(), kept.draft.psbt.clone());
    house.0.memory.drafts.keep(kept);
    let served = Served::house(house).await;
    let html = served.get(&format!("/wallet/savings/send/{id}")).await.1;
    assert!(!html.contains("type=\"password\"") && html.contains("<svg class=\"qr\""), "{html}");
    shows(&html, &[&format!("readonly spellcheck=\"false\">{text}</textarea>")]);
    let (status, file) = served.get(&format!("/wallet/savings/psbt/{id}")).await;
    assert_eq!((status, body(&file)), (200, format!("{text}\n").as_str()));
    let name = format!("content-disposition: attachment; filename=\"kilosat-{}.psbt\"\r\n", &id[..8]);
    shows(&file, &["content-type: text/plain; charset=utf-8\r\n", &name]);
    assert_eq!(served.get("/wallet/savings/psbt/00").await.0, 404);
    shows(&read(&served, "/wallet/savings").await, &["Bring back a signed transaction", "the key is elsewhere"]);
    let (status, answer) = served.send("/wallet/savings/signed", "signed=cHNid%3Cb%3E&label=roof").await;
    assert_eq!(status, 422);
    shows(body(&answer), &["This is no transaction (PSBT", "required>cHNid&#60;b&#62;</textarea>", "value=\"roof\""]);
    let broken = format!("{}\r\n{}", &text[..20], &text[20..]);
    let (status, answer) = served.send("/wallet/savings/signed", &form(&[("signed", &broken)])).await;
    assert!(status == 409 && text_of(&answer).contains("Nothing was sent; wait until"), "{answer}");
}

#[tokio::test]
async fn notes_are_kept_and_what_waits_can_be_made_faster() {
    let house = saving("segwit").await;
    move_savings(&house.0).await;
    let served = Served::house(house).await;
    let text = read(&served, "/wallet/savings").await;
    shows(&text, &["+1 250 000 sat", "−400 282 sat", "282 sat", "the new roof", HOSTILE, "≈ 750.00 EUR"]);
    let path = format!("/wallet/savings/label/{}", txid(3));
    let (status, answer) = served.send(&path, "label=%3Cb%3Ewindows%3C%2Fb%3E").await;
    assert_eq!((status, location(&answer)), (303, format!("/wallet/savings#tx-{}", txid(3))));
    let html = served.get("/wallet/savings").await.1;
    assert!(html.contains("value=\"&#60;b&#62;windows&#60;/b&#62;\"") && !html.contains("<b>"), "{html}");
    for unknown in ["00", &txid(8).to_string()] {
        assert_eq!(served.send(&format!("/wallet/savings/label/{unknown}"), "label=x").await.0, 404, "{unknown}");
    }
    let path = format!("/wallet/savings/faster/{}", txid(3));
    for (rate, said) in [("", "Nothing was sent; wait until"), ("21", "Nothing was sent"), ("fast", "write a number")] {
        let (status, answer) = served.send(&path, &form(&[("rate", rate)])).await;
        assert!(status == 422 && text_of(&answer).contains(said), "{rate}: {answer}");
        assert!(answer.contains(&format!("name=\"rate\" value=\"{rate}\"")), "{answer}");
    }
    let path = format!("/wallet/savings/give-up/{}", txid(3));
    for (path, said) in [(path.as_str(), "was not made here"), ("/wallet/savings/collect", "Nothing was sent")] {
        let (status, answer) = served.send(path, "").await;
        assert!(status == 409 && text_of(&answer).contains(said), "{path}: {answer}");
    }
    assert_eq!(served.send("/wallet/savings/look", "").await.0, 303);
}

#[tokio::test]
async fn every_step_of_the_savings_fits_a_phone_and_a_desk() {
    let nobodys = Served::house(example_house()).await;
    let (own, watched) = (saving("segwit").await, saving("watch-only").await);
    move_savings(&own.0).await;
    own.0.memory.drafts.keep(draft(false));
    watched.0.memory.drafts.keep(draft(true));
    let made = bill(&own.0);
    let receive = format!("/wallet/receive/{}", made.hash);
    own.0.memory.invoices.keep(made);
    let draft = format!("/wallet/savings/send/{}", draft(false).draft.id);
    let (own, watched) = (Served::house(own).await, Served::house(watched).await);
    let Some(mut tab) = Tab::open("about:blank").await else { return };
    for (name, served, path) in [
        ("none", &nobodys, "/wallet/savings"),
        ("moved", &own, "/wallet/savings"),
        ("draft", &own, &draft),
        ("receive", &own, &receive),
        ("watched", &watched, "/wallet/savings"),
        ("draft-elsewhere", &watched, &draft),
    ] {
        tab.log_in(served).await;
        for (width, device) in [(390, "phone"), (1280, "desk")] {
            tab.resize(width).await;
            tab.go(&format!("http://{}{path}", served.address)).await;
            tab.run("document.querySelectorAll('details').forEach(part => part.open = true); true").await;
            let wide = tab.run("document.documentElement.scrollWidth").await;
            assert!(wide.as_u64().unwrap() <= width, "{name} is wider than a {device}");
            if let Some(axe) = axe() {
                assert_eq!(tab.judge(&axe).await, "", "{name} on a {device}");
            }
            if let Some(folder) = std::env::var_os("KILOSAT_SCREENSHOTS") {
                let picture = crate::domain::l402::base64_decode(&tab.picture().await).unwrap();
                let file = Path::new(&folder).join(format!("savings-{name}-{device}.png"));
                crate::disk::replace(&file, &picture).unwrap();
            }
        }
    }
}

pub(super) const ADDRESS: &str = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq";
