//! How the words are kept, on the page.

use super::served::{PASSWORD, Served, body, example_house, house_in};
use super::text_of;
use crate::agent::name_of;
use crate::lightning::{LightningService, SealedWallet, ServiceKind};
use crate::status::StatusSource;
use crate::vault::{Closed, MachineKeys, Protection, Tier, Vault};

const PASSPHRASE: &str = "five quiet horses eat plums";

/// A house whose words were sealed with a passphrase before this start, on a page of its own.
pub(super) async fn sealed_house() -> Served {
    Served::house(started_sealed().await.0).await
}

/// The same and its words.
async fn started_sealed() -> ((StatusSource, tempfile::TempDir), String) {
    let (source, folder) = example_house();
    let words = source.vault.seed_or_fresh().unwrap().words().join(" ");
    let with = Protection::Passphrase(PASSPHRASE.to_owned().into());
    source.vault.protect(&with, &name_of(&source.config())).unwrap();
    drop(source);
    let (kind, identity) = (ServiceKind::Node, "node".to_owned());
    let wallet = LightningService::Sealed(SealedWallet { kind, identity, why: Closed::Passphrase });
    let (mut source, folder) = house_in(folder, wallet);
    source.vault = Vault::open(folder.path(), MachineKeys::default(), &name_of(&source.config()));
    ((source, folder), words)
}

fn encoded(text: &str) -> String {
    text.replace(' ', "+")
}

#[tokio::test]
async fn the_owner_seals_the_words_with_a_passphrase_and_lets_them_be_as_they_are_again() {
    let (source, folder) = example_house();
    let (vault, engine) = (source.vault.clone(), source.engine.clone());
    let words = vault.seed_or_fresh().unwrap().words().join(" ");
    let seed = folder.path().join("seed");
    let served = Served::house((source, folder)).await;
    let page = async || text_of(body(&served.get("/wallet/protection").await.1));
    let said = page().await;
    for says in [
        "On this card as they are",
        "Whoever takes the card out can.",
        "whose chip holds a key: sudo kilosat keys protect --with otp",
    ] {
        assert!(said.contains(says), "{said}");
    }
    assert!(!said.contains("Keep them as they are"), "{said}");
    let password = format!("password={}", encoded(PASSWORD));
    let both = |first: &str, second: &str, password: &str| {
        format!("with=passphrase&passphrase={}&again={}&{password}", encoded(first), encoded(second))
    };
    let unwritten = served.send("/wallet/protection", &both(PASSPHRASE, PASSPHRASE, &password)).await;
    assert!(unwritten.0 == 422 && unwritten.1.contains("Write the words down first"), "{}", unwritten.1);
    crate::disk::replace(&seed.with_file_name("words-checked"), b"").unwrap();
    for (form, status, says) in [
        (both(PASSPHRASE, PASSPHRASE, "password=wrong"), 403, "This is not the password. Nothing was changed."),
        (both(PASSPHRASE, "five quiet horses", &password), 422, "The two passphrases are not the same."),
        (both("short", "short", &password), 422, "The passphrase is too short"),
        (format!("with=magic&{password}"), 404, "There is no such way"),
    ] {
        let (got, answer) = served.send("/wallet/protection", &form).await;
        let said = text_of(body(&answer));
        assert!(got == status && said.contains(says), "{got} {said}");
        assert!(std::fs::read_to_string(&seed).unwrap().contains(&words));
    }
    assert_eq!(served.send("/wallet/protection", &both(PASSPHRASE, PASSPHRASE, &password)).await.0, 303);
    assert!(!std::fs::read_to_string(&seed).unwrap().contains(&words));
    let said = page().await;
    assert!(said.contains("Sealed with your passphrase") && said.contains("Keep them as they are"), "{said}");
    // What runs goes on: the words can be shown.
    let shown = served.send("/wallet/words", &password).await.1;
    assert!(words.split(' ').all(|word| shown.contains(word)));
    assert_eq!(served.send("/wallet/protection", &format!("with=nothing&{password}")).await.0, 303);
    assert_eq!(
        (vault.status().tier, std::fs::read_to_string(&seed).unwrap().trim()),
        (Some(Tier::Nothing), words.as_str())
    );
    let journal = format!("{:?}", engine.journal_after(0, 100).await.unwrap());
    assert!(journal.contains("the words are sealed with your passphrase from now on, as was said on the page"));
    assert!(!journal.contains(PASSPHRASE));
}

