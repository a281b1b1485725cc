//! One line and everything on it: one task, one request at a time, every device in its turn.
//!
//! A request is never given up half-way: whoever wants values waits for a round of the device instead. A device that does
//! not answer is asked again after the others had their turn, and then left alone for longer and longer, so that it costs
//! the others at most one wait each round.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::backoff::Backoff;
use super::counts::{Counts, Pauses};
use super::fault::{LinkFault, RoundFault};
use super::line::Line;
use super::link::Link;
use super::orders::{BusHandle, Order, OrderFault, orders};
use super::planner::Learned;
use super::share::{GATEWAY_PATH, GATEWAY_TARGET, Question, Share, share};
use super::station::{Device, Round, Station};
use crate::profiles::{self, Profile};

mod orders;

use orders::Kept;

/// A line with its devices, before its task runs.
pub struct Bus {
    link: Link,
    seats: Vec<Seat>,
    random: fn() -> u64,
    reopen: Reopen,
    handle: BusHandle,
    /// What the owner wants; never at its end, as `handle` is its other end.
    orders: mpsc::Receiver<Order>,
    share: Share,
    /// What other programs ask; never at its end, as `share` is its other end.
    questions: mpsc::Receiver<Question>,
}

/// What a device says, round by round.
#[derive(Debug)]
pub struct Meter {
    rounds: watch::Receiver<Heard>,
}

/// One round of a device.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// Rounds so far; 0 before the first.
    pub number: u64,
    /// When it ended; `None` before the first.
    pub at: Option<Instant>,
    /// Its values, or nothing that may be used where there is a fault.
    pub round: Round,
    /// Why there are no values, in one sentence.
    pub fault: Option<String>,
    /// What happened on the whole line so far.
    pub counts: Counts,
    /// What the device is, as far as that is known.
    pub profile: Option<Arc<Profile>>,
    /// What the device taught about itself.
    pub learned: Option<Arc<Learned>>,
    /// What the device would forget and could not be told again, in one sentence.
    pub renewal_fault: Option<String>,
}

struct Seat {
    station: Station,
    heard: watch::Sender<Heard>,
    backoff: Backoff,
    /// The device failed at its last round: it gets one try in the next.
    failing: bool,
    /// It did not answer at all, or its line is down.
    silent: bool,
    /// Its turn comes then.
    due: Instant,
    /// When the round under way began; `None` between two rounds.
    begun: Option<Instant>,
    tries: u32,
    /// Who waits for everything the device has.
    looks: Vec<oneshot::Sender<Result<Round, OrderFault>>>,
    /// The round under way is for them.
    looking: bool,
    /// What is written again and again.
    kept: Vec<Kept>,
}

/// When the line is to be opened again after it could not be.
struct Reopen {
    attempts: usize,
    at: Instant,
    fault: Option<String>,
}

impl Bus {
    /// A line and the devices on it. `random` gives any 64 bits, for waits that do not fall together.
    ///
    /// The line keeps the longest pause that any of its devices wants.
    #[must_use]
    pub fn new(line: Line, devices: Vec<Device>, random: fn() -> u64) -> (Bus, Vec<Meter>) {
        let known: Vec<_> = devices.iter().filter_map(|device| device.model.profile()).collect();
        let longest = |pause: fn(&profiles::Pauses) -> u32| {
            let pauses = known.iter().map(|profile| pause(&profile.link.pauses));
            Duration::from_millis(u64::from(pauses.max().unwrap_or(0)))
        };
        let pauses = Pauses {
            after_connect: longest(|pauses| pauses.after_connect_ms),
            between_requests: longest(|pauses| pauses.between_requests_ms),
            on_change_of_unit: longest(|pauses| pauses.unit_change_ms),
        };
        Self::on(Link::new(line, pauses), devices, random)
    }

    pub(super) fn on(link: Link, devices: Vec<Device>, random: fn() -> u64) -> (Bus, Vec<Meter>) {
        let (now, framing) = (Instant::now(), link.line().framing());
        let (seats, meters) = devices
            .into_iter()
            .map(|device| {
                let (heard, rounds) = watch::channel(Heard::default());
                let station = Station::new(device, framing);
                let seat = Seat {
                    station,
                    heard,
                    backoff: Backoff::default(),
                    failing: false,
                    silent: false,
                    due: now,
                    begun: None,
                    tries: 0,
                    looks: Vec::new(),
                    looking: false,
                    kept: Vec::new(),
                };
                (seat, Meter { rounds })
            })
            .unzip();
        let reopen = Reopen { attempts: 0, at: now, fault: None };
        let ((handle, orders), (share, questions)) = (orders(), share());
        (Bus { link, seats, random, reopen, handle, orders, share, questions }, meters)
    }

