//! The page in a real browser, driven over its debugging protocol. Where there is no Chromium, these tests say so.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::served::Served;

/// One tab of a browser that ends with it.
pub(super) struct Tab {
    browser: Child,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: Option<Value>,
    calls: u64,
    _profile: TempDir,
}

impl Drop for Tab {
    fn drop(&mut self) {
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}

impl Tab {
    pub(super) async fn open(url: &str) -> Option<Tab> {
        let profile = tempfile::tempdir().unwrap();
        let mut user_data = OsString::from("--user-data-dir=");
        user_data.push(profile.path());
        let mut browser = Command::new(chromium()?)
            .args("--headless --no-sandbox --disable-gpu --no-first-run --remote-debugging-port=0".split(' '))
            .args("--disable-background-networking --disable-component-update --disable-sync".split(' '))
            .arg(user_data)
            .arg("about:blank")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(browser.stderr.take().unwrap());
        let mut lines = said.lines().map_while(Result::ok);
        let address = lines.find_map(|line| line.split_once("DevTools listening on ").map(|(_, at)| at.to_owned()));
        // It must not be stopped by a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let (socket, _) = connect_async(address.expect("the browser starts")).await.unwrap();
        let mut tab = Tab { browser, socket, session: None, calls: 0, _profile: profile };
        let target = tab.call("Target.createTarget", json!({"url": "about:blank"})).await["targetId"].take();
        let attached = tab.call("Target.attachToTarget", json!({"targetId": target, "flatten": true})).await;
        tab.session = Some(attached["sessionId"].clone());
        tab.call("Page.enable", json!({})).await;
        tab.go(url).await;
        Some(tab)
    }

    /// With the session that `served` has.
    pub(super) async fn log_in(&mut self, served: &Served) {
        let (name, value) = served.cookie.split_once('=').unwrap();
        let cookie = json!({"name": name, "value": value, "url": format!("http://{}/", served.address)});
        self.call("Network.setCookie", cookie).await;
    }

    pub(super) async fn go(&mut self, url: &str) {
        self.call("Page.navigate", json!({"url": url})).await;
        self.hear("the page is loaded", |said| said["method"] == "Page.loadEventFired").await;
    }

    pub(super) async fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let mut call = json!({"id": self.calls, "method": method, "params": params});
        if let Some(session) = &self.session {
            call["sessionId"] = session.clone();
        }
        self.socket.send(Message::text(call.to_string())).await.unwrap();
        let number = self.calls;
        let mut answer = self.hear(method, |said| said["id"] == number).await;
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].take()
    }

    async fn hear(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let heard = async {
            loop {
                let Message::Text(text) = self.socket.next().await.unwrap().unwrap() else { continue };
                let said: Value = serde_json::from_str(&text).unwrap();
                if fits(&said) {
                    return said;
                }
            }
        };
        timeout(ANSWER_WAIT, heard).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
    }

    /// What a script comes to; a promise is waited for.
    pub(super) async fn run(&mut self, script: &str) -> Value {
        let params = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.call("Runtime.evaluate", params).await;
        assert!(answer["exceptionDetails"].is_null(), "{script}: {answer}");
        answer["result"]["value"].take()
    }

    /// What axe-core finds that somebody could not use, by WCAG 2.2 AA; empty where it finds nothing.
    pub(super) async fn judge(&mut self, axe: &str) -> String {
        // The page's own rules let no script in; the debugging protocol may.
        self.run(axe).await;
        let tags = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']";
        let script = format!(
            "axe.run(document, {{runOnly: {tags}}}).then(found => found.violations.map(fault =>
                 fault.id + ': ' + fault.nodes.map(node => node.html + ' ' + node.failureSummary).join(' | ')).join('; '))"
        );
        self.run(&script).await.as_str().unwrap_or_default().to_owned()
    }

    /// The whole page as a picture.
    pub(super) async fn picture(&mut self, path: &std::path::Path) {
        let page = json!({"format": "png", "captureBeyondViewport": true});
        let answer = self.call("Page.captureScreenshot", page).await;
        let bytes = crate::domain::l402::base64_decode(answer["data"].as_str().unwrap()).unwrap();
        crate::disk::replace(path, &bytes).unwrap();
    }

    async fn mouse(&mut self, kind: &str, at: &Value) {
        let params = json!({"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1});
        self.call("Input.dispatchMouseEvent", params).await;
    }
}

/// The script of axe-core, where `tests/run` has fetched it.
pub(super) fn axe() -> Option<String> {
    let path = std::env::var_os("KILOSAT_AXE");
    if path.is_none() {
        eprintln!("there is no axe-core here, so what it judges is not tested");
    }
    path.map(|path| std::fs::read_to_string(path).unwrap() + "; true")
}

fn chromium() -> Option<PathBuf> {
    let folders: Vec<_> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|p| p.is_file());
    if found.is_none() {
        eprintln!("there is no Chromium here, so this is not tested");
    }
    found
}

#[tokio::test]
async fn a_press_that_takes_longer_than_the_page_stays_still_stops_payments() {
    let served = Served::start().await;
    let Some(mut tab) = Tab::open("about:blank").await else { return };
    tab.log_in(&served).await;
    tab.go(&format!("http://{}/", served.address)).await;
    // The page replaces its live part by itself, and the button stays the same.
    let lived = "new Promise(done => {
        const first = document.getElementById('stop');
        new MutationObserver(() => done(first === document.getElementById('stop')))
            .observe(document.querySelector('main'), {childList: true});
    })";
    assert_eq!(tab.run(lived).await, true, "the button is exchanged with the page");

    let middle = "(() => { const at = document.getElementById('stop').getBoundingClientRect();
                   return [at.x + at.width / 2, at.y + at.height / 2]; })()";
    let at = tab.run(middle).await;
    tab.mouse("mousePressed", &at).await;
    assert_eq!(tab.run("isBusy()").await, true, "nothing is exchanged while something is held down");
    // Even where a browser did not know of that, the button stays.
    let exchanged = "fetch('/').then(answer => answer.text()).then(text => {
        const page = new DOMParser().parseFromString(text, 'text/html');
        replaceOrder(page);
        replaceLive(page);
        return true;
    })";
    assert_eq!(tab.run(exchanged).await, true);
    tab.mouse("mouseReleased", &at).await;
    let stopped = async { while !served.get("/").await.1.contains("You stopped automatic payments") {} };
    timeout(ANSWER_WAIT, stopped).await.expect("the press is not lost");
}

#[tokio::test]
async fn what_is_being_typed_is_not_taken_away() {
    let served = Served::start().await;
    let Some(mut tab) = Tab::open("about:blank").await else { return };
    tab.log_in(&served).await;
    tab.go(&format!("http://{}/", served.address)).await;
    let typing = "(() => { const input = document.createElement('input'); input.id = 'confirm';
                   document.getElementById('live').append(input); input.focus(); return isBusy(); })()";
    assert_eq!(tab.run(typing).await, true, "the page would be exchanged under the password");
}

/// A browser that starts on a busy machine takes its time.
const ANSWER_WAIT: Duration = Duration::from_secs(60);
