//! The SHA-256 of what passes by.

use std::io::{self, Read, Write};

use bitcoin::hashes::{Hash as _, HashEngine as _, sha256};

/// Counts and hashes what is read from `inner` or written to it.
pub(super) struct Digest<T> {
    inner: T,
    engine: sha256::HashEngine,
    bytes: u64,
}

impl<T> Digest<T> {
    pub(super) fn of(inner: T) -> Digest<T> {
        Digest { inner, engine: sha256::Hash::engine(), bytes: 0 }
    }

    /// How many bytes they were, and their hash in hex.
    pub(super) fn finish(self) -> (u64, String) {
        (self.bytes, sha256::Hash::from_engine(self.engine).to_string())
    }

    fn passed(&mut self, bytes: Option<&[u8]>) {
        let bytes = bytes.unwrap_or_default();
        self.engine.input(bytes);
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
    }
}

impl<T: Read> Read for Digest<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.passed(buffer.get(..count));
        Ok(count)
    }
}

impl<T: Write> Write for Digest<T> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.passed(buffer.get(..count));
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
