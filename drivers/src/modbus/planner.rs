//! Which requests read a set of values: few bytes on the wire, no value torn in two, nothing a device refuses.
//!
//! Two values are read together when the registers between them cost fewer bytes than another request would; a device that
//! refuses what lies between them is read in smaller pieces from then on.

use std::collections::BTreeSet;

use super::frame::{Ask, Framing};
use crate::profiles::{Limits, Part, REGISTERS_MAX, Space};

/// Where the requests of one device may not be joined, learned from its refusals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Splits(BTreeSet<(Space, u16)>);

/// What a device taught about itself; it holds while the number on its label stays the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    /// The number on its label, as [`crate::reading::Quantity::SERIAL_NUMBER`] has it.
    pub serial_number: i64,
    /// Where its requests may not be joined.
    pub splits: Splits,
}

/// One request, and how many of the wanted values it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Which table.
    pub space: Space,
    /// Zero-based address of the first register.
    pub address: u16,
    /// How many registers.
    pub quantity: u16,
    /// Place of its first value among the sorted wanted ones.
    pub first: usize,
    /// How many values it covers.
    pub count: usize,
}

/// Sorts what is wanted by table and address and covers it with requests, each value whole in exactly one of them.
///
/// A value with more registers than `limits` allow is asked for on its own, and the device says what it thinks of that.
pub fn plan(wanted: &mut [Part], limits: &Limits, framing: Framing, splits: &Splits) -> Vec<Span> {
    wanted.sort_unstable();
    let mut spans: Vec<Span> = Vec::new();
    for (place, value) in wanted.iter().enumerate() {
        match spans.last_mut().and_then(|span| Some((joined(span, value, limits, framing, splits)?, span))) {
            Some((quantity, span)) => (span.quantity, span.count) = (quantity, span.count + 1),
            None => {
                let (address, quantity) = aligned(value.address, end(value), limits.even_only);
                spans.push(Span { space: value.space, address, quantity, first: place, count: 1 });
            }
        }
    }
    spans
}

/// The length of a request that holds `value` too, if there may be one.
fn joined(span: &Span, value: &Part, limits: &Limits, framing: Framing, splits: &Splits) -> Option<u16> {
    let span_end = u32::from(span.address) + u32::from(span.quantity);
    let hole = u32::from(value.address).saturating_sub(span_end);
    let hole_max = limits.hole_max.unwrap_or_else(|| cheap_hole(framing));
    let (_, quantity) = aligned(span.address, end(value).max(span_end), limits.even_only);
    let barred = limits.barriers.iter().any(|barrier| span.address < *barrier && *barrier <= value.address)
        || splits.0.iter().any(|(space, at)| *space == value.space && span.address < *at && *at <= value.address);
    let fits =
        span.space == value.space && hole <= u32::from(hole_max) && quantity <= limits.registers_max.min(REGISTERS_MAX);
    (fits && !barred && !limits.one_value_per_request).then_some(quantity)
}

/// Registers that cost less than a request of their own: header, address, check sum and the other way round.
fn cheap_hole(framing: Framing) -> u16 {
    match framing {
        Framing::Rtu => 7,
        Framing::Tcp => 31,
    }
}

/// Begin and length of a request for the registers from `address` to before `end`.
fn aligned(address: u16, end: u32, even_only: bool) -> (u16, u16) {
    let address = if even_only { address & !1 } else { address };
    let quantity = end.saturating_sub(u32::from(address));
    let quantity = if even_only { quantity.next_multiple_of(2) } else { quantity };
    (address, u16::try_from(quantity).unwrap_or(u16::MAX))
}

/// Whether all of `part` lies in `whole`.
pub(super) fn covers(whole: &Part, part: &Part) -> bool {
    whole.space == part.space && whole.address <= part.address && end(part) <= end(whole)
}

fn end(part: &Part) -> u32 {
    u32::from(part.address) + u32::from(part.count)
}

impl Span {
    /// The request for it.
    #[must_use]
    pub fn ask(&self, unit: u8) -> Ask {
        Ask { unit, space: self.space, address: self.address, quantity: self.quantity }
    }

    /// Whether it covers all of `part`.
    #[must_use]
    pub fn holds(&self, part: &Part) -> bool {
        covers(&Part { space: self.space, address: self.address, count: self.quantity }, part)
    }
}

impl Splits {
    /// The device refused `span`: its first and its second half are not asked for together again. `false` when it holds
    /// only one value, which the device does not have then.
    pub fn split(&mut self, span: &Span, wanted: &[Part]) -> bool {
        let middle = wanted.get(span.first + span.count / 2).filter(|_| span.count > 1);
        let Some(middle) = middle else { return false };
        // Values that begin at the same register cannot be parted; the halves would be the same request again.
        self.0.insert((middle.space, middle.address))
    }

