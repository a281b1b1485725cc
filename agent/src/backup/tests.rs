//! Backups of a real house, restored into folders of their own.
#![allow(clippy::unwrap_used)]

mod daily;
mod damage;

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::disk::replace;
use crate::domain::money::UnixMillis;
use crate::keys::Seed;
use crate::lightning::LightningService;
use crate::store::Store;
use crate::vault::Vault;
use crate::web::tests::served::{EXAMPLE, example_house, house_in};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// The example's house, the words of its state directory, and a folder for backups.
struct House {
    source: StatusSource,
    folder: TempDir,
    stick: TempDir,
}

impl House {
    fn new() -> House {
        let (source, folder) = example_house();
        House { source, folder, stick: tempfile::tempdir().unwrap() }
    }

    /// With a folder for its daily backups, which is on the stick.
    fn with_daily_backups() -> House {
        let (folder, stick) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let text = EXAMPLE.replace("/var/lib/kilosat\"", &format!("{}\"", folder.path().display()));
        let text = text.replace("#folder = \"/media/usb/kilosat\"", &format!("folder = {:?}", stick.path()));
        replace(&folder.path().join("kilosat.toml"), text.as_bytes()).unwrap();
        let (source, folder) = house_in(folder, LightningService::Absent);
        House { source, folder, stick }
    }

    async fn back_up(&self) -> Made {
        self.source.back_up(Target::Folder(self.stick.path().to_owned())).await.unwrap()
    }

    fn seed(&self) -> Seed {
        self.source.vault.seed().unwrap().unwrap()
    }

    fn words(&self) -> String {
        self.seed().words().join(" ")
    }

    /// What restoring into this folder comes to.
    fn restored_in(&self, made: &Made, folder: &Path) -> Result<Restored, RestoreFault> {
        restore(Path::new(&made.file), &self.words(), (folder, &Vault::plain(folder)), None, NOW)
    }

    /// What is on the stick.
    fn there(&self) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.stick.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// The events of the journal that say something of backups.
    async fn recorded(&self) -> Vec<String> {
        let entries = self.source.engine.journal_after(0, 1_000).await.unwrap();
        let event = |entry: crate::store::JournalEntry| Some(entry.entry?["event"].as_str()?.to_owned());
        entries.into_iter().filter_map(event).filter(|event| event.starts_with("back")).collect()
    }
}

/// Restores into a folder that is not there yet.
fn restored(made: &Made, words: &str) -> (Result<Restored, RestoreFault>, TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("new");
    (restore(Path::new(&made.file), words, (&state, &Vault::plain(&state)), None, NOW), folder, state)
}

#[tokio::test]
async fn what_was_backed_up_comes_back_and_payments_are_locked() {
    let house = House::new();
    let profiles = house.folder.path().join("profiles");
    std::fs::create_dir(&profiles).unwrap();
    replace(&profiles.join("mine.toml"), b"a profile").unwrap();
    replace(&profiles.join("notes.txt"), b"no profile").unwrap();
    house.source.engine.submit(Event::Access("something was done".to_owned())).await.unwrap();
    let made = house.back_up().await;
    assert!(made.opened && made.deleted.is_empty());
    let parts: Vec<_> = made.parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(parts, ["money.db", "kilosat.toml", "profiles/mine.toml"]);
    let said = made.as_text();
    for words in ["opened with your words, and every part of it is right", "Not in it: your words", made.file.as_str()]
    {
        assert!(said.contains(words), "{said}");
    }

    let (done, _kept, state) = restored(&made, &house.words().to_uppercase());
    let done = done.unwrap();
    assert_eq!(Vault::plain(&state).seed().unwrap().unwrap().words(), house.seed().words());
    let read = |name: &str| std::fs::read(state.join(name)).unwrap();
    assert_eq!(read("kilosat.toml.restored"), house.source.settings.text().into_bytes());
    assert_eq!(read("profiles.restored/mine.toml"), b"a profile");
    let there: BTreeSet<_> = std::fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(there.len(), 5, "{there:?}: and the lock");

    let mut store = Store::open(&state.join("money.db"), "bitcoin").unwrap();
    let tx = store.begin().unwrap();
    let lock = tx.meta("lock").unwrap().unwrap();
    assert!(lock.starts_with("This state comes from a backup of 20") && lock == done.lock, "{lock}");
    let entries = tx.journal_after(made.journal_seq, 9).unwrap();
    let events: Vec<_> = entries.iter().map(|entry| entry.entry.as_ref().unwrap()["event"].clone()).collect();
    assert_eq!(events, ["restored", "locked"]);
    for words in [
        done.lock.as_str(),
        RECOVERY,
        "kilosat unlock --compared",
        "kilosat.toml.restored",
        "kilosat take-over --only-one",
    ] {
        assert!(done.as_text().contains(words), "{}", done.as_text());
    }
}

