#![allow(clippy::unwrap_used)]

mod gate;
mod generated;
mod watch;

use proptest::prelude::*;

use super::*;
use crate::domain::money::{Msat, MsatPerKwh};

/// 25 A at three phases.
const LIMITS: MeterLimits =
    MeterLimits { power_max_mw: 17_250_000, modulus: None, volatile: false, silence_ms: 30_000 };
/// Counting in steps of 1 Wh.
const QUANTUM: MilliwattHours = MilliwattHours(1_000);

/// `ms` after the machine started, by clocks that are right.
fn at(ms: u64) -> Stamp {
    Stamp { wall: UnixMillis(1_800_000_000_000 + ms), trusted: true, boot: 7, monotonic_ms: ms }
}

fn sample(raw: u64, read: Stamp) -> Sample {
    Sample { raw: MilliwattHours(raw), read, quantum: QUANTUM, serial: None }
}

#[test]
fn a_thousand_readings_of_7_wh_cost_what_the_fact_sheet_says() {
    let mut accrual = Accrual::default();
    for step in 1..=1_000 {
        accrual = accrue(accrual, MilliwattHours(step * 7_000), MsatPerKwh(283_457)).unwrap();
    }
    assert_eq!((accrual.owed, accrual.remainder), (Msat(1_984_199), 0));
}

#[test]
fn a_total_that_falls_is_refused() {
    let was = Accrual { billed_to: MilliwattHours(10), ..Accrual::default() };
    let fault = accrue(was, MilliwattHours(9), MsatPerKwh(1)).unwrap_err();
    assert_eq!(fault, MeterFault::Backwards { from: MilliwattHours(10), to: MilliwattHours(9) });
}

#[test]
fn time_between_samples_is_known_as_well_as_the_clocks_are() {
    #[track_caller]
    fn case(later: Stamp, at_least_ms: u64, exact: bool) {
        assert_eq!(later.since(at(10_000)), Elapsed { at_least_ms, exact }, "{later:?}");
    }
    let next = |wall_after: u64, trusted, monotonic_ms| Stamp {
        wall: UnixMillis(at(10_000).wall.0 + wall_after),
        trusted,
        boot: 8,
        monotonic_ms,
    };
    case(at(12_000), 2_000, true);
    case(Stamp { wall: UnixMillis(0), trusted: false, ..at(12_000) }, 2_000, true);
    case(next(500_000, true, 30_000), 500_000, true);
    case(next(500_000, false, 30_000), 30_000, false);
    case(next(1_000, true, 30_000), 30_000, true);
    case(at(3_000), 3_000, true);
    case(Stamp { boot: 0, ..next(500_000, true, 30_000) }, 500_000, true);
    case(Stamp { boot: 0, ..next(500_000, false, 30_000) }, 0, false);
}

proptest! {
    #[test]
    fn splitting_never_changes_the_price(steps in prop::collection::vec(0_u64..5_000_000, 1..40), price in 0_u64..10_000_000) {
        let mut split = Accrual::default();
        let mut total = 0;
        for step in steps {
            total += step;
            split = accrue(split, MilliwattHours(total), MsatPerKwh(price)).unwrap();
        }
        prop_assert_eq!(split, accrue(Accrual::default(), MilliwattHours(total), MsatPerKwh(price)).unwrap());
    }

    #[test]
    fn no_sequence_of_samples_counts_more_than_the_fuse_passes(raws in prop::collection::vec(any::<u64>(), 1..60)) {
        let mut gate = Gate::new(LIMITS, None);
        let mut before = 0;
        for (second, raw) in raws.into_iter().enumerate() {
            gate.observe(sample(raw, at(u64::try_from(second).unwrap() * 1_000)));
            let total = gate.state().map_or(0, |state| state.total.0);
            prop_assert!(total >= before);
            before = total;
        }
        prop_assert!(before <= 60 * (17_250_000 * 11 / 10 / 3_600 + 2_000));
    }
}