    /// Tells what the device with this number on the line taught before, so that it need not teach it again.
    pub fn teach(&mut self, unit: u8, learned: Learned) {
        if let Some(seat) = self.seats.iter_mut().find(|seat| seat.station.device.unit == unit) {
            seat.station.teach(learned);
        }
    }

    /// The owner's way in.
    #[must_use]
    pub fn handle(&self) -> BusHandle {
        self.handle.clone()
    }

    /// The way in for other programs.
    #[must_use]
    pub fn share(&self) -> Share {
        self.share.clone()
    }

    /// Reads the devices until nobody listens to any of them, or the future is dropped between two requests.
    pub async fn run(mut self) {
        let (mut words, mut next) = (Vec::new(), 0);
        let (mut question, mut was_guest) = (None, false);
        while self.seats.iter().any(|seat| !seat.heard.is_closed()) {
            if let Ok(order) = self.orders.try_recv() {
                self.obey(order).await;
            }
            let now = Instant::now();
            self.renew(now).await;
            question = question.or_else(|| self.questions.try_recv().ok());
            match (self.due(next, now), question.take()) {
                // After a guest comes one of our own, if it is due.
                (Some(place), waiting) if waiting.is_none() || was_guest => {
                    (question, was_guest) = (waiting, false);
                    next = place + 1;
                    self.serve(place, now, &mut words).await;
                }
                (_, Some(asked)) => {
                    was_guest = true;
                    self.answer(asked, now, &mut words).await;
                }
                (_, None) => {
                    let dues = self.seats.iter().map(|seat| seat.due).chain(self.renewal_due());
                    let first = dues.min().unwrap_or(now).min(now + LOOK_EVERY);
                    tokio::select! {
                        asked = self.questions.recv() => question = asked,
                        order = self.orders.recv() => if let Some(order) = order { self.obey(order).await },
                        () = sleep_until(first) => {}
                    }
                }
            }
        }
    }

    /// The first device from `next` on, round and round, whose turn has come.
    fn due(&self, next: usize, now: Instant) -> Option<usize> {
        let places = (0..self.seats.len()).map(|step| (next + step) % self.seats.len());
        places.into_iter().find(|place| self.seats.get(*place).is_some_and(|seat| seat.due <= now))
    }

    /// One request of a device, or the word that its line is down.
    async fn serve(&mut self, place: usize, now: Instant, words: &mut Vec<u16>) {
        let Bus { link, seats, random, reopen, .. } = self;
        let Some(seat) = seats.get_mut(place) else { return };
        if let Some(fault) = reopen.fault.as_ref().filter(|_| now < reopen.at) {
            let (fault, wait) = (fault.clone(), reopen.at);
            return seat.fail(fault, wait, link.counts());
        }
        if seat.begun.is_none() {
            seat.begun = Some(now);
            seat.tries = 0;
            seat.looking = !seat.looks.is_empty();
            if seat.looking { seat.station.begin_everything() } else { seat.station.begin() }
        }
        let Some(ask) = seat.station.ask() else { return seat.end(link.counts(), random) };
        match link.read(ask, seat.station.patience.wait(), words).await {
            Ok(latency) => {
                reopen.worked();
                seat.tries = 0;
                seat.station.patience.answered(latency);
                if seat.station.answered(words) {
                    seat.end(link.counts(), random);
                }
            }
            Err(LinkFault::NotOpened { line, cause }) => {
                let fault = LinkFault::NotOpened { line, cause }.to_string();
                let wait = reopen.failed(&fault, random());
                seat.fail(fault, wait, link.counts());
            }
            Err(fault) => {
                if !matches!(fault, LinkFault::Closed) {
                    reopen.worked();
                }
                seat.on_fault(&fault, link.counts(), random);
            }
        }
    }

