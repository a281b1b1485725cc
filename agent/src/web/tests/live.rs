//! An open page hears that there is something new, for as long as its session lasts.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::browser::Tab;
use super::changes::house;
use super::served::Served;
use crate::engine::Event;
use crate::latest::Value;
use crate::status::StatusSource;

async fn listen(served: &Served) -> Lines<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let (address, cookie) = (served.address, &served.cookie);
    let request =
        format!("GET /events HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\nSec-Fetch-Dest: empty\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    BufReader::new(stream).lines()
}

/// Whether there is another look; `false` once the stream has ended.
async fn looks(lines: &mut Lines<BufReader<TcpStream>>) -> bool {
    while let Some(line) = lines.next_line().await.unwrap() {
        // The chunk that ends the answer is empty.
        if line == "event: look" || line == "0" {
            return line != "0";
        }
    }
    false
}

async fn soon(lines: &mut Lines<BufReader<TcpStream>>) -> bool {
    timeout(SOON, looks(lines)).await.expect("sooner than without news")
}

fn put(source: &StatusSource, watts: i64) {
    let at_ms = source.clock.elapsed_ms();
    source.latest.put("main", "power", Value { milli: watts * 1_000, unit: "W".to_owned(), at_ms });
}

#[tokio::test]
async fn a_value_and_a_commit_are_news_and_a_tick_is_none() {
    let (served, source) = house().await;
    let mut lines = listen(&served).await;
    assert!(soon(&mut lines).await, "at once");
    put(&source, 1_500);
    assert!(soon(&mut lines).await, "a value");
    source.engine.submit(Event::Access("something".to_owned())).await.unwrap();
    assert!(soon(&mut lines).await, "a commit");
    source.engine.submit(Event::Tick).await.unwrap();
    assert!(timeout(SOON, looks(&mut lines)).await.is_err(), "nothing has happened");
    assert!(timeout(Duration::from_secs(30), looks(&mut lines)).await.unwrap(), "ages go on");
}

#[tokio::test]
async fn news_end_with_the_session() {
    let (served, source) = house().await;
    let mut lines = listen(&served).await;
    assert!(soon(&mut lines).await);
    source.access.log_out(served.cookie.strip_prefix("kilosat=").unwrap());
    put(&source, 1_500);
    assert!(!soon(&mut lines).await);
    let mut stranger = listen(&served).await;
    assert!(stranger.next_line().await.unwrap().unwrap().contains("303"));
}

#[tokio::test]
async fn an_open_page_shows_a_new_value_without_being_asked() {
    let (served, source) = house().await;
    let Some(mut tab) = Tab::open("about:blank").await else { return };
    tab.log_in(&served).await;
    tab.go(&format!("http://{}/", served.address)).await;
    let mut shown = String::new();
    for watts in [1_111, 2_222] {
        put(&source, watts);
        let wanted = if watts == 1_111 { "1.11" } else { "2.22" };
        let seen = async {
            while !shown.contains(wanted) {
                shown = tab.run("document.querySelector('.flow').textContent").await.as_str().unwrap().to_owned();
            }
        };
        timeout(Duration::from_secs(30), seen).await.unwrap_or_else(|_| panic!("{watts} W are not shown"));
    }
    // A page that nobody sees listens to nothing, and one that is seen again does.
    tab.run("Object.defineProperty(document, 'hidden', {get: () => window.isAway, configurable: true}); window.isAway = true; listen(); true").await;
    assert_eq!(tab.run("events === null").await, true);
    tab.run("window.isAway = false; listen(); true").await;
    put(&source, 3_333);
    let seen = async {
        while !tab.run("document.querySelector('.flow').textContent").await.as_str().unwrap().contains("3.33") {}
    };
    timeout(Duration::from_secs(30), seen).await.expect("it listens again");
}

/// Longer than the pause between two looks, shorter than it takes without news.
const SOON: Duration = Duration::from_secs(6);
