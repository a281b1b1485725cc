//! The hash-chained record of intervals, payments and decisions.
//!
//! `entry = H(previous entry, sequence number, commitment)` and `commitment = H(salt, payload)`: a payload can be erased
//! later without breaking the chain (`reliability-security`, rule 6.14). H is sha256 over tagged, length-prefixed parts.

use bitcoin::hashes::{Hash as _, HashEngine as _, sha256};

/// The hash before the first entry.
pub const GENESIS: [u8; 32] = [0; 32];

/// The commitment to `payload` under a random `salt`.
pub fn commitment(salt: &[u8; 16], payload: &str) -> [u8; 32] {
    tagged("kilosat/journal/commitment", &[salt, payload.as_bytes()])
}

/// The hash of entry number `seq` (from 1, without gaps) after `previous`.
pub fn entry_hash(previous: &[u8; 32], seq: u64, commitment: &[u8; 32]) -> [u8; 32] {
    tagged("kilosat/journal/entry", &[previous, &seq.to_be_bytes(), commitment])
}

/// One stored entry, as the check needs it. `payload` is `None` when it was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Position, from 1 without gaps.
    pub seq: u64,
    /// The text and its salt, unless erased.
    pub payload: Option<([u8; 16], String)>,
    /// What the chain commits to.
    pub commitment: [u8; 32],
    /// The chain up to and including this entry.
    pub hash: [u8; 32],
}

/// The journal is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalFault {
    /// An entry is missing.
    #[error("journal entry {expected} is missing; the record was changed from outside")]
    Gap {
        /// The sequence number that should have come.
        expected: u64,
    },
    /// An entry does not match its hash.
    #[error("journal entry {seq} does not match its hash; the record was changed from outside")]
    Broken {
        /// The entry's sequence number.
        seq: u64,
    },
}

/// Follows the chain one entry at a time: `previous` is the entry before, as `(seq, hash)`, or `(0, GENESIS)`.
///
/// # Errors
/// [`JournalFault`] at the first entry that does not continue the chain.
pub fn follow(previous: (u64, [u8; 32]), entry: &Entry) -> Result<(u64, [u8; 32]), JournalFault> {
    let expected = previous.0.saturating_add(1);
    if entry.seq != expected {
        return Err(JournalFault::Gap { expected });
    }
    let broken = JournalFault::Broken { seq: entry.seq };
    if let Some((salt, payload)) = &entry.payload
        && commitment(salt, payload) != entry.commitment
    {
        return Err(broken);
    }
    if entry_hash(&previous.1, entry.seq, &entry.commitment) != entry.hash {
        return Err(broken);
    }
    Ok((entry.seq, entry.hash))
}

fn tagged(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut engine = sha256::Hash::engine();
    engine.input(tag.as_bytes());
    for part in parts {
        let length = u64::try_from(part.len()).expect("a slice length fits 64 bits");
        engine.input(&length.to_be_bytes());
        engine.input(part);
    }
    sha256::Hash::from_engine(engine).to_byte_array()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Vec<Entry> {
        let mut previous = GENESIS;
        (1..=3)
            .map(|seq| {
                let salt = [u8::try_from(seq).unwrap_or(0); 16];
                let payload = format!("entry {seq}");
                let commitment = commitment(&salt, &payload);
                previous = entry_hash(&previous, seq, &commitment);
                Entry { seq, payload: Some((salt, payload)), commitment, hash: previous }
            })
            .collect()
    }

    fn verify(entries: &[Entry]) -> Result<(u64, [u8; 32]), JournalFault> {
        entries.iter().try_fold((0, GENESIS), follow)
    }

    #[test]
    fn an_untouched_chain_verifies_also_with_an_erased_payload() {
        let mut entries = chain();
        assert!(verify(&entries).is_ok());
        entries[1].payload = None;
        assert!(verify(&entries).is_ok());
    }

    #[test]
    fn a_changed_a_removed_and_a_swapped_entry_are_noticed() {
        let mut changed = chain();
        changed[1].payload = Some(([2; 16], "entry 2!".to_owned()));
        assert_eq!(verify(&changed), Err(JournalFault::Broken { seq: 2 }));
        let mut removed = chain();
        removed.remove(1);
        assert_eq!(verify(&removed), Err(JournalFault::Gap { expected: 2 }));
        let mut forged = chain();
        forged[2].hash = [9; 32];
        assert_eq!(verify(&forged), Err(JournalFault::Broken { seq: 3 }));
    }
}
