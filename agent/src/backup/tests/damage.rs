//! Backups that are not what they were, and places where there can be none.

use std::io::Write as _;

use bitcoin::hashes::{Hash as _, sha256};

use super::super::archive::{Manifest, seal, unpack};
use super::super::maker::read_back;
use super::*;

/// Encrypted for these words, whatever it is.
fn sealed(seed: &Seed, plain: &str) -> Vec<u8> {
    let recipient = key::identity(seed).to_public();
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as _)).unwrap();
    let mut file = Vec::new();
    let mut out = encryptor.wrap_output(&mut file).unwrap();
    out.write_all(plain.as_bytes()).unwrap();
    out.finish().unwrap();
    file
}

#[tokio::test]
async fn other_words_open_nothing() {
    let house = House::new();
    let made = house.back_up().await;
    let other = "abandon ".repeat(11) + "about";
    let (fault, _kept, state) = restored(&made, &other);
    let fault = fault.unwrap_err().to_string();
    assert!(fault.contains("these words do not open it") && fault.contains("Nothing was restored"), "{fault}");
    assert!(!state.exists(), "nothing is left of the attempt");
    for nonsense in ["", "abandon", &"abandon ".repeat(12)] {
        assert!(matches!(restored(&made, nonsense).0.unwrap_err(), RestoreFault::Words), "{nonsense}");
    }
}

#[tokio::test]
async fn a_backup_that_was_cut_changed_or_added_to_is_refused() {
    let house = House::new();
    let made = house.back_up().await;
    let (words, identity, bytes) = (house.words(), key::identity(&house.seed()), std::fs::read(&made.file).unwrap());
    assert!(unpack(bytes.as_slice(), &identity, None).is_ok());
    let refused = |bytes: &[u8], how: &str| assert!(unpack(bytes, &identity, None).is_err(), "{how}");
    for part in 0..40 {
        let length = bytes.len() * part / 40;
        refused(&bytes[..length], &format!("cut at {length}"));
        let mut flipped = bytes.clone();
        flipped[length] ^= 1 << (part % 8);
        refused(&flipped, &format!("bit flipped at {length}"));
    }
    refused(&bytes[..bytes.len() - 1], "without its last byte");
    for more in [vec![0], vec![7; 70_000], bytes.clone()] {
        refused(&[bytes.clone(), more].concat(), "with more behind it");
    }
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    let damaged = house.stick.path().join("damaged.age");
    replace(&damaged, &flipped).unwrap();
    let (fault, _kept, state) = restored(&Made { file: damaged.display().to_string(), ..made.clone() }, &words);
    let fault = fault.unwrap_err().to_string();
    assert!(fault.contains("it is damaged") && fault.contains("try another backup"), "{fault}");
    assert!(!state.exists(), "nothing is left of the attempt");
}

#[tokio::test]
async fn what_is_newer_or_something_else_is_refused_by_its_name() {
    let house = House::new();
    house.back_up().await;
    let (seed, identity) = (house.seed(), key::identity(&house.seed()));
    let opened = |plain: &str| unpack(sealed(&seed, plain).as_slice(), &identity, None).unwrap_err();
    let newer = opened("kilosat backup 2\nwhatever");
    assert!(matches!(newer, OpenFault::Newer(2)) && newer.to_string().contains("format 2"), "{newer}");
    assert!(matches!(opened("dear diary\n"), OpenFault::NotABackup));
    assert!(matches!(opened("kilosat backup 1"), OpenFault::Damaged(_)), "no end of the line");
    assert!(matches!(opened("kilosat backup 1\n{}\n"), OpenFault::Damaged(_)));
    assert!(matches!(
        unpack(&b"not encrypted at all, whatever it is"[..], &identity, None),
        Err(OpenFault::NotABackup)
    ));
    // A name that leads elsewhere.
    for name in ["../seed", "/etc/passwd", "profiles/../seed", "profiles/.toml", "seed", "node.db", "profiles/a/b.toml"]
    {
        let part = Part { name: name.to_owned(), bytes: 0, sha256: String::new() };
        let text = String::new();
        let manifest = Manifest {
            kilosat: text.clone(),
            network: text.clone(),
            made_ms: 0,
            name: text.clone(),
            journal_seq: 0,
            journal_hash: text,
            parts: vec![part],
        };
        let mut file = Vec::new();
        seal(&mut file, &identity.to_public(), &manifest, &[]).unwrap();
        let fault = unpack(file.as_slice(), &identity, Some(house.stick.path())).unwrap_err();
        assert!(fault.to_string().contains("belongs in no backup"), "{name}: {fault}");
    }
}

