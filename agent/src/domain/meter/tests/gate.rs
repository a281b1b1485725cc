//! The gate's rules, one story each.

use super::*;

/// A gate, and where it is told the next samples stand.
struct Bench {
    gate: Gate,
    serial: Option<u64>,
}

impl Bench {
    fn at(raw: u64) -> Bench {
        Bench::with(LIMITS, None, raw)
    }

    fn with(limits: MeterLimits, serial: Option<u64>, raw: u64) -> Bench {
        let mut bench = Bench { gate: Gate::new(limits, None), serial };
        bench.case(raw, 0, Verdict::First);
        bench.case(raw, 1, Verdict::Baseline);
        bench
    }

    fn stored(state: MeterState) -> Bench {
        Bench { gate: Gate::new(LIMITS, Some(state)), serial: None }
    }

    #[track_caller]
    fn case(&mut self, raw: u64, at_s: u64, expected: Verdict) {
        self.read(raw, at(at_s * 1_000), expected);
    }

    #[track_caller]
    fn read(&mut self, raw: u64, read: Stamp, expected: Verdict) {
        let sample = Sample { serial: self.serial, ..sample(raw, read) };
        assert_eq!(self.gate.observe(sample), expected, "raw {raw} at {} ms", read.monotonic_ms);
    }

    /// The same doubtful counter every ten seconds from `from_s` for a minute; the last sample confirms.
    #[track_caller]
    fn insist(&mut self, raw: u64, from_s: u64, suspicion: Suspicion, last: Verdict) {
        for step in 0..6 {
            self.case(raw, from_s + step * 10, Verdict::Quarantined(suspicion));
        }
        self.case(raw, from_s + 60, last);
    }

    fn state(&self) -> MeterState {
        self.gate.state().unwrap()
    }

    fn total(&self) -> u64 {
        self.state().total.0
    }
}

fn counted(mwh: u64) -> Verdict {
    Verdict::Counted(MilliwattHours(mwh))
}

const BACKWARDS: Suspicion = Suspicion::Backwards;
const TOO_FAST: Suspicion = Suspicion::TooFast;
const TIME_UNKNOWN: Suspicion = Suspicion::TimeUnknown;

#[test]
fn plausible_steps_are_counted_when_a_second_sample_agrees() {
    let mut bench = Bench::at(5_000_000);
    bench.case(5_000_000, 10, Verdict::Pending);
    bench.case(5_040_000, 20, counted(0));
    bench.case(5_050_000, 30, counted(40_000));
    bench.case(5_050_000, 40, counted(10_000));
    assert_eq!(bench.total(), 50_000);
}

#[test]
fn a_wrong_value_that_happens_to_be_possible_is_not_billed() {
    let mut bench = Bench::at(5_000_000);
    bench.case(5_040_000, 10, Verdict::Pending);
    bench.case(5_001_000, 20, Verdict::Pending);
    bench.case(5_001_000, 30, counted(1_000));
    assert_eq!(bench.total(), 1_000);
}

#[test]
fn a_jump_of_50_mwh_is_quarantined_and_forgotten_when_it_goes_away() {
    let mut bench = Bench::at(5_000_000);
    bench.case(50_005_000_000, 10, Verdict::Quarantined(TOO_FAST));
    assert_eq!(bench.gate.suspicion(), Some(TOO_FAST));
    bench.case(5_001_000, 20, Verdict::Pending);
    bench.case(5_001_000, 30, counted(1_000));
    assert_eq!((bench.gate.suspicion(), bench.state().evidence.too_high), (None, None));
}

#[test]
fn a_jump_never_becomes_plausible_by_waiting_not_even_over_a_restart() {
    let mut bench = Bench::at(5_000_000);
    bench.case(5_300_000, 10, Verdict::Quarantined(TOO_FAST));
    bench.case(5_300_000, 50, Verdict::Quarantined(TOO_FAST));
    let mut bench = Bench::stored(bench.state());
    bench.insist(5_300_000, 600, TOO_FAST, Verdict::Rebased(Rebase::Jumped));
    assert_eq!((bench.total(), bench.state().generation), (0, 2));
}

#[test]
fn zeros_never_become_a_starting_point() {
    let mut bench = Bench::at(5_000_000);
    for second in 1..200 {
        bench.case(0, second * 10, Verdict::Quarantined(Suspicion::Zero));
    }
    bench.case(5_002_000, 2_000, Verdict::Pending);
    bench.case(5_002_000, 2_010, counted(2_000));
    assert_eq!(bench.state().generation, 1);
    let mut young = Bench { gate: Gate::new(LIMITS, None), serial: None };
    young.case(0, 0, Verdict::First);
    young.case(0, 10, Verdict::First);
    young.case(20_000, 20, Verdict::Baseline);
    assert_eq!(young.total(), 0, "the zeros may have been those of a meter that had just started");
}

