//! Nobody comes in without the setup code or the password, and what they may do without either is known for every route.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use super::super::door::{Peer, welcome};
use super::super::router;
use super::routes::{ROUTES, concrete};
use super::served::{PASSWORD, Served, body, example_house};
use crate::http::{Fingerprint, pinned};
use crate::store::JournalEntry;

/// Whether a browser that may not see it is led elsewhere.
fn is_page(path: &str) -> bool {
    !path.contains('.') && !path.starts_with("/static/")
}

async fn ask(served: &Served, method: &str, path: &str) -> (u16, String) {
    let path = concrete(path);
    if method == "POST" { served.send(&path, "").await } else { served.get(&path).await }
}

/// Where the answer sends a browser.
fn location(answer: &str) -> &str {
    answer.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or_default()
}

/// The cookie that the answer sets.
fn cookie(answer: &str) -> String {
    let set = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap_or_default();
    set.split(';').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn every_route_is_in_the_matrix() {
    let source = include_str!("../mod.rs");
    for route in source.split(".route(\"").skip(1).filter_map(|part| part.split('"').next()) {
        let known = ROUTES.iter().any(|(_, path)| *path == route) || route.starts_with("/static/");
        assert!(known, "{route} is not in ROUTES");
    }
}

#[tokio::test]
async fn a_device_that_is_nobodys_shows_how_to_become_its_owner_and_nothing_else() {
    let served = Served::unclaimed(example_house()).await;
    for (method, path) in ROUTES {
        let (status, answer) = ask(&served, method, path).await;
        let expected = match (method, path) {
            ("GET", "/claim" | "/static/history.js" | "/static/kilosat.css" | "/static/live.js") => 200,
            // The form is empty.
            ("POST", "/claim") => 422,
            ("GET", path) if is_page(path) => 303,
            _ => 403,
        };
        assert_eq!(status, expected, "{method} {path}");
        assert!(status != 303 || location(&answer) == "/claim", "{method} {path}");
        for secret in ["My house", "utility.example", "Schneider"] {
            assert!(!answer.contains(secret), "{method} {path} tells {secret}");
        }
    }
}

#[tokio::test]
async fn a_device_that_is_somebodys_asks_for_the_password_first() {
    let served = Served::start().await.with(String::new());
    for (method, path) in ROUTES {
        let (status, answer) = ask(&served, method, path).await;
        let expected = match (method, path) {
            ("GET", "/login" | "/static/history.js" | "/static/kilosat.css" | "/static/live.js") => 200,
            ("POST", "/login") => 422,
            ("POST", "/claim") => 401,
            ("POST", _) => 303,
            ("GET", path) if is_page(path) => 303,
            _ => 401,
        };
        assert_eq!(status, expected, "{method} {path}");
        assert!(status != 303 || location(&answer).starts_with("/login"), "{method} {path}");
        assert!(method == "GET" || status != 303 || location(&answer) == "/login?ended=1", "{method} {path}");
        for secret in ["utility.example", "Schneider"] {
            assert!(!answer.contains(secret), "{method} {path} tells {secret}");
        }
    }
    let (_, answer) = served.get("/history?point=main.power&span=week").await;
    assert_eq!(location(&answer), "/login?next=/history?point=main.power%26span=week");
    for wrong in ["kilosat=", "kilosat=0", "__Host-kilosat=00", "other=1; kilosat=zz"] {
        let served = Served::start().await.with(wrong.to_owned());
        assert_eq!(served.get("/status.json").await.0, 401, "{wrong}");
    }
}

#[tokio::test]
async fn whoever_has_the_code_claims_the_device_and_is_in() {
    let house = example_house();
    let source = house.0.clone();
    let mut served = Served::unclaimed(house).await;
    let form = |code: &str, again: &str| format!("code={code}&password=three+nice+words&again={again}");
    let (status, page) = served.send("/claim", &form("nonsense", "three+nice+words")).await;
    assert!(status == 403 && page.contains("This is not the setup code. 4 more can be wrong"), "{page}");
    assert!(
        page.contains("value=\"nonsense\"") && !page.contains("nice"),
        "the code stays in its field, the password does not"
    );
    let code = source.access.setup_code().unwrap();
    let (status, page) = served.send("/claim", &form(&code, "other")).await;
    assert!(status == 400 && page.contains("The two passwords are not the same"), "{page}");
    let (status, answer) = served.send("/claim", &form(&code, "three+nice+words")).await;
    assert_eq!((status, location(&answer)), (303, "/"));
    assert!(answer.contains("; Path=/; HttpOnly; SameSite=Strict\r\n"), "{answer}");
    served.cookie = cookie(&answer);
    assert_eq!(served.get("/").await.0, 200);
    let (status, answer) = served.get("/claim").await;
    assert_eq!((status, location(&answer)), (303, "/"), "it is somebody's now");
    assert_eq!(events(&source).await, ["the device was claimed from 127.0.0.1"]);
}

#[tokio::test]
async fn a_login_gives_a_new_session_and_the_old_one_ends() {
    let (source, folder) = example_house();
    source.access.set_password(PASSWORD).await.unwrap();
    // A session that somebody else planted is never the one after the login.
    let planted = format!("kilosat={}", "a".repeat(64));
    let mut served = Served::unclaimed((source.clone(), folder)).await.with(planted.clone());
    let (status, answer) = served.send("/login", "password=three+nice+words&next=%2Fhistory").await;
    assert_eq!((status, location(&answer)), (303, "/history"));
    served.cookie = cookie(&answer);
    assert_ne!(served.cookie, planted);
    assert_eq!(served.get("/").await.0, 200);
    let again = cookie(&served.send("/login", "password=three+nice+words").await.1);
    let before = std::mem::replace(&mut served.cookie, again);
    assert_eq!(served.get("/").await.0, 200);
    let after = std::mem::replace(&mut served.cookie, before);
    assert_eq!(served.get("/").await.0, 303, "the session before this login has ended");
    served.cookie = after;
    let (status, answer) = served.send("/logout", "").await;
    assert!(status == 303 && answer.contains("set-cookie: kilosat=; Max-Age=0"), "{answer}");
    assert_eq!(served.get("/status.json").await.0, 401);
    let ended = served.get("/login?ended=1").await.1;
    assert!(ended.contains("Your session had ended, so nothing was changed."), "{ended}");
    let told = events(&source).await;
    assert_eq!(told, ["logged in from 127.0.0.1"; 2]);
}

#[tokio::test]
async fn ten_wrong_passwords_are_five_and_then_a_wait() {
    let (source, folder) = example_house();
    source.access.set_password(PASSWORD).await.unwrap();
    let served = Served::unclaimed((source.clone(), folder)).await;
    let mut answers = Vec::new();
    for _ in 0..10 {
        answers.push(served.send("/login", "password=wrong+wrong+wrong&next=%2F").await.0);
    }
    // Each check takes a while, so that one of the waits may be over.
    assert_eq!(answers.iter().take(5).collect::<Vec<_>>(), [&403; 5]);
    assert!(answers.iter().filter(|status| **status == 429).count() >= 3, "{answers:?}");
    let (status, page) = served.send("/login", "password=three+nice+words").await;
    assert!(status == 429 && page.contains("Too many wrong passwords. Try again in"), "{page}");
    assert!(
        events(&source)
            .await
            .contains(&"4 wrong passwords since the last right one, the last from 127.0.0.1".to_owned())
    );
}

#[tokio::test]
async fn a_lock_is_lifted_with_the_password_only() {
    let served = Served::start().await;
    let (status, answer) = served.send("/unlock", "password=wrong+wrong+wrong").await;
    assert!(status == 403 && body(&answer).contains("This is not the password. Nothing was changed."), "{answer}");
    let (status, answer) = served.send("/unlock", "password=three+nice+words").await;
    assert!(status == 409 || status == 303, "{answer}");
    assert_eq!(served.send("/answer", "question=77&answer=maybe").await.0, 400);
    assert_eq!(served.send("/answer", "question=77&answer=yes").await.0, 409);
}

/// Every host with every origin and every word of the browser about it: whatever is not ours gets nothing.
#[tokio::test]
async fn no_name_and_no_origin_but_our_own_gets_in() {
    let served = Served::start().await;
    let own = served.address.to_string();
    let port = served.address.port();
    let names = [
        "evil.example",
        "evil.example:PORT",
        "localhost",
        "localhost:1",
        "localhost.evil.example:PORT",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.2:PORT",
        "0.0.0.0:PORT",
        "127.1:PORT",
        "2130706433:PORT",
        "0x7f000001:PORT",
        "localhost.:PORT",
        "LOCALHOST:PORT ",
        "[::]:PORT",
        "[::ffff:127.0.0.1]:PORT",
        "user@127.0.0.1:PORT",
        "127.0.0.1:PORT@evil.example",
        "127.0.0.1:PORT/",
        "127.0.0.1:PORT#",
        "127.0.0.1:PORT, evil.example",
        "house.example.evil:PORT",
        "xhouse.example:PORT",
        "",
        ":PORT",
        "\u{7f}",
        "127.0.0.1:PORT:PORT",
    ];
    let origins =
        ["", "http://evil.example", "null", "https://OWN", "http://OWN.evil.example", "http://localhost:1", "file://"];
    let sites = ["", "cross-site", "same-site", "none", "nonsense"];
    let mut cases = 0;
    for name in names {
        let host = name.replace("PORT", &port.to_string());
        if host.trim().eq_ignore_ascii_case(&format!("localhost:{port}")) {
            continue;
        }
        for (method, path) in [("GET", "/"), ("GET", "/status.json"), ("POST", "/stop"), ("POST", "/login")] {
            let (status, _) = served.ask(method, path, &host).await;
            assert!([400, 421].contains(&status), "{method} {path} {host:?}: {status}");
            cases += 1;
        }
    }
    for origin in origins {
        for site in sites {
            let mut headers = own.clone();
            let line =
                |name: &str, value: &str| if value.is_empty() { String::new() } else { format!("\r\n{name}: {value}") };
            headers.push_str(&line("Origin", &origin.replace("OWN", &own)));
            headers.push_str(&line("Sec-Fetch-Site", site));
            for path in ["/stop", "/resume", "/unlock", "/answer", "/login", "/logout", "/claim"] {
                let (status, answer) = served.ask("POST", path, &headers).await;
                assert_eq!(status, 403, "{path} {headers:?}");
                assert!(!answer.contains("set-cookie"), "{path} {headers:?}");
                cases += 1;
            }
        }
    }
    assert!(cases >= 200, "{cases}");
    assert!(served.get("/").await.1.contains("action=\"/stop\""), "nothing was stopped");
    for ours in [own.clone(), format!("localhost:{port}"), format!("house.example:{port}")] {
        assert_eq!(served.ask("GET", "/", &ours).await.0, 200, "{ours}");
    }
}

#[tokio::test]
async fn the_page_is_encrypted_with_the_certificate_of_the_device() {
    let served = Served::start().await;
    let fingerprint = Fingerprint::parse(&served.page.fingerprint().unwrap()).unwrap();
    let tls = TlsConnector::from(Arc::new(pinned(vec![fingerprint], None).unwrap()));
    let tcp = TcpStream::connect(served.address).await.unwrap();
    let mut stream = tls.connect("localhost".try_into().unwrap(), tcp).await.unwrap();
    let form = "password=three+nice+words";
    let host = format!("localhost:{}", served.address.port());
    let request = format!(
        "POST /login HTTP/1.1\r\nHost: {host}\r\nOrigin: https://{host}\r\nConnection: close\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}",
        form.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // A server that closes without saying so is no fault of the answer.
    let _ = stream.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    let cookie = answer.lines().find(|line| line.starts_with("set-cookie: __Host-kilosat=")).unwrap();
    assert!(cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"), "{cookie}");
    let wrong = pinned(vec![Fingerprint([7; 32])], None).unwrap();
    let tcp = TcpStream::connect(served.address).await.unwrap();
    assert!(TlsConnector::from(Arc::new(wrong)).connect("localhost".try_into().unwrap(), tcp).await.is_err());
}

#[tokio::test]
async fn whoever_comes_unencrypted_from_elsewhere_is_sent_to_the_encrypted_page() {
    let (source, _folder) = example_house();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut browser = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let (address, local) = ("192.168.1.77:50000".parse().unwrap(), "192.168.1.20:8380".parse().unwrap());
    let peer = Peer { address, local, is_encrypted: false };
    let page = source.page.clone();
    let welcomed = tokio::spawn(welcome(stream, router(source), page, peer, std::time::Duration::from_secs(5)));
    let request = "POST /login HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    browser.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    browser.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 303") && answer.contains("location: https://192.168.1.20:8380/\r\n"),
        "{answer}"
    );
    welcomed.await.unwrap();
}

/// What the journal says of the page's doors.
async fn events(source: &crate::status::StatusSource) -> Vec<String> {
    let entries = source.engine.journal_after(0, 100).await.unwrap();
    let text = |entry: JournalEntry| {
        let payload = serde_json::to_value(entry).ok()?;
        (payload["entry"]["event"] == "access").then(|| payload["entry"]["text"].as_str().map(str::to_owned))?
    };
    entries.into_iter().filter_map(text).collect()
}
