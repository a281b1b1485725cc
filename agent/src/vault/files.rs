//! The files with secrets in a state directory: the words, those that wait and those of before, and credentials that the page
//! was told.

use std::fs::{read, read_dir};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::sealed::{Sealed, seal};
use super::{Key, NameOf, SECRET_BYTES_MAX, SEED};
use crate::disk::replace;
use crate::keys::Seed;

/// The file of a credential that the page was told, in the state directory.
pub(crate) fn credential_file(directory: &Path, kind: &str, number: u64) -> PathBuf {
    directory.join(format!("wallet-{kind}-{number}.secret"))
}

/// What a file is called, which is bound to what is sealed in it.
pub(super) fn name(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

pub(super) fn is_sealed(file: &Path) -> bool {
    text_of(file).is_ok_and(|text| Sealed::parse(&text).is_some())
}

/// Whose words are in the file, sealed or not; `None` where that cannot be told.
pub(super) fn mark_in(file: &Path) -> io::Result<Option<String>> {
    let text = match text_of(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    Ok(match Sealed::parse(&text) {
        Some(sealed) => Some(sealed.of),
        None => seed_in(&text).map(|seed| seed.mark()),
    })
}

/// Seals what is not, and notes anew to what a credential belongs.
pub(super) fn seal_all(directory: &Path, key: &Key, name_of: &NameOf) -> io::Result<()> {
    for file in secrets(directory)? {
        let (text, name) = (text_of(&file)?, name(&file));
        let of = |plain: &[u8]| match seed_in(plain).filter(|_| name == SEED) {
            Some(seed) => seed.mark(),
            None => name_of(&file, plain),
        };
        let sealed = match Sealed::parse(&text) {
            None => seal(key, &name, &of(&text), &text)?,
            Some(before) => match before.open(key, &name) {
                Some(plain) if !of(&plain).is_empty() && of(&plain) != before.of => {
                    seal(key, &name, &of(&plain), &plain)?
                }
                // What another key sealed stays as it is.
                _ => continue,
            },
        };
        replace(&file, &sealed)?;
    }
    Ok(())
}

/// What this key does not open stays as it is.
pub(super) fn unseal_all(directory: &Path, key: &Key) -> io::Result<()> {
    for file in secrets(directory)? {
        let text = text_of(&file)?;
        if let Some(plain) = Sealed::parse(&text).and_then(|sealed| sealed.open(key, &name(&file))) {
            replace(&file, &plain)?;
        }
    }
    Ok(())
}

fn secrets(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in read_dir(directory)? {
        let path = entry?.path();
        let name = name(&path);
        match name.as_str() {
            SEED => found.push(path),
            "next" => found.extend([path.join(SEED), path.join("former").join(SEED)]),
            _ if name.starts_with("former-") => found.push(path.join("former").join(SEED)),
            _ if name.starts_with("wallet-") && name.ends_with(".secret") => found.push(path),
            _ => {}
        }
    }
    found.retain(|file| file.is_file());
    Ok(found)
}

fn seed_in(text: &[u8]) -> Option<Seed> {
    std::str::from_utf8(text).ok().and_then(Seed::from_words)
}

fn text_of(file: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    if file.metadata().is_ok_and(|file| file.len() > SECRET_BYTES_MAX) {
        // None of ours, and cut off it would be another.
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok(Zeroizing::new(read(file)?))
}
