#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A trace of `tests/vectors/pulses`: what is expected of it, by name, and its edges.
struct Trace {
    expected: BTreeMap<&'static str, i64>,
    edges: Vec<Edge>,
}

impl Trace {
    fn parse(text: &'static str) -> Trace {
        let lines = text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>();
        let (head, edges) = lines.split_at(lines.iter().position(|line| *line == "edges").unwrap());
        let expected = head.iter().map(|line| line.split_once(' ').unwrap());
        let expected = expected.map(|(name, value)| (name, value.parse().unwrap())).collect();
        let mut line_seqno = 0;
        let edges = edges[1..].iter().map(|line| {
            let numbers: Vec<u64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
            line_seqno = numbers.get(2).map_or(line_seqno + 1, |number| u32::try_from(*number).unwrap());
            Edge { at_ns: numbers[0] * 1_000, active: numbers[1] == 1, line_seqno }
        });
        Trace { edges: edges.collect(), expected }
    }

    fn rules(&self) -> PulseRules {
        PulseRules::s0(u32::try_from(self.expected["per_kwh"]).unwrap())
    }
}

fn counted(rules: PulseRules, edges: &[Edge]) -> PulseCounter {
    let mut counter = PulseCounter::new(rules);
    counter.opened(false);
    edges.iter().for_each(|edge| counter.edge(*edge));
    counter.quiet(rules.debounce);
    counter
}

/// Edges of pulses that are closed and open for so long in turn, numbered without a gap.
fn pulses(from_ms: u64, count: u64, on_ms: u64, off_ms: u64) -> Vec<Edge> {
    let at = |n: u64, off: u64| (from_ms + n * (on_ms + off_ms) + off) * 1_000_000;
    let edges = (0..count).flat_map(|n| [(at(n, 0), true), (at(n, on_ms), false)]);
    numbered(edges)
}

fn numbered(edges: impl IntoIterator<Item = (u64, bool)>) -> Vec<Edge> {
    let edges = (1_u32..).zip(edges);
    edges.map(|(line_seqno, (at_ns, active))| Edge { at_ns, active, line_seqno }).collect()
}

#[test]
fn every_trace_is_counted_as_its_file_says() {
    #[track_caller]
    fn case(name: &str, text: &'static str) {
        let trace = Trace::parse(text);
        let counter = counted(trace.rules(), &trace.edges);
        let Tally { bounces, too_short, too_close, lost_edges, backwards } = counter.tally();
        let found = [
            ("pulses", counter.pulses()),
            ("bounces", bounces),
            ("too_short", too_short),
            ("too_close", too_close),
            ("lost_edges", lost_edges),
            ("backwards", backwards),
        ];
        for (what, found) in found {
            assert_eq!(i64::try_from(found).unwrap(), trace.expected[what], "{what} of {name}");
        }
        if let Some(watts) = trace.expected.get("power_w") {
            let found = counter.power().unwrap().0 / 1_000;
            assert!((found - watts).abs() <= watts / 500, "{found} W in {name}");
        }
        // Whatever the file says, no part of it counts more than whole.
        assert!(counter.pulses() <= trace.edges.iter().filter(|edge| edge.active).count() as u64);
    }
    macro_rules! trace {
        ($name:literal) => {
            case($name, include_str!(concat!("../../../../tests/vectors/pulses/", $name)))
        };
    }
    trace!("clean_s0");
    trace!("reed_contact");
    trace!("lost_edges");
    trace!("glitches");
    trace!("clock_step");
    trace!("rate_at_the_limit");
}

#[test]
fn what_a_pulse_leaves_over_is_carried() {
    #[track_caller]
    fn case(per_kwh: u32, pulses: u64, mwh: u64) {
        assert_eq!(PulseRules::s0(per_kwh).energy(pulses), MilliwattHours(mwh));
    }
    case(1_000, 1, 1_000);
    case(600, 1, 1_666);
    case(600, 2, 3_333);
    case(600, 3, 5_000);
    case(600, 600, 1_000_000);
    case(3, 2, 666_666);
    case(10_000, 10_000_000_000, 1_000_000_000_000);
    case(7, u64::MAX, u64::MAX);
}

#[test]
fn power_follows_from_the_distance_of_pulses() {
    let rules = PulseRules::s0(1_000);
    assert_eq!(rules.power(3_600_000_000), Milliwatts(1_000_000));
    assert_eq!(rules.power(1_000_000_000), Milliwatts(3_600_000));
    assert_eq!(PulseRules::s0(1).power(1), Milliwatts(3_600_000_000_000_000_000));
    assert_eq!(PulseRules::s0(u32::MAX).power(u64::MAX), Milliwatts(0));
}

