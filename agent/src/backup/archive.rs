//! What is in a backup's file. `age` encrypts it (age-encryption.org/v1, one X25519 recipient); inside stand a line that
//! names the format, one line of JSON that describes every part, and the parts one after the other, to the last byte.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use age::x25519::{Identity, Recipient};
use age::{DecryptError, Decryptor, Encryptor};
use serde::{Deserialize, Serialize};

use super::digest::Digest;

/// Describes a backup: written by whoever makes it, read by whoever verifies or restores it. Format 1 is the only one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the program that made it.
    pub kilosat: String,
    /// The bitcoin network.
    pub network: String,
    /// When it was made, ms since 1970.
    pub made_ms: u64,
    /// The house's name.
    pub name: String,
    /// The newest entry of the journal in it; 0 where there is none.
    pub journal_seq: u64,
    /// The hash of that entry, in hex.
    pub journal_hash: String,
    /// In the order in which they follow.
    pub parts: Vec<Part>,
}

/// One file in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// `money.db`, `history.db`, `kilosat.toml`, or a file in `profiles/`.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hex.
    pub sha256: String,
}

/// Where a part comes from.
pub(super) enum Source {
    /// A file that nobody changes.
    File(&'static str, PathBuf),
    /// What was read before.
    Text(String, Vec<u8>),
}

/// Why a backup cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    /// It is something else.
    #[error("this is no backup of Kilosat's")]
    NotABackup,
    /// It was made with other words.
    #[error("these words do not open it: it was made with others, or its beginning is damaged")]
    OtherWords,
    /// It was changed, cut off or added to.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// A newer Kilosat made it.
    #[error("it has format {0}, and this Kilosat knows format {FORMAT}; use the version that made it, or a newer one")]
    Newer(u64),
    /// What is in it cannot be written down.
    #[error("{path} could not be written ({source})")]
    Write {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

impl From<DecryptError> for OpenFault {
    fn from(fault: DecryptError) -> OpenFault {
        match fault {
            DecryptError::NoMatchingKeys => OpenFault::OtherWords,
            DecryptError::InvalidHeader | DecryptError::UnknownFormat => OpenFault::NotABackup,
            // The beginning of a file is read with the header, so an end within it shows here.
            DecryptError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                OpenFault::Damaged("it ends too early".to_owned())
            }
            fault => OpenFault::Damaged(fault.to_string()),
        }
    }
}

impl Source {
    /// Its name, size and hash.
    pub(super) fn describe(&self) -> io::Result<Part> {
        let mut digest = Digest::of(self.open()?);
        io::copy(&mut digest, &mut io::sink())?;
        let (bytes, sha256) = digest.finish();
        Ok(Part { name: self.name().to_owned(), bytes, sha256 })
    }

    fn name(&self) -> &str {
        match self {
            Source::File(name, _) => name,
            Source::Text(name, _) => name,
        }
    }

    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Source::File(_, path) => Box::new(File::open(path)?),
            Source::Text(_, text) => Box::new(text.as_slice()),
        })
    }
}

/// Writes a whole backup, encrypted, to `out`.
///
/// # Errors
/// What reading or writing says.
pub(super) fn seal(out: impl Write, to: &Recipient, manifest: &Manifest, sources: &[Source]) -> io::Result<()> {
    let encryptor = Encryptor::with_recipients(std::iter::once(to as &dyn age::Recipient)).map_err(io::Error::other)?;
    let mut sealed = encryptor.wrap_output(out)?;
    writeln!(sealed, "{MAGIC}{FORMAT}")?;
    writeln!(sealed, "{}", serde_json::to_string(manifest)?)?;
    for (source, part) in sources.iter().zip(&manifest.parts) {
        if io::copy(&mut source.open()?, &mut sealed)? != part.bytes {
            return Err(io::Error::other(format!("{} changed while it was read", part.name)));
        }
    }
    sealed.finish()?;
    Ok(())
}