    /// One request of another program: only devices that are read here, and none that fails just now.
    async fn answer(&mut self, Question { ask, answer }: Question, now: Instant, words: &mut Vec<u16>) {
        let Bus { link, seats, random, reopen, .. } = self;
        let seat = seats.iter().find(|seat| seat.station.device.unit == ask.unit && !seat.failing);
        let outcome = match seat {
            _ if answer.is_closed() => return,
            _ if reopen.fault.is_some() && now < reopen.at => Err(GATEWAY_PATH),
            None => Err(GATEWAY_TARGET),
            Some(seat) => match link.read(ask, seat.station.patience.wait(), words).await {
                Ok(_) => Ok(words.clone()),
                Err(LinkFault::Exception(code)) => Err(code),
                Err(LinkFault::NotOpened { line, cause }) => {
                    reopen.failed(&LinkFault::NotOpened { line, cause }.to_string(), random());
                    Err(GATEWAY_PATH)
                }
                Err(_) => Err(GATEWAY_TARGET),
            },
        };
        // A client that left does not want it any more.
        let _ = answer.send(outcome);
    }
}

impl Seat {
    fn on_fault(&mut self, fault: &LinkFault, counts: Counts, random: &fn() -> u64) {
        match fault {
            LinkFault::Exception(code @ 1..=3) => return self.station.refused(*code),
            LinkFault::NoAnswer { .. } => self.station.patience.missed(),
            _ => {}
        }
        self.tries += 1;
        let tries_max = match fault {
            // The gateway has waited for the device already, and the line behind it is broken or is not.
            LinkFault::Exception(0x0A | 0x0B) => 1,
            _ if self.failing => 1,
            LinkFault::Exception(4 | 8) => 2,
            _ => TRIES_MAX,
        };
        if self.tries >= tries_max {
            let wait = Instant::now() + self.backoff.failed(random());
            self.fail(fault.to_string(), wait, counts);
        }
    }

    /// The round is over without values.
    fn fail(&mut self, fault: String, due: Instant, counts: Counts) {
        self.begun = None;
        (self.failing, self.silent) = (true, true);
        self.due = due;
        let renewal_fault = self.renewal_fault();
        for look in self.looks.drain(..) {
            // Who no longer waits needs no answer.
            let _ = look.send(Err(OrderFault::Round(fault.clone())));
        }
        self.heard.send_modify(|heard| {
            heard.number += 1;
            heard.at = Some(Instant::now());
            heard.round.readings.clear();
            heard.round.missing.clear();
            heard.fault = Some(fault);
            heard.counts = counts;
            heard.renewal_fault = renewal_fault;
        });
    }

    /// The round is complete.
    fn end(&mut self, counts: Counts, random: &fn() -> u64) {
        self.silent = false;
        let renewal_fault = self.renewal_fault();
        let (now, station) = (Instant::now(), &mut self.station);
        let mut fault = None;
        self.heard.send_modify(|heard| {
            fault = station.finish(&mut heard.round).err().map(|fault: RoundFault| fault.to_string());
            heard.number += 1;
            heard.at = Some(now);
            heard.fault.clone_from(&fault);
            heard.counts = counts;
            heard.profile = station.profile().cloned();
            heard.learned = station.learned().cloned();
            heard.renewal_fault = renewal_fault;
        });
        if self.looking {
            let round = self.heard.borrow().round.clone();
            for look in self.looks.drain(..) {
                let _ = look.send(match &fault {
                    Some(fault) => Err(OrderFault::Round(fault.clone())),
                    None => Ok(round.clone()),
                });
            }
        }
        let begun = self.begun.take().unwrap_or(now);
        self.failing = fault.is_some();
        self.due = match fault {
            Some(_) => now + self.backoff.failed(random()),
            None => {
                self.backoff.worked();
                // A round that took too long skips its turn rather than following itself at once.
                if self.looks.is_empty() { (begun + self.station.device.period).max(now) } else { now }
            }
        };
    }
}

impl Reopen {
    fn worked(&mut self) {
        (self.attempts, self.fault) = (0, None);
    }

    fn failed(&mut self, fault: &str, random: u64) -> Instant {
        let wait = REOPEN_S.get(self.attempts).copied().unwrap_or(REOPEN_LONGEST_S) * 1_000;
        self.attempts += 1;
        self.at = Instant::now() + Duration::from_millis(wait - random % (wait / 4));
        self.fault = Some(fault.to_owned());
        self.at
    }
}

impl Meter {
    /// The next round; `None` when the bus has ended.
    pub async fn next(&mut self) -> Option<Heard> {
        self.rounds.changed().await.ok()?;
        Some(self.rounds.borrow_and_update().clone())
    }
}

/// Requests of one round of a device that worked before.
const TRIES_MAX: u32 = 3;
/// Waits between two attempts to open a line.
const REOPEN_S: [u64; 5] = [1, 2, 5, 10, 30];
const REOPEN_LONGEST_S: u64 = 60;
/// Whether anybody still listens is looked at this often at least.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
