//! What a simulated device does wrong, and how often.

use std::str::FromStr;

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No answer.
    Silent,
    /// The answer comes after two and a half seconds, when nobody waits for it any more.
    Late,
    /// A bit of the answer is turned over.
    Damaged,
    /// Half of the answer.
    Short,
    /// Another unit answers.
    OtherUnit,
    /// "I am busy".
    Busy,
    /// Every value is zero, as on a meter that has just started.
    Zeros,
    /// The counters stand a gigawatt-hour higher, this once.
    Jump,
    /// The counters begin again at zero.
    Reset,
}

/// Faults, each at every so many requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    every: Vec<(Fault, u64)>,
    requests: u64,
}

/// Why a text is no fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write what goes wrong and at which request, such as \"silent:20\" for every 20th; there are silent, late, damaged, \
     short, other-unit, busy, zeros, jump and reset"
)]
pub struct FaultSyntax;

impl Faults {
    /// These, each at its own rhythm; where several meet, the first happens.
    pub fn new(every: Vec<(Fault, u64)>) -> Faults {
        Faults { every, requests: 0 }
    }

    /// What goes wrong at the next request.
    pub(super) fn next(&mut self) -> Option<Fault> {
        self.requests += 1;
        let is_due = |(_, every): &&(Fault, u64)| self.requests.is_multiple_of(*every);
        self.every.iter().find(is_due).map(|(fault, _)| *fault)
    }
}

impl Fault {
    /// `silent:20` and the like, as on the command line.
    ///
    /// # Errors
    /// [`FaultSyntax`].
    pub fn parse_every(text: &str) -> Result<(Fault, u64), FaultSyntax> {
        let (name, every) = text.split_once(':').ok_or(FaultSyntax)?;
        let every = every.parse().ok().filter(|every| *every > 0).ok_or(FaultSyntax)?;
        Ok((name.parse()?, every))
    }
}

impl FromStr for Fault {
    type Err = FaultSyntax;

    fn from_str(text: &str) -> Result<Self, FaultSyntax> {
        Ok(match text {
            "silent" => Fault::Silent,
            "late" => Fault::Late,
            "damaged" => Fault::Damaged,
            "short" => Fault::Short,
            "other-unit" => Fault::OtherUnit,
            "busy" => Fault::Busy,
            "zeros" => Fault::Zeros,
            "jump" => Fault::Jump,
            "reset" => Fault::Reset,
            _ => return Err(FaultSyntax),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_fault_keeps_its_rhythm() {
        let every = ["silent:2", "busy:3"].map(|text| Fault::parse_every(text).unwrap());
        let mut faults = Faults::new(every.to_vec());
        let six: Vec<_> = (0..6).map(|_| faults.next()).collect();
        let (silent, busy) = (Some(Fault::Silent), Some(Fault::Busy));
        assert_eq!(six, [None, silent, busy, silent, None, silent]);
        for wrong in ["", "silent", "silent:0", "silent:x", "loud:2"] {
            assert_eq!(Fault::parse_every(wrong), Err(FaultSyntax), "{wrong}");
        }
    }
}
