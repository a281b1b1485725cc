//! Programs at the door of a house that runs: what they may do, and what a stranger's program does to its description.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use sim::house::House;
use sim::hub::Hub;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;

pub const WEB: &str = "[web]\nlisten = \"127.0.0.1:0\"\n";
pub const PASSWORD: &str = "three nice words";

/// The page of a house that was claimed, and a program with a token.
pub struct Door {
    address: SocketAddr,
    pub cookie: String,
    pub token: String,
}

impl Door {
    /// Claims the house and gives a program every permission, as the owner does it on the page.
    pub async fn open(hub: &Hub, house: &House) -> Door {
        let log = hub.log();
        let address = log.split("the page is at http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap();
        let mut door = Door { address: address.parse().unwrap(), cookie: String::new(), token: String::new() };
        let said = house.kilosat(&["setup-code"]);
        let code = said.split_whitespace().find(|word| word.contains('-') && word.len() > 8).unwrap_or(&said);
        let claim = format!("code={}&password=three+nice+words&again=three+nice+words", code.trim_end_matches('.'));
        let (status, answer) = door.send("/claim", &claim).await;
        assert_eq!(status, 303, "{said}: {answer}");
        let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        door.cookie = cookie.split(';').next().unwrap().to_owned();
        let form = format!("name=A+test&read=on&stop=on&receive=on&pay=on&password={}", PASSWORD.replace(' ', "+"));
        let (status, page) = door.send("/settings/tokens", &form).await;
        assert_eq!(status, 200, "{page}");
        let at = page.find("kilosat_").expect("the token is shown");
        door.token = page[at..].split('<').next().unwrap().to_owned();
        assert!(!door.get("/settings/tokens").await.1.contains(&door.token), "it is shown once");
        door
    }

    pub async fn send(&self, path: &str, form: &str) -> (u16, String) {
        let kind = "Content-Type: application/x-www-form-urlencoded\r\nSec-Fetch-Site: same-origin\r\n";
        self.say(&format!("POST {path}"), &format!("Cookie: {}\r\n{kind}", self.cookie), form).await
    }

    pub async fn get(&self, path: &str) -> (u16, String) {
        self.say(&format!("GET {path}"), &format!("Cookie: {}\r\n", self.cookie), "").await
    }

    /// What a program is told.
    pub async fn ask(&self, request: &str, sent: &str) -> (u16, Value) {
        let headers = format!(
            "Authorization: Bearer {}\r\nContent-Type: application/json\r\nIdempotency-Key: {request}\r\n",
            self.token
        );
        let (status, answer) = self.say(request, &headers, sent).await;
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}")))
    }

