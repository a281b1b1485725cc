//! New settings while everything runs: what can be taken up at once is, and the rest by a new start that nobody notices.

// With the built-in node, a start waits for its chain.
#![cfg(not(feature = "node"))]
#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::*;
use crate::config::{Draft, Place, Setting};
use crate::disk;
use crate::status::Change;

const PASSWORD: &str = "three nice words";
const TOP: Place<'_> = Place::Section("");

async fn running() -> (Agent, PathBuf, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kilosat.toml");
    let text = format!("state_directory = {:?}\n\n[web]\nlisten = \"127.0.0.1:0\"\n", folder.path().join("state"));
    disk::replace(&file, text.as_bytes()).unwrap();
    let agent = Agent::start(Settings::read(&file).unwrap(), Clock::real()).await.unwrap();
    agent.status().access.set_password(PASSWORD).await.unwrap();
    (agent, file, folder)
}

fn with(source: &StatusSource, place: Place<'_>, key: &str, setting: &Setting) -> crate::settings::Proposal {
    let mut draft = Draft::of(&source.settings.text()).unwrap();
    draft.set(place, key, setting).unwrap();
    source.settings.propose(draft.into_text()).unwrap()
}

/// Status of the answer to a look at the settings.
async fn look(address: SocketAddr, cookie: &str) -> u16 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /settings HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

async fn started_anew(mut agent: Agent) -> Agent {
    let turn = timeout(Duration::from_secs(30), agent.turned()).await.expect("a new start is asked for");
    assert!(matches!(turn, Turn::NewStart), "{turn:?}");
    agent.start_anew().await.unwrap()
}

#[tokio::test]
async fn a_new_start_keeps_port_and_sessions_and_takes_the_settings_up() {
    let (agent, _file, _folder) = running().await;
    let (source, address) = (agent.status().clone(), agent.web_address().unwrap());
    let token = source.access.log_in(Ipv4Addr::LOCALHOST.into(), "", PASSWORD).await.unwrap();
    let cookie = format!("kilosat={}", token.reveal());
    assert_eq!(look(address, &cookie).await, 200);
    let name = with(&source, TOP, "name", &"At once".into());
    assert_eq!(source.change(name, "test").await, Ok(Change::Made));
    assert_eq!(source.status().await.unwrap().name, "At once");

    let zone = with(&source, TOP, "time_zone", &"Europe/Berlin".into());
    assert!(zone.needs_new_start);
    assert_eq!(source.change(zone, "test").await, Ok(Change::NewStart));
    // What comes meanwhile is not lost by it.
    let name = with(&source, TOP, "name", &"Meanwhile".into());
    assert_eq!(source.change(name, "test").await, Ok(Change::NewStart));
    let waiting = tokio::spawn(async move { look(address, &cookie).await });
    let agent = started_anew(agent).await;
    assert_eq!(timeout(Duration::from_secs(30), waiting).await.unwrap().unwrap(), 200, "whoever asks meanwhile waits");
    let config = agent.status().config();
    assert_eq!((config.name.as_str(), config.zone.iana_name()), ("Meanwhile", Some("Europe/Berlin")));
    assert_eq!(agent.web_address(), Some(address));
    assert!(!agent.status().settings.waits_for_new_start());
    // What was asked of the engine before is taken up by the one after.
    let late = with(&source, TOP, "name", &"Late".into());
    assert_eq!(source.change(late, "test").await, Ok(Change::NewStart));
    let agent = started_anew(agent).await;
    assert_eq!(agent.status().config().name, "Late");
    agent.stop().await;
}

#[tokio::test]
async fn what_does_not_start_is_taken_back_and_said() {
    let (agent, file, _folder) = running().await;
    let (source, address) = (agent.status().clone(), agent.web_address().unwrap());
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let proposal = with(&source, Place::Section("web"), "listen", &Setting::Text(listen.clone()));
    assert_eq!(source.change(proposal, "test").await, Ok(Change::NewStart));
    let agent = started_anew(agent).await;
    let status = agent.status().status().await.unwrap();
    let fault = status.settings_fault.unwrap();
    assert!(fault.contains(&listen) && fault.contains("It runs with those before"), "{fault}");
    assert_eq!(agent.web_address(), Some(address), "the page is where it was");
    assert!(!std::fs::read_to_string(file).unwrap().contains(&listen), "the next start is no failure too");
    let name = with(agent.status(), TOP, "name", &"Goes on".into());
    assert_eq!(agent.status().change(name, "test").await, Ok(Change::Made));
    agent.stop().await;
}

#[tokio::test]
async fn what_is_changed_by_hand_comes_into_force_by_itself() {
    let (mut agent, file, _folder) = running().await;
    let source = agent.status().clone();
    let text = format!("name = \"By hand\"\n{}", source.settings.text());
    disk::replace(&file, text.as_bytes()).unwrap();
    let renamed = async {
        while source.config().name != "By hand" {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = renamed => {}
        turn = agent.turned() => panic!("{turn:?}"),
        () = tokio::time::sleep(Duration::from_secs(30)) => panic!("nobody looked at the file"),
    }
    let journal = source.engine.journal_after(0, 10).await.unwrap();
    assert!(journal.iter().any(|entry| entry.entry.as_ref().unwrap()["text"] == "kilosat.toml was changed by hand"));
    agent.stop().await;
}

#[tokio::test]
async fn a_socket_that_was_handed_over_is_asked_at_also_after_a_new_start() {
    let folder = tempfile::tempdir().unwrap();
    let (file, socket) = (folder.path().join("kilosat.toml"), folder.path().join("handed.sock"));
    let state = folder.path().join("state");
    let text = format!("state_directory = {state:?}\ncontrol_socket = {socket:?}\n\n[web]\nlisten = \"\"\n");
    disk::replace(&file, text.as_bytes()).unwrap();
    let handed = UnixListener::bind(&socket).unwrap();
    let number = || std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&socket).unwrap());
    let before = number();
    let agent = Agent::start_at(Settings::read(&file).unwrap(), Clock::real(), Some(handed)).await.unwrap();
    let source = agent.status().clone();
    assert_eq!(crate::control::ask_status(&socket).await.unwrap().name, "My house");
    let zone = with(&source, TOP, "time_zone", &"Europe/Berlin".into());
    assert_eq!(source.change(zone, "test").await, Ok(Change::NewStart));
    let agent = started_anew(agent).await;
    assert_eq!(crate::control::ask_status(&socket).await.unwrap().name, "My house");
    assert_eq!(number(), before, "it is the one that was handed over");

    // Where the configuration names another place, that is where the command line asks.
    let other = folder.path().join("other.sock");
    let place = with(agent.status(), TOP, "control_socket", &Setting::Text(other.display().to_string()));
    assert_eq!(agent.status().change(place, "test").await, Ok(Change::NewStart));
    let agent = started_anew(agent).await;
    assert_eq!(crate::control::ask_status(&other).await.unwrap().name, "My house");
    assert!(agent.hearts().standing_still().is_empty());
    agent.stop().await;
}