/// Decrypts a whole backup and compares every part with its hash. With a `place`, an empty folder, the parts stand there
/// as files then.
///
/// # Errors
/// [`OpenFault`]; what is in `place` is of no use then.
pub(super) fn unpack(input: impl BufRead, identity: &Identity, place: Option<&Path>) -> Result<Manifest, OpenFault> {
    let opened = Decryptor::new_buffered(input)?.decrypt(std::iter::once(identity as &dyn age::Identity))?;
    let mut plain = BufReader::new(opened);
    let manifest = read_manifest(&mut plain)?;
    for part in &manifest.parts {
        if !is_known(&part.name) {
            return Err(OpenFault::Damaged("it holds something that belongs in no backup".to_owned()));
        }
        match place {
            Some(place) => take_out(&mut plain, part, &place.join(&part.name))?,
            None => pass(&mut plain, part, &mut io::sink()).map_err(Broken::into_fault)?,
        }
    }
    // Only the end says that nothing is missing and nothing was added.
    match plain.read(&mut [0]) {
        Ok(0) => Ok(manifest),
        Ok(_) => Err(OpenFault::Damaged("something follows its last part".to_owned())),
        Err(error) => Err(OpenFault::Damaged(error.to_string())),
    }
}

fn read_manifest(plain: &mut impl BufRead) -> Result<Manifest, OpenFault> {
    let first = read_line(plain, MAGIC_BYTES_MAX)?;
    let format = first.strip_prefix(MAGIC).and_then(|format| format.parse().ok()).ok_or(OpenFault::NotABackup)?;
    if format != FORMAT {
        return Err(OpenFault::Newer(format));
    }
    let text = read_line(plain, MANIFEST_BYTES_MAX)?;
    serde_json::from_str(&text).map_err(|fault| OpenFault::Damaged(fault.to_string()))
}

fn read_line(plain: &mut impl BufRead, most: u64) -> Result<String, OpenFault> {
    let mut line = String::new();
    let read = plain.take(most).read_line(&mut line);
    match read {
        Ok(_) if line.ends_with('\n') => Ok(line.trim_end().to_owned()),
        Ok(_) => Err(OpenFault::Damaged("it ends too early".to_owned())),
        Err(error) => Err(OpenFault::Damaged(error.to_string())),
    }
}

fn take_out(plain: &mut impl Read, part: &Part, path: &Path) -> Result<(), OpenFault> {
    let unwritten = |source| OpenFault::Write { path: path.display().to_string(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(unwritten)?;
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(unwritten)?;
    pass(plain, part, &mut file).map_err(|broken| match broken {
        Broken::Read(fault) => fault,
        Broken::Write(source) => unwritten(source),
    })?;
    file.sync_all().map_err(unwritten)
}

/// What went wrong between a backup and where a part of it goes.
enum Broken {
    Read(OpenFault),
    Write(io::Error),
}

impl Broken {
    fn into_fault(self) -> OpenFault {
        match self {
            Broken::Read(fault) => fault,
            Broken::Write(source) => OpenFault::Write { path: "nothing".to_owned(), source },
        }
    }
}

fn pass(plain: &mut impl Read, part: &Part, out: &mut impl Write) -> Result<(), Broken> {
    let mut digest = Digest::of(plain.take(part.bytes));
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = digest.read(&mut buffer);
        let count = read.map_err(|error| Broken::Read(OpenFault::Damaged(error.to_string())))?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { break };
        out.write_all(read).map_err(Broken::Write)?;
    }
    let (bytes, sha256) = digest.finish();
    if bytes == part.bytes && sha256 == part.sha256 {
        Ok(())
    } else {
        Err(Broken::Read(OpenFault::Damaged(format!("{} is not what it was", part.name))))
    }
}

/// Names that lead nowhere but where they should.
fn is_known(name: &str) -> bool {
    [MONEY, HISTORY, CONFIG].contains(&name) || name.strip_prefix(PROFILES).is_some_and(is_profile)
}

/// A plain name of a profile's file.
pub(super) fn is_profile(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    name.ends_with(".toml") && !name.starts_with('.') && name.len() <= NAME_BYTES_MAX && name.chars().all(is_plain)
}

pub(super) const MONEY: &str = "money.db";
pub(super) const HISTORY: &str = "history.db";
pub(super) const CONFIG: &str = "kilosat.toml";
pub(super) const PROFILES: &str = "profiles/";
const MAGIC: &str = "kilosat backup ";
const FORMAT: u64 = 1;
const MAGIC_BYTES_MAX: u64 = 64;
/// Room for a thousand profiles.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;
const NAME_BYTES_MAX: usize = 200;
const BUFFER_BYTES: usize = 1 << 16;
