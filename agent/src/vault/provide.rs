//! A key of this machine, made by root: one that systemd keeps encrypted with its own key or the TPM (systemd-creds(1)), or
//! one that the firmware of a Raspberry Pi makes of the key in its chip (`rpi-fw-crypto` of Raspberry Pi's utils).

use std::fs::{DirBuilder, rename};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bitcoin::hashes::{Hash as _, HashEngine as _, Hmac, HmacEngine, sha256};
use bitcoin::hex::FromHex as _;
use rustix::process::geteuid;
use zeroize::Zeroizing;

use super::machine::{OTP_KEY, SYSTEMD_KEY, key_text, read_key};
use super::{Key, Tier, random};
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

/// Makes the key of this tier for the service, to be handed over at its next start. What an earlier key sealed is opened by
/// the new credential, too: where systemd keeps one already, only the way it is encrypted changes.
///
/// # Errors
/// [`ProvideFault`].
pub fn provide(tier: Tier) -> Result<(), ProvideFault> {
    if !geteuid().is_root() {
        return Err(ProvideFault::NotRoot);
    }
    match tier {
        Tier::Host => encrypt(tier, "host"),
        // What it needs besides a TPM (its driver, libtss2), systemd says itself.
        Tier::Tpm2 => encrypt(tier, "host+tpm2"),
        Tier::Otp => {
            derive_otp_key()?;
            run("systemctl", "systemd", &["enable", "--quiet", OTP_UNIT], b"").map(drop)
        }
        Tier::Nothing | Tier::Passphrase => Err(ProvideFault::NotHere("this is no key of a machine")),
    }
}

/// Bound to the TPM itself and to no state of its registers: an update of the firmware must not lock the owner out.
fn encrypt(tier: Tier, with: &str) -> Result<(), ProvideFault> {
    let path = Path::new(STORE).join(SYSTEMD_KEY);
    let name = format!("--name={SYSTEMD_KEY}");
    let decrypt =
        |path: &Path| run("systemd-creds", "systemd", &["decrypt", &name, &path.display().to_string(), "-"], b"");
    let key = match path.exists() {
        true => {
            let text = decrypt(&path)?;
            let kept = std::str::from_utf8(&text).ok().and_then(read_key);
            kept.map(|(_, key)| key)
                .ok_or(ProvideFault::NotHere("the credential that is there is none of Kilosat's"))?
        }
        false => fresh()?,
    };
    let text = key_text(tier, &key);
    let with = format!("--with-key={with}");
    let encrypted =
        run("systemd-creds", "systemd", &["encrypt", &name, &with, "--tpm2-pcrs=", "-", "-"], text.as_bytes())?;
    make_folder(Path::new(STORE))?;
    let new = path.with_extension("new");
    replace(&new, &encrypted).map_err(unwritten(&new))?;
    // What cannot be read back is not put in the place of what can.
    if *decrypt(&new)? != *text.as_bytes() {
        return Err(ProvideFault::NotHere("what systemd encrypted could not be read back"));
    }
    rename(&new, &path).and_then(|()| sync_folder_of(&path)).map_err(unwritten(&path))
}

/// Has the firmware of a Raspberry Pi make the key, and puts it where systemd finds it until the machine is switched off.
///
/// # Errors
/// [`ProvideFault`].
pub fn derive_otp_key() -> Result<(), ProvideFault> {
    if !geteuid().is_root() {
        return Err(ProvideFault::NotRoot);
    }
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
    make_folder(Path::new(VOLATILE_STORE))?;
    let path = PathBuf::from(VOLATILE_STORE).join(OTP_KEY);
    replace(&path, key_text(Tier::Otp, &Zeroizing::new(key)).as_bytes()).map_err(unwritten(&path))
}

/// What the firmware would answer if its key were all zero, as it is before one is set.
fn hmac_without_key() -> [u8; 32] {
    let mut engine = HmacEngine::<sha256::Hash>::new(&[0; 32]);
    engine.input(OTP_LABEL);
    Hmac::from_engine(engine).to_byte_array()
}

fn fresh() -> Result<Key, ProvideFault> {
    random().map_err(unwritten(Path::new("a key")))
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
const OTP_UNIT: &str = "kilosat-otp.service";
const OTP_LABEL: &[u8] = b"kilosat words 1";
const SAID_CHARS_MAX: usize = 300;
