//! A key of this machine, made by root: one that systemd keeps encrypted with its own key or the TPM (systemd-creds(1)), or
//! one that the firmware of a Raspberry Pi makes of the key in its chip (`rpi-fw-crypto` of Raspberry Pi's utils).

use std::fs::{DirBuilder, remove_file, rename};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bitcoin::hashes::{Hash as _, HashEngine as _, Hmac, HmacEngine, sha256};
use bitcoin::hex::{DisplayHex as _, FromHex as _};
use rustix::process::geteuid;
use tokio::time::sleep;
use zeroize::Zeroizing;

use super::machine::{OTP_KEY, SYSTEMD_KEY, key_text, read_key};
use super::{Tier, random};
use crate::disk::{replace, sync_folder_of};

/// Why this machine gives no key.
#[derive(Debug, thiserror::Error)]
pub enum ProvideFault {
    /// Not root.
    #[error("only root can make a key of this machine. Nothing was changed; enter the same again with sudo in front")]
    NotRoot,
    /// A program is not there.
    #[error("the program {program} cannot be run ({source}). Nothing was changed; it is in the package {package}")]
    NoProgram {
        /// Which.
        program: &'static str,
        /// Where it comes from.
        package: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A program said no.
    #[error("{program} could not do it: {said}. Nothing was changed")]
    Refused {
        /// Which.
        program: &'static str,
        /// What it said.
        said: String,
    },
    /// This machine has no such thing.
    #[error("{0}. Nothing was changed")]
    NotHere(&'static str),
    /// The disk does not take it.
    #[error("{path} cannot be written ({source}). What was there before is still there")]
    Disk {
        /// Which file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Makes the key of this tier, to be handed over at Kilosat's next start. Where systemd keeps one already, only the way it is
/// encrypted changes, so that what it sealed is opened by the new one, too; one that cannot be opened any more and is not in
/// use is put aside.
///
/// # Errors
/// [`ProvideFault`].
pub fn provide(tier: Tier, is_in_use: bool) -> Result<(), ProvideFault> {
    require_root()?;
    make_folder(Path::new(STORE))?;
    match tier {
        Tier::Host => encrypt(tier, "host", is_in_use),
        // What it needs besides a TPM (its driver, libtss2), systemd says itself.
        Tier::Tpm2 => encrypt(tier, "host+tpm2", is_in_use),
        Tier::Otp => {
            derive()?;
            let wanted = Path::new(STORE).join(KEPT_OTP);
            replace(&wanted, OTP_WANTED).map_err(unwritten(&wanted))
        }
        Tier::Nothing | Tier::Passphrase => Err(ProvideFault::NotHere("this is no key of a machine")),
    }
}

/// Puts what this machine can open where systemd finds it until the machine is switched off, for root alone. What cannot be
/// opened now is not there then, and comes back in words: Kilosat starts all the same, and says so, too.
///
/// # Errors
/// [`ProvideFault`]: nothing can be put there.
pub async fn hand_over() -> Result<Vec<String>, ProvideFault> {
    require_root()?;
    make_folder(Path::new(VOLATILE_STORE))?;
    let (kept, wanted) = (Path::new(STORE).join(KEPT_KEY), Path::new(STORE).join(KEPT_OTP));
    let opened = if kept.exists() { Some((SYSTEMD_KEY, decrypt_patiently(&kept).await)) } else { None };
    let derived = wanted.exists().then(|| (OTP_KEY, derive()));
    let mut faults = Vec::new();
    for (name, key) in opened.into_iter().chain(derived) {
        let path = Path::new(VOLATILE_STORE).join(name);
        match key {
            Ok(text) => replace(&path, &text).map_err(unwritten(&path))?,
            Err(fault) => {
                faults.push(format!("{name}: {fault}"));
                match remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unwritten(&path)(error)),
                    _ => {}
                }
            }
        }
    }
    Ok(faults)
}

fn require_root() -> Result<(), ProvideFault> {
    if geteuid().is_root() { Ok(()) } else { Err(ProvideFault::NotRoot) }
}

/// Bound to the TPM itself and to no state of its registers: an update of the firmware must not lock the owner out.
fn encrypt(tier: Tier, with: &str, is_in_use: bool) -> Result<(), ProvideFault> {
    let path = Path::new(STORE).join(KEPT_KEY);
    let kept = path.exists().then(|| decrypt(&path));
    if !is_in_use && matches!(kept, Some(Err(_))) {
        let mark = random::<4>().map_err(unwritten(&path))?.to_lower_hex_string();
        let aside = Path::new(STORE).join(format!("{KEPT_KEY}.former-{mark}"));
        rename(&path, &aside).map_err(unwritten(&aside))?;
    }
    let key = match kept.filter(|kept| is_in_use || kept.is_ok()) {
        Some(text) => {
            let text = text?;
            let kept = std::str::from_utf8(&text).ok().and_then(read_key);
            kept.map(|(_, key)| key)
                .ok_or(ProvideFault::NotHere("the credential that is there is none of Kilosat's"))?
        }
        None => random().map_err(unwritten(&path))?,
    };
    let (text, with) = (key_text(tier, &key), format!("--with-key={with}"));
    let arguments = ["encrypt", CREDENTIAL, with.as_str(), "--tpm2-pcrs=", "-", "-"];
    let encrypted = run("systemd-creds", "systemd", &arguments, text.as_bytes())?;
    let new = Path::new(STORE).join(format!("{KEPT_KEY}.new"));
    replace(&new, &encrypted).map_err(unwritten(&new))?;
    // What cannot be read back is not put in the place of what can.
    let done = match decrypt(&new) {
        Ok(read) if *read == *text.as_bytes() => {
            rename(&new, &path).and_then(|()| sync_folder_of(&path)).map_err(unwritten(&path))
        }
        Ok(_) => Err(ProvideFault::NotHere("what systemd encrypted could not be read back")),
        Err(fault) => Err(fault),
    };
    if done.is_err() {
        let _ = remove_file(&new);
    }
    done
}

/// A TPM on a slow bus comes late.
async fn decrypt_patiently(path: &Path) -> Result<Zeroizing<Vec<u8>>, ProvideFault> {
    for _ in 0..TRIES {
        if let Ok(text) = decrypt(path) {
            return Ok(text);
        }
        sleep(PAUSE).await;
    }
    decrypt(path)
}

fn decrypt(path: &Path) -> Result<Zeroizing<Vec<u8>>, ProvideFault> {
    run("systemd-creds", "systemd", &["decrypt", CREDENTIAL, &path.display().to_string(), "-"], b"")
}

/// Has the firmware of a Raspberry Pi make a key of the one in its chip; the text of a credential.
fn derive() -> Result<Zeroizing<Vec<u8>>, ProvideFault> {
    let label = tempfile::NamedTempFile::new().map_err(unwritten(Path::new("/tmp")))?;
    label.as_file().write_all(OTP_LABEL).map_err(unwritten(label.path()))?;
    let file = label.path().display().to_string();
    let said = run("rpi-fw-crypto", "raspi-utils", &["hmac", "--in", &file, "--key-id", "1", "--outform", "hex"], b"")?;
    let said = std::str::from_utf8(&said).unwrap_or_default().trim();
    let key = <[u8; 32]>::from_hex(said)
        .map_err(|_| ProvideFault::Refused { program: "rpi-fw-crypto", said: "its answer is no key".to_owned() })?;
    if key == hmac_without_key() {
        return Err(ProvideFault::NotHere("no key was ever put into the chip of this Raspberry Pi"));
    }
    Ok(Zeroizing::new(key_text(Tier::Otp, &Zeroizing::new(key)).as_bytes().to_vec()))
}

/// What the firmware would answer if its key were all zero, as it is before one is set.
fn hmac_without_key() -> [u8; 32] {
    let mut engine = HmacEngine::<sha256::Hash>::new(&[0; 32]);
    engine.input(OTP_LABEL);
    Hmac::from_engine(engine).to_byte_array()
}

/// What the program wrote, with `input` given to it; its errors are what it said.
fn run(
    program: &'static str,
    package: &'static str,
    arguments: &[&str],
    input: &[u8],
) -> Result<Zeroizing<Vec<u8>>, ProvideFault> {
    let absent = |source| ProvideFault::NoProgram { program, package, source };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(absent)?;
    // A program that does not listen says why in a moment.
    let _ = child.stdin.take().map(|mut pipe| pipe.write_all(input));
    let mut output = child.wait_with_output().map_err(absent)?;
    let wrote = Zeroizing::new(std::mem::take(&mut output.stdout));
    if output.status.success() {
        return Ok(wrote);
    }
    let said = crate::text::cleaned(&String::from_utf8_lossy(&output.stderr), SAID_CHARS_MAX);
    let said = if said.is_empty() { output.status.to_string() } else { said };
    Err(ProvideFault::Refused { program, said })
}

fn make_folder(folder: &Path) -> Result<(), ProvideFault> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unwritten(folder))
}

fn unwritten(path: &Path) -> impl FnOnce(io::Error) -> ProvideFault + use<> {
    let path = path.display().to_string();
    move |source| ProvideFault::Disk { path, source }
}

const STORE: &str = "/etc/credstore.encrypted";
const VOLATILE_STORE: &str = "/run/credstore";
const KEPT_KEY: &str = "kilosat.key";
/// It says that the firmware is to be asked.
const KEPT_OTP: &str = "kilosat.otp";
const OTP_WANTED: &[u8] = b"by the firmware, at every start\n";
const CREDENTIAL: &str = "--name=kilosat.key";
const OTP_LABEL: &[u8] = b"kilosat words 1";
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_secs(2);
const SAID_CHARS_MAX: usize = 300;
