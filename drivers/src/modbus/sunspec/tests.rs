//! Walks over register maps as devices have them.

#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use super::*;
use crate::profiles::decode;

/// Registers by address.
#[derive(Default)]
struct Map(BTreeMap<u16, u16>);

impl Map {
    /// A device whose list begins at `base` with these models; each with its registers after number and length.
    fn new(base: u16, models: &[(u16, Vec<u16>)]) -> Self {
        let mut map = Self::default();
        let mut address = map.put(base, MARK);
        for (id, registers) in models {
            address = map.put(address, &[*id, u16::try_from(registers.len()).unwrap()]);
            address = map.put(address, registers);
        }
        map.put(address, &[END, 0]);
        map
    }

    fn put(&mut self, address: u16, words: &[u16]) -> u16 {
        for (at, word) in (address..).zip(words) {
            self.0.insert(at, *word);
        }
        address + u16::try_from(words.len()).unwrap()
    }

    /// All registers of a part, or a refusal.
    fn read(&self, part: Part) -> Option<Vec<u16>> {
        (part.address..).take(usize::from(part.count)).map(|at| self.0.get(&at).copied()).collect()
    }

    fn walk(&self) -> Walk {
        let mut walk = Walk::default();
        let mut requests = 0;
        while let Some(part) = walk.next() {
            match self.read(part) {
                Some(words) => walk.answered(&words),
                None => walk.refused(),
            }
            requests += 1;
            assert!(requests < 200, "a walk ends");
        }
        walk
    }

    fn milli(&self, profile: &Profile, quantity: Quantity) -> Option<i64> {
        let point = profile.point(quantity).unwrap_or_else(|| panic!("{quantity}"));
        let words: Vec<u16> = point.parts.iter().flat_map(|part| self.read(*part).unwrap()).collect();
        decode(point, &words).ok()
    }
}

fn common() -> (u16, Vec<u16>) {
    let mut registers = vec![0; 66];
    for (place, text) in [(0, "Fronius"), (16, "Smart Meter 63A")] {
        let bytes =
            text.as_bytes().chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        for (slot, word) in registers.iter_mut().skip(place).zip(bytes) {
            *slot = word;
        }
    }
    (COMMON, registers)
}

/// A model whose registers are what is not implemented, except those named (counted from the register of its number).
fn model(id: u16, length: usize, set: &[(u16, u16)]) -> (u16, Vec<u16>) {
    let mut registers = vec![0x8000; length];
    for (offset, word) in set {
        registers[usize::from(*offset) - 2] = *word;
    }
    (id, registers)
}

fn scale(power: i16) -> u16 {
    power.cast_unsigned()
}

#[test]
fn a_meter_with_integers_and_scale_factors_is_read() {
    let meter = model(
        203,
        105,
        &[
            (8, 2_305),
            (15, scale(-1)),
            (18, (-1_234_i16).cast_unsigned()),
            (22, scale(1)),
            (33, 97),
            (37, scale(0)),
            (38, 0),
            (39, 0),
            (46, 1),
            (47, 0xE240),
            (54, scale(0)),
        ],
    );
    for base in BASES {
        let map = Map::new(base, &[common(), meter.clone()]);
        let profile = map.walk().profile().unwrap();
        assert_eq!((profile.title.as_str(), profile.role), ("Fronius Smart Meter 63A", Role::Meter));
        let milli = |quantity| map.milli(&profile, quantity);
        assert_eq!(milli(Quantity::VOLTAGE_L1), Some(230_500));
        assert_eq!(milli(Quantity::POWER), Some(-12_340_000));
        assert_eq!(milli(Quantity::of(Measure::PowerFactor)), Some(970));
        assert_eq!(milli(Quantity::ENERGY_IMPORT), Some(123_456_000));
        assert_eq!(milli(Quantity::ENERGY_EXPORT), None, "a counter of nothing may be none");
        assert_eq!(milli(Quantity::POWER_L2), None, "not implemented");
        assert_eq!(milli(Quantity::CURRENT_L1), None, "its scale factor is not implemented");
        assert_eq!(profile.billed, Some(Quantity::ENERGY_IMPORT));
    }
}

