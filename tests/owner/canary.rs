//! Secrets are where they belong and nowhere else: not in a log, a database, a backup, an answer or the list of processes.

use std::collections::BTreeMap;
use std::path::Path;

use kilosat::keys::Seed;
use kilosat::vault::Vault;
use sim::house::House;
use sim::hub::kilosat_told;

use super::api::{Door, PASSWORD, WEB};

/// What must be found in none but these files.
struct Canary {
    name: &'static str,
    text: Vec<u8>,
    allowed: &'static [&'static str],
}

fn canary(name: &'static str, text: impl AsRef<[u8]>, allowed: &'static [&'static str]) -> Canary {
    let text = text.as_ref().to_owned();
    assert!(text.len() >= 8, "{name} is long enough to be found by nothing but itself");
    Canary { name, text, allowed }
}

/// Every file below `folder`, by its path.
fn files(folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.is_file() {
            found.insert(path.display().to_string(), std::fs::read(&path).unwrap());
        }
    }
}

fn holds(text: &[u8], canary: &[u8]) -> bool {
    text.windows(canary.len()).any(|window| window == canary)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_keys_passwords_and_tokens_are_nowhere_but_where_they_belong() {
    let sections = format!(
        "{WEB}[ask]\nfirst_payment = false\n[treasury]\nwallet = \"taproot\"\n[[treasury.chain]]\n\
        source = \"esplora\"\nurl = \"http://127.0.0.1:9\"\n"
    );
    let house = House::new(&sections).await;
    let stick = tempfile::tempdir().unwrap();
    // What somebody who looks for a fault lets it log.
    let mut hub = house.start_logging("debug");
    hub.until("the meter is read", |status| status.meters[0].state == "good").await;
    let door = Door::open(&hub, &house).await;
    house.use_wh(2);
    hub.until("something is paid", |status| status.totals.payments_settled > 0).await;
    let (status, page) = door.send("/wallet/words", "password=three+nice+words").await;
    assert_eq!(status, 200, "{page}");
    let seed = Vault::plain(&house.state()).seed().unwrap().unwrap();
    let words = seed.words();
    assert!(words.iter().all(|word| page.contains(word)) && page.contains("no-store"), "{page}");
    let (status, _) = door.send("/wallet/words", "password=three+wrong+words").await;
    assert_eq!(status, 403);
    // Typed where they are not taken.
    let typed = format!("words={}&password=three+nice+words", words.join("+").replace(words[0], "qqqq"));
    assert_eq!(door.send("/wallet/words/written", &typed).await.0, 422);
    let typed = format!("words={}&password=no", words.join("+"));
    assert_eq!(door.send("/wallet/words/written", &typed).await.0, 403);
    assert_eq!(door.ask("POST /api/v1/invoices", "{\"amount_msat\": 21000, \"description\": \"rent\"}").await.0, 201);
    house.kilosat(&["backup", "--to", stick.path().to_str().unwrap()]);
    let told = [
        ("diagnostics", door.get("/settings/diagnostics.json").await.1),
        ("the page's status", door.get("/status.json").await.1),
        ("the first page", door.get("/").await.1),
        ("the words' page without the password", door.get("/wallet/words").await.1),
        ("the API's status", door.ask("GET /api/v1/status", "").await.1.to_string()),
        ("kilosat status", house.kilosat(&["status", "--json"])),
        ("kilosat events", house.kilosat(&["events"])),
        ("the list of processes", process(hub.pid().unwrap())),
    ];
    assert!(hub.terminate().await.success());

    let mut found = BTreeMap::new();
    files(house.folder(), &mut found);
    files(stick.path(), &mut found);
    assert!(found.keys().any(|path| path.ends_with("kilosat.log")), "{:?}", found.keys());
    assert!(found.keys().any(|path| path.ends_with(".age")));
    found.extend(told.map(|(name, text)| (name.to_owned(), text.into_bytes())));
    no_canary_strays(&found, canaries(&seed, &door));
}

/// Sealed, they are not even there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sealed_words_and_the_passphrase_are_nowhere() {
    let sections = format!("{WEB}[ask]\nfirst_payment = false\n");
    let house = House::new(&sections).await;
    let config = house.folder().join("kilosat.toml");
    let keys = |arguments: &[&str], line: &str| {
        kilosat_told(&[&["keys"], arguments, &["--config", config.to_str().unwrap()]].concat(), line)
    };
    let mut hub = house.start_logging("debug");
    hub.until("the meter is read", |status| status.meters[0].state == "good").await;
    let door = Door::open(&hub, &house).await;
    // With these, the page and the backups have words to show.
    assert_eq!(door.send("/wallet/words", "password=three+nice+words").await.0, 200);
    let seed = Vault::plain(&house.state()).seed().unwrap().unwrap();
    std::fs::write(house.state().join("words-checked"), "").unwrap();
    let said = keys(&["protect", "--with", "passphrase"], &format!("{PASSPHRASE}\n")).unwrap();
    assert!(said.contains("sealed with your passphrase"), "{said}");
    assert!(hub.terminate().await.success());

    let mut hub = house.start_logging("debug");
    hub.until("it waits", |status| status.keys.waits_for_passphrase).await;
    let wrong = keys(&["open"], "five quiet horses eat grass\n").unwrap_err();
    assert!(wrong.contains("This is not the passphrase."), "{wrong}");
    assert!(keys(&["open"], &format!("{PASSPHRASE}\n")).unwrap().contains("The words are open"));
    hub.until("it started anew", |status| status.keys.closed.is_none() && status.meters[0].state == "good").await;
    let told = [
        ("kilosat status", house.kilosat(&["status", "--json"])),
        ("kilosat keys", house.kilosat(&["keys", "--json"])),
        ("kilosat events", house.kilosat(&["events"])),
        ("the list of processes", process(hub.pid().unwrap())),
    ];
    assert!(hub.terminate().await.success());
    let mut found = BTreeMap::new();
    files(house.folder(), &mut found);
    found.extend(told.map(|(name, text)| (name.to_owned(), text.into_bytes())));
    assert!(found.keys().any(|path| path.ends_with("data-key")), "{:?}", found.keys());
    let passphrase = [canary("the passphrase", PASSPHRASE, &[]), canary("some of it", &PASSPHRASE[5..21], &[])];
    let sealed = canaries(&seed, &door).into_iter().map(|canary| match canary.allowed {
        ["/seed"] => Canary { allowed: &[], ..canary },
        _ => canary,
    });
    no_canary_strays(&found, sealed.chain(passphrase));
}

