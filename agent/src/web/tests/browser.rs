//! The page in a real browser. Where there is no Chromium, these tests say so.

use serde_json::json;
use tokio::time::timeout;

use super::served::Served;
use super::tab::ANSWER_WAIT;
pub(super) use super::tab::Tab;

impl Tab {
    /// With the session that `served` has.
    pub(super) async fn log_in(&mut self, served: &Served) {
        let (name, value) = served.cookie.split_once('=').unwrap();
        let cookie = json!({"name": name, "value": value, "url": format!("http://{}/", served.address)});
        self.call("Network.setCookie", cookie).await;
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
