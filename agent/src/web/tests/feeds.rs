//! Feeds on the page: made and changed once the owner has seen what that does, and what the seller asks.

use super::changes::{house, location, read};
use super::served::{PASSWORD, body};
use super::text_of;
use crate::config::Config;

const NEW: &str = "name=prices&url=https%3A%2F%2Fprices.example%2Fv1&every=900&points=now+%3D+%2Fdata%2F0%2Fprice%0D%0Anext+%3D+%2Fdata%2F1%2Fprice\
                   &price_max=10&per_payment=20&per_day=500&per_month=9000";

#[tokio::test]
async fn a_feed_is_made_once_the_owner_has_seen_it_and_given_the_password() {
    let (served, source) = house().await;
    let change = location(&served.send("/feeds/new", NEW).await.1);
    let text = read(&served, &change).await;
    for words in [
        "+ [[feed]]",
        "+ every_s = 900",
        "+ now = \"/data/0/price\"",
        "+ price_max_msat = 10_000",
        "The seller named no price now",
        "may spend up to 9 000 sat in a month",
        "asks for your password",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(served.send(&change, "").await.0, 403);
    let (status, answer) = served.send(&change, &format!("password={PASSWORD}")).await;
    assert_eq!((status, location(&answer).as_str()), (303, "/agreements/prices"));
    assert_eq!((source.config().feeds.len(), source.config().feeds[1].points.len()), (2, 2));
    let text = read(&served, "/agreements").await;
    assert!(text.contains("prices") && text.contains("https://prices.example/v1"), "{text}");
}

#[tokio::test]
async fn a_feed_is_changed_where_it_differs() {
    let (served, source) = house().await;
    let (_, form) = served.get("/feeds/weather/edit").await;
    assert!(form.contains("temperature = /outside/temperature") && form.contains("value=\"3600\""), "{form}");
    let edit = |every: &str, points: &str, month: &str| {
        format!(
            "url=https%3A%2F%2Fweather.example%2Fv1%2Fnow&lan=&every={every}&points={points}&price_max=20&per_payment=30\
             &per_day=10000&per_month={month}"
        )
    };
    let both = "temperature+%3D+%2Foutside%2Ftemperature%0D%0Ahumidity+%3D+%2Foutside%2Fhumidity";
    let same = location(&served.send("/feeds/weather/edit", &edit("3600", both, "10000")).await.1);
    assert!(read(&served, &same).await.contains("Nothing would change."));
    let other = "temperature+%3D+%2Ft%0D%0Awind+%3D+%2Fw";
    let change = location(&served.send("/feeds/weather/edit", &edit("7200", other, "11000")).await.1);
    let text = read(&served, &change).await;
    for words in ["+ every_s = 7_200", "+ temperature = \"/t\"", "+ wind = \"/w\"", "per_month_msat = 11_000_000"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(served.send(&change, &format!("password={PASSWORD}")).await.0, 303);
    let config = Config::parse(&source.settings.text()).unwrap();
    let points: Vec<_> =
        config.feeds[0].points.iter().map(|rule| (rule.point.as_str(), rule.pointer.as_str())).collect();
    assert_eq!(points, [("temperature", "/t"), ("wind", "/w")]);
}

#[tokio::test]
async fn a_feed_that_makes_no_sense_is_not_made() {
    let (served, source) = house().await;
    let before = source.settings.text();
    for (wrong, words) in [
        (NEW.replace("name=prices", "name=weather"), "there is something called weather already"),
        (NEW.replace("name=prices", "name=New+one"), "Name:"),
        (NEW.replace("every=900", "every=often"), "seconds: please write a number."),
        (NEW.replace("every=900", "every=0"), "feed.every_s"),
        (NEW.replace("points=now", "points=No+W"), "is no value: write a name"),
        (NEW.replace("price_max=10", "price_max="), "The most one ticket may cost: write an amount"),
        (NEW.replace("https%3A%2F%2Fprices.example%2Fv1", ""), "Address of the page: this must not be empty"),
        (NEW.replace("https%3A%2F%2Fprices.example%2Fv1", "ftp%3A%2F%2Fx"), "feed.url"),
    ] {
        let (status, answer) = served.send("/feeds/new", &wrong).await;
        assert!(status == 422 && text_of(body(&answer)).contains(words), "{words}: {answer}");
    }
    assert_eq!(served.send("/feeds/nobody/edit", NEW).await.0, 404);
    assert_eq!(source.settings.text(), before);
}
