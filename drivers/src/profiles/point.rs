//! One value of a device: which registers hold it and how they become a number.

use super::decimal::Decimal;
use super::registers::decode;
use crate::reading::Quantity;

/// A value that is read from registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// What the registers say.
    pub quantity: Quantity,
    /// The registers, in the order in which [`decode`] wants them: first those of the value, then that of its exponent,
    /// its factors and its word order, as far as it has them.
    pub parts: Vec<Part>,
    /// Type, and with it the number of registers.
    pub kind: Kind,
    /// Order of the registers of the value; where the device itself says it, the order it has from the factory.
    pub order: WordOrder,
    /// Thousandths of the quantity's unit per raw unit (so 1 kWh = 1,000,000 mWh), or whole numbers where it has no
    /// unit; negative turns the sign.
    pub scale: Decimal,
    /// The value counts in tens of a power that the device gives in a register of its own (SunSpec scale factors); here
    /// the power that a simulated device gives.
    pub exponent: Option<i8>,
    /// Registers that the value is multiplied by, such as the ratios of transformers; here what one of their raw units
    /// means.
    pub factors: Vec<Decimal>,
    /// A register of the device says in which order the words come.
    pub order_marks: Option<OrderMarks>,
    /// Raw values that mean "not available" or "overflow".
    pub invalid: Vec<u64>,
    /// The bits of the raw value that belong to this point; the others are another's.
    pub mask: Option<u64>,
    /// By how many places the masked bits are moved down.
    pub shift: u32,
    /// What the numbers of a state mean, by number.
    pub texts: Vec<(i64, String)>,
    /// The sign is noise of the vendor's and is left out.
    pub absolute: bool,
    /// How often it is worth asking.
    pub poll: Poll,
}

/// Registers that lie together and are read in one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    /// Which of the four tables.
    pub space: Space,
    /// Zero-based address of the first register or bit.
    pub address: u16,
    /// How many.
    pub count: u16,
}

/// The four tables of Modbus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// Registers read with function 3.
    Holding,
    /// Registers read with function 4.
    Input,
    /// Bits read with function 1; one counts as a register that is 0 or 1.
    Coil,
    /// Bits read with function 2; one counts as a register that is 0 or 1.
    Discrete,
}

/// The type of a value in registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One register, unsigned.
    U16,
    /// One register, two's complement.
    I16,
    /// Two registers, unsigned.
    U32,
    /// Two registers, two's complement.
    I32,
    /// Four registers, unsigned.
    U64,
    /// Four registers, two's complement.
    I64,
    /// Two registers, IEEE 754 binary32.
    F32,
    /// Four registers, IEEE 754 binary64.
    F64,
    /// One register of four decimal digits.
    Bcd16,
    /// Two registers of eight decimal digits.
    Bcd32,
    /// A bit, or a register of which zero is no and anything else yes.
    Bool,
    /// This many registers of text, two characters in each.
    Text(u16),
    /// This many registers of text, one character in the low half of each.
    Chars(u16),
}

/// The order of the bytes of a value; A is the highest. Values of four registers continue the same pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WordOrder {
    /// The highest register first, its high byte first.
    Abcd,
    /// The lowest register first, its high byte first.
    Cdab,
    /// The highest register first, its low byte first.
    Badc,
    /// The lowest register first, its low byte first.
    Dcba,
}

/// What a register says about the order of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OrderMarks {
    /// The register's value while the highest word comes first.
    pub abcd: u16,
    /// The register's value while the lowest word comes first.
    pub cdab: u16,
}

/// How often a value is worth asking for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Poll {
    /// Each round: what moves from second to second.
    Fast,
    /// Every some rounds: counters, voltages, temperatures.
    Slow,
    /// Once in a connection and then hourly: labels and settings.
    Static,
    /// Only when somebody asks.
    Now,
}

/// A value that Kilosat adds up from others of the same device; it is missing when one of them is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Computed {
    /// What it is.
    pub quantity: Quantity,
    /// What is added.
    pub plus: Vec<Quantity>,
    /// What is taken off.
    pub minus: Vec<Quantity>,
}

/// A value that may be written to the device. Whatever has none of these is never written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetPoint {
    /// Where it is written and how.
    pub point: Point,
    /// Modbus function: 5 one coil, 6 one register, 16 several registers.
    pub function: u8,
    /// The least that may be written, as [`crate::reading::Reading::milli`].
    pub min_milli: i64,
    /// The most that may be written.
    pub max_milli: i64,
    /// It has to be written again after this many seconds, or the device falls back to a setting of its own.
    pub refresh_s: Option<u32>,
    /// It can be read back from where it was written.
    pub readable: bool,
}

