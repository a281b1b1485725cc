//! Messages over a real socket, with a real engine behind them.
#![allow(clippy::unwrap_used)]

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::sync::mpsc;

use super::*;
use crate::engine::{Event, Order};
use crate::http::loopback;
use crate::web::tests::served::example_house;

const ENGLISH: Words = Words::of(Language::English);

/// What arrives somewhere, and the answer to each message in turn.
async fn listener(answers: Vec<StatusCode>) -> (Url, mpsc::UnboundedReceiver<(String, String)>) {
    let (heard, messages) = mpsc::unbounded_channel();
    let answers = std::sync::Arc::new(std::sync::Mutex::new(answers.into_iter()));
    let take = move |State(heard): State<mpsc::UnboundedSender<(String, String)>>, headers: HeaderMap, body: String| async move {
        let title = headers.get("title").map(|title| title.to_str().unwrap().to_owned()).unwrap_or_default();
        heard.send((title, body)).unwrap();
        answers.lock().unwrap().next().unwrap_or(StatusCode::OK)
    };
    let url = loopback::serve(Router::new().route("/topic", post(take)).with_state(heard)).await;
    (url.join("/topic").unwrap(), messages)
}

#[tokio::test]
async fn what_needs_the_owner_arrives_once_and_over_a_restart_nothing_twice() {
    let (url, mut messages) = listener(Vec::new()).await;
    let (source, _folder) = example_house();
    let messenger = Messenger::new(Notify { url, json: false }).unwrap();
    source.engine.submit(Event::Access("something before".to_owned())).await.unwrap();
    let running = tokio::spawn(run_every(SOON, source.clone(), messenger.clone()));
    // Until it has noted where the journal ends.
    let path = source.config().state_directory.join("notify.json");
    while !path.exists() {
        tokio::task::yield_now().await;
    }
    source.engine.obey(Order::Stop).await.unwrap();
    source.engine.submit(Event::Access("logged in from 192.168.1.5".to_owned())).await.unwrap();
    let (title, text) = messages.recv().await.unwrap();
    assert_eq!(
        (title.as_str(), text.as_str()),
        ("Kilosat My house", "All payments are stopped.\nLogged in from 192.168.1.5.")
    );
    let noted = || std::fs::read_to_string(&path).unwrap();
    while !noted().contains(&format!("\"seq\":{}", source.engine.snapshot().await.unwrap().journal_entries)) {
        tokio::task::yield_now().await;
    }
    running.abort();
    let again = tokio::spawn(run_every(SOON, source.clone(), messenger));
    source.engine.obey(Order::Resume).await.unwrap();
    assert_eq!(messages.recv().await.unwrap().1, "Payments go on.");
    again.abort();
}

#[tokio::test]
async fn what_is_not_taken_is_said_and_json_holds_everything() {
    let (url, mut messages) = listener(vec![StatusCode::NOT_FOUND, StatusCode::OK]).await;
    let messenger = Messenger::new(Notify { url: url.clone(), json: true }).unwrap();
    let fault = messenger.send("Häuschen", "Grüße").await.unwrap_err();
    assert!(fault.to_string().contains("status 404"), "{fault}");
    messenger.send("Häuschen", "Grüße").await.unwrap();
    messages.recv().await.unwrap();
    let body: serde_json::Value = serde_json::from_str(&messages.recv().await.unwrap().1).unwrap();
    assert_eq!(body, json!({"house": "Häuschen", "text": "Grüße"}));
    let text = Messenger::new(Notify { url, json: false }).unwrap();
    text.send("Häuschen\r\nX: y", "Grüße").await.unwrap();
    let (title, body) = messages.recv().await.unwrap();
    assert!(title.starts_with("Kilosat H") && title.is_ascii() && body == "Grüße", "{title}");
    assert!(Messenger::new(Notify { url: "http://example.com/x".parse().unwrap(), json: false }).is_err());
}

#[test]
fn of_many_messages_what_can_wait_is_left_out_oldest_first() {
    let message = |number: u32| Message { text: format!("message {number}"), is_urgent: number == 3 };
    let text = together((0..30).map(message).collect(), ENGLISH);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((lines[0], lines[1], lines[9]), ("message 3", "message 21", "message 29"));
    assert_eq!((lines.len(), lines[10]), (11, "20 more; the page shows all of it."));
    assert_eq!(
        together((0..30).map(|number| Message { is_urgent: true, ..message(number) }).collect(), ENGLISH)
            .lines()
            .count(),
        11
    );
    assert_eq!(together(vec![message(1)], ENGLISH), "message 1");
}

const SOON: Duration = Duration::from_millis(20);