    /// The places, as a table and an address each.
    pub fn places(&self) -> impl Iterator<Item = (Space, u16)> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<(Space, u16)> for Splits {
    fn from_iter<T: IntoIterator<Item = (Space, u16)>>(places: T) -> Self {
        Self(places.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn limits(registers_max: u16) -> Limits {
        let (hole_max, even_only, one_value_per_request) = (None, false, false);
        Limits { registers_max, hole_max, even_only, one_value_per_request, barriers: Vec::new() }
    }

    fn wanted(values: &[(u16, u16)]) -> Vec<Part> {
        values.iter().map(|(address, count)| Part { space: Space::Input, address: *address, count: *count }).collect()
    }

    #[track_caller]
    fn case(values: &[(u16, u16)], limits: &Limits, framing: Framing, spans: &[(u16, u16)]) {
        let plan = plan(&mut wanted(values), limits, framing, &Splits::default());
        assert_eq!(plan.iter().map(|span| (span.address, span.quantity)).collect::<Vec<_>>(), spans);
    }

    #[test]
    fn a_hole_is_read_along_while_it_is_cheaper_than_a_request() {
        let (rtu, tcp) = (Framing::Rtu, Framing::Tcp);
        case(&[(0, 2), (9, 2)], &limits(125), rtu, &[(0, 11)]);
        case(&[(0, 2), (10, 2)], &limits(125), rtu, &[(0, 2), (10, 2)]);
        case(&[(0, 2), (33, 2)], &limits(125), tcp, &[(0, 35)]);
        case(&[(0, 2), (34, 2)], &limits(125), tcp, &[(0, 2), (34, 2)]);
        case(&[(9, 2), (0, 2)], &limits(10), rtu, &[(0, 2), (9, 2)]);
        case(&[(0, 2), (9, 2)], &Limits { hole_max: Some(0), ..limits(125) }, tcp, &[(0, 2), (9, 2)]);
        case(&[(0, 2), (2, 2)], &Limits { hole_max: Some(0), ..limits(125) }, tcp, &[(0, 4)]);
        case(&[(0, 2), (2, 2), (4, 2)], &Limits { barriers: vec![2], ..limits(125) }, tcp, &[(0, 2), (2, 4)]);
        case(&[(1, 1), (4, 1)], &Limits { even_only: true, ..limits(125) }, tcp, &[(0, 6)]);
        case(&[(0, 2), (2, 2)], &Limits { one_value_per_request: true, ..limits(125) }, tcp, &[(0, 2), (2, 2)]);
        case(&[(65_534, 2)], &limits(125), tcp, &[(65_534, 2)]);
    }

    #[test]
    fn what_a_device_refuses_is_asked_in_halves_down_to_single_values() {
        let mut values = wanted(&[(0, 2), (2, 2), (4, 2), (6, 2)]);
        let mut splits = Splits::default();
        let mut refusals = 0;
        // A device without register 4: whatever holds it is refused.
        loop {
            let spans = plan(&mut values, &limits(125), Framing::Tcp, &splits);
            let Some(bad) = spans.iter().find(|span| (span.address..span.address + span.quantity).contains(&4)) else {
                panic!("register 4 is wanted");
            };
            if !splits.split(bad, &values) {
                assert_eq!((bad.address, bad.quantity, bad.count), (4, 2, 1));
                break;
            }
            refusals += 1;
        }
        assert_eq!(refusals, 2);
        assert_eq!(splits.places().collect::<Splits>(), splits, "what was learned can be kept");
    }

    proptest! {
        #[test]
        fn every_value_is_whole_in_exactly_one_request_within_the_limits(
            values in prop::collection::vec((any::<u16>(), 1..=4_u16, any::<bool>()), 0..40),
            registers_max in 4..=125_u16, hole_max in prop::option::of(0..=40_u16), even_only in any::<bool>(),
            barriers in prop::collection::vec(any::<u16>(), 0..4), tcp in any::<bool>(),
        ) {
            let mut wanted: Vec<_> = values
                .iter()
                .map(|&(address, count, input)| Part {
                    space: if input { Space::Input } else { Space::Holding },
                    address: address.min(u16::MAX - 8),
                    count,
                })
                .collect();
            let registers_max = registers_max.next_multiple_of(2);
            let limits = Limits { registers_max, hole_max, even_only, one_value_per_request: false, barriers };
            let framing = if tcp { Framing::Tcp } else { Framing::Rtu };
            let spans = plan(&mut wanted, &limits, framing, &Splits::default());
            let mut next = 0;
            for span in &spans {
                prop_assert_eq!(span.first, next);
                next += span.count;
                prop_assert!(span.quantity <= limits.registers_max.min(REGISTERS_MAX + 1) || span.count == 1);
                prop_assert!(!even_only || (span.address % 2, span.quantity % 2) == (0, 0));
                for value in &wanted[span.first..next] {
                    prop_assert!(value.space == span.space && value.address >= span.address);
                    prop_assert!(span.holds(value));
                    let crossed = |barrier: &&u16| span.address < **barrier && **barrier <= value.address;
                    prop_assert_eq!(limits.barriers.iter().find(crossed), None);
                }
            }
            prop_assert_eq!(next, wanted.len());
        }
    }
}
