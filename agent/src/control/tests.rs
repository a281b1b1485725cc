#![allow(clippy::unwrap_used)]

use super::*;

#[tokio::test]
async fn only_this_user_may_ask() {
    let folder = tempfile::tempdir().unwrap();
    let path = socket_path(folder.path());
    let _listener = listen(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = socket_path(folder.path());
    drop(listen(&path).unwrap());
    assert!(path.exists());
    listen(&path).unwrap();
    let blocked = folder.path().join("missing").join("control.sock");
    assert!(listen(&blocked).is_err());
}

#[tokio::test]
async fn when_nobody_listens_the_answer_says_how_to_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = socket_path(folder.path());
    let fault = ask_status(&path).await.unwrap_err().to_string();
    assert!(fault.starts_with("no running Kilosat answers at ") && fault.contains("control.sock"), "{fault}");
    assert!(fault.ends_with("Start it with: kilosat run --config FILE"), "{fault}");
    drop(listen(&path).unwrap());
    assert!(matches!(ask_status(&path).await, Err(ControlError::NotRunning { .. })), "a socket nobody listens at");
}

#[tokio::test]
async fn an_answer_that_is_no_status_is_not_taken_for_one() {
    #[track_caller]
    fn case(fault: &ControlError, expected: &str) {
        assert_eq!(fault.to_string(), expected);
    }
    let unreadable = "the running Kilosat sent an answer that cannot be read; is it another version?";
    let ended = "Kilosat ended before it had answered, so it may have been done or not. Look before you ask again: kilosat status";
    case(&answered_with(b"").await, ended);
    case(&answered_with(b"{\"name\": 1}\n").await, unreadable);
    case(&answered_with(b"\xff\xfe\n").await, unreadable);
    case(&answered_with(b"{\"invoice\":{\"bolt11\":\"ln\"}}\n").await, unreadable);
    let refused = answered_with(b"{\"refused\":\"the payment engine has stopped\"}\n").await;
    case(&refused, "the payment engine has stopped");
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let endless = vec![b' '; 3 << 20];
    assert!(matches!(answered_with(&endless).await, ControlError::Unreadable));
}

#[tokio::test]
async fn a_kilosat_that_hangs_is_not_waited_for_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = socket_path(folder.path());
    let _listener = listen(&path).unwrap();
    let asked = ask(&path, &Question::Status, Duration::from_millis(1)).await;
    assert!(matches!(asked, Err(ControlError::NoAnswer)));
}

/// What an asker makes of these bytes.
async fn answered_with(bytes: &[u8]) -> ControlError {
    let folder = tempfile::tempdir().unwrap();
    let path = socket_path(folder.path());
    let listener = listen(&path).unwrap();
    let answer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 9]).await.unwrap();
        // The asker may hang up before all of it is written.
        let _ = stream.write_all(bytes).await;
    };
    tokio::join!(ask_status(&path), answer).0.unwrap_err()
}

/// With a real engine behind the socket; only the wallet is absent, which takes a build without it.
#[cfg(not(feature = "node"))]
mod served {
    use super::*;
    use crate::clock::Clock;
    use crate::http::loopback;
    use crate::status::phoenixd_at;
    use crate::web::tests::served::{example_house, house_with};

    struct Served {
        path: PathBuf,
        server: tokio::task::JoinHandle<()>,
        _folder: tempfile::TempDir,
    }

    fn served() -> Served {
        let (source, folder) = example_house();
        let path = socket_path(folder.path());
        let server = tokio::spawn(serve(listen(&path).unwrap(), source));
        Served { path, server, _folder: folder }
    }

