//! One device on a bus: which of its values are due, which requests read them, and what its answers come to.

use std::sync::Arc;
use std::time::Duration;

use super::fault::RoundFault;
use super::frame::{Ask, Framing};
use super::planner::{Learned, Span, Splits, covers, plan};
use super::sunspec::{Walk, WalkFault};
use super::timing::Patience;
use crate::profiles::{Part, Point, Poll, Profile, SetPoint, ValueFault, decode};
use crate::reading::{Measure, Quantity, Raw, Reading};

/// A device, as it is to be read.
#[derive(Debug, Clone)]
pub struct Device {
    /// Its number on the line.
    pub unit: u8,
    /// What it is.
    pub model: Model,
    /// From one round to the next.
    pub period: Duration,
    /// The longest it may take to answer, without the time of the bytes on the wire.
    pub answer_max: Duration,
}

/// What a device is.
#[derive(Debug, Clone, PartialEq)]
pub enum Model {
    /// One with a profile.
    Known(Arc<Profile>),
    /// One that says itself what it measures.
    SunSpec,
}

/// The values of one round.
#[derive(Debug, Clone, Default)]
pub struct Round {
    /// What was read, in the order of the profile; values that are read more seldom are in some rounds only.
    pub readings: Vec<Reading>,
    /// What the device could not or would not give.
    pub missing: Vec<ValueFault>,
    /// What the device has where it can be set; in rounds on demand only.
    pub settings: Vec<Reading>,
}

/// What is remembered of a device between two of its requests.
pub(super) struct Station {
    pub(super) device: Device,
    pub(super) patience: Patience,
    profile: Option<Arc<Profile>>,
    /// Looks for the models of a device that has to say itself what it is.
    walk: Walk,
    framing: Framing,
    splits: Splits,
    /// The splits of the device with this number, as they were at the end of the last round.
    learned: Option<Arc<Learned>>,
    refused: Vec<(Part, u8)>,
    rounds: u64,
    plans: [Plan; 4],
    answers: Answers,
}

/// The requests of one kind of round.
#[derive(Default)]
struct Plan {
    wanted: Vec<Part>,
    spans: Vec<Span>,
}

/// What came in during the present round.
#[derive(Default)]
struct Answers {
    /// Which plan is followed.
    kind: usize,
    /// Registers of the spans answered so far, one after the other.
    words: Vec<u16>,
    /// For each of them where its registers begin.
    begins: Vec<usize>,
}

impl Station {
    pub(super) fn new(device: Device, framing: Framing) -> Self {
        let profile = device.model.profile();
        let floor = profile.as_ref().and_then(|profile| profile.link.answer_timeout_min_ms);
        let floor = floor.map_or(FLOOR, |ms| Duration::from_millis(u64::from(ms)));
        let patience = Patience::new(floor, device.answer_max.max(floor));
        let mut station = Self {
            device,
            patience,
            profile,
            walk: Walk::default(),
            framing,
            splits: Splits::default(),
            learned: None,
            refused: Vec::new(),
            rounds: 0,
            plans: Default::default(),
            answers: Answers::default(),
        };
        station.plan();
        station
    }

    /// What it is, as far as that is known.
    pub(super) fn profile(&self) -> Option<&Arc<Profile>> {
        self.profile.as_ref()
    }

    /// What it taught before; forgotten when another device is found in its place.
    pub(super) fn teach(&mut self, learned: Learned) {
        self.splits = learned.splits.clone();
        self.learned = Some(Arc::new(learned));
        self.plan();
    }

    /// What it has taught, where it has a number to know it by.
    pub(super) fn learned(&self) -> Option<&Arc<Learned>> {
        self.learned.as_ref()
    }

    /// The request that comes next in this round.
    pub(super) fn ask(&self) -> Option<Ask> {
        if self.profile.is_none() {
            let part = self.walk.next()?;
            return Some(Ask {
                unit: self.device.unit,
                space: part.space,
                address: part.address,
                quantity: part.count,
            });
        }
        let span = self.plans.get(self.answers.kind)?.spans.get(self.answers.begins.len())?;
        Some(span.ask(self.device.unit))
    }

    /// Begins a round: what is slow is asked for in some rounds only, what never changes once in a long while.
    pub(super) fn begin(&mut self) {
        let every = |wait: Duration| {
            let rounds = wait.as_millis() / self.device.period.as_millis().max(1);
            self.rounds.is_multiple_of(u64::try_from(rounds).unwrap_or(u64::MAX).max(1))
        };
        let kind = if every(STATIC_EVERY) { ALL } else { usize::from(every(SLOW_EVERY)) };
        self.begin_kind(kind);
    }