#[test]
fn power_is_known_from_the_second_pulse_falls_while_none_comes_and_ends_at_zero() {
    let mut counter = PulseCounter::new(PulseRules::s0(1_000));
    counter.opened(false);
    let edges = pulses(7_000, 2, 100, 900);
    edges[..2].iter().for_each(|edge| counter.edge(*edge));
    assert_eq!((counter.pulses(), counter.power()), (1, None));
    edges[2..].iter().for_each(|edge| counter.edge(*edge));
    assert_eq!((counter.pulses(), counter.power()), (2, Some(Milliwatts(3_600_000))));
    counter.quiet(Duration::from_millis(900));
    assert_eq!(counter.power(), Some(Milliwatts(3_600_000)), "until the next one is due, nothing has changed");
    counter.quiet(Duration::from_secs(1));
    assert_eq!(counter.power(), Some(Milliwatts(1_800_000)));
    counter.quiet(Duration::from_secs(98));
    assert_eq!(counter.power(), Some(Milliwatts(36_000)));
    counter.quiet(Duration::from_secs(259));
    assert_eq!(counter.power(), Some(Milliwatts(10_027)));
    counter.quiet(Duration::from_secs(1));
    assert_eq!(counter.power(), Some(Milliwatts(0)));
    // The first pulse after a pause says that there was power, and not how much.
    let late = |at_ms: u64, active, line_seqno| Edge { at_ns: at_ms * 1_000_000, active, line_seqno };
    counter.edge(late(2_000_000, true, 5));
    counter.edge(late(2_000_100, false, 6));
    assert_eq!((counter.pulses(), counter.power()), (3, Some(Milliwatts(1_807))));
}

#[test]
fn no_pulse_at_all_is_no_power_in_the_end() {
    let mut counter = PulseCounter::new(PulseRules::s0(1_000));
    counter.opened(false);
    counter.quiet(Duration::from_secs(359));
    assert_eq!(counter.power(), None);
    counter.quiet(Duration::from_secs(1));
    assert_eq!(counter.power(), Some(Milliwatts(0)));
}

#[test]
fn a_pulse_counts_as_soon_as_it_is_wide_enough_and_once() {
    let mut counter = PulseCounter::new(PulseRules::s0(1_000));
    counter.opened(false);
    assert_eq!(counter.pending(), None);
    let edges = pulses(1_000, 1, 5_000, 100);
    counter.edge(edges[0]);
    assert_eq!(counter.pending(), Some(Duration::from_millis(10)));
    counter.quiet(Duration::from_millis(10));
    assert_eq!((counter.pulses(), counter.pending()), (0, Some(Duration::from_millis(10))));
    counter.quiet(Duration::from_millis(10));
    assert_eq!((counter.pulses(), counter.pending()), (1, None));
    counter.quiet(Duration::from_secs(4));
    counter.edge(edges[1]);
    assert_eq!(counter.pending(), Some(Duration::from_millis(10)));
    counter.quiet(Duration::from_millis(10));
    assert_eq!((counter.pulses(), counter.pending(), counter.tally()), (1, None, Tally::default()));
}

#[test]
fn a_pulse_that_began_before_the_line_was_opened_is_not_counted() {
    let mut counter = PulseCounter::new(PulseRules::s0(1_000));
    counter.opened(true);
    counter.quiet(Duration::from_secs(1));
    let edges = numbered([(40, false), (140, true), (240, false)].map(|(ms, active)| (ms * 1_000_000, active)));
    edges.iter().for_each(|edge| counter.edge(*edge));
    assert_eq!((counter.pulses(), counter.tally()), (1, Tally::default()));
    // Opened again after a fault: numbers begin again, and the distance to before is no measure of power.
    counter.opened(false);
    pulses(60_000, 1, 100, 100).iter().for_each(|edge| counter.edge(*edge));
    assert_eq!((counter.pulses(), counter.power(), counter.tally()), (2, None, Tally::default()));
}

#[test]
fn the_level_read_after_opening_may_be_that_of_an_edge_still_to_come() {
    let mut counter = PulseCounter::new(PulseRules::s0(1_000));
    counter.opened(true);
    pulses(60_000, 1, 100, 100).iter().for_each(|edge| counter.edge(*edge));
    assert_eq!((counter.pulses(), counter.tally()), (1, Tally::default()));
}