/// The lock and the journal are looked at, and not only the hashes that whoever made it wrote.
#[tokio::test]
async fn a_database_that_is_not_the_one_of_the_manifest_is_not_restored() {
    let house = House::new();
    let made = house.back_up().await;
    let (scratch, identity) = (tempfile::tempdir().unwrap(), key::identity(&house.seed()));
    let file = std::io::BufReader::new(File::open(&made.file).unwrap());
    let manifest = unpack(file, &identity, Some(scratch.path())).unwrap();
    let sources = [archive::Source::File("money.db", scratch.path().join("money.db"))];
    let parts = vec![manifest.parts[0].clone()];
    for (journal_seq, network) in [(manifest.journal_seq + 1, "bitcoin"), (manifest.journal_seq, "regtest")] {
        let network = network.to_owned();
        let other = Manifest { journal_seq, network, parts: parts.clone(), ..manifest.clone() };
        let mut bytes = Vec::new();
        seal(&mut bytes, &identity.to_public(), &other, &sources).unwrap();
        let path = house.stick.path().join("other.age");
        replace(&path, &bytes).unwrap();
        let (fault, _kept, state) =
            restored(&Made { file: path.display().to_string(), ..made.clone() }, &house.words());
        assert!(fault.is_err() && !state.exists(), "{fault:?}");
    }
}

#[tokio::test]
async fn where_nothing_can_be_written_nothing_is_left() {
    let house = House::new();
    let missing = house.stick.path().join("not/plugged/in");
    let fault = house.source.back_up(Target::Folder(missing.clone())).await.unwrap_err();
    assert!(matches!(fault, BackupFault::NoSuchFolder(_)), "{fault}");
    assert!(!missing.exists(), "no folder was made");
    for unwritable in ["/proc/self", "/proc"] {
        let fault = house.source.back_up(Target::Folder(unwritable.into())).await.unwrap_err();
        assert!(matches!(fault, BackupFault::Write { .. }), "{fault}");
        assert!(fault.to_string().contains("older backups are still there"), "{fault}");
    }
    let fault = house.source.back_up(Target::Folder("relative".into())).await.unwrap_err();
    assert!(matches!(fault, BackupFault::NoSuchFolder(_)), "{fault}");
    let fault = house.source.back_up(Target::Configured).await.unwrap_err();
    assert!(matches!(fault, BackupFault::NoFolder), "{fault}");
    assert!(house.there().is_empty());
    let left = std::fs::read_dir(house.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!left.into_iter().any(|name| name.to_string_lossy().starts_with('.')), "no copy is left");
}

#[tokio::test]
async fn what_the_disk_gives_back_differently_is_noticed() {
    let house = House::new();
    let made = house.back_up().await;
    let (identity, path) = (key::identity(&house.seed()), PathBuf::from(&made.file));
    let bytes = std::fs::read(&path).unwrap();
    let manifest = unpack(bytes.as_slice(), &identity, None).unwrap();
    let sha256 = sha256::Hash::hash(&bytes).to_string();
    assert_eq!(read_back(&path, &sha256, Some(&identity), &manifest), Ok(()));
    assert_eq!(read_back(&path, &sha256, None, &manifest), Ok(()));
    let other = Manifest { made_ms: 1, ..manifest.clone() };
    assert!(read_back(&path, &sha256, Some(&identity), &other).is_err());
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    replace(&path, &flipped).unwrap();
    assert!(read_back(&path, &sha256, Some(&identity), &manifest).is_err());
    assert!(read_back(&path, &sha256, None, &manifest).is_err());
}