#[test]
fn two_steps_back_are_jitter() {
    let mut bench = Bench::at(5_000_000);
    bench.case(4_998_000, 10, Verdict::Jitter);
    bench.case(4_997_000, 20, Verdict::Quarantined(BACKWARDS));
}

#[test]
fn a_replaced_meter_starts_a_generation_after_five_samples_and_a_minute() {
    let mut bench = Bench::at(5_000_000);
    bench.insist(1_000, 10, BACKWARDS, Verdict::Rebased(Rebase::Fallen));
    let state = bench.state();
    assert_eq!((state.generation, state.raw.0, state.total.0), (2, 1_000, 0));
    bench.case(3_000, 80, Verdict::Pending);
    bench.case(3_000, 90, counted(2_000));
}

#[test]
fn samples_that_disagree_never_rebase() {
    let mut bench = Bench::at(5_000_000);
    for second in 0..50_u64 {
        let raw = if second % 2 == 0 { 1_000 } else { 9_000_000_000 };
        let verdict = bench.gate.observe(sample(raw, at(10_000 + second * 10_000)));
        assert!(matches!(verdict, Verdict::Quarantined(_)));
    }
    assert_eq!(bench.state().raw, MilliwattHours(5_000_000));
}

#[test]
fn a_counter_that_comes_back_after_it_was_given_up_has_not_used_the_difference() {
    let mut bench = Bench::at(5_000_000);
    bench.insist(4_900_000, 600, BACKWARDS, Verdict::Rebased(Rebase::Fallen));
    bench.case(4_910_000, 1_200, Verdict::Pending);
    bench.case(4_910_000, 1_210, counted(10_000));
    let mut bench = Bench::stored(bench.state());
    bench.case(5_030_000, 1_800, Verdict::Pending);
    bench.case(5_030_000, 1_810, counted(20_000));
    assert_eq!(bench.total(), 30_000, "what the old counter says was used since then");
}

#[test]
fn a_gap_of_three_hours_with_a_possible_rise_is_counted_and_told() {
    let mut bench = Bench::at(1_000_000);
    bench.case(4_000_000, 3 * 3_600, Verdict::Pending);
    bench.case(4_000_000, 3 * 3_600 + 10, counted(3_000_000));
    assert_eq!(bench.gate.close().unwrap().evidence.unobserved_ms, 3 * 3_600_000 - 1_000);
    assert_eq!(bench.gate.close().unwrap().evidence.unobserved_ms, 0, "told once");
}

#[test]
fn a_counter_that_rolls_over_loses_and_invents_nothing() {
    let modulus = Some(MilliwattHours(65_536_000));
    let near_end = || {
        let mut bench = Bench::with(MeterLimits { modulus, ..LIMITS }, None, 65_529_000);
        bench.case(65_530_000, 2, Verdict::Pending);
        bench.case(65_530_000, 3, counted(1_000));
        bench
    };
    let mut bench = near_end();
    for (step, raw) in [4_000, 5_000, 6_000, 7_000, 8_000, 9_000].into_iter().enumerate() {
        bench.case(raw, 10 + u64::try_from(step).unwrap() * 10, Verdict::Quarantined(BACKWARDS));
    }
    bench.case(10_000, 70, Verdict::RolledOver(MilliwattHours(15_000)));
    assert_eq!((bench.state().generation, bench.total()), (1, 16_000));
    let mut starting = near_end();
    starting.case(0, 10, Verdict::Quarantined(Suspicion::Zero));
    starting.case(0, 20, Verdict::Quarantined(Suspicion::Zero));
    starting.insist(4_000, 30, BACKWARDS, Verdict::RolledOver(MilliwattHours(10_000)));
    let mut too_early = Bench::with(MeterLimits { modulus, ..LIMITS }, None, 63_999_000);
    too_early.case(64_000_000, 2, Verdict::Pending);
    too_early.case(64_000_000, 3, counted(1_000));
    too_early.insist(4_000, 3_600, BACKWARDS, Verdict::Rebased(Rebase::Fallen));
    let mut elsewhere = Bench::with(MeterLimits { modulus, ..LIMITS }, None, 64_000_000);
    elsewhere.insist(4_000, 10, BACKWARDS, Verdict::Rebased(Rebase::Fallen));
    let mut never_counted = Bench::with(MeterLimits { modulus, ..LIMITS }, None, 65_535_000);
    never_counted.insist(4_000, 10, BACKWARDS, Verdict::Rebased(Rebase::Fallen));
    let mut too_far = near_end();
    too_far.insist(400_000, 10, BACKWARDS, Verdict::Rebased(Rebase::Fallen));
    let mut unknown = Bench::at(65_530_000);
    unknown.insist(4_000, 10, BACKWARDS, Verdict::Rebased(Rebase::Fallen));
}

