//! One mnemonic, separate keys: the owner's twelve words and what is derived from them.

use bip39::Mnemonic;
use bitcoin::Network;
use bitcoin::bip32::{ChildNumber, DerivationPath, Xpriv};
use bitcoin::hashes::{Hash as _, HashEngine as _, Hmac, HmacEngine, sha512};
use bitcoin::hex::DisplayHex as _;
use bitcoin::secp256k1::Secp256k1;
use zeroize::Zeroizing;

use crate::vault::Closed;

/// The owner's words. Shown to nobody by `Debug` or an error.
pub struct Seed {
    mnemonic: Mnemonic,
}

/// A password, token or key of a wallet: nothing shows it by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text` without the white space around it.
    pub fn new(text: &str) -> Secret {
        Secret(text.trim().to_owned())
    }

    /// The secret itself, for the request that needs it and for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("the key file {path} cannot be used ({source}). Nothing was started; check the disk and its permissions")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file does not hold twelve or 24 valid words.
    #[error(
        "the key file {path} does not hold a valid mnemonic. It was left as it is; restore the words you wrote down"
    )]
    Invalid {
        /// The file.
        path: String,
    },
    /// They are sealed, and what opens them is not there.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The kernel gave no randomness.
    #[error("this machine gives no random numbers, so no wallet can be made ({0})")]
    Entropy(getrandom::Error),
}

/// How many words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordCount {
    /// 128 bits.
    Twelve,
    /// 256 bits.
    TwentyFour,
}

impl Seed {
    /// New words, written nowhere.
    ///
    /// # Errors
    /// [`KeyError::Entropy`].
    pub fn fresh(count: WordCount) -> Result<Seed, KeyError> {
        let mut entropy = [0; 32];
        getrandom::fill(&mut entropy).map_err(KeyError::Entropy)?;
        let bytes = match count {
            WordCount::Twelve => &entropy[..16],
            WordCount::TwentyFour => &entropy,
        };
        Ok(Seed { mnemonic: Mnemonic::from_entropy(bytes).expect("16 and 32 bytes make words") })
    }

    /// The words as somebody wrote them down, in capitals or not, on one line or several; `None` where they are not valid.
    pub fn from_words(text: &str) -> Option<Seed> {
        let words: Vec<_> = text.split_whitespace().map(str::to_lowercase).collect();
        words.join(" ").parse().ok().map(|mnemonic| Seed { mnemonic })
    }

    /// The words as they stand in a file.
    pub(crate) fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}\n", self.mnemonic))
    }

    /// Sixteen letters and digits that tell these words from others, and say nothing about them.
    pub fn mark(&self) -> String {
        let mut engine = HmacEngine::<sha512::Hash>::new(b"kilosat mark of the words");
        engine.input(&self.backup_scalar());
        Hmac::from_engine(engine).to_byte_array()[..8].to_lower_hex_string()
    }

    /// The words in their order, for their owner's eyes.
    pub fn words(&self) -> Vec<&'static str> {
        self.mnemonic.words().collect()
    }

    /// The key above all others of this seed (BIP 32).
    pub fn master(&self, network: Network) -> Xpriv {
        Xpriv::new_master(network, &self.mnemonic.to_seed_normalized("")).expect("a 64-byte seed makes a master key")
    }

    /// The built-in node's 64 bytes: BIP85, application hex, index 0.
    pub fn node_entropy(&self) -> [u8; 64] {
        bip85_hex(&self.master(Network::Bitcoin), 64, 0)
    }

    /// The X25519 scalar that opens backups: BIP85, application hex, 32 bytes, index 1.
    pub fn backup_scalar(&self) -> [u8; 32] {
        let entropy = bip85_hex(&self.master(Network::Bitcoin), 32, 1);
        *entropy.first_chunk().expect("32 of 64 bytes")
    }
}

/// `BIP85`, application 128169' (hex): of these 64 bytes, the first `bytes` count.
fn bip85_hex(master: &Xpriv, bytes: u32, index: u32) -> [u8; 64] {
    let hardened = [83_696_968, 128_169, bytes, index]
        .map(|index| ChildNumber::from_hardened_idx(index).expect("these indices are below 2^31"));
    let child = master
        .derive_priv(&Secp256k1::new(), &DerivationPath::from(hardened.to_vec()))
        .expect("four levels below the master key");
    let mut engine = HmacEngine::<sha512::Hash>::new(b"bip-entropy-from-k");
    engine.input(&child.private_key.secret_bytes());
    Hmac::from_engine(engine).to_byte_array()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_bip85_vector_for_64_hex_bytes_holds() {
        let master: Xpriv = "xprv9s21ZrQH143K2LBWUUQRFXhucrQqBpKdRRxNVq2zBqsx8HVqFk2uYo8kmbaLLHRdqtQpUm98uKfu3vca1LqdGhUtyoFnCNkfmXRyPXLjbKb".parse().unwrap();
        assert_eq!(
            bip85_hex(&master, 64, 0).to_lower_hex_string(),
            "492db4698cf3b73a5a24998aa3e9d7fa96275d85724a91e71aa2d645442f878555d078fd1f1f67e368976f04137b1f7a0d19232136ca50c44614af72b5582a5c"
        );
    }

    /// What the same words gave a second implementation, which no code of this program is in.
    #[test]
    fn the_words_open_backups_by_the_same_scalar_for_ever() {
        let words = "ABANDON abandon abandon abandon abandon abandon\nabandon abandon abandon abandon abandon about";
        let seed = Seed::from_words(words).unwrap();
        assert_eq!(
            seed.backup_scalar().to_lower_hex_string(),
            "1cbcb9200cc786c83bc6307b112d113fb1f8426ca52aa1acdad4bb8b29a52169"
        );
        assert!(Seed::from_words("abandon abandon").is_none() && Seed::from_words("").is_none());
    }

    /// Vectors of BIP 39, and the seed of the first without a passphrase.
    #[test]
    fn words_are_those_of_bip_39_and_mistyped_ones_are_none() {
        let words = |byte: u8, count: usize| Mnemonic::from_entropy(&vec![byte; count]).unwrap().to_string();
        assert_eq!(words(0x7f, 16), "legal winner thank year wave sausage worth useful legal winner thank yellow");
        assert_eq!(words(0x80, 16), "letter advice cage absurd amount doctor acoustic avoid letter advice cage above");
        assert_eq!(words(0xff, 16), "zoo ".repeat(11) + "wrong");
        assert_eq!(words(0x00, 32), "abandon ".repeat(23) + "art");
        assert_eq!(words(0xff, 32), "zoo ".repeat(23) + "vote");
        let typed = Seed::from_words(&format!(" Abandon\n{}ABOUT ", "abandon  ".repeat(10))).unwrap();
        assert_eq!(
            typed.mnemonic.to_seed_normalized("").to_lower_hex_string(),
            "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc19a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4"
        );
        let wrong_sum = "abandon ".repeat(12);
        for wrong in ["", "abandon", wrong_sum.as_str(), "zoo zoo zoo", "hello world"] {
            assert!(Seed::from_words(wrong).is_none(), "{wrong}");
        }
    }
}