    async fn say(path: &Path, question: &[u8]) -> String {
        let mut stream = UnixStream::connect(path).await.unwrap();
        stream.write_all(question).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn the_status_is_told() {
        let served = served();
        let status = ask_status(&served.path).await.unwrap();
        assert_eq!((status.name.as_str(), status.meters.len()), ("My house", 1));
        assert!(say(&served.path, b"\"status\"\n").await.ends_with("}\n"), "one line");
    }

    #[tokio::test]
    async fn statements_events_and_orders_are_answered() {
        let served = served();
        let month = |text: &str| Some(text.to_owned());
        let statement = ask_statement(&served.path, month("2026-02")).await.unwrap();
        assert_eq!(statement.to_ms - statement.from_ms, 28 * 86_400_000);
        let refused = ask_statement(&served.path, month("February")).await.unwrap_err();
        assert_eq!(refused.to_string(), NO_MONTH);
        let before = ask_events(&served.path, 0).await.unwrap();
        give_order(&served.path, Order::Stop).await.unwrap();
        let last = before.last().map_or(0, |entry| entry.seq);
        let after = ask_events(&served.path, last).await.unwrap();
        assert_eq!((after.len(), after[0].seq), (1, last + 1));
        assert_eq!(after[0].entry.as_ref().unwrap()["event"], "stopped");
        assert_eq!(ask_events(&served.path, u64::MAX).await.unwrap(), [], "and the engine goes on");
        let refused = give_order(&served.path, Order::Approve(7)).await.unwrap_err();
        assert!(refused.to_string().starts_with("There is no question with this number"), "{refused}");
    }

    #[tokio::test]
    async fn nothing_is_done_for_somebody_who_gave_up_while_kilosat_was_starting() {
        let (source, folder) = example_house();
        let path = socket_path(folder.path());
        let listener = listen(&path).unwrap();
        let mut asker = UnixStream::connect(&path).await.unwrap();
        let question = serde_json::to_string(&Question::Order(Order::Stop)).unwrap() + "\n";
        asker.write_all(question.as_bytes()).await.unwrap();
        drop(asker);
        let server = tokio::spawn(serve(listener, source));
        assert!(!ask_status(&path).await.unwrap().stopped);
        assert_eq!(ask_events(&path, 0).await.unwrap(), []);
        give_order(&path, Order::Stop).await.unwrap();
        assert!(ask_status(&path).await.unwrap().stopped, "who waits is heard");
        server.abort();
    }

    #[tokio::test]
    async fn an_unknown_question_is_refused_and_only_a_part_of_a_long_one_is_read() {
        let served = served();
        let unknown = "{\"refused\":\"this question is not known here; is the CLI another version?\"}\n";
        assert_eq!(say(&served.path, b"\"pay\"\n").await, unknown);
        let long = vec![b'x'; usize::try_from(QUESTION_BYTES_MAX).unwrap()];
        assert!(say(&served.path, &long).await.contains("not known here"), "the end of the line is not waited for");
        assert_eq!(say(&served.path, b"\xff\n").await, "", "what is no text gets no answer");
    }

    #[tokio::test]
    async fn slow_askers_do_not_keep_others_waiting() {
        let served = served();
        let mut slow = Vec::new();
        for _ in 1..ASKERS_MAX {
            let mut stream = UnixStream::connect(&served.path).await.unwrap();
            stream.write_all(b"sta").await.unwrap();
            slow.push(stream);
        }
        assert!(!say(&served.path, b"\"status\"\n").await.is_empty());
        // With every place taken, the next one gets its turn as soon as one of them is free again.
        slow.push(UnixStream::connect(&served.path).await.unwrap());
        let (answer, ()) = tokio::join!(say(&served.path, b"\"status\"\n"), async { slow.truncate(3) });
        assert!(answer.ends_with("}\n"));
    }

    #[tokio::test]
    async fn no_asker_outlives_the_server() {
        let served = served();
        let mut slow = UnixStream::connect(&served.path).await.unwrap();
        assert!(!say(&served.path, b"\"status\"\n").await.is_empty(), "the one before was accepted, too");
        served.server.abort();
        assert_eq!(slow.read(&mut [0]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn whoever_asked_for_what_takes_too_long_is_told_so() {
        let silent = phoenixd_at(loopback::serve_and_stall(b"").await, &Clock::real());
        let (source, _folder) = house_with(silent);
        let (mut asker, asked) = UnixStream::pair().unwrap();
        let answered = tokio::spawn(answer(asked, source, Duration::from_millis(50)));
        asker.write_all(b"{\"receive\":{\"amount_msat\":1000}}\n").await.unwrap();
        let mut text = String::new();
        asker.read_to_string(&mut text).await.unwrap();
        answered.await.unwrap().unwrap();
        let answer: Answer = serde_json::from_str(&text).unwrap();
        assert_eq!(answer.unexpected().to_string(), TOO_LONG);
    }

    #[tokio::test]
    async fn a_wallet_that_does_not_answer_does_not_keep_the_status_waiting() {
        let silent = phoenixd_at(loopback::serve_and_stall(b"").await, &Clock::real());
        let (source, folder) = house_with(silent);
        let path = socket_path(folder.path());
        let server = tokio::spawn(serve(listen(&path).unwrap(), source));
        // The wallet's own time limit is ten seconds.
        let status = timeout(Duration::from_secs(6), ask_status(&path)).await.unwrap().unwrap();
        assert!(status.as_text().contains("Wallet: it has not answered yet"), "{}", status.as_text());
        server.abort();
    }
}
