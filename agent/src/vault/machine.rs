//! Keys of this machine that systemd handed to the service as credentials (systemd.exec(5), `LoadCredential=`): one that root
//! decrypted with systemd's own key or the TPM, and one that the firmware of a Raspberry Pi made.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use bitcoin::hex::{DisplayHex as _, FromHex as _};
use zeroize::Zeroizing;

use super::{Key, Tier};

/// The keys of this machine, if it has any.
#[derive(Default)]
pub struct MachineKeys(Vec<(Tier, Key)>);

impl MachineKeys {
    /// What systemd handed over.
    pub fn handed() -> MachineKeys {
        std::env::var_os("CREDENTIALS_DIRECTORY")
            .map_or_else(MachineKeys::default, |folder| MachineKeys::in_folder(Path::new(&folder)))
    }

    /// What is in this folder; what makes no sense is said in the log and does not count.
    pub fn in_folder(folder: &Path) -> MachineKeys {
        let keys = NAMES.iter().filter_map(|name| {
            let mut text = Zeroizing::new(String::new());
            let read =
                File::open(folder.join(name)).and_then(|file| file.take(KEY_BYTES_MAX).read_to_string(&mut text));
            // Most machines have none.
            read.ok()?;
            let key = read_key(&text);
            if key.is_none() {
                tracing::error!("the credential {name} is no key of Kilosat's; make it with: kilosat keys protect");
            }
            key
        });
        MachineKeys(keys.collect())
    }

    pub(super) fn strongest(&self) -> Option<Tier> {
        self.0.iter().map(|(tier, _)| *tier).max()
    }

    /// All of them, with what each is.
    pub(super) fn all(&self) -> impl Iterator<Item = (Tier, &Key)> {
        self.0.iter().map(|(tier, key)| (*tier, key))
    }

    pub(super) fn of(&self, tier: Tier) -> Option<&Key> {
        self.0.iter().find(|(of, _)| *of == tier).map(|(_, key)| key)
    }
}

/// The text of a credential.
pub(super) fn key_text(tier: Tier, key: &Key) -> Zeroizing<String> {
    let tier = serde_json::to_string(&tier).unwrap_or_default();
    Zeroizing::new(format!("{HEAD}\n{}\n{}\n", tier.trim_matches('"'), key.to_lower_hex_string()))
}

/// What stands in a credential.
pub(super) fn read_key(text: &str) -> Option<(Tier, Key)> {
    let mut lines = text.lines();
    if lines.next() != Some(HEAD) {
        return None;
    }
    let tier: Tier = serde_json::from_str(&format!("{:?}", lines.next()?)).ok()?;
    let key = <[u8; 32]>::from_hex(lines.next()?.trim()).ok()?;
    matches!(tier, Tier::Host | Tier::Otp | Tier::Tpm2).then(|| (tier, Zeroizing::new(key)))
}

const HEAD: &str = "kilosat key 1";
/// As the unit names them. Newer versions of systemd look for a credential also where encrypted ones are kept, so that what is
/// kept there has other names.
pub(super) const SYSTEMD_KEY: &str = "kilosat.machine-key";
pub(super) const OTP_KEY: &str = "kilosat.otp-key";
const NAMES: [&str; 2] = [SYSTEMD_KEY, OTP_KEY];
const KEY_BYTES_MAX: u64 = 1_024;
