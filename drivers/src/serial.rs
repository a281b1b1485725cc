//! Serial lines: speed, character, and how long bytes take.
//!
//! Modbus over Serial Line V1.02, sections 2.5.1 (characters) and 2.5.1.1 (silent intervals).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Speed and character of a serial line, written like `9600 8N1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SerialSettings {
    /// Bits per second.
    pub baud: u32,
    /// The check bit of each character.
    pub parity: Parity,
    /// One or two.
    pub stop_bits: u8,
}

/// The check bit of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Parity {
    /// No check bit.
    None,
    /// The number of ones is even: what the standard asks for.
    Even,
    /// The number of ones is odd.
    Odd,
}

/// Why a text is no [`SerialSettings`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write speed, data bits, parity and stop bits such as \"9600 8N1\", \"19200 8E1\" or \"9600 8O1\"")]
pub struct SerialSyntax;

impl SerialSettings {
    /// Time on the wire of this many bytes.
    #[must_use]
    pub fn wire_time(&self, bytes: usize) -> Duration {
        let bits = u64::from(BITS_WITHOUT_PARITY_AND_STOP)
            + u64::from(self.parity != Parity::None)
            + u64::from(self.stop_bits);
        let bits = bits.saturating_mul(u64::try_from(bytes).unwrap_or(u64::MAX));
        Duration::from_micros(bits.saturating_mul(1_000_000).div_ceil(u64::from(self.baud.max(1))))
    }

    /// The silence that separates two frames: 3.5 characters of 11 bits, and 1.75 ms above 19,200 baud.
    #[must_use]
    pub fn silent_interval(&self) -> Duration {
        if self.baud > FIXED_SILENCE_ABOVE_BAUD {
            return Duration::from_micros(1_750);
        }
        Duration::from_micros(38_500_000_u64.div_ceil(u64::from(self.baud.max(1))))
    }
}

impl Default for SerialSettings {
    /// What nearly every meter ships with, although the standard's own default is `19200 8E1`.
    fn default() -> Self {
        Self { baud: 9_600, parity: Parity::None, stop_bits: 1 }
    }
}

impl FromStr for SerialSettings {
    type Err = SerialSyntax;

    fn from_str(text: &str) -> Result<Self, SerialSyntax> {
        let (baud, character) = text.trim().split_once(' ').ok_or(SerialSyntax)?;
        let baud = baud.parse().ok().filter(|baud| BAUDS.contains(baud)).ok_or(SerialSyntax)?;
        let (parity, stop_bits) = match character.trim() {
            "8N1" => (Parity::None, 1),
            "8N2" => (Parity::None, 2),
            "8E1" => (Parity::Even, 1),
            "8O1" => (Parity::Odd, 1),
            "8E2" => (Parity::Even, 2),
            "8O2" => (Parity::Odd, 2),
            _ => return Err(SerialSyntax),
        };
        Ok(Self { baud, parity, stop_bits })
    }
}

impl fmt::Display for SerialSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parity = match self.parity {
            Parity::None => 'N',
            Parity::Even => 'E',
            Parity::Odd => 'O',
        };
        write!(f, "{} 8{parity}{}", self.baud, self.stop_bits)
    }
}

/// The speeds that serial ports on Linux and meters share.
pub const BAUDS: [u32; 8] = [1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 57_600, 115_200];
const BITS_WITHOUT_PARITY_AND_STOP: u8 = 9;
const FIXED_SILENCE_ABOVE_BAUD: u32 = 19_200;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn settings_are_written_as_on_a_meter() {
        for text in ["9600 8N1", "19200 8E1", "2400 8O1", "115200 8N2"] {
            assert_eq!(text.parse::<SerialSettings>().unwrap().to_string(), text);
        }
        for text in ["", "9600", "9601 8N1", "9600 7E1", "8N1 9600", "9600 8X1", "9600 8N3"] {
            assert_eq!(text.parse::<SerialSettings>(), Err(SerialSyntax), "{text}");
        }
        assert_eq!(SerialSettings::default().to_string(), "9600 8N1");
    }

    #[test]
    fn times_are_those_of_the_standard() {
        let micros = |text: &str| {
            let line: SerialSettings = text.parse().unwrap();
            (line.wire_time(8).as_micros(), line.silent_interval().as_micros())
        };
        assert_eq!(micros("9600 8N1"), (8_334, 4_011));
        assert_eq!(micros("9600 8E1"), (9_167, 4_011));
        assert_eq!(micros("2400 8N1"), (33_334, 16_042));
        assert_eq!(micros("19200 8E1"), (4_584, 2_006));
        assert_eq!(micros("38400 8N1"), (2_084, 1_750));
        assert_eq!(SerialSettings::default().wire_time(205).as_millis(), 213, "100 registers at 9600 baud");
    }
}
