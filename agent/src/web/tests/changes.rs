//! What the owner changes on the page: seen before it is saved, saved with the password where more is at stake, taken back.

use super::served::{PASSWORD, Served, body, example_house};
use super::text_of;
use crate::status::StatusSource;

const NEW: &str = "name=heat-pump&meter=main&payee=rent%40pay.example&lan=&price=250&slice=400&per_payment=1000&per_day=9000\
                   &per_month=120000&price_max=300%2C5";

/// Where a form led.
pub(super) fn location(answer: &str) -> String {
    answer.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or_default().trim().to_owned()
}

pub(crate) async fn house() -> (Served, StatusSource) {
    let house = example_house();
    let source = house.0.clone();
    (Served::house(house).await, source)
}

/// What stands on the page, as it is read.
pub(super) async fn read(served: &Served, path: &str) -> String {
    let (status, answer) = served.get(path).await;
    assert_eq!(status, 200, "{path}: {answer}");
    text_of(body(&answer))
}

#[tokio::test]
async fn an_agreement_is_made_once_the_owner_has_seen_it_and_given_the_password() {
    let (served, source) = house().await;
    let before = source.settings.text();
    let form = read(&served, "/agreements/new").await;
    assert!(form.contains("With 300 sat per kWh") && form.contains("main"), "{form}");
    let (status, answer) = served.send("/agreements/new", NEW).await;
    let change = location(&answer);
    assert!(status == 303 && change.starts_with("/change/"), "{answer}");
    let text = read(&served, &change).await;
    for words in [
        "+ [[agreement]]",
        "+ payee = \"rent@pay.example\"",
        "+ price_msat_per_kwh = 250_000",
        "+ price_max_msat_per_kwh = 300_500",
        "could not be asked now",
        "may spend up to 120 000 sat in a month",
        "asks for your password",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(source.settings.text(), before, "nothing is saved by looking");
    let (status, answer) = served.send(&change, "password=wrong").await;
    assert!(status == 403 && text_of(body(&answer)).contains("This is not the password."), "{answer}");
    assert_eq!(source.settings.text(), before);
    let (status, answer) = served.send(&change, &format!("password={PASSWORD}")).await;
    assert_eq!((status, location(&answer).as_str()), (303, "/agreements/heat-pump"));
    let text = read(&served, "/agreements/heat-pump").await;
    assert!(text.contains("rent@pay.example") && text.contains("0 sat of 120 000 sat"), "{text}");
    let file = std::fs::read_to_string(source.settings.path().unwrap()).unwrap();
    assert!(file.contains("id = \"heat-pump\"") && file.contains("# Required. The id of the meter"), "{file}");
    assert_eq!(source.config().agreements.len(), 2);
    let journal = source.engine.journal_after(0, 100).await.unwrap();
    let said = journal.last().unwrap().entry.clone().unwrap().to_string();
    assert!(said.contains("heat-pump was made on the page, from 127.0.0.1"), "{said}");
    assert_eq!(served.get(&change).await.0, 404, "it is saved once");
    let json = served.get("/api/v1/agreements").await.1;
    let json: serde_json::Value = serde_json::from_str(body(&json)).unwrap();
    assert_eq!((&json[1]["id"], &json[1]["limits"]["month"]["limit_msat"]), (&"heat-pump".into(), &120_000_000.into()));
}

#[tokio::test]
async fn what_does_not_fit_is_said_field_by_field_and_nothing_that_was_typed_is_lost() {
    let (served, source) = house().await;
    let before = source.settings.text();
    let hostile =
        "name=main&meter=main&payee=%3Cscript%3E&price=a+lot&slice=1&per_payment=2&per_day=1&per_month=3&price_max=";
    let (status, answer) = served.send("/agreements/new", hostile).await;
    let text = text_of(body(&answer));
    assert_eq!(status, 422);
    for words in [
        "Price of a kilowatt-hour, in sat: write an amount in sat",
        "Who is paid: write a Lightning address",
        "Name: there is something called main already",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(answer.contains("value=\"a lot\"") && answer.contains("&#60;script&#62;"), "{answer}");
    let order = NEW.replace("per_payment=1000", "per_payment=10000");
    let (_, answer) = served.send("/agreements/new", &order).await;
    assert!(text_of(body(&answer)).contains("must not be more than \"The most in a day\""), "{answer}");
    // What only the whole configuration can tell.
    let little = NEW.replace("per_payment=1000", "per_payment=1");
    let (status, answer) = served.send("/agreements/new", &little).await;
    assert!(status == 422 && text_of(body(&answer)).contains("leaves no room for one satoshi"), "{answer}");
    assert_eq!(served.send("/agreements/nobody/edit", NEW).await.0, 404);
    assert_eq!(source.settings.text(), before);
}

#[tokio::test]
async fn a_pause_is_at_once_and_going_on_asks_for_the_password() {
    let (served, source) = house().await;
    let (status, answer) = served.send("/agreements/electricity/pause", "").await;
    assert_eq!((status, location(&answer).as_str()), (303, "/agreements/electricity"));
    assert!(source.config().agreements[0].paused);
    assert!(read(&served, "/agreements/electricity").await.contains("Paused. What is used stays owed"));
    let change = location(&served.send("/agreements/electricity/resume", "").await.1);
    assert_eq!(served.send(&change, "").await.0, 403, "without the password");
    assert!(source.config().agreements[0].paused);
    assert_eq!(served.send(&change, &format!("password={PASSWORD}")).await.0, 303);
    assert!(!source.config().agreements[0].paused);
    // A feed has the same buttons.
    served.send("/agreements/weather/pause", "").await;
    assert!(source.config().feeds[0].paused && read(&served, "/agreements/weather").await.contains("Paused."));
    assert_eq!(served.send("/agreements/nobody/pause", "").await.0, 404);
}

#[tokio::test]
async fn a_lower_limit_needs_no_password_and_a_higher_one_does() {
    let (served, source) = house().await;
    let edit = |month: &str| {
        format!(
            "meter=main&payee=electricity%40utility.example&price=300&slice=500&per_payment=1000&per_day=100000\
             &per_month={month}&price_max="
        )
    };
    let change = location(&served.send("/agreements/electricity/edit", &edit("150 000")).await.1);
    let text = read(&served, &change).await;
    assert!(text.contains("− per_month_msat = 200_000_000 + per_month_msat = 150_000_000"), "{text}");
    assert!(text.contains("per_hour_msat = 100_000_000"), "the hour follows the day: {text}");
    assert!(!text.contains("Your password"));
    assert_eq!(served.send(&change, "").await.0, 303);
    assert_eq!(source.config().agreements[0].budget.per_month.0, 150_000_000);
    let change = location(&served.send("/agreements/electricity/edit", &edit("150 001")).await.1);
    assert!(read(&served, &change).await.contains("Your password"));
    assert_eq!(served.send(&change, "").await.0, 403);
    assert_eq!(source.config().agreements[0].budget.per_month.0, 150_000_000);
    let same = location(&served.send("/agreements/electricity/edit", &edit("150000")).await.1);
    assert!(read(&served, &same).await.contains("Nothing would change."));
}

#[tokio::test]
async fn the_house_is_renamed_and_speaks_german() {
    let (served, source) = house().await;
    let text = read(&served, "/settings").await;
    assert!(text.contains("127.0.0.1 this browser") && text.contains("There are none yet."), "{text}");
    let form = "name=Haus+am+See&language=de&zone=system&per_payment=5000&per_hour=20000&per_day=100000&per_month=1000000\
                &ask_above=2000&ask_first=on";
    let change = location(&served.send("/settings", form).await.1);
    assert_eq!(served.send(&change, "").await.0, 303, "no more is at stake");
    assert_eq!(source.config().name, "Haus am See");
    let (_, page) = served.get("/settings").await;
    assert!(page.contains("<html lang=\"de\">") && page.contains("Grenzen des ganzen Hauses"), "{page}");
    for path in
        ["/", "/agreements", "/agreements/electricity", "/agreements/new", "/payments", "/devices", "/devices/new"]
    {
        let page = served.get(path).await.1;
        assert!(page.contains("<html lang=\"de\">") && page.contains("Alle Zahlungen anhalten"), "{path}");
    }
    let (status, answer) = served.send("/settings", &form.replace("per_day=100000", "per_day=viel")).await;
    assert!(
        status == 422 && text_of(body(&answer)).contains("An einem Tag: einen Betrag in sat schreiben"),
        "{answer}"
    );
    // Without the box, the owner is asked less often.
    let change = location(&served.send("/settings", &form.replace("&ask_first=on", "")).await.1);
    assert_eq!(served.send(&change, "").await.0, 403);
}

#[tokio::test]
async fn the_whole_file_can_be_changed_and_a_former_version_comes_back() {
    let (served, source) = house().await;
    let first = source.settings.text();
    let encoded = |text: &str| url::form_urlencoded::Serializer::new(String::new()).append_pair("text", text).finish();
    let wrong = first.replace("slice_msat = 500_000", "slice_msat = \"all\"\nprize = 1");
    let (status, answer) = served.send("/settings/file", &encoded(&wrong.replace('\n', "\r\n"))).await;
    let text = text_of(body(&answer));
    assert!(status == 422 && text.contains("agreement.slice_msat") && text.contains("agreement.prize"), "{text}");
    assert!(answer.contains("slice_msat = &#34;all&#34;"), "what was typed is still there");
    // More than any other form may hold.
    let long = "# a comment of the owner's\n".repeat(4_000);
    let renamed = format!("{}{long}", first.replace("My house", "By the lake")).replace('\n', "\r\n");
    let change = location(&served.send("/settings/file", &encoded(&renamed)).await.1);
    assert!(read(&served, &change).await.contains("+ name = \"By the lake\""));
    served.send(&change, "").await;
    assert_eq!((source.config().name.as_str(), source.settings.text().contains('\r')), ("By the lake", false));
    let text = read(&served, "/settings").await;
    assert!(text.contains("kilosat.toml was changed on the page, from 127.0.0.1"), "{text}");
    let change = location(&served.send("/settings/versions/1", "").await.1);
    assert_eq!(served.send(&change, "").await.0, 303);
    assert_eq!((source.config().name.as_str(), source.settings.text()), ("My house", first));
    assert_eq!(served.send("/settings/versions/99", "").await.0, 409);
}

#[tokio::test]
async fn two_who_change_at_once_do_not_overwrite_each_other() {
    let (served, source) = house().await;
    let mine = location(&served.send("/agreements/electricity/remove", "").await.1);
    let yours = location(&served.send("/agreements/weather/remove", "").await.1);
    let text = read(&served, &mine).await;
    assert!(text.contains("− [[payee]]"), "its payee's limits would limit nothing: {text}");
    assert_eq!(served.send(&yours, "").await.0, 303);
    assert!(source.config().feeds.is_empty());
    let (status, answer) = served.send(&mine, "").await;
    assert!(status == 409 && text_of(body(&answer)).contains("changed by somebody else meanwhile"), "{answer}");
    assert_eq!(source.config().agreements.len(), 1);
    let again = location(&served.send("/agreements/electricity/remove", "").await.1);
    assert_eq!(served.send(&again, "").await.0, 303, "less is spent without it");
    assert!(source.config().agreements.is_empty());
    assert!(read(&served, "/agreements").await.contains("Nothing is paid automatically yet."));
}

#[tokio::test]
async fn sessions_are_listed_and_ended_and_a_new_password_ends_them_all() {
    let (served, source) = house().await;
    let other = source.access.log_in("192.168.1.9".parse().unwrap(), "Phone <b>", PASSWORD).await.unwrap();
    let text = read(&served, "/settings").await;
    assert!(text.contains("192.168.1.9 Phone <b>"), "{text}");
    served.send("/settings/sessions/2/end", "").await;
    assert!(source.access.session(other.reveal(), true).is_none());
    let form = |old: &str, new: &str, again: &str| format!("old={old}&new={new}&again={again}");
    for (form, status, words) in [
        (form("wrong", "four+nice+new+words", "four+nice+new+words"), 403, "This is not the password."),
        (form(PASSWORD, "four+nice+new+words", "other+words+again"), 400, "not the same"),
        (form(PASSWORD, "short", "short"), 400, "10"),
    ] {
        let (got, answer) = served.send("/settings/password", &form).await;
        let text = text_of(body(&answer));
        assert!(got == status && text.contains(words) && text.contains("Nothing was changed."), "{got} {text}");
    }
    let (_, answer) = served.send("/settings/password", &form(PASSWORD, "four+nice+words", "four+nice+words")).await;
    assert_eq!(location(&answer), "/login?changed=1");
    assert_eq!(served.get("/settings").await.0, 303, "this session has ended too");
    assert!(served.get("/login?changed=1").await.1.contains("The password was changed."));
}

#[tokio::test]
async fn the_payee_is_asked_who_it_is_before_an_agreement_is_saved() {
    let (served, _) = house().await;
    let answer = serde_json::json!({
        "tag": "payRequest", "callback": "http://127.0.0.1:1/pay", "minSendable": 1_000, "maxSendable": 5_000_000,
        "metadata": "[[\"text/plain\",\"Rent <script> of the mill\"]]",
    });
    let router =
        axum::Router::new().route("/.well-known/lnurlp/rent", axum::routing::get(|| async { axum::Json(answer) }));
    let url = crate::http::loopback::serve(router).await;
    let origin = url.origin().ascii_serialization();
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let payee = format!("rent@127.0.0.1:{}", url.port().unwrap());
    let form =
        NEW.replace("rent%40pay.example", &encoded(&payee)).replace("&lan=", &format!("&lan={}", encoded(&origin)));
    let change = location(&served.send("/agreements/new", &form).await.1);
    let text = read(&served, &change).await;
    assert!(text.contains(&format!("{payee} answers. It says of itself: Rent <script> of the mill")), "{text}");
    assert!(text.contains("It takes from 1 sat to 5 000 sat in one payment."), "{text}");
}

#[tokio::test]
async fn what_is_still_to_be_set_up_stands_on_the_first_page() {
    let (served, source) = house().await;
    let home = read(&served, "/").await;
    assert!(home.contains("Set up your house Give your house a name"), "{home}");
    assert!(home.contains("✓ Add your meter done") && home.contains("Write down the wallet's words"), "{home}");
    let form = "name=By+the+lake&language=&zone=Europe%2FBerlin&per_payment=5000&per_hour=20000&per_day=100000\
                &per_month=1000000&ask_above=2000&ask_first=on";
    let change = location(&served.send("/settings", form).await.1);
    assert_eq!(served.send(&change, &format!("password={PASSWORD}")).await.0, 303);
    // What needs a new start is in force after it.
    assert!(source.settings.waits_for_new_start() && source.settings.text().contains("Europe/Berlin"));
}

#[tokio::test]
async fn the_words_are_shown_with_the_password_only_and_checked_once_written_down() {
    let (served, source) = house().await;
    assert!(!read(&served, "/wallet/words").await.contains("Write them down"));
    let (status, answer) = served.send("/wallet/words", "password=wrong").await;
    assert!(status == 403 && !answer.contains("Write them down"), "{answer}");
    let (status, answer) = served.send("/wallet/words", &format!("password={PASSWORD}")).await;
    assert!(status == 200 && answer.contains("Write them down"), "{answer}");
    let file = std::fs::read_to_string(source.config().state_directory.join("seed")).unwrap();
    let words: Vec<&str> = file.split_whitespace().collect();
    assert!(words.len() == 12 && words.iter().all(|word| answer.contains(&format!("<li>{word}</li>"))));
    let check = |numbers: [usize; 3], told: [&str; 3]| {
        let pairs = ["first", "second", "third"].into_iter().zip(numbers).zip(told);
        pairs.map(|((name, number), word)| format!("{name}={number}&{name}_word={word}")).collect::<Vec<_>>().join("&")
    };
    for (numbers, told) in [
        ([1, 5, 9], [words[0], words[4], "wrong"]),
        ([1, 1, 1], [words[0], words[0], words[0]]),
        ([0, 5, 9], ["", words[4], words[8]]),
        ([1, 5, 99], [words[0], words[4], ""]),
    ] {
        assert_eq!(served.send("/wallet/words/check", &check(numbers, told)).await.0, 422, "{numbers:?}");
    }
    let right = check([1, 5, 9], [&words[0].to_uppercase(), words[4], words[8]]);
    let (status, answer) = served.send("/wallet/words/check", &right).await;
    assert_eq!((status, location(&answer).as_str()), (303, "/"));
    assert!(read(&served, "/").await.contains("✓ Write down the wallet's words done"));
    let journal = source.engine.journal_after(0, 100).await.unwrap();
    let told = serde_json::to_string(&journal.iter().map(|entry| &entry.entry).collect::<Vec<_>>()).unwrap();
    assert!(
        told.contains("words were shown") && !words.iter().any(|word| told.contains(&format!(" {word} "))),
        "{told}"
    );
}

#[tokio::test]
async fn other_words_are_taken_while_nothing_is_under_those_of_the_device() {
    let (served, source) = house().await;
    let place = source.config().state_directory.clone();
    let page = read(&served, "/wallet/words").await;
    assert!(page.contains("Use these words") && page.contains("Make new words"), "{page}");
    let paper = format!("{}about", "Abandon+".repeat(11));
    for (path, form, status, says) in [
        ("written", format!("words={paper}&password=wrong"), 403, "This is not the password."),
        ("new", "count=24&password=wrong".to_owned(), 403, "This is not the password."),
        ("written", format!("words={paper}+about&password={PASSWORD}"), 422, "compare them with your paper"),
        ("written", format!("words={paper}&password={PASSWORD}"), 303, ""),
    ] {
        let (got, answer) = served.send(&format!("/wallet/words/{path}"), &form).await;
        assert!(got == status && answer.contains(says), "{got}: {answer}");
    }
    let waits = |name: &str| std::fs::read_to_string(place.join("next").join(name)).ok();
    assert_eq!(waits("seed"), Some(format!("{}about\n", "abandon ".repeat(11))));
    assert!(waits("words-checked").is_some() && source.settings.waits_for_new_start());
    // Whoever changes their mind before the new start has begun gets what was wanted last.
    let (status, _) = served.send("/wallet/words/new", &format!("count=24&password={PASSWORD}")).await;
    assert_eq!((status, waits("seed").unwrap().split_whitespace().count()), (303, 24));
    assert_eq!(waits("words-checked"), None);
}

#[tokio::test]
async fn a_wallet_is_tried_before_it_is_taken() {
    let (served, source) = house().await;
    let before = source.settings.text();
    for (form, words) in [
        ("service=phoenixd&url=http%3A%2F%2F127.0.0.1%3A1&secret=", "Its credential: this must not be empty."),
        ("service=phoenixd&url=http%3A%2F%2F127.0.0.1%3A1&secret=hidden-word", "phoenixd"),
        ("service=lnd&url=http%3A%2F%2Flnd.example&secret=hidden-word", "outside the house"),
        ("service=nwc&secret=hidden-word", "Nostr Wallet Connect"),
        ("service=bank&secret=hidden-word", "this must not be empty"),
        ("service=node&lsp=somebody", "write the LSP as its public key"),
    ] {
        let (status, answer) = served.send("/wallet/service", form).await;
        let text = text_of(body(&answer));
        assert!(status == 422 && text.contains(words), "{form}: {text}");
        assert!(!answer.contains("hidden-word"), "a credential is shown to nobody");
    }
    assert_eq!(source.settings.text(), before);
    let lsp = format!(
        "service=node&lsp={}%40127.0.0.1%3A1",
        "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    );
    let change = location(&served.send("/wallet/service", &lsp).await.1);
    let text = read(&served, &change).await;
    assert!(
        text.contains("+ lsp = \"0279") && text.contains("Your password") && text.contains("starts anew"),
        "{text}"
    );
    assert!(text.contains("Nobody answers at 127.0.0.1:1 now"), "{text}");
}

#[tokio::test]
async fn providers_are_proposed_where_money_is_real_and_each_can_be_taken() {
    use crate::lightning::providers::providers;

    let (served, source) = house().await;
    let config = source.config();
    assert!(config.network == bitcoin::Network::Bitcoin && providers(config.network).len() > 1);
    let form = read(&served, "/wallet/service").await;
    for provider in providers(config.network) {
        assert!(form.contains(provider.name), "{form}");
        let draft = crate::config::Draft::of(&source.settings.text()).and_then(|mut draft| {
            draft.set(crate::config::Place::Section("lightning.node"), "lsp", &provider.lsp.into())?;
            Ok(draft)
        });
        let lsp = source.settings.propose(draft.unwrap().into_text()).unwrap().config.node.lsp.unwrap();
        assert_eq!(format!("{}@{}", lsp.0, lsp.1), provider.lsp);
    }
    // Nobody is called here: the change is only looked at where something is wrong with it.
    let [first, second] = [0, 1].map(|place| providers(config.network)[place].lsp);
    let written = format!("service=node&provider={}&lsp=nobody", first.replace('@', "%40"));
    let (status, answer) = served.send("/wallet/service", &written).await;
    assert!(status == 422 && answer.contains("write the LSP as its public key"), "what is written counts: {answer}");
    assert!(
        answer.contains(&format!("value=\"{first}\" selected")) && !answer.contains(&format!("{second}\" selected"))
    );
    assert!(providers(bitcoin::Network::Regtest).is_empty());
}
