#![allow(clippy::unwrap_used)]
use std::fs::{self, read_dir};
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use super::machine::{OTP_KEY, SYSTEMD_KEY, key_text, read_key};
use super::*;

const PASSPHRASE: &str = "five quiet horses eat plums";

/// A state directory.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// As it is opened at a start on a machine with these keys.
    fn start(&self, machine: MachineKeys) -> Vault {
        Vault::open(self.path(), machine, &names())
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.path().join(file)).unwrap_or_default()
    }

    /// Whether the words, or the credential, stand somewhere in the folder as they are.
    fn shows(&self, secret: &str) -> bool {
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false if fs::read(&path).unwrap().windows(secret.len()).any(|text| text == secret.as_bytes()) => {
                        return true;
                    }
                    false => {}
                }
            }
        }
        false
    }
}

fn names() -> NameOf {
    Arc::new(
        |file, _| if name(file) == "wallet-lnbits-7.secret" { "lnbits-0a1b2c3d".to_owned() } else { String::new() },
    )
}

fn key(byte: u8) -> Key {
    Zeroizing::new([byte; 32])
}

/// What systemd hands over: each by its name and tier.
fn machine(keys: &[(&str, Tier, u8)]) -> MachineKeys {
    let folder = tempfile::tempdir().unwrap();
    for (name, tier, byte) in keys {
        replace(&folder.path().join(name), key_text(*tier, &key(*byte)).as_bytes()).unwrap();
    }
    MachineKeys::in_folder(folder.path())
}

fn passphrase(text: &str) -> Protection {
    Protection::Passphrase(Zeroizing::new(text.to_owned()))
}

