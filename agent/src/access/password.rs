//! Passwords: not too easy to guess, and dear to try.

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};

use super::{Denied, random};

/// # Errors
/// [`Denied::Weak`] says what is missing.
pub(super) fn require_strong(password: &str) -> Result<(), Denied> {
    let letters: std::collections::BTreeSet<char> = password.chars().collect();
    if password.chars().count() < CHARS_MIN {
        return Err(Denied::Weak("The password is too short: take 10 characters or more, such as three words."));
    }
    if password.chars().count() > CHARS_MAX {
        return Err(Denied::Weak("The password is too long: at most 1000 characters."));
    }
    if letters.len() < DIFFERENT_MIN {
        return Err(Denied::Weak("The password is too easy to guess: it repeats the same few characters."));
    }
    Ok(())
}

pub(super) fn hash(password: &str) -> Result<String, Denied> {
    let failed = |why: argon2::password_hash::Error| Denied::Failed(why.to_string());
    let salt = SaltString::encode_b64(&random::<16>()).map_err(failed)?;
    Ok(argon2()?.hash_password(password.as_bytes(), &salt).map_err(failed)?.to_string())
}

/// With the parameters that were in force when the password was set.
pub(super) fn matches(hash: &str, password: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    password.len() <= BYTES_MAX
        && argon2().is_ok_and(|argon2| argon2.verify_password(password.as_bytes(), &hash).is_ok())
}

/// OWASP's minimum for Argon2id: 19 MiB, two passes, one lane.
fn argon2() -> Result<Argon2<'static>, Denied> {
    let params = Params::new(19_456, 2, 1, None).map_err(|error| Denied::Failed(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

const CHARS_MIN: usize = 10;
const CHARS_MAX: usize = 1_000;
/// A character has four at most.
const BYTES_MAX: usize = 4 * CHARS_MAX;
const DIFFERENT_MIN: usize = 5;