#[test]
fn an_inverter_shows_the_meter_beside_it_as_the_grid() {
    let words = |value: f32| {
        let bits = value.to_bits().to_be_bytes();
        [u16::from_be_bytes([bits[0], bits[1]]), u16::from_be_bytes([bits[2], bits[3]])]
    };
    let float = |offset: u16, value: f32| (offset..).zip(words(value)).collect::<Vec<_>>();
    let inverter = model(113, 60, &[float(22, 4_321.5), float(32, 9_876_543.0), float(38, f32::NAN)].concat());
    let meter = model(213, 124, &[float(28, -1_000.25), float(68, 1_234.0)].concat());
    let strings = model(160, 8 + 40, &[(4, scale(0)), (21, 1_500), (41, 700)]);
    let storage = model(124, 24, &[(8, 553), (22, scale(-1))]);
    let map = Map::new(40_000, &[common(), inverter, strings, storage, (64_001, vec![7; 30]), meter]);
    let profile = map.walk().profile().unwrap();
    assert_eq!(profile.role, Role::Inverter);
    let milli = |quantity| map.milli(&profile, quantity);
    assert_eq!(milli(Quantity::POWER), Some(4_321_500));
    assert_eq!(milli(Quantity::ENERGY_EXPORT), Some(9_876_543_000));
    assert_eq!(milli(Quantity::POWER.at(Subject::Pv)), None, "not a number");
    assert_eq!(milli(Quantity::POWER.at(Subject::Pv1)), Some(1_500_000));
    assert_eq!(milli(Quantity::POWER.at(Subject::Pv2)), Some(700_000));
    assert_eq!(milli(Quantity::of(Measure::Soc).at(Subject::Battery)), Some(55_300));
    assert_eq!(milli(Quantity::POWER.at(Subject::Grid)), Some(-1_000_250));
    assert_eq!(milli(Quantity::ENERGY_IMPORT.at(Subject::Grid)), Some(1_234_000));
    assert_eq!(profile.billed, Some(Quantity::ENERGY_IMPORT.at(Subject::Grid)));
}

#[test]
fn what_is_no_sunspec_and_what_never_ends_is_told() {
    let meter = Map([(40_000, 1), (40_001, 2)].into());
    assert_eq!(meter.walk().profile(), Err(WalkFault::NoMark));
    assert_eq!(Map::default().walk().profile(), Err(WalkFault::NoMark));
    let unknown = Map::new(0, &[common(), (64_000, vec![0; 10])]);
    assert!(matches!(unknown.walk().profile(), Err(WalkFault::NothingKnown(ids)) if ids == "1, 64000"));
    // A list without an end, and one whose lengths are nonsense.
    let mut endless = Map::default();
    endless.put(0, MARK);
    (2..=4_000).step_by(2).for_each(|address| {
        endless.put(address, &[9, 0]);
    });
    assert_eq!(endless.walk().models().len(), MODELS_MAX);
    let mut huge = Map::default();
    huge.put(0, &[0x5375, 0x6E53, 103, 60_000]);
    assert_eq!(huge.walk().models(), []);
    // A model shorter than it should be has no values outside itself.
    let short = Map::new(40_000, &[model(103, 20, &[(14, 5), (15, 0)])]);
    let profile = short.walk().profile().unwrap();
    assert!(profile.point(Quantity::POWER).is_some() && profile.point(Quantity::ENERGY_EXPORT).is_none());
}

#[test]
fn no_two_models_share_a_request() {
    let meter = || model(203, 105, &[]);
    let map = Map::new(40_000, &[common(), meter()]);
    let profile = map.walk().profile().unwrap();
    assert_eq!(profile.limits.barriers, [40_002, 40_070]);
}