    /// Begins a round that asks for what is on demand too, and for what was set.
    pub(super) fn begin_everything(&mut self) {
        self.begin_kind(ON_DEMAND);
    }

    /// Begins a round that asks for all that rounds ask for.
    pub(super) fn begin_all(&mut self) {
        self.begin_kind(ALL);
    }

    fn begin_kind(&mut self, kind: usize) {
        self.answers.kind = kind;
        if self.answers.kind >= ALL && !self.refused.is_empty() {
            // It may have another firmware by now.
            self.refused.clear();
            self.plan();
        }
        self.answers.words.clear();
        self.answers.begins.clear();
    }

    /// Takes the answer to [`Station::ask`]. `true` when the round is complete.
    pub(super) fn answered(&mut self, words: &[u16]) -> bool {
        if self.profile.is_none() {
            self.walk.answered(words);
            self.recognise();
            return self.ask().is_none();
        }
        self.answers.begins.push(self.answers.words.len());
        self.answers.words.extend_from_slice(words);
        self.ask().is_none()
    }

    /// The device refused [`Station::ask`] for good: it is asked in smaller pieces, or not for that value any more.
    /// The round begins again.
    pub(super) fn refused(&mut self, code: u8) {
        if self.profile.is_none() {
            self.walk.refused();
            self.recognise();
            return;
        }
        let plan = self.plans.get(self.answers.kind);
        let span = plan.and_then(|plan| Some((plan, *plan.spans.get(self.answers.begins.len())?)));
        if let Some((plan, span)) = span
            && !self.splits.split(&span, &plan.wanted)
        {
            let parts = plan.wanted.get(span.first..span.first + span.count).unwrap_or_default();
            self.refused.extend(parts.iter().map(|part| (*part, code)));
        }
        self.plan();
        self.answers.words.clear();
        self.answers.begins.clear();
    }

    /// Makes readings of a complete round.
    ///
    /// # Errors
    /// [`RoundFault`] where the counter is missing, or where nothing can be true yet.
    pub(super) fn finish(&mut self, round: &mut Round) -> Result<(), RoundFault> {
        round.readings.clear();
        round.missing.clear();
        round.settings.clear();
        let Some(profile) = self.profile.clone() else {
            // At the next round it is asked anew.
            let walk = std::mem::take(&mut self.walk);
            return Err(RoundFault::Unrecognised(walk.profile().err().unwrap_or(WalkFault::NoMark)));
        };
        self.rounds += 1;
        for point in &profile.points {
            let quantity = point.quantity;
            match self.words_of(point) {
                Words::NotAsked => {}
                Words::Refused(code) => round.missing.push(ValueFault::Refused { quantity, code }),
                Words::Got(raw) => match decode(point, &raw) {
                    Ok(milli) => round.readings.push(Reading { quantity, milli, raw }),
                    Err(fault) => round.missing.push(fault),
                },
            }
        }
        let on_demand = self.answers.kind >= ON_DEMAND;
        for SetPoint { point, .. } in profile.set_points.iter().filter(|set_point| on_demand && set_point.readable) {
            if let Words::Got(raw) = self.words_of(point)
                && let Ok(milli) = decode(point, &raw)
            {
                round.settings.push(Reading { quantity: point.quantity, milli, raw });
            }
        }
        profile.complete(&mut round.readings, &mut round.missing);
        let counter = round.missing.iter().find(|fault| Some(fault.quantity()) == profile.billed);
        if let Some(fault) = counter.copied() {
            // Without it there is nothing to read the device for: all of it is asked for again.
            self.refused.clear();
            self.plan();
            return Err(RoundFault::Value(fault));
        }
        if only_zeros(&round.readings) {
            return Err(RoundFault::AllZero);
        }
        self.learn(&round.readings);
        Ok(())
    }

    /// Keeps the splits with the number of the device, and drops those of another one.
    fn learn(&mut self, readings: &[Reading]) {
        let number = readings.iter().find(|reading| reading.quantity == Quantity::SERIAL_NUMBER);
        let Some(serial_number) = number.map(|reading| reading.milli).filter(|number| *number > 0) else { return };
        if self.learned.as_ref().is_some_and(|learned| learned.serial_number != serial_number) {
            self.splits = Splits::default();
            self.plan();
        }
        let is_known =
            |learned: &Arc<Learned>| (learned.serial_number, &learned.splits) == (serial_number, &self.splits);
        if !self.learned.as_ref().is_some_and(is_known) {
            self.learned = Some(Arc::new(Learned { serial_number, splits: self.splits.clone() }));
        }
    }

