//! Columns of equal length in one piece, with a checksum: what is stored of a point.

use super::column;

/// The columns as bytes: checksum, version, number of rows, then each column behind its length.
///
/// Written to `history.db` and its journal by this version and all later ones; [`Packed::open`] reads every version.
pub(super) fn pack<const COLUMNS: usize>(columns: [&[i64]; COLUMNS]) -> Vec<u8> {
    let mut bytes = vec![0; CHECKSUM_BYTES];
    bytes.push(VERSION);
    let rows = columns.first().map_or(0, |column| column.len());
    column::put_varint(&mut bytes, rows as u64);
    let mut column_bytes = Vec::new();
    for column in columns {
        assert_eq!(column.len(), rows, "columns of one chunk have one length");
        column_bytes.clear();
        column::encode(column, &mut column_bytes);
        column::put_varint(&mut bytes, column_bytes.len() as u64);
        bytes.extend_from_slice(&column_bytes);
    }
    let checksum = checksum(&bytes);
    bytes.splice(..CHECKSUM_BYTES, checksum);
    bytes
}

/// A chunk whose checksum holds.
#[derive(Debug)]
pub(super) struct Packed<'a, const COLUMNS: usize> {
    rows: usize,
    columns: [&'a [u8]; COLUMNS],
}

impl<'a, const COLUMNS: usize> Packed<'a, COLUMNS> {
    /// `None` for anything but a whole chunk of so many columns.
    pub fn open(bytes: &'a [u8]) -> Option<Packed<'a, COLUMNS>> {
        let (stored, body) = bytes.split_first_chunk::<CHECKSUM_BYTES>()?;
        if *stored != checksum(bytes) {
            return None;
        }
        let mut rest = body.strip_prefix(&[VERSION])?;
        let rows = usize::try_from(column::take_varint(&mut rest)?).ok().filter(|rows| *rows <= ROWS_MAX)?;
        let mut columns = [<&[u8]>::default(); COLUMNS];
        for column in &mut columns {
            let length = usize::try_from(column::take_varint(&mut rest)?).ok()?;
            (*column, rest) = rest.split_at_checked(length)?;
        }
        rest.is_empty().then_some(Packed { rows, columns })
    }

    /// The rows, or `None` where a column is damaged.
    pub fn rows(&self) -> Option<Vec<[i64; COLUMNS]>> {
        self.rows_of([0; COLUMNS], |row, column, value| row[column] = value)
    }

    /// The rows as something else: each begins as `empty`, and `put` gets the values of one column after the other, with the
    /// column's number. `None` where one is damaged.
    pub fn rows_of<Row: Clone>(&self, empty: Row, put: impl Fn(&mut Row, usize, i64)) -> Option<Vec<Row>> {
        let mut rows = vec![empty; self.rows];
        for (number, column) in self.columns.iter().enumerate() {
            column::decode(column, &mut rows, |row, value| put(row, number, value))?;
        }
        Some(rows)
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    crc32fast::hash(bytes.get(CHECKSUM_BYTES..).unwrap_or_default()).to_le_bytes()
}

const CHECKSUM_BYTES: usize = 4;
const VERSION: u8 = 1;
/// Rows of a chunk at most: ten a second for a day.
pub(super) const ROWS_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_chunk_gives_back_its_rows() {
        let bytes = pack([&[1, 2, 3], &[50, -50, 7]]);
        assert_eq!(Packed::<2>::open(&bytes).unwrap().rows().unwrap(), [[1, 50], [2, -50], [3, 7]]);
        let empty = pack([&[], &[]]);
        assert!(Packed::<2>::open(&empty).unwrap().rows().unwrap().is_empty());
        assert!(Packed::<3>::open(&bytes).is_none(), "it has two columns");
        assert!(Packed::<1>::open(&bytes).is_none());
    }

    #[test]
    fn a_chunk_with_a_wrong_bit_is_not_read() {
        let bytes = pack([&[1_800_000_000_000, 1_800_000_001_000], &[230_100, 230_200]]);
        for bit in 0..bytes.len() * 8 {
            let mut wrong = bytes.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert!(Packed::<2>::open(&wrong).is_none(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(Packed::<2>::open(&bytes[..length]).is_none(), "{length} bytes");
        }
    }
}