#[test]
fn what_the_kernel_lost_before_its_first_report_is_told() {
    let mut edges = pulses(1_000, 2, 100, 100);
    edges.iter_mut().for_each(|edge| edge.line_seqno += 3);
    let counter = counted(PulseRules::s0(1_000), &edges);
    assert_eq!((counter.pulses(), counter.tally().lost_edges), (2, 3));
    // Two edges to the same level: one between them was never reported.
    let twice = numbered([(1_000_000_000, true), (1_100_000_000, true), (1_200_000_000, false)]);
    let counter = counted(PulseRules::s0(1_000), &twice);
    assert_eq!((counter.pulses(), counter.tally().lost_edges), (1, 1));
}

/// A true pulse: how long it is closed and open in all, and the bounces at its beginning and its end.
type Contact = (u64, u64, Vec<(u64, u64)>, Vec<(u64, u64)>);

/// Times in microseconds. Each part of a bounce is shorter than the debounce period of 10 ms, all of it than 40 ms; what
/// holds in between is longer than the least width.
fn contact() -> impl Strategy<Value = Contact> {
    let bounces = || prop::collection::vec((1_u64..9_999, 1_u64..9_999), 0..3);
    (20_000_u64..300_000, 80_000_u64..2_000_000, bounces(), bounces())
}

fn bounced(contacts: &[Contact]) -> Vec<Edge> {
    let mut edges = Vec::new();
    let mut at = 1_000_000;
    for (closed, open, closing, opening) in contacts {
        for (level, hold, bounces) in [(true, closed, closing), (false, open, opening)] {
            edges.push((at * 1_000, level));
            for (back, forth) in bounces {
                edges.push(((at + back) * 1_000, !level));
                edges.push(((at + back + forth) * 1_000, level));
                at += back + forth;
            }
            at += hold;
        }
    }
    numbered(edges)
}

proptest! {
    #[test]
    fn bounces_shorter_than_the_debounce_period_change_nothing(contacts in prop::collection::vec(contact(), 1..40)) {
        let edges = bounced(&contacts);
        let counter = counted(PulseRules::s0(1_000), &edges);
        let Tally { too_short, too_close, lost_edges, backwards, .. } = counter.tally();
        prop_assert_eq!(counter.pulses(), contacts.len() as u64);
        prop_assert_eq!((too_short, too_close, lost_edges, backwards), (0, 0, 0, 0));
    }

    #[test]
    fn reading_in_between_changes_nothing(contacts in prop::collection::vec(contact(), 1..20), part in 0_u64..100) {
        let edges = bounced(&contacts);
        let mut counter = PulseCounter::new(PulseRules::s0(1_000));
        counter.opened(false);
        for (edge, next) in edges.iter().zip(edges.iter().skip(1)) {
            counter.edge(*edge);
            counter.quiet(Duration::from_nanos((next.at_ns - edge.at_ns) * part / 100));
        }
        counter.edge(*edges.last().unwrap());
        counter.quiet(Duration::from_millis(100));
        prop_assert_eq!(counter.pulses(), contacts.len() as u64);
    }

    #[test]
    fn edges_that_were_lost_are_all_told_and_never_add_a_pulse(
        contacts in prop::collection::vec(contact(), 1..40),
        kept in prop::collection::vec(prop::bool::weighted(0.8), 400),
    ) {
        let edges = bounced(&contacts);
        let left: Vec<Edge> = edges.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(edge, _)| *edge).collect();
        let counter = counted(PulseRules::s0(1_000), &left);
        let told = counter.tally().lost_edges;
        let gone = left.last().map_or(0, |last| u64::from(last.line_seqno) - left.len() as u64);
        prop_assert_eq!(told, gone);
        prop_assert!(counter.pulses() <= contacts.len() as u64);
    }

    #[test]
    fn whatever_comes_no_more_is_counted_than_edges_came_and_time_allows(
        edges in prop::collection::vec((any::<u32>(), any::<bool>(), 0_u32..4), 0..200),
    ) {
        let mut line_seqno = 0_u32;
        let edges: Vec<Edge> = edges
            .into_iter()
            .map(|(at_us, active, step)| {
                line_seqno += step;
                Edge { at_ns: u64::from(at_us) * 1_000, active, line_seqno }
            })
            .collect();
        let counter = counted(PulseRules::s0(1_000), &edges);
        prop_assert!(counter.pulses() <= edges.iter().filter(|edge| edge.active).count() as u64);
        let _ = (counter.power(), counter.pending());
    }
}