    fn words_of(&self, point: &Point) -> Words {
        let mut raw = Raw::new();
        for part in &point.parts {
            if let Some((_, code)) = self.refused.iter().find(|(refused, _)| covers(refused, part)) {
                return Words::Refused(*code);
            }
            let Some(words) = self.find(part) else { return Words::NotAsked };
            raw.extend_from_slice(words);
        }
        Words::Got(raw)
    }

    fn find(&self, part: &Part) -> Option<&[u16]> {
        let spans = self.plans.get(self.answers.kind)?.spans.iter().zip(&self.answers.begins);
        let (span, begin) = spans.into_iter().find(|(span, _)| span.holds(part))?;
        let from = begin + usize::from(part.address - span.address);
        self.answers.words.get(from..from + usize::from(part.count))
    }

    /// Once the walk is over the device has a profile, or is none that is known.
    fn recognise(&mut self) {
        if self.walk.next().is_none()
            && let Ok(profile) = self.walk.profile()
        {
            self.profile = Some(Arc::new(profile));
            self.plan();
        }
    }

    fn plan(&mut self) {
        let Some(profile) = self.profile.clone() else { return };
        for (kind, plan_of) in self.plans.iter_mut().enumerate() {
            let wanted = wanted(&profile, kind);
            plan_of.wanted =
                wanted.filter(|part| !self.refused.iter().any(|(refused, _)| covers(refused, part))).collect();
            plan_of.wanted.sort_unstable();
            plan_of.wanted.dedup();
            plan_of.spans = plan(&mut plan_of.wanted, &profile.limits, self.framing, &self.splits);
        }
    }
}

impl Model {
    /// The profile, where it is known before the device was asked.
    #[must_use]
    pub fn profile(&self) -> Option<Arc<Profile>> {
        match self {
            Self::Known(profile) => Some(Arc::clone(profile)),
            Self::SunSpec => None,
        }
    }
}

enum Words {
    /// Not in this round.
    NotAsked,
    Refused(u8),
    Got(Raw),
}

/// What rounds of `kind` ask for: the fast values and the counter in each, with what both are made of.
fn wanted(profile: &Profile, kind: usize) -> impl Iterator<Item = Part> + '_ {
    let billed = |point: &Point| {
        let parts_of = |computed: &&crate::profiles::Computed| Some(computed.quantity) == profile.billed;
        let made_of = |computed: &crate::profiles::Computed| {
            computed.plus.contains(&point.quantity) || computed.minus.contains(&point.quantity)
        };
        Some(point.quantity) == profile.billed || profile.computed.iter().find(parts_of).is_some_and(made_of)
    };
    let due = move |point: &&Point| {
        billed(point)
            || match point.poll {
                Poll::Fast => true,
                Poll::Slow => kind >= 1,
                Poll::Static => kind >= ALL,
                Poll::Now => kind >= ON_DEMAND,
            }
    };
    let settings = profile.set_points.iter().filter(|set_point| set_point.readable).map(|set_point| &set_point.point);
    let settings = settings.filter(move |_| kind >= ON_DEMAND);
    let points = profile.points.iter().filter(due).chain(settings);
    points.flat_map(|point| joined(point, profile.limits.registers_max))
}

/// The parts of a point as they are asked for: together wherever one request can hold them, so that a value and its scale,
/// or the two halves of a number, are of the same instant.
fn joined(point: &Point, registers_max: u16) -> Vec<Part> {
    let (Some(first), Some(end)) = (
        point.parts.iter().min(),
        point.parts.iter().map(|part| u32::from(part.address) + u32::from(part.count)).max(),
    ) else {
        return Vec::new();
    };
    let together = point.parts.iter().all(|part| part.space == first.space);
    match u16::try_from(end - u32::from(first.address)) {
        Ok(count) if together && count <= registers_max => vec![Part { count, ..*first }],
        _ => point.parts.clone(),
    }
}

/// A meter that measures has a voltage, so zeros throughout mean that it does not measure yet.
fn only_zeros(readings: &[Reading]) -> bool {
    let mut measured = readings.iter().filter(|reading| !reading.quantity.measure.is_plain());
    let voltage =
        readings.iter().any(|reading| matches!(reading.quantity.measure, Measure::Voltage | Measure::Frequency));
    voltage && measured.all(|reading| reading.milli == 0)
}

/// The kind of round that asks for all that rounds ask for; 0 asks for what is fast, 1 for what is slow too.
const ALL: usize = 2;
/// The kind of round that somebody wants to see now.
const ON_DEMAND: usize = 3;
const SLOW_EVERY: Duration = Duration::from_secs(30);
const STATIC_EVERY: Duration = Duration::from_secs(3_600);
/// Adapters and gateways alone may take this long.
const FLOOR: Duration = Duration::from_millis(300);
