//! The key of all backups: an age identity that follows from the owner's words, so that nothing else has to be kept.

use age::x25519::Identity;
use bech32::{Bech32, Hrp};
use bitcoin::hashes::{Hash as _, sha256};

use crate::keys::Seed;

/// What opens every backup that was made with these words.
pub(super) fn identity(seed: &Seed) -> Identity {
    let prefix = Hrp::parse("age-secret-key-").expect("letters and hyphens");
    let text = bech32::encode_upper::<Bech32>(prefix, &seed.backup_scalar()).expect("32 bytes are short enough");
    text.parse().expect("32 bytes behind the prefix of an age identity")
}

/// Eight letters and digits that tell the backups of one owner's words from all others; they open nothing.
pub(super) fn mark(recipient: &str) -> String {
    sha256::Hash::hash(recipient.as_bytes()).to_string().chars().take(MARK_CHARS).collect()
}

const MARK_CHARS: usize = 8;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What the same words gave a second implementation, which no code of this program is in.
    #[test]
    fn the_recipient_follows_from_the_words() {
        let words = "abandon ".repeat(11) + "about";
        let identity = identity(&Seed::from_words(&words).unwrap());
        let recipient = identity.to_public().to_string();
        assert_eq!(recipient, "age1xxg672re45mvahk27jnrt9xdrhhck5gy40fm0usu46tsgnfqxe9qd9stm5");
        assert_eq!(mark(&recipient).len(), MARK_CHARS);
    }
}