    async fn say(&self, request: &str, headers: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let (address, length) = (self.address, body.len());
        let head = format!(
            "{request} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        (status, answer)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_answers_for_the_owner_and_the_payment_is_made_once() {
    let house = House::new(&format!("{WEB}[ask]\nabove_msat = 3000\n")).await;
    let mut hub = house.start();
    hub.until("the meter is read", |status| status.meters[0].state == "good").await;
    let door = Door::open(&hub, &house).await;
    house.use_wh(2);
    let asked = hub.until("it asks", |status| !status.questions.is_empty()).await;
    let answer = format!("POST /api/v1/questions/{}", asked.questions[0].question);
    let (status, done) = door.ask(&answer, "{\"approve\": true}").await;
    assert_eq!(status, 200, "{done}");
    assert_eq!(
        door.ask(&answer, "{\"approve\": true}").await,
        (200, done),
        "the same answer, and nothing is done twice"
    );
    hub.until("it is paid", |status| status.totals.payments_settled == 1).await;
    assert_eq!(house.payments(), 1);
    let (_, payments) = door.ask("GET /api/v1/payments?standing=paid", "").await;
    assert_eq!((payments.as_array().unwrap().len(), &payments[0]["amount_msat"]), (1, &json!(2_000)));
    let (_, story) = door.ask(&format!("GET /api/v1/payments/{}", payments[0]["payment"]), "").await;
    assert_eq!(story["preimage"].as_str().map(str::len), Some(64));

    let (status, invoice) =
        door.ask("POST /api/v1/invoices", "{\"amount_msat\": 21000, \"description\": \"rent\"}").await;
    assert_eq!(status, 201, "{invoice}");
    let look = format!("GET /api/v1/invoices/{}", invoice["payment_hash"].as_str().unwrap());
    let nothing = json!({"is_received": false, "on_chain_sat": 0, "waiting_sat": 0});
    assert_eq!(door.ask(&look, "").await, (200, nothing));
    assert!(
        invoice["address"].is_null() && invoice["uri"].as_str().unwrap().starts_with("lightning:lnbc"),
        "{invoice}"
    );
    for (key, msat, status, words) in
        [("small", 9_999_999, 422, "less than 10"), ("none", 10_000_000, 409, "no savings")]
    {
        let wanted = json!({"amount_msat": msat, "on_chain": true}).to_string();
        let (got, problem) = door.ask(&format!("POST /api/v1/invoices?{key}"), &wanted).await;
        assert!(got == status && problem["detail"].as_str().unwrap().contains(words), "{got}: {problem}");
    }

    assert_eq!(door.ask("POST /api/v1/stop", "").await.0, 200);
    house.use_wh(3);
    hub.until("the energy is counted", |status| status.totals.owed_msat == 3_000).await;
    let resumed = door.ask("POST /api/v1/resume", "").await;
    assert_eq!(resumed.0, 200);
    hub.until("it is paid, too", |status| status.totals.payments_settled == 2).await;

    // A request that is sent again undoes nothing that the owner did since.
    assert_eq!(door.send("/stop", "").await.0, 303);
    assert_eq!(door.ask("POST /api/v1/resume", "").await, resumed);
    assert!(hub.status().await.stopped);
    assert_eq!(door.send("/resume", "").await.0, 303);
    house.use_wh(7);
    let asked = hub.until("it asks about a large one", |status| !status.questions.is_empty()).await;
    let question = asked.questions[0].question;
    assert_eq!(door.send("/answer", &format!("question={question}&answer=no")).await.0, 303);
    let (status, problem) = door.ask(&format!("POST /api/v1/questions/{question}"), "{\"approve\": true}").await;
    assert!(status == 409 && problem["detail"].as_str().unwrap().contains("refused"), "{problem}");
    assert_eq!(house.payments(), 2);
    assert!(hub.terminate().await.success());
}

/// Schemathesis sends what the description of the API promises to take and what it does not, and compares the answers with
/// what it promises to answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_program_finds_nothing_that_the_description_does_not_say() {
    let python = std::env::var_os("KILOSAT_SCHEMATHESIS").map(PathBuf::from).expect("tests/run installs it");
    let house = House::new(WEB).await;
    let mut hub = house.start();
    hub.until("the meter is read", |status| status.meters[0].state == "good").await;
    let door = Door::open(&hub, &house).await;
    house.use_wh(2);
    hub.until("it asks", |status| !status.questions.is_empty()).await;
    let work = tempfile::tempdir().unwrap();
    let ran = Command::new(python)
        .args([
            "-m",
            "schemathesis.cli",
            "run",
            "--checks",
            "all",
            "--seed",
            "7",
            "--max-examples",
            EXAMPLES,
            "--no-color",
        ])
        // What is right may still be refused: there is no question with every number.
        .args(["--exclude-checks", "positive_data_acceptance"])
        .arg("--header")
        .arg(format!("Authorization: Bearer {}", door.token))
        .arg(format!("http://{}/api/v1/openapi.json", door.address))
        .current_dir(work.path())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    for phase in ["Examples", "Coverage", "Fuzzing"] {
        assert!(said.contains(phase), "{said}");
    }
    let status = hub.status().await;
    assert!(status.lock.is_none() && status.settings_fault.is_none(), "{:?} {:?}", status.lock, status.settings_fault);
    assert!(hub.terminate().await.success(), "it still runs");
}

/// For each operation.
const EXAMPLES: &str = "40";
