//! The minutes of the open hour, in a file of fixed size that is written over each hour.
//!
//! A minute takes whole blocks of its own, so that a power cut while one is written leaves those before it as they are,
//! and the card writes each block once. The file is filled with zeros when it is made: later writes change its content
//! and nothing else, so that a flush is one write and not four.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

/// The journal, open for writing.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    /// Records of another generation are of an hour that is in the database already.
    generation: u64,
    sequence: u32,
    next_block: u64,
}

impl Journal {
    /// Opens or makes the file, and reads what it holds of `generation`, oldest first.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path, generation: u64) -> io::Result<(Journal, Vec<Vec<u8>>)> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        if file.metadata()?.len() != BLOCKS * BLOCK_BYTES as u64 {
            file.set_len(0)?;
            file.write_all_at(&vec![0; BLOCKS_SIZE], 0)?;
            file.sync_all()?;
        }
        let mut journal = Journal { file, generation, sequence: 0, next_block: 0 };
        let mut content = vec![0; BLOCKS_SIZE];
        journal.file.read_exact_at(&mut content, 0)?;
        let mut records = Vec::new();
        while let Some(record) = journal.record_at(&content) {
            journal.advance(record.len());
            records.push(record);
        }
        Ok((journal, records))
    }

    /// Adds a record; on disk when this returns. `false` when there is no room until [`Journal::restart`].
    ///
    /// # Errors
    /// What the system says; the record may be there or not.
    pub fn append(&mut self, record: &[u8]) -> io::Result<bool> {
        let blocks = blocks_of(record.len());
        if self.next_block + blocks > BLOCKS {
            return Ok(false);
        }
        let mut bytes = self.header(record);
        bytes.extend_from_slice(record);
        bytes.resize(usize::try_from(blocks).expect("few blocks") * BLOCK_BYTES, 0);
        self.file.write_all_at(&bytes, self.next_block * BLOCK_BYTES as u64)?;
        self.file.sync_data()?;
        self.advance(record.len());
        Ok(true)
    }

    /// Begins again: what was written is in the database.
    pub fn restart(&mut self, generation: u64) {
        (self.generation, self.sequence, self.next_block) = (generation, 0, 0);
    }

    fn header(&self, record: &[u8]) -> Vec<u8> {
        let mut header = Vec::with_capacity(HEADER_BYTES + record.len());
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&self.generation.to_le_bytes());
        header.extend_from_slice(&self.sequence.to_le_bytes());
        header.extend_from_slice(&u32::try_from(record.len()).expect("a record fits into the file").to_le_bytes());
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&header);
        checksum.update(record);
        header.extend_from_slice(&checksum.finalize().to_le_bytes());
        header
    }

    /// The record that is due next, if it is whole.
    fn record_at(&self, content: &[u8]) -> Option<Vec<u8>> {
        let at = usize::try_from(self.next_block).ok()? * BLOCK_BYTES;
        let bytes = content.get(at..)?;
        let length = bytes.get(LENGTH_AT..LENGTH_AT + 4)?.try_into().ok().map(u32::from_le_bytes)?;
        let record = bytes.get(HEADER_BYTES..)?.get(..usize::try_from(length).ok()?)?;
        (bytes.get(..HEADER_BYTES)? == self.header(record)).then(|| record.to_vec())
    }

    fn advance(&mut self, record_bytes: usize) {
        self.next_block += blocks_of(record_bytes);
        self.sequence += 1;
    }
}

fn blocks_of(record_bytes: usize) -> u64 {
    (record_bytes + HEADER_BYTES).div_ceil(BLOCK_BYTES) as u64
}

/// The page of Linux and of most cards.
const BLOCK_BYTES: usize = 4_096;
/// 1 MiB: an hour of a thousand points, or longer of fewer.
const BLOCKS: u64 = 256;
const BLOCKS_SIZE: usize = 256 * BLOCK_BYTES;
/// Name and version of the format.
const MAGIC: &[u8; 8] = b"KSHIST01";
/// Magic, generation, sequence, length, checksum of all that and of the record.
const HEADER_BYTES: usize = 28;
const LENGTH_AT: usize = 20;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn path() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.journal");
        (folder, path)
    }

    #[test]
    fn what_was_written_is_read_again_and_an_old_hour_is_not() {
        let (_folder, path) = path();
        let (mut journal, found) = Journal::open(&path, 7).unwrap();
        assert!(found.is_empty());
        assert!(journal.append(b"first").unwrap());
        assert!(journal.append(&[9; 10_000]).unwrap());
        let (mut journal, found) = Journal::open(&path, 7).unwrap();
        assert_eq!(found, [b"first".to_vec(), vec![9; 10_000]]);
        assert!(journal.append(b"third").unwrap());
        let (mut journal, found) = Journal::open(&path, 7).unwrap();
        assert_eq!(found.len(), 3);
        journal.restart(8);
        assert!(Journal::open(&path, 8).unwrap().1.is_empty(), "nothing of the new hour is there yet");
        journal.append(b"new").unwrap();
        assert_eq!(Journal::open(&path, 8).unwrap().1, [b"new".to_vec()]);
    }

    #[test]
    fn a_record_that_was_cut_off_is_lost_and_those_before_it_are_not() {
        let (_folder, path) = path();
        let (mut journal, _) = Journal::open(&path, 1).unwrap();
        journal.append(b"first").unwrap();
        journal.append(&[7; 6_000]).unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        for at in [BLOCK_BYTES, BLOCK_BYTES + LENGTH_AT, BLOCK_BYTES + 3_000, 2 * BLOCK_BYTES + 100] {
            let mut was = [0];
            journal.file.read_exact_at(&mut was, at as u64).unwrap();
            file.write_all_at(&[was[0] ^ 1], at as u64).unwrap();
            let (_, found) = Journal::open(&path, 1).unwrap();
            assert_eq!(found, [b"first".to_vec()], "byte {at}");
            file.write_all_at(&was, at as u64).unwrap();
        }
        assert_eq!(Journal::open(&path, 1).unwrap().1.len(), 2);
    }

    #[test]
    fn a_full_journal_says_so() {
        let (_folder, path) = path();
        let (mut journal, _) = Journal::open(&path, 1).unwrap();
        for _ in 0..BLOCKS {
            assert!(journal.append(b"minute").unwrap());
        }
        assert!(!journal.append(b"minute").unwrap());
        assert_eq!(Journal::open(&path, 1).unwrap().1.len(), 256);
        journal.restart(2);
        assert!(journal.append(&vec![1; BLOCKS_SIZE - HEADER_BYTES]).unwrap());
        assert!(!journal.append(b"minute").unwrap());
    }

    #[test]
    fn a_file_that_is_no_journal_is_begun_anew() {
        let (_folder, path) = path();
        crate::disk::replace(&path, b"something else").unwrap();
        let (mut journal, found) = Journal::open(&path, 1).unwrap();
        assert!(found.is_empty());
        journal.append(b"minute").unwrap();
        assert_eq!(Journal::open(&path, 1).unwrap().1.len(), 1);
    }
}