/// A value that is not written, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SetFault {
    /// Outside what the profile allows.
    #[error("{quantity} may be {} to {}. Nothing was written", quantity.shown(*min_milli), quantity.shown(*max_milli))]
    OutOfRange {
        /// What was to be set.
        quantity: Quantity,
        /// The least that may be.
        min_milli: i64,
        /// The most.
        max_milli: i64,
    },
    /// The registers cannot hold it.
    #[error("the device has no room for a {quantity} of {}. Nothing was written", quantity.shown(*milli))]
    DoesNotFit {
        /// What was to be set.
        quantity: Quantity,
        /// To what.
        milli: i64,
    },
}

/// What a register must hold for a device to be taken for this model. It is read alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identify {
    /// Its registers, as of a point with the scale one.
    pub point: Point,
    /// What they must say.
    pub expected: Expected,
}

/// What an identifying register must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// A number from the first to the last, both in thousandths.
    Range(i64, i64),
    /// One of these numbers, in thousandths.
    OneOf(Vec<i64>),
    /// A text that begins so.
    Text(String),
}

impl Point {
    /// Registers that [`decode`] wants, all parts together.
    #[must_use]
    pub fn words(&self) -> usize {
        self.parts.iter().map(|part| usize::from(part.count)).sum()
    }

    /// Whether its own registers are all it needs.
    pub(super) fn is_plain(&self) -> bool {
        self.exponent.is_none() && self.factors.is_empty() && self.order_marks.is_none()
    }

    /// What the registers say in words: a text, or the meaning of a state; `None` for plain numbers.
    #[must_use]
    pub fn text(&self, words: &[u16]) -> Option<String> {
        match self.kind {
            Kind::Text(_) | Kind::Chars(_) => super::registers::text(self, words),
            _ if self.texts.is_empty() => None,
            _ => {
                let number = decode(self, words).ok()?;
                self.texts.iter().find(|(at, _)| *at == number).map(|(_, text)| text.clone())
            }
        }
    }
}

impl SetPoint {
    /// The registers to write (for a coil 0 or 1), rounded down to the device's step.
    ///
    /// # Errors
    /// [`SetFault`] for what the profile does not allow.
    pub fn encode(&self, milli: i64) -> Result<Vec<u16>, SetFault> {
        let SetPoint { min_milli, max_milli, point: Point { quantity, .. }, .. } = *self;
        if !(min_milli..=max_milli).contains(&milli) {
            return Err(SetFault::OutOfRange { quantity, min_milli, max_milli });
        }
        let words = super::registers::encode(&self.point, milli);
        // What does not fit becomes the mark for "not available", which a device might take for a value.
        match decode(&self.point, &words) {
            Ok(written) if (min_milli..=milli).contains(&written) => Ok(words),
            _ => Err(SetFault::DoesNotFit { quantity, milli }),
        }
    }
}

impl Identify {
    /// Whether the registers are those of this model.
    #[must_use]
    pub fn matches(&self, words: &[u16]) -> bool {
        let milli = || super::registers::thousandths(&self.point, words);
        match &self.expected {
            Expected::Range(first, last) => milli().is_some_and(|milli| (*first..=*last).contains(&milli)),
            Expected::OneOf(numbers) => milli().is_some_and(|milli| numbers.contains(&milli)),
            Expected::Text(start) => self.point.text(words).is_some_and(|text| text.starts_with(start)),
        }
    }

    /// Registers that are those of this model, for simulated devices.
    #[must_use]
    pub fn example(&self) -> Vec<u16> {
        match &self.expected {
            // A whole number in the middle.
            Expected::Range(first, last) => {
                super::registers::encode(&self.point, i64::midpoint(*first, *last) / 1_000 * 1_000)
            }
            Expected::OneOf(numbers) => super::registers::encode(&self.point, numbers.first().copied().unwrap_or(0)),
            Expected::Text(start) => super::registers::spell_text(&self.point, start),
        }
    }
}

impl Kind {
    /// Registers of one value.
    #[must_use]
    pub const fn words(self) -> u16 {
        match self {
            Self::U16 | Self::I16 | Self::Bcd16 | Self::Bool => 1,
            Self::U32 | Self::I32 | Self::F32 | Self::Bcd32 => 2,
            Self::U64 | Self::I64 | Self::F64 => 4,
            Self::Text(registers) | Self::Chars(registers) => registers,
        }
    }

    /// Whether it is an integer of which single bits can mean something.
    pub(super) const fn is_unsigned(self) -> bool {
        matches!(self, Self::U16 | Self::U32 | Self::U64)
    }

    /// Whether it is a text.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Text(_) | Self::Chars(_))
    }
}

impl Space {
    /// Whether it holds single bits.
    #[must_use]
    pub const fn is_bits(self) -> bool {
        matches!(self, Self::Coil | Self::Discrete)
    }
}
