//! The page over a real socket, with a real engine behind it. Only the wallet is absent, which takes a build without it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::access::Access;
use crate::backup::Backups;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::history::{History, Recorder};
use crate::http::loopback;
use crate::latest::Latest;
use crate::lightning::LightningService;
use crate::settings::Settings;
use crate::status::WalletView;
use crate::status::phoenixd_at;
use crate::store::Store;
use crate::tasks::{Devices, EngineHandle, GpioHandle, Payees, RateView, RefillView};
use crate::vault::Vault;

/// The example's house with an empty database, for as long as the folder lives.
pub(crate) fn example_house() -> (StatusSource, TempDir) {
    house_with(LightningService::Absent)
}

/// The same with this wallet.
pub(crate) fn house_with(lightning: LightningService) -> (StatusSource, TempDir) {
    house_in(tempfile::tempdir().unwrap(), lightning)
}

/// The same in a folder in which something may be already.
pub(crate) fn house_in(folder: TempDir, lightning: LightningService) -> (StatusSource, TempDir) {
    let file = folder.path().join("kilosat.toml");
    if !file.exists() {
        let state = format!("state_directory = {:?}", folder.path());
        let text = EXAMPLE.replace("state_directory = \"/var/lib/kilosat\"", &state);
        let text = text.replace("#measures = \"grid\"", "measures = \"grid\"");
        crate::disk::replace(&file, text.as_bytes()).unwrap();
    }
    let settings = Settings::read(&file).unwrap();
    let config = settings.config();
    let rules = crate::agent::rules(&config, None);
    let store = Store::open(&folder.path().join("money.db"), &config.network.to_string()).unwrap();
    let clock = Clock::real();
    // Effects that nobody performs are dropped, as they are when a queue is full.
    let (effects, _) = mpsc::channel(1);
    let (engine, _) = EngineHandle::start(Engine::new(store, rules), clock.clone(), effects);
    let (recorder, history) = (Recorder::default(), config.history.clone());
    let source = StatusSource {
        backups: Backups::open(folder.path()),
        payees: Payees::new(&config).unwrap(),
        settings,
        engine,
        latest: Latest::recorded(recorder.clone(), clock.clone()),
        memory: PageMemory::default(),
        page: PageIdentity::load_or_create(folder.path(), &["house.example".to_owned()]),
        access: Access::open(folder.path(), clock.clone()),
        history: History::start(folder.path(), history, clock.clone(), recorder),
        wallet: WalletView::new(lightning.clone(), clock.clone()),
        lightning,
        clock,
        gpio: GpioHandle::default(),
        devices: Devices::default(),
        treasury: None,
        vault: Vault::plain(folder.path()),
        refills: tokio::sync::watch::channel(RefillView::default()).1,
        rates: RateView::default(),
    };
    (source, folder)
}

pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    /// Of a session; empty where nobody has logged in.
    pub(crate) cookie: String,
    server: JoinHandle<()>,
    pub(super) page: PageIdentity,
    _folder: TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Served {
    pub(crate) async fn start() -> Served {
        Served::house(example_house()).await
    }

    /// With an owner who has logged in.
    pub(crate) async fn house(house: (StatusSource, TempDir)) -> Served {
        let access = house.0.access.clone();
        access.set_password(PASSWORD).await.unwrap();
        let token = access.log_in(Ipv4Addr::LOCALHOST.into(), "", PASSWORD).await;
        let token = token.unwrap_or_else(|denied| panic!("{denied}"));
        Served::unclaimed(house).await.with(format!("kilosat={}", token.reveal()))
    }

    pub(crate) fn with(mut self, cookie: String) -> Served {
        self.cookie = cookie;
        self
    }

    /// As nobody's, unless somebody claimed it before.
    pub(crate) async fn unclaimed((source, folder): (StatusSource, TempDir)) -> Served {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        Served {
            address,
            cookie: String::new(),
            page: source.page.clone(),
            server: tokio::spawn(serve(listener, source)),
            _folder: folder,
        }
    }

    /// Status and the whole answer, head and body, to one request with this `Host`.
    pub(crate) async fn ask(&self, method: &str, path: &str, host: &str) -> (u16, String) {
        self.say(&format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n"), "").await
    }

    /// The same for a form of our own page.
    pub(crate) async fn send(&self, path: &str, form: &str) -> (u16, String) {
        let head = format!("POST {path} HTTP/1.1\r\nHost: {}\r\nSec-Fetch-Site: same-origin\r\n", self.address);
        self.say(&format!("{head}Content-Type: application/x-www-form-urlencoded\r\n"), form).await
    }

    async fn say(&self, head: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let (cookie, length) = (&self.cookie, body.len());
        let request = format!("{head}Cookie: {cookie}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        (status, answer)
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", path, &self.address.to_string()).await
    }
}

pub(crate) fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

#[tokio::test]
async fn the_page_and_its_parts_are_served() {
    let served = Served::start().await;
    for (path, kind, words) in [
        ("/", "text/html; charset=utf-8", "<h1>My house</h1>"),
        ("/statement", "text/html; charset=utf-8", "Nothing was paid."),
        ("/statement?month=2026-02", "text/html; charset=utf-8", "Account of 2026-02"),
        ("/statement.json", "application/json", "closing_msat"),
        ("/static/kilosat.css", "text/css; charset=utf-8", ".tile"),
        ("/static/live.js", "text/javascript; charset=utf-8", "use strict"),
        ("/static/icon.svg", "image/svg+xml", "<svg"),
    ] {
        let (status, answer) = served.get(path).await;
        assert_eq!(status, 200, "{path}");
        assert!(answer.contains(&format!("content-type: {kind}\r\n")), "{path}");
        assert!(body(&answer).contains(words), "{path}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_protecting_headers() {
    let served = Served::start().await;
    let own = served.address.to_string();
    for (method, path, host, expected) in [
        ("GET", "/", own.as_str(), 200),
        ("GET", "/status.json", &own, 200),
        ("HEAD", "/", &own, 200),
        ("GET", "/no/such/page", &own, 404),
        ("POST", "/", &own, 403),
        ("POST", "/stop", &own, 403),
        ("POST", "/login", &own, 403),
        ("GET", "/stop", &own, 405),
        ("GET", "/statement?month=2026-13", &own, 400),
        ("DELETE", "/status.json", &own, 403),
        ("POST", "/static/live.js", &own, 403),
        ("GET", "/", "evil.example", 421),
        ("GET", "/status.json", "", 421),
    ] {
        let (status, answer) = served.ask(method, path, host).await;
        assert_eq!(status, expected, "{method} {path} {host}");
        for (name, value) in HEADERS {
            assert!(answer.contains(&format!("{name}: {value}\r\n")), "{method} {path} {host}: {name}");
        }
    }
}

#[tokio::test]
async fn a_foreign_name_gets_nothing_but_the_right_address() {
    let served = Served::start().await;
    let port = served.address.port();
    for path in ["/", "/status.json", "/static/live.js", "/no/such/page"] {
        let (status, answer) = served.ask("GET", path, &format!("rebound.example:{port}")).await;
        assert_eq!((status, body(&answer)), (421, format!("Open this page as http://127.0.0.1:{port}/").as_str()));
    }
    assert_eq!(served.ask("GET", "/", &format!("localhost:{port}")).await.0, 200);
}

#[tokio::test]
async fn the_json_is_the_status() {
    let served = Served::start().await;
    let (_, answer) = served.get("/status.json").await;
    assert!(answer.contains("content-type: application/json\r\n"));
    let json: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
    for key in "name network version now_ms uptime_ms lock lightning meters agreements feeds totals payments \
                open_payments journal_entries"
        .split_whitespace()
    {
        assert!(json.get(key).is_some(), "{key}");
    }
    assert_eq!(json["meters"][0]["id"], "main");
    assert_eq!(json["agreements"][0]["payee"], "electricity@utility.example");
    let status: Status = serde_json::from_value(json).unwrap();
    assert_eq!(status.name, "My house");
}

#[tokio::test]
async fn the_button_stops_and_the_page_says_so() {
    let served = Served::start().await;
    let (status, answer) = served.send("/stop", "").await;
    assert!(status == 303 && answer.contains("location: /\r\n"), "{answer}");
    let (_, page) = served.get("/").await;
    assert!(page.contains("You stopped automatic payments") && !page.contains("action=\"/stop\""));
    assert_eq!(served.send("/resume", "").await.0, 303);
    assert!(served.get("/").await.1.contains("action=\"/stop\""));
}

#[tokio::test]
async fn an_open_page_does_not_keep_the_engine_running() {
    let served = Served::start().await;
    let mut browser = TcpStream::connect(served.address).await.unwrap();
    let request = format!("GET /static/live.js HTTP/1.1\r\nHost: {}\r\n\r\n", served.address);
    browser.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(SCRIPT.as_bytes()) {
        assert!(browser.read_buf(&mut answer).await.unwrap() > 0);
    }
    served.server.abort();
    assert_eq!(browser.read(&mut [0]).await.unwrap(), 0, "the kept connection is closed");
}

#[tokio::test]
async fn a_wallet_that_does_not_answer_does_not_keep_the_page_waiting() {
    let silent = phoenixd_at(loopback::serve_and_stall(b"").await, &Clock::real());
    let served = Served::house(house_with(silent)).await;
    // The wallet's own time limit is ten seconds.
    for path in ["/", "/status.json", "/"] {
        let (status, answer) = timeout(Duration::from_secs(6), served.get(path)).await.unwrap();
        assert_eq!(status, 200);
        assert!(path != "/" || body(&answer).contains("the wallet has not answered yet"), "{answer}");
    }
}

#[tokio::test]
async fn another_site_can_link_to_the_page_and_do_nothing_else() {
    let served = Served::start().await;
    let from = |site: &str, mode: &str, dest: &str| {
        format!("{}\r\nSec-Fetch-Site: {site}\r\nSec-Fetch-Mode: {mode}\r\nSec-Fetch-Dest: {dest}", served.address)
    };
    for (headers, expected) in [
        (from("cross-site", "no-cors", "image"), 403),
        (from("cross-site", "no-cors", "script"), 403),
        (from("same-site", "cors", "empty"), 403),
        (from("cross-site", "navigate", "iframe"), 403),
        (from("nonsense", "cors", "empty"), 403),
        (from("cross-site", "navigate", "document"), 200),
        (from("none", "navigate", "document"), 200),
        (from("same-origin", "cors", "empty"), 200),
        (format!("{}\r\nOrigin: http://evil.example", served.address), 403),
        (format!("{}\r\nOrigin: http://{}", served.address, served.address), 200),
    ] {
        for path in ["/", "/status.json", "/statement"] {
            assert_eq!(served.ask("GET", path, &headers).await.0, expected, "{path} {headers}");
        }
        let stopped = served.ask("POST", "/stop", &from("cross-site", "navigate", "document")).await.0;
        assert_eq!(stopped, 403);
    }
}

#[tokio::test]
async fn connections_that_say_nothing_make_room_for_others() {
    let (source, _folder) = example_house();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = door::Limits { header: Duration::from_millis(100), connections: 2, from_one: 9 };
    let server = tokio::spawn(door::serve(listener, router(source), PageIdentity::default(), limits));
    let served = Served { address, cookie: String::new(), page: PageIdentity::default(), server, _folder };
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
    let answered = timeout(Duration::from_secs(30), served.get("/static/icon.svg")).await;
    assert_eq!(answered.expect("there is room").0, 200);
    for connection in [&mut silent, &mut slow] {
        let mut said = Vec::new();
        timeout(Duration::from_secs(30), connection.read_to_end(&mut said)).await.unwrap().unwrap();
        assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
    }
}

#[tokio::test]
async fn the_button_does_not_wait_for_whoever_looks() {
    let silent = phoenixd_at(loopback::serve_and_stall(b"").await, &Clock::real());
    let served = Served::house(house_with(silent)).await;
    let mut lookers = Vec::new();
    for _ in 0..40 {
        let mut looker = TcpStream::connect(served.address).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n", served.address, served.cookie);
        looker.write_all(request.as_bytes()).await.unwrap();
        lookers.push(looker);
    }
    let own = format!("{}\r\nSec-Fetch-Site: same-origin", served.address);
    let pressed = timeout(Duration::from_secs(1), served.ask("POST", "/stop", &own)).await;
    assert_eq!(pressed.expect("before the wallet is given up").0, 303);
}

pub(crate) const EXAMPLE: &str = include_str!("../../../kilosat.toml");

/// The owner's.
pub(crate) const PASSWORD: &str = "three nice words";
