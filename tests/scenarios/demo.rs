//! The whole mission on real Lightning, on both chains.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use sim::bitcoind::Bitcoind;
use sim::hub::{kilosat, kilosat_exe};

#[track_caller]
fn account(output: &Output) -> Value {
    let story = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{story}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {story}"))
}

#[track_caller]
fn comes_out_at_zero(account: &Value, payments_min: u64) {
    let number = |key: &str| account[key].as_u64().unwrap_or_else(|| panic!("{key} is missing: {account}"));
    assert_eq!(number("difference_msat"), 0, "{account}");
    assert_eq!(number("energy_metered_mwh"), number("energy_billed_mwh"), "{account}");
    assert!(number("energy_metered_mwh") > 0);
    assert_eq!(number("paid_msat"), number("received_by_utility_msat"), "{account}");
    assert!(number("owed_msat") < 1_000, "less than a satoshi is left: {account}");
    assert!(number("payments_settled") >= payments_min, "{account}");
    // A payment may fail while a channel is busy; it is tried again, and the account still comes out at zero.
    assert!(account["payments_failed"].is_u64(), "{account}");
    assert_eq!(number("payments_open"), 0, "{account}");
    assert!(number("data_purchases") >= 1, "{account}");
    assert!(number("fees_msat") > 0 && number("rss_kib") > 0);
    assert!(account["first_payment_s"].is_u64(), "{account}");
}

#[test]
fn lightning_demo_on_the_chain_in_memory_comes_out_at_zero() {
    let output = kilosat(&["demo", "--for", "45s", "--speed", "600", "--json"]);
    comes_out_at_zero(&account(&output), 20);
}

#[tokio::test]
async fn lightning_demo_on_bitcoin_core_comes_out_at_zero() {
    let bitcoind = Bitcoind::start().await;
    let (address, cookie) = (bitcoind.address(), bitcoind.cookie_file());
    let cookie = cookie.to_str().unwrap();
    let output =
        kilosat(&["demo", "--for", "45s", "--speed", "600", "--json", "--bitcoind", &address, "--cookie", cookie]);
    comes_out_at_zero(&account(&output), 20);
}

#[test]
fn lightning_demo_kept_in_a_folder_goes_on_where_it_ended() {
    let directory = tempfile::tempdir().unwrap();
    let keep = directory.path().join("kept");
    let run = || {
        let output = kilosat(&["demo", "--for", "4s", "--speed", "600", "--json", "--keep", keep.to_str().unwrap()]);
        account(&output)
    };
    let first = run();
    let second = run();
    let number = |account: &Value, key: &str| account[key].as_u64().unwrap();
    assert_eq!((number(&first, "difference_msat"), number(&second, "difference_msat")), (0, 0), "{first}\n{second}");
    for key in ["energy_billed_mwh", "paid_msat", "payments_settled"] {
        assert!(number(&second, key) > number(&first, key), "{key} goes on: {first}\n{second}");
    }
}

#[tokio::test]
async fn lightning_demo_stopped_by_ctrl_c_ends_with_the_same_table() {
    let mut child = tokio::process::Command::new(kilosat_exe())
        .args(["demo", "--for", "10m", "--json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut story = tokio::io::BufReader::new(child.stderr.take().unwrap());
    let first_payment = async {
        let mut line = String::new();
        while !line.contains("First payment") {
            line.clear();
            let read = tokio::io::AsyncBufReadExt::read_line(&mut story, &mut line).await.unwrap();
            assert!(read > 0, "the story ended before the first payment");
        }
    };
    tokio::time::timeout(Duration::from_secs(90), first_payment).await.expect("a first payment");
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    // The rest of the story has to be read, or its writer would wait.
    let rest = tokio::spawn(async move {
        let mut text = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut story, &mut text).await.map(|_| text)
    });
    let output = tokio::time::timeout(Duration::from_secs(60), child.wait_with_output()).await.unwrap().unwrap();
    let story = rest.await.unwrap().unwrap();
    assert!(output.status.success(), "{story}");
    let account: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(account["difference_msat"].as_u64(), Some(0), "{account}");
    assert!(account["payments_settled"].as_u64().unwrap() >= 1, "{account}");
}
