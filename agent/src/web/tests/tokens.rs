//! The owner gives programs access and takes it away, and saves a file for whoever helps, in which no secret stands.

use super::changes::{house, location, read};
use super::served::{PASSWORD, body};
use super::text_of;
use crate::access::Scope;

const NEW: &str = "name=Home+Assistant&read=on&stop=on&password=";

#[tokio::test]
async fn a_program_gets_access_with_the_password_and_loses_it_without() {
    let (served, source) = house().await;
    assert!(read(&served, "/settings").await.contains("No program has access."));
    for (form, status, words) in [
        (format!("{NEW}wrong"), 403, "This is not the password. Nothing was changed."),
        (NEW.to_owned(), 403, "This is not the password."),
        (format!("name=x&password={PASSWORD}"), 422, "Choose at least one thing"),
        (format!("name=++&read=on&password={PASSWORD}"), 422, "Name: this must not be empty"),
    ] {
        let (got, answer) = served.send("/settings/tokens", &form).await;
        assert!(got == status && text_of(body(&answer)).contains(words), "{form}: {got} {answer}");
    }
    assert!(source.access.tokens().is_empty());
    let (status, answer) = served.send("/settings/tokens", &format!("{NEW}{PASSWORD}")).await;
    let secret = answer.split("id=\"secret\">").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
    assert_eq!((status, source.access.token(secret).unwrap().scopes), (200, vec![Scope::Read, Scope::Stop]));
    let text = read(&served, "/settings/tokens").await;
    assert!(text.contains("Home Assistant see, stop · since") && !text.contains(secret), "{text}");
    assert!(read(&served, "/settings").await.contains("1 program has access."));
    let (status, answer) = served.send("/settings/tokens/1/end", "").await;
    assert_eq!((status, location(&answer).as_str()), (303, "/settings/tokens"));
    assert!(source.access.token(secret).is_none());
    let journal = source.engine.journal_after(0, 100).await.unwrap();
    let told = serde_json::to_string(&journal.iter().map(|entry| &entry.entry).collect::<Vec<_>>()).unwrap();
    assert!(
        told.contains("access token 1 (Home Assistant) was made on the page, from 127.0.0.1: read, stop"),
        "{told}"
    );
    assert!(told.contains("access token 1 was revoked") && !told.contains(secret), "{told}");
}

#[tokio::test]
async fn the_file_for_whoever_helps_tells_no_secret() {
    let (served, source) = house().await;
    let from = std::net::Ipv4Addr::LOCALHOST.into();
    let token = source.access.new_token(from, PASSWORD, "x", vec![Scope::Read]).await.unwrap();
    served.send("/wallet/words", &format!("password={PASSWORD}")).await;
    let (status, answer) = served.get("/settings/diagnostics.json").await;
    assert!(status == 200 && answer.contains("attachment; filename=\"kilosat-diagnostics.json\""), "{answer}");
    let json: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!((&json["status"]["name"], &json["tokens"]), (&"My house".into(), &1.into()));
    assert!(json["settings"].as_str().unwrap().contains("electricity@utility.example"));
    assert!(json["journal"].to_string().contains("words were shown"), "{}", json["journal"]);
    let state = &source.config().state_directory;
    let seed = std::fs::read_to_string(state.join("seed")).unwrap();
    let access = std::fs::read_to_string(state.join("access.json")).unwrap();
    let access: serde_json::Value = serde_json::from_str(&access).unwrap();
    let hashes = [&access["password"], &access["tokens"][0]["hash"]].map(|hash| hash.as_str().unwrap().to_owned());
    let cookie = served.cookie.strip_prefix("kilosat=").unwrap();
    for secret in [seed.trim(), &token, PASSWORD, cookie].into_iter().chain(hashes.iter().map(String::as_str)) {
        assert!(secret.len() > 8 && !answer.contains(secret), "{secret}");
    }
    // Nor most of the words by themselves.
    let known = seed.split_whitespace().filter(|word| answer.contains(&format!(" {word} "))).count();
    assert!(known < 6, "{known} of the words");
}