#[track_caller]
fn no_canary_strays(found: &BTreeMap<String, Vec<u8>>, canaries: impl IntoIterator<Item = Canary>) {
    for canary in canaries {
        let places: Vec<&str> =
            found.iter().filter(|(_, text)| holds(text, &canary.text)).map(|(place, _)| place.as_str()).collect();
        let is_allowed = |place: &&str| canary.allowed.iter().any(|allowed| place.ends_with(allowed));
        assert!(places.iter().all(is_allowed), "{} is in {places:?}", canary.name);
        assert_eq!(places.is_empty(), canary.allowed.is_empty(), "{} would be found: {places:?}", canary.name);
    }
}

const PASSPHRASE: &str = "five quiet horses eat plums";

fn canaries(seed: &Seed, door: &Door) -> Vec<Canary> {
    let words = seed.words();
    let master = seed.master(bitcoin::Network::Bitcoin);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let node = seed.node_entropy();
    vec![
        canary("the words", words.join(" "), &["/seed"]),
        canary("three of the words", words[4..7].join(" "), &["/seed"]),
        canary("the words as a form has them", words[4..7].join("+"), &[]),
        canary("the words as a list", words[4..7].join("\",\""), &[]),
        canary("the master key", master.to_string(), &[]),
        canary("the master key's bytes", master.private_key.secret_bytes(), &[]),
        canary("the master key in hex", hex(&master.private_key.secret_bytes()), &[]),
        canary("the node's entropy", node, &[]),
        canary("the node's entropy in hex", hex(&node), &[]),
        canary("the password of the page", PASSWORD, &[]),
        canary("the same as a form has it", PASSWORD.replace(' ', "+"), &[]),
        canary("a program's token", &door.token, &[]),
        canary("a session", door.cookie.split_once('=').unwrap().1, &[]),
        canary("the password of the wallet outside", sim::wallets::phoenixd::PASSWORD, &["/password"]),
        canary("the same in a header", base64(&format!(":{}", sim::wallets::phoenixd::PASSWORD)), &[]),
    ]
}

/// What everybody on the machine may see of a process.
fn process(pid: u32) -> String {
    let part = |name: &str| std::fs::read(format!("/proc/{pid}/{name}"));
    // Only root may look into the environment, since the process keeps to itself.
    let environment = part("environ").unwrap_or_default();
    let text = [part("cmdline").unwrap(), environment, part("comm").unwrap()].concat();
    String::from_utf8_lossy(&text).replace('\0', " ")
}

fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut made = String::new();
    for part in text.as_bytes().chunks(3) {
        let bits = part.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - part.len()));
        for place in 0..=part.len() {
            made.push(char::from(LETTERS[(bits >> (18 - 6 * place)) as usize & 63]));
        }
    }
    made
}