#[test]
fn the_serial_number_tells_a_swap_from_a_reset() {
    let mut bench = Bench::with(LIMITS, Some(11), 5_000_000);
    bench.insist(1_000, 10, BACKWARDS, Verdict::Rebased(Rebase::Reset));
    bench.serial = Some(12);
    bench.insist(2_000, 80, Suspicion::OtherMeter, Verdict::Rebased(Rebase::Swapped));
    let state = bench.state();
    assert_eq!((state.generation, state.evidence.serial, state.total.0), (3, Some(12), 0));
    bench.serial = Some(13);
    bench.case(2_000, 150, Verdict::Quarantined(Suspicion::OtherMeter));
    bench.serial = Some(12);
    bench.case(3_000, 160, Verdict::Pending);
    bench.case(3_000, 170, counted(1_000));
}

#[test]
fn one_misread_serial_number_ends_no_meter() {
    let mut bench = Bench::with(LIMITS, Some(11), 5_000_000);
    bench.serial = Some(12);
    bench.case(5_001_000, 10, Verdict::Quarantined(Suspicion::OtherMeter));
    bench.serial = None;
    for step in 2..20 {
        bench.case(5_001_000, step * 10, Verdict::Quarantined(Suspicion::OtherMeter));
    }
    bench.serial = Some(11);
    bench.case(5_001_000, 200, Verdict::Pending);
    bench.case(5_001_000, 210, counted(1_000));
}

#[test]
fn a_volatile_counter_is_expected_at_zero() {
    let mut bench = Bench::with(MeterLimits { volatile: true, ..LIMITS }, None, 5_000_000);
    bench.case(0, 10, Verdict::Quarantined(Suspicion::Zero));
    bench.case(0, 20, Verdict::Quarantined(Suspicion::Zero));
    bench.insist(1_000, 30, BACKWARDS, Verdict::Rebased(Rebase::PowerLost));
    assert_eq!(bench.total(), 0);
}

#[test]
fn a_wall_clock_that_jumps_neither_lets_energy_through_nor_holds_it_back() {
    for wall in [0, 9_000_000_000_000] {
        let jumped = |second: u64| Stamp { wall: UnixMillis(wall + second * 1_000), ..at(second * 1_000) };
        let mut bench = Bench::at(5_000_000);
        bench.read(5_001_000, jumped(10), Verdict::Pending);
        bench.read(5_001_000, jumped(20), counted(1_000));
        bench.read(9_000_000, jumped(30), Verdict::Quarantined(TOO_FAST));
        assert_eq!(bench.state().evidence.read, at(10_000), "the time since the clock was right is known");
    }
}

#[test]
fn energy_over_a_restart_waits_until_the_clock_is_set() {
    let later = |ms: u64, trusted| Stamp {
        wall: UnixMillis(if trusted { at(3_600_000 + ms).wall.0 } else { ms }),
        trusted,
        boot: 8,
        monotonic_ms: ms,
    };
    let stored = Bench::at(5_000_000).state();
    let mut bench = Bench::stored(stored);
    bench.read(7_000_000, later(20_000, false), Verdict::Quarantined(TIME_UNKNOWN));
    bench.read(7_010_000, later(900_000, false), Verdict::Quarantined(TIME_UNKNOWN));
    bench.read(7_020_000, later(910_000, true), Verdict::Pending);
    bench.read(7_020_000, later(920_000, true), counted(2_020_000));
    let mut small = Bench::stored(stored);
    small.read(5_080_000, later(20_000, false), Verdict::Pending);
    small.read(5_080_000, later(30_000, false), counted(80_000));
    let mut impossible = Bench::stored(stored);
    impossible.read(90_000_000, later(20_000, false), Verdict::Quarantined(TIME_UNKNOWN));
    impossible.read(90_000_000, later(900_000, true), Verdict::Quarantined(TOO_FAST));
    let mut never = Bench::stored(stored);
    for second in 2..361 {
        never.read(7_000_000 + second * 1_000, later(second * 10_000, false), Verdict::Quarantined(TIME_UNKNOWN));
    }
    never.read(7_400_000, later(3_620_000, false), Verdict::Rebased(Rebase::TimeUnknown));
    assert_eq!(never.total(), 358_000, "what was counted while waiting is known");
}

#[test]
fn a_float_counter_may_step_as_coarsely_as_it_has_become() {
    let mut bench = Bench::at(200_000_000_000);
    let coarse = |raw, second: u64| Sample { quantum: MilliwattHours(1_000_000), ..sample(raw, at(second * 1_000)) };
    assert_eq!(bench.gate.observe(coarse(200_001_000_000, 10)), Verdict::Pending);
    assert_eq!(bench.gate.observe(coarse(200_001_000_000, 20)), counted(1_000_000));
}
