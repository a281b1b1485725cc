//! A QR code as one path of an SVG.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel};

/// A code of so many squares on each side, with the four empty ones around that scanners want.
pub(in super::super) struct QrCode {
    /// Squares on each side, the edge included.
    pub side: usize,
    /// The dark ones (SVG path data).
    pub path: String,
}

impl QrCode {
    /// Of this text; `None` where it is too long for one.
    pub(in super::super) fn of(text: &str) -> Option<QrCode> {
        let code = qrcode::QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
        let width = code.width();
        let mut path = String::new();
        for (y, row) in code.to_colors().chunks(width).enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|a, b| a == b) {
                if run.first() == Some(&Color::Dark) {
                    let _ = write!(path, "M{} {}h{}v1h-{}z", x + EDGE, y + EDGE, run.len(), run.len());
                }
                x += run.len();
            }
        }
        Some(QrCode { side: width + 2 * EDGE, path })
    }
}

/// An address as it is scanned: in capitals it takes a smaller picture, which only addresses of segwit bear (BIP 173).
pub(in super::super) fn for_scanning(address: &str) -> String {
    let is_segwit = ["bc1", "tb1", "bcrt1"].iter().any(|beginning| address.starts_with(beginning));
    if is_segwit { address.to_uppercase() } else { address.to_owned() }
}

const EDGE: usize = 4;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_addresses_that_bear_it_are_written_in_capitals() {
        let segwit = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq";
        assert_eq!(for_scanning(segwit), "BC1QAR0SRRR7XFKVY5L643LYDNW9RE59GTZZWF5MDQ");
        let older = "3P14159f73E4gFr7JterCCQh9QjiTjiZrG";
        assert_eq!(for_scanning(older), older);
    }

    #[test]
    fn every_dark_square_is_in_the_path() {
        let text = "LIGHTNING:LNBC1";
        let code = QrCode::of(text).unwrap();
        let expected = qrcode::QrCode::with_error_correction_level(text, EcLevel::L).unwrap();
        let dark = expected.to_colors().iter().filter(|color| **color == Color::Dark).count();
        let runs = code.path.split('h').skip(1).step_by(2).filter_map(|rest| rest.split('v').next());
        assert_eq!(runs.map(|run| run.parse::<usize>().unwrap()).sum::<usize>(), dark);
        assert_eq!(code.side, expected.width() + 8);
        assert!(code.path.starts_with("M4 4h7v1h-7z"), "{}", code.path);
        assert!(QrCode::of(&"X".repeat(10_000)).is_none());
    }
}