#[test]
fn the_words_are_made_once_private_and_read_again() {
    let place = Place::new();
    let vault = place.start(MachineKeys::default());
    assert!(vault.seed().unwrap().is_none());
    let first = vault.seed_or_fresh().unwrap();
    assert_eq!(vault.seed_or_fresh().unwrap().words(), first.words());
    assert_eq!(first.words().len(), 12);
    let mode = fs::metadata(place.path().join("seed")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_damaged_key_file_is_refused_and_kept() {
    let place = Place::new();
    replace(&place.path().join("seed"), b"abandon abandon").unwrap();
    let vault = place.start(MachineKeys::default());
    assert!(matches!(vault.seed_or_fresh(), Err(KeyError::Invalid { .. })));
    assert_eq!(place.text("seed"), "abandon abandon");
}

#[test]
fn a_passphrase_seals_words_and_credentials_and_opens_them_after_the_next_start() {
    let place = Place::new();
    let credential = place.path().join("wallet-lnbits-7.secret");
    let vault = place.start(MachineKeys::default());
    let words = vault.seed_or_fresh().unwrap().words().join(" ");
    vault.keep(&credential, b"the admin key", "").unwrap();
    assert!(place.shows(&words) && place.shows("the admin key"));
    assert_eq!(vault.protect(&passphrase("too short"), &names()), Err(VaultFault::Weak));
    vault.protect(&passphrase(PASSPHRASE), &names()).unwrap();
    assert_eq!(vault.seed().unwrap().unwrap().words().join(" "), words, "who runs goes on");
    assert!(!place.shows(&words) && !place.shows("the admin key"));
    for word in words.split(' ') {
        assert!(!place.text("seed").contains(word), "{word}");
    }

    let vault = place.start(MachineKeys::default());
    let status = vault.status();
    assert!(status.waits_for_passphrase && status.tier == Some(Tier::Passphrase), "{status:?}");
    assert!(matches!(vault.seed_or_fresh(), Err(KeyError::Closed(Closed::Passphrase))));
    let refused = vault.read(&credential).unwrap_err();
    assert!(matches!(&refused, ReadFault::Closed { of, .. } if of == "lnbits-0a1b2c3d"), "{refused:?}");
    assert!(vault.keep(&credential, b"another", "").is_err());
    assert_eq!(vault.protect(&Protection::Nothing, &names()), Err(VaultFault::Closed(Closed::Passphrase)));
    assert_eq!(vault.unlock("five quiet horses eat grass", &names()), Err(VaultFault::WrongPassphrase));
    vault.unlock("  five quiet  horses eat plums ", &names()).unwrap();
    assert_eq!(vault.seed().unwrap().unwrap().words().join(" "), words);
    assert_eq!(&*vault.read(&credential).unwrap(), b"the admin key");
    assert_eq!(vault.unlock(PASSPHRASE, &names()), Err(VaultFault::IsOpen));

    vault.protect(&Protection::Nothing, &names()).unwrap();
    assert!(place.shows(&words) && place.shows("the admin key"));
    assert_eq!(place.start(MachineKeys::default()).seed().unwrap().unwrap().words().join(" "), words);
}

#[test]
fn a_key_of_the_machine_is_used_from_the_first_start_on_and_words_never_stand_on_the_card() {
    let place = Place::new();
    let host = || machine(&[(SYSTEMD_KEY, Tier::Host, 1)]);
    let vault = place.start(host());
    assert_eq!((vault.status().tier, vault.status().closed), (Some(Tier::Host), None));
    let words = vault.seed_or_fresh().unwrap().words().join(" ");
    assert!(!place.shows(&words));
    assert_eq!(place.start(host()).seed().unwrap().unwrap().words().join(" "), words);

    // The card in another machine, and in one with another key.
    for elsewhere in [MachineKeys::default(), machine(&[(SYSTEMD_KEY, Tier::Host, 2)])] {
        let vault = place.start(elsewhere);
        assert!(matches!(vault.seed_or_fresh(), Err(KeyError::Closed(Closed::Machine))));
        assert!(vault.status().closed.is_some() && !vault.status().waits_for_passphrase);
        assert_eq!(vault.unlock(PASSPHRASE, &names()), Err(VaultFault::Closed(Closed::Machine)));
    }
    assert_eq!(place.start(host()).seed().unwrap().unwrap().words().join(" "), words, "nothing was lost by that");
}

#[test]
fn the_key_stays_the_one_that_was_chosen_whatever_the_machine_offers_besides() {
    let place = Place::new();
    let words = place.start(machine(&[(SYSTEMD_KEY, Tier::Host, 1)])).seed_or_fresh().unwrap().words();
    let sealed = place.text("seed");
    let two = |systemd| machine(&[(SYSTEMD_KEY, systemd, 1), (OTP_KEY, Tier::Otp, 9)]);
    let vault = place.start(two(Tier::Host));
    assert_eq!((vault.status().tier, vault.status().offered), (Some(Tier::Host), Some(Tier::Otp)));
    vault.protect(&Protection::Machine(None), &names()).unwrap();
    // Nor is another one taken because it is there, or is a better one.
    for systemd in [Tier::Host, Tier::Tpm2] {
        let vault = place.start(two(systemd));
        assert_eq!((vault.status().tier, vault.seed().unwrap().unwrap().words()), (Some(Tier::Otp), words.clone()));
    }
    place.start(two(Tier::Tpm2)).protect(&Protection::Machine(Some(Tier::Tpm2)), &names()).unwrap();
    // The same key, which systemd encrypts in another way since.
    for tier in [Tier::Tpm2, Tier::Host, Tier::Tpm2] {
        let vault = place.start(machine(&[(SYSTEMD_KEY, tier, 1)]));
        assert_eq!((vault.status().tier, vault.seed().unwrap().unwrap().words()), (Some(tier), words.clone()));
    }
    assert_eq!(place.text("seed"), sealed, "only the key was wrapped anew");
    let tpm2 = || machine(&[(SYSTEMD_KEY, Tier::Tpm2, 1)]);
    place.start(tpm2()).protect(&passphrase(PASSPHRASE), &names()).unwrap();
    let vault = place.start(tpm2());
    assert!(vault.status().waits_for_passphrase && vault.seed().is_err());
    vault.unlock(PASSPHRASE, &names()).unwrap();
    assert_eq!(place.start(tpm2()).status().tier, Some(Tier::Passphrase));
    vault.protect(&Protection::Machine(None), &names()).unwrap();
    assert_eq!(place.start(tpm2()).seed().unwrap().unwrap().words(), words);
    let none = Vault::plain(Place::new().path());
    assert_eq!(none.protect(&Protection::Machine(None), &names()), Err(VaultFault::NoMachineKey));
}

#[test]
fn no_file_takes_the_place_of_another_and_no_changed_one_is_read() {
    let place = Place::new();
    let vault = place.start(machine(&[(SYSTEMD_KEY, Tier::Host, 1)]));
    vault.seed_or_fresh().unwrap();
    let credential = place.path().join("wallet-lnbits-7.secret");
    vault.keep(&credential, b"abandon abandon", "lnbits-0a1b2c3d").unwrap();
    for changed in [place.text("seed"), place.text("wallet-lnbits-7.secret").replace("0a1b", "0a1c")] {
        replace(&credential, changed.as_bytes()).unwrap();
        assert!(matches!(vault.read(&credential), Err(ReadFault::Closed { why: Closed::Damaged, .. })));
    }
}

#[test]
fn words_from_paper_open_what_no_key_opens_if_they_are_the_same() {
    for damaged in [false, true] {
        let place = Place::new();
        let vault = place.start(machine(&[(SYSTEMD_KEY, Tier::Tpm2, 1)]));
        let words = vault.seed_or_fresh().unwrap().words().join(" ");
        assert_eq!(vault.recover(&words), Err(VaultFault::IsOpen));
        if damaged {
            replace(&place.path().join("data-key"), b"{").unwrap();
        }
        let vault = place.start(MachineKeys::default());
        assert_eq!(vault.recover("abandon"), Err(VaultFault::NoWords));
        assert_eq!(vault.recover(&("abandon ".repeat(11) + "about")), Err(VaultFault::OtherWords));
        assert!(vault.status().closed.is_some() && !place.shows(&words));
        vault.recover(&words.to_uppercase()).unwrap();
        assert_eq!(vault.seed().unwrap().unwrap().words().join(" "), words);
        assert_eq!(place.start(MachineKeys::default()).status().tier, Some(Tier::Nothing));
        // And they can be sealed again.
        vault.protect(&passphrase(PASSPHRASE), &names()).unwrap();
        assert!(!place.shows(&words));
    }
}

/// A power cut between the key and the last of the files.
#[test]
fn what_a_power_cut_left_unsealed_is_sealed_once_it_can_be() {
    let place = Place::new();
    let former = place.path().join("former-7/former");
    fs::create_dir_all(&former).unwrap();
    let (before, now) = (Seed::fresh(WordCount::Twelve).unwrap(), Seed::fresh(WordCount::TwentyFour).unwrap());
    let plain = Vault::plain(place.path());
    plain.keep_seed(&former, &before).unwrap();
    plain.keep_seed(place.path(), &now).unwrap();
    let stretched = Stretched::of(&Passphrase::new(PASSPHRASE)).unwrap();
    Wrapped::by(&stretched, &key(3)).unwrap().keep(place.path()).unwrap();
    let vault = place.start(MachineKeys::default());
    assert_eq!(vault.recover(&before.words().join(" ")), Err(VaultFault::OtherWords));
    vault.unlock(PASSPHRASE, &names()).unwrap();
    assert!(!place.shows(&now.words().join(" ")) && !place.shows(&before.words().join(" ")));
    assert_eq!(vault.seed().unwrap().unwrap().words(), now.words());
    vault.protect(&Protection::Nothing, &names()).unwrap();
    assert!(fs::read_to_string(former.join("seed")).unwrap().starts_with(before.words()[0]));
}

#[test]
fn sealed_words_without_what_opens_them_are_told_and_no_new_key_takes_its_place() {
    let place = Place::new();
    let keys = || machine(&[(SYSTEMD_KEY, Tier::Tpm2, 1)]);
    let words = place.start(keys()).seed_or_fresh().unwrap().words().join(" ");
    let (sealed, data_key) = (place.text("seed"), place.text("data-key"));
    for left in ["", "{", &data_key.replace("\"version\":1", "\"version\":2")] {
        match left {
            "" => fs::remove_file(place.path().join("data-key")).unwrap(),
            left => replace(&place.path().join("data-key"), left.as_bytes()).unwrap(),
        }
        let vault = place.start(keys());
        let newer = left.contains("\"version\":2");
        assert_eq!(vault.closed(), Some(if newer { Closed::Unreadable } else { Closed::Damaged }), "{left}");
        assert_eq!((vault.status().tier, place.text("seed")), (None, sealed.clone()));
        assert_eq!(vault.recover(&words), if newer { Err(VaultFault::Closed(Closed::Unreadable)) } else { Ok(()) });
        replace(&place.path().join("seed"), sealed.as_bytes()).unwrap();
        replace(&place.path().join("data-key"), data_key.as_bytes()).unwrap();
    }
    // What opened them before is only put aside.
    fs::remove_file(place.path().join("seed")).unwrap();
    assert_eq!(place.start(MachineKeys::default()).recover(&words), Err(VaultFault::Unknown));
    replace(&place.path().join("seed"), sealed.as_bytes()).unwrap();
    place.start(MachineKeys::default()).recover(&words).unwrap();
    let aside = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with("data-key.former-");
    let aside: Vec<_> = read_dir(place.path()).unwrap().map(|entry| entry.unwrap()).filter(aside).collect();
    assert!(aside.iter().any(|entry| fs::read_to_string(entry.path()).unwrap() == data_key));
}

#[test]
fn words_that_are_not_on_paper_are_not_sealed_by_themselves() {
    let place = Place::new();
    let words = place.start(MachineKeys::default()).seed_or_fresh().unwrap().words().join(" ");
    let keys = || machine(&[(SYSTEMD_KEY, Tier::Tpm2, 1)]);
    assert_eq!(place.start(keys()).status().tier, Some(Tier::Nothing));
    replace(&place.path().join(WORDS_CHECKED), b"").unwrap();
    assert_eq!(place.start(keys()).status().tier, Some(Tier::Tpm2));
    assert!(!place.shows(&words));
}

#[test]
fn who_wanted_nothing_sealed_is_taken_at_his_word() {
    let place = Place::new();
    let keys = || machine(&[(SYSTEMD_KEY, Tier::Host, 1)]);
    let words = place.start(keys()).seed_or_fresh().unwrap().words().join(" ");
    place.start(keys()).protect(&Protection::Nothing, &names()).unwrap();
    let vault = place.start(keys());
    assert_eq!((vault.status().tier, vault.status().offered), (Some(Tier::Nothing), Some(Tier::Host)));
    assert!(place.shows(&words));
    vault.protect(&Protection::Machine(Some(Tier::Host)), &names()).unwrap();
    assert!(!place.shows(&words));
    let other = vault.protect(&Protection::Machine(Some(Tier::Tpm2)), &names());
    assert_eq!(other, Err(VaultFault::NoMachineKey));
}

#[test]
fn one_passphrase_is_the_same_from_every_keyboard_and_space_is_no_letter() {
    let place = Place::new();
    let vault = place.start(MachineKeys::default());
    vault.seed_or_fresh().unwrap();
    for short in ["               ", "a             b", "fourteen chars"] {
        assert_eq!(vault.protect(&passphrase(short), &names()), Err(VaultFault::Weak), "{short}");
    }
    vault.protect(&passphrase("vier m\u{fc}de K\u{fc}he mehr"), &names()).unwrap();
    place.start(MachineKeys::default()).unlock(" vier mu\u{308}de\tKu\u{308}he mehr", &names()).unwrap();
}

/// What waits for the next start, and what was replaced before, are sealed and opened along.
#[test]
fn words_that_wait_are_kept_as_the_others_are() {
    let place = Place::new();
    let waiting = place.path().join("next");
    fs::create_dir(&waiting).unwrap();
    let vault = place.start(MachineKeys::default());
    let next = Seed::fresh(WordCount::Twelve).unwrap();
    vault.keep_seed(&waiting, &next).unwrap();
    vault.protect(&passphrase(PASSPHRASE), &names()).unwrap();
    assert!(!place.shows(&next.words().join(" ")));
    vault.protect(&Protection::Nothing, &names()).unwrap();
    assert!(fs::read_to_string(waiting.join("seed")).unwrap().starts_with(&next.words().join(" ")));
}

#[test]
fn a_disk_that_takes_only_half_of_it_is_told_and_the_rest_follows() {
    let place = Place::new();
    let vault = place.start(MachineKeys::default());
    let words = vault.seed_or_fresh().unwrap().words();
    // Nothing can be renamed onto this.
    fs::create_dir(place.path().join("seed.new")).unwrap();
    let half = vault.protect(&passphrase(PASSPHRASE), &names());
    assert!(matches!(half, Err(VaultFault::Half(_))), "{half:?}");
    assert_eq!(vault.status().tier, Some(Tier::Passphrase));
    fs::remove_dir(place.path().join("seed.new")).unwrap();
    let vault = place.start(MachineKeys::default());
    assert!(vault.seed().is_err(), "the passphrase counts");
    vault.unlock(PASSPHRASE, &names()).unwrap();
    assert_eq!(vault.seed().unwrap().unwrap().words(), words);
    assert!(!place.shows(&words.join(" ")));
}

#[test]
fn a_credential_that_is_none_of_ours_counts_for_nothing() {
    let good = key_text(Tier::Otp, &key(7));
    assert!(read_key(&good).is_some_and(|(tier, read)| tier == Tier::Otp && read == key(7)));
    for wrong in [
        "",
        "kilosat key 1\n",
        "kilosat key 1\npassphrase\n0707",
        &good.replace("otp", "passphrase"),
        &good.replace("otp", "\"otp"),
        &good.replace("key 1", "key 2"),
        &good.replace("0707", "07"),
    ] {
        assert!(read_key(wrong).is_none(), "{wrong}");
    }
}
