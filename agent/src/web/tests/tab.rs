//! A real browser, driven over its debugging protocol.

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

/// One tab of a browser that ends with it.
pub struct Tab {
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
    /// A tab that shows this; none where there is no Chromium.
    pub async fn open(url: &str) -> Option<Tab> {
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

    /// Goes to an address and waits until it is there.
    pub async fn go(&mut self, url: &str) {
        self.call("Page.navigate", json!({"url": url})).await;
        self.hear("the page is loaded", |said| said["method"] == "Page.loadEventFired").await;
    }

    /// Calls the browser (Chrome DevTools Protocol).
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        let mut answer = self.answer(method, params).await;
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].take()
    }

    async fn answer(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let mut call = json!({"id": self.calls, "method": method, "params": params});
        if let Some(session) = &self.session {
            call["sessionId"] = session.clone();
        }
        self.socket.send(Message::text(call.to_string())).await.unwrap();
        let number = self.calls;
        self.hear(method, |said| said["id"] == number).await
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

    /// What a script comes to; a promise is waited for. A page that is being left is asked again once the next is there.
    pub async fn run(&mut self, script: &str) -> Value {
        let params = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        for _ in 0..PAGES_LEFT_MAX {
            let mut answer = self.answer("Runtime.evaluate", params.clone()).await;
            if answer["error"]["message"].as_str().is_some_and(|why| why.contains("navigated")) {
                continue;
            }
            assert!(answer["error"].is_null() && answer["result"]["exceptionDetails"].is_null(), "{script}: {answer}");
            return answer["result"]["result"]["value"].take();
        }
        panic!("no page stays for {script}")
    }

    /// What axe-core finds that somebody could not use, by WCAG 2.2 AA; empty where it finds nothing.
    pub async fn judge(&mut self, axe: &str) -> String {
        // The page's own rules let no script in; the debugging protocol may.
        self.run(axe).await;
        let tags = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']";
        let script = format!(
            "axe.run(document, {{runOnly: {tags}}}).then(found => found.violations.map(fault =>
                 fault.id + ': ' + fault.nodes.map(node => node.html + ' ' + node.failureSummary).join(' | ')).join('; '))"
        );
        self.run(&script).await.as_str().unwrap_or_default().to_owned()
    }

    /// The whole page as a picture: a PNG in Base64.
    pub async fn picture(&mut self) -> String {
        let page = json!({"format": "png", "captureBeyondViewport": true});
        self.call("Page.captureScreenshot", page).await["data"].as_str().unwrap().to_owned()
    }

    /// A screen so wide, in pixels.
    pub async fn resize(&mut self, width: u64) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500});
        self.call("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Waits until a script comes to something true; the page may be exchanged meanwhile.
    pub async fn until(&mut self, script: &str) {
        let waiting = async {
            loop {
                let params = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
                let answer = self.answer("Runtime.evaluate", params).await;
                // A page that is being left says nothing of what is asked for.
                let (said, is_left) = (&answer["result"], !answer["error"].is_null());
                if !is_left && said["exceptionDetails"].is_null() && said["result"]["value"] == true {
                    return;
                }
            }
        };
        timeout(ANSWER_WAIT, waiting).await.unwrap_or_else(|_| panic!("waited in vain: {script}"))
    }

    /// What can be read.
    pub async fn text(&mut self) -> String {
        let text = "document.body ? document.body.innerText.replace(/\\s+/g, ' ') : ''";
        self.run(text).await.as_str().unwrap_or_default().to_owned()
    }

    /// Clicks the middle of what this selects.
    pub async fn click(&mut self, selector: &str) {
        let middle = format!(
            "(() => {{ const part = document.querySelector({selector:?}); part.scrollIntoView({{block: 'center'}});
               const at = part.getBoundingClientRect(); return [at.x + at.width / 2, at.y + at.height / 2]; }})()"
        );
        let at = self.run(&middle).await;
        self.mouse("mousePressed", &at).await;
        self.mouse("mouseReleased", &at).await;
    }

    /// Presses a key: `Tab`, `Enter` or ` `.
    pub async fn key(&mut self, key: &str) {
        let (code, number, text) = match key {
            "Tab" => ("Tab", 9, ""),
            "Enter" => ("Enter", 13, "\r"),
            _ => ("Space", 32, " "),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let params = json!({"type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number, "text": text});
            self.call("Input.dispatchKeyEvent", params).await;
        }
    }

    /// Goes to what this selects by the keyboard alone.
    pub async fn reach(&mut self, selector: &str) {
        for _ in 0..STOPS_MAX {
            let is_there = format!("document.activeElement !== null && document.activeElement.matches({selector:?})");
            if self.run(&is_there).await == true {
                return;
            }
            self.key("Tab").await;
        }
        panic!("the keyboard does not reach {selector}")
    }

    /// Writes into the field that has the focus, in place of what stands there.
    pub async fn write(&mut self, text: &str) {
        self.run("document.activeElement.select(); true").await;
        self.call("Input.insertText", json!({"text": text})).await;
    }

    /// What a mouse does at a place.
    pub async fn mouse(&mut self, kind: &str, at: &Value) {
        let params = json!({"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1});
        self.call("Input.dispatchMouseEvent", params).await;
    }
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

/// A browser that starts on a busy machine takes its time.
pub const ANSWER_WAIT: Duration = Duration::from_secs(60);
/// How often a page may be left while a script is tried.
const PAGES_LEFT_MAX: u32 = 20;
/// Of the keyboard on one page, all the way round.
const STOPS_MAX: usize = 120;