#[tokio::test]
async fn neither_words_nor_channels_nor_passwords_are_in_a_backup() {
    let house = House::new();
    house.source.access.set_password("three nice words").await.unwrap();
    for name in ["node.db", "node.db-wal", "wallet.secret", "words-checked"] {
        replace(&house.folder.path().join(name), b"SECRET OF THE NODE").unwrap();
    }
    let made = house.back_up().await;
    let file = std::io::BufReader::new(File::open(&made.file).unwrap());
    let identity = key::identity(&house.seed());
    let opened = age::Decryptor::new_buffered(file).unwrap();
    let mut plain = Vec::new();
    opened.decrypt(std::iter::once(&identity as _)).unwrap().read_to_end(&mut plain).unwrap();
    let holds = |part: &[u8]| plain.windows(part.len()).any(|window| window == part);
    assert!(holds(b"money.db") && holds(b"SQLite format 3"), "it was opened");
    let words = house.seed().words();
    for pair in words.windows(2) {
        assert!(!holds(pair.join(" ").as_bytes()), "two words in a row");
    }
    // What follows from the words, as it would be written.
    let key = age::secrecy::ExposeSecret::expose_secret(&identity.to_string()).to_owned();
    for secret in ["node.db", "SECRET OF THE NODE", "$argon2id$", "PRIVATE KEY", &key] {
        assert!(!holds(secret.as_bytes()), "{secret}");
    }
    let mut sealed = Vec::new();
    File::open(&made.file).unwrap().read_to_end(&mut sealed).unwrap();
    let shows = |part: &[u8]| sealed.windows(part.len()).any(|window| window == part);
    assert!(!shows(b"SQLite format 3") && !shows(b"utility.example"), "it is encrypted");
}

#[tokio::test]
async fn nothing_is_restored_over_something() {
    let house = House::new();
    let made = house.back_up().await;
    let folder = tempfile::tempdir().unwrap();
    replace(&folder.path().join("seed"), b"mine").unwrap();
    let fault = house.restored_in(&made, folder.path()).unwrap_err();
    assert!(matches!(fault, RestoreFault::NotEmpty(_)), "{fault}");
    assert_eq!(std::fs::read(folder.path().join("seed")).unwrap(), b"mine");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    // The folder of a Kilosat that runs.
    let empty = tempfile::tempdir().unwrap();
    let lock = crate::agent::lock_state(empty.path()).unwrap();
    let fault = house.restored_in(&made, empty.path()).unwrap_err().to_string();
    assert!(fault.contains("a Kilosat runs on") && fault.contains("Nothing was restored"), "{fault}");
    drop(lock);
    std::fs::create_dir(empty.path().join("lost+found")).unwrap();
    house.restored_in(&made, empty.path()).unwrap();
}

#[tokio::test]
async fn without_the_words_on_the_machine_the_same_words_still_open_it() {
    let house = House::new();
    house.back_up().await;
    let words = house.words();
    std::fs::remove_file(house.folder.path().join("seed")).unwrap();
    let made = house.back_up().await;
    assert!(!made.opened && made.as_text().contains("your words are not on this machine"), "{}", made.as_text());
    assert!(!house.folder.path().join("seed").exists(), "no others were made");
    restored(&made, &words).0.unwrap();
}

#[tokio::test]
async fn the_history_is_in_it_where_the_owner_wants_that() {
    let mut text = EXAMPLE.to_owned();
    let folder = tempfile::tempdir().unwrap();
    text = text.replace("/var/lib/kilosat\"", &format!("{}\"", folder.path().display()));
    text = text.replace("history = false", "history = true");
    replace(&folder.path().join("kilosat.toml"), text.as_bytes()).unwrap();
    let (source, folder) = house_in(folder, LightningService::Absent);
    source.history.recorder().put("main.power", "W", 5_000, source.clock.house_now().0);
    source.history.write().await.unwrap();
    let house = House { source, folder, stick: tempfile::tempdir().unwrap() };
    let made = house.back_up().await;
    assert!(made.parts.iter().any(|part| part.name == "history.db"), "{made:?}");
    let (done, _kept, state) = restored(&made, &house.words());
    done.unwrap();
    crate::store::check_database(&state.join("history.db")).unwrap();
}

#[tokio::test]
async fn what_is_taken_along_stays_nowhere() {
    let house = House::new();
    let (made, mut file) = house.source.back_up_to_take_along().await.unwrap();
    let mut taken = Vec::new();
    file.read_to_end(&mut taken).unwrap();
    assert_eq!(taken.len() as u64, made.bytes);
    let left = std::fs::read_dir(house.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!left.into_iter().any(|name| name.to_string_lossy().starts_with('.')), "nothing is left of it");
    let copy = house.stick.path().join("taken.age");
    replace(&copy, &taken).unwrap();
    restored(&Made { file: copy.display().to_string(), ..made }, &house.words()).0.unwrap();
}
