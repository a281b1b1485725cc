//! Paying by hand on the page, with a real engine behind it.

use std::path::Path;

use bitcoin::Network;

use super::browser::{Tab, axe};
use super::served::{PASSWORD, Served, body, example_house};
use super::text_of;
use crate::domain::money::Msat;
use crate::domain::rate::{Currency, Rate};
use crate::engine::Event;
use crate::engine::tests::world::{Made, Terms, make};
use crate::status::StatusSource;

/// What a bitcoin costs in the houses of these tests.
pub(super) fn euro(source: &StatusSource) -> Rate {
    let at = source.clock.now().wall;
    Rate { currency: Currency::Eur, cents: 6_000_000, at, sources: "kraken 60000.00, bitstamp 60000.00".to_owned() }
}

fn invoice(source: &StatusSource) -> Made {
    let terms = Terms { network: Network::Bitcoin, ..Terms::of(Msat(500_000)) };
    make(terms, 1, source.clock.now().wall)
}

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn location(answer: &str) -> &str {
    answer.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or_default()
}

#[tokio::test]
async fn an_invoice_is_shown_first_and_ordered_once_with_the_password() {
    let house = example_house();
    house.0.rates.put(euro(&house.0));
    house.0.engine.submit(Event::Rate(euro(&house.0))).await.unwrap();
    let made = invoice(&house.0);
    let served = Served::house(house).await;
    let link = format!("lightning:{}", made.bolt11.to_uppercase());
    let (status, page) = served.send("/wallet/pay", &form(&[("what", &link)])).await;
    let text = text_of(body(&page));
    assert_eq!(status, 200, "{text}");
    for said in ["Pay 500 sat?", "≈ 0.30 EUR", "Electricity", "at most 15 sat", "cannot be called back"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let mut agreed = vec![("invoice", made.bolt11.as_str()), ("amount_msat", "500000"), ("about", "Electricity")];
    let (status, page) = served.send("/wallet/pay/now", &form(&agreed)).await;
    assert!(status == 403 && page.contains("Nothing was changed"), "{status}");
    assert!(text_of(body(&served.get("/payments").await.1)).contains("Nothing was paid yet"));
    agreed.push(("password", PASSWORD));
    let (status, answer) = served.send("/wallet/pay/now", &form(&agreed)).await;
    assert_eq!((status, location(&answer)), (303, "/payments/1"), "{answer}");
    let story = text_of(body(&served.get("/payments/1").await.1));
    for said in ["By hand: Electricity", "You ordered by hand to pay 500 sat", "≈ 0.30 EUR then"] {
        assert!(story.contains(said), "{said}: {story}");
    }
    let (status, page) = served.send("/wallet/pay/now", &form(&agreed)).await;
    assert!(status == 409 && page.contains("being paid just now"), "{status}");
    let csv = served.get("/payments.csv?rule=by+hand").await.1;
    assert!(csv.contains(",Electricity,EUR,0.30,60000.00,"), "{csv}");
    let journal = served.get("/api/v1/payments").await.1;
    assert!(journal.contains("\"kind\":\"hand\"") && journal.contains("\"cents_per_btc\":6000000"), "{journal}");
}

#[tokio::test]
async fn what_cannot_be_paid_is_said_before_anybody_asks_for_the_password() {
    let house = example_house();
    let made = invoice(&house.0);
    let expired = make(
        Terms { network: Network::Bitcoin, expiry_s: 30, ..Terms::of(Msat(500_000)) },
        2,
        house.0.clock.now().wall,
    );
    let regtest = make(Terms::of(Msat(500_000)), 3, house.0.clock.now().wall);
    let served = Served::house(house).await;
    for (what, amount, said) in [
        ("", "", "cannot be paid"),
        ("hello", "", "cannot be paid"),
        ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "", "on the chain"),
        ("alice@example.com", "", "write how much"),
        ("alice@example.com", "many", "Amount in sat"),
        (made.bolt11.as_str(), "400", "and you wrote 400 sat"),
        (expired.bolt11.as_str(), "", "expire"),
        (regtest.bolt11.as_str(), "", "regtest network"),
        ("alice@127.0.0.1", "500", "There is no invoice from this address"),
    ] {
        let (status, page) = served.send("/wallet/pay", &form(&[("what", what), ("amount", amount)])).await;
        let text = text_of(body(&page));
        assert!(status == 422 && text.contains(said), "{what}: {status} {text}");
        assert!(!page.contains("type=\"password\""), "{what}");
    }
    let dearer = form(&[("invoice", &made.bolt11), ("amount_msat", "499999"), ("password", PASSWORD)]);
    assert_eq!(served.send("/wallet/pay/now", &dearer).await.0, 422, "another amount than was agreed to");
}

#[tokio::test]
async fn the_limits_of_the_house_refuse_on_the_page_and_nothing_is_spent() {
    let house = example_house();
    let terms = Terms { network: Network::Bitcoin, ..Terms::of(Msat(50_000_000)) };
    let made = make(terms, 1, house.0.clock.now().wall);
    let served = Served::house(house).await;
    let agreed = form(&[("invoice", &made.bolt11), ("amount_msat", "50000000"), ("password", PASSWORD)]);
    let (status, page) = served.send("/wallet/pay/now", &agreed).await;
    assert!(status == 409 && text_of(&page).contains("your limit for the whole house"), "{status}");
    assert!(text_of(body(&served.get("/payments").await.1)).contains("Nothing was paid yet"));
}

#[tokio::test]
async fn a_bill_fits_a_phone_and_reads_well() {
    let house = example_house();
    house.0.rates.put(euro(&house.0));
    let made = invoice(&house.0);
    let served = Served::house(house).await;
    let Some(mut tab) = Tab::open("about:blank").await else { return };
    tab.log_in(&served).await;
    for (width, device) in [(390, "phone"), (1280, "desk")] {
        tab.resize(width).await;
        tab.go(&format!("http://{}/wallet/pay", served.address)).await;
        tab.click("#what").await;
        tab.write(&made.bolt11).await;
        tab.click("#look").await;
        tab.until("document.querySelector('[name=invoice]') !== null").await;
        assert!(tab.run("document.documentElement.scrollWidth").await.as_u64().unwrap() <= width, "{device}");
        if let Some(axe) = axe() {
            assert_eq!(tab.judge(&axe).await, "", "{device}");
        }
        if let Some(folder) = std::env::var_os("KILOSAT_SCREENSHOTS") {
            let picture = crate::domain::l402::base64_decode(&tab.picture().await).unwrap();
            crate::disk::replace(&Path::new(&folder).join(format!("wallet-bill-{device}.png")), &picture).unwrap();
        }
    }
}