#[tokio::test]
async fn after_a_start_the_first_page_says_what_is_waited_for_and_the_passphrase_opens_the_words() {
    let ((source, folder), _) = started_sealed().await;
    let (vault, settings) = (source.vault.clone(), source.settings.clone());
    let status = source.status().await.unwrap();
    let fault = status.wallet_fault.clone().unwrap();
    assert!(fault.starts_with("The built-in Lightning node waits for your passphrase."), "{fault}");
    assert!(status.as_text().contains("kilosat keys open"), "{}", status.as_text());
    let served = Served::house((source, folder)).await;
    let home = text_of(body(&served.get("/").await.1));
    assert!(home.contains("Kilosat waits for your passphrase."), "{home}");
    let said = text_of(body(&served.get("/wallet/protection").await.1));
    assert!(said.contains("Enter your passphrase") && said.contains("Passphrase or machine lost?"), "{said}");
    for (status, answer) in [
        served.get("/wallet/words").await,
        served.send("/wallet/words", &format!("password={}", encoded(PASSWORD))).await,
        served.send("/wallet/words/new", &format!("count=12&password={}", encoded(PASSWORD))).await,
    ] {
        assert!(status == 303 && answer.contains("location: /wallet/protection"), "{status} {answer}");
    }
    let (status, answer) = served.send("/wallet/protection/open", "passphrase=five+quiet+horses+eat+grass").await;
    assert!(status == 422 && answer.contains("This is not the passphrase."), "{answer}");
    assert!(!settings.waits_for_new_start() && vault.seed().is_err());
    let form = format!("passphrase={}", encoded(PASSPHRASE));
    assert_eq!(served.send("/wallet/protection/open", &form).await.0, 303);
    assert!(settings.waits_for_new_start() && vault.seed().unwrap().is_some());
}

#[tokio::test]
async fn words_from_paper_help_whoever_has_lost_the_passphrase() {
    let ((source, folder), words) = started_sealed().await;
    let (vault, settings) = (source.vault.clone(), source.settings.clone());
    let served = Served::house((source, folder)).await;
    let other = "abandon ".repeat(11) + "about";
    for (words, password, status, says) in [
        (words.as_str(), "wrong", 403, "This is not the password"),
        ("one two", PASSWORD, 422, "These are not twelve to 24 valid words."),
        (&other, PASSWORD, 422, "not those of this device"),
    ] {
        let form = format!("words={}&password={}", encoded(words), encoded(password));
        let (got, answer) = served.send("/wallet/protection/words", &form).await;
        assert!(got == status && text_of(body(&answer)).contains(says), "{got} {answer}");
    }
    assert!(!settings.waits_for_new_start());
    let form = format!("words={}&password={}", encoded(&words), encoded(PASSWORD));
    assert_eq!(served.send("/wallet/protection/words", &form).await.0, 303);
    assert!(settings.waits_for_new_start());
    assert_eq!((vault.status().tier, vault.seed().unwrap().unwrap().words().join(" ")), (Some(Tier::Nothing), words));
}

/// A backup is for the same words, whether they are open or not.
#[tokio::test]
async fn backups_go_on_while_the_words_are_sealed() {
    let (source, folder) = example_house();
    let stick = tempfile::tempdir().unwrap();
    let target = || crate::backup::Target::Folder(stick.path().to_owned());
    let first = source.back_up(target()).await.unwrap();
    let with = Protection::Passphrase(PASSPHRASE.to_owned().into());
    source.vault.protect(&with, &name_of(&source.config())).unwrap();
    let words = source.vault.seed().unwrap().unwrap().words().join(" ");
    drop(source);
    let (mut source, folder) = house_in(folder, LightningService::Absent);
    source.vault = Vault::open(folder.path(), MachineKeys::default(), &name_of(&source.config()));
    let second = source.back_up(target()).await.unwrap();
    assert!(first.opened && !second.opened, "what nothing here opens is only compared");
    let place = stick.path().join("new");
    let plain = Vault::plain(&place);
    let now = source.clock.now().wall;
    crate::backup::restore(std::path::Path::new(&second.file), &words, (&place, &plain), None, now).unwrap();
}
