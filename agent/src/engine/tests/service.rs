//! A Lightning service as a plain state machine: slow, forgetful, and as dishonest as its character says.

use std::collections::BTreeMap;

use super::super::{Direction, Found, Listed, PayOutcome};
use super::random::Random;
use super::world::{DAY, HOUR, MINUTE, Made, SECOND};
use crate::domain::invoice::PaymentHash;
use crate::domain::money::{Msat, UnixMillis};

/// How often things go wrong, in percent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Character {
    /// Payments that fail.
    pub fails: u64,
    /// Failures that are settled later all the same.
    pub lies: u64,
    /// Requests and answers that get lost.
    pub loses: u64,
    /// Connections that are never made.
    pub closed: u64,
    /// Payments that hang for hours or days.
    pub hangs: u64,
    /// Reports that come again, sometimes much later.
    pub repeats: u64,
}

#[derive(Default)]
pub(super) struct Service {
    payments: BTreeMap<PaymentHash, Payment>,
    /// How many more failures it may take back.
    pub lies_left: u64,
    /// Every settlement in order; the same hash never twice.
    pub settled: Vec<PaymentHash>,
    settled_at: Vec<UnixMillis>,
}

/// What the wallet holds when its story begins.
pub(super) const BALANCE: Msat = Msat(20_000_000);
const FEE: Msat = Msat(321);

struct Payment {
    stage: Stage,
    visible_from: UnixMillis,
    made: Made,
    plans: Vec<(UnixMillis, Stage)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Moving,
    Failed,
    Settled,
}

impl Service {
    /// Takes an invoice to pay. `None` when the answer gets lost, whatever it was.
    pub(super) fn pay(
        &mut self,
        made: &Made,
        expires: UnixMillis,
        now: UnixMillis,
        character: Character,
        random: &mut Random,
    ) -> Option<PayOutcome> {
        if random.chance(character.closed) {
            return Some(PayOutcome::NotSent("connection refused".to_owned()));
        }
        let silent = random.chance(character.loses);
        if silent && random.chance(50) {
            return self.lost(random); // The request itself never arrived.
        }
        if self.payments.get(&made.hash).is_some_and(|known| known.stage != Stage::Failed) {
            return Some(PayOutcome::AlreadyKnown);
        }
        self.begin(made, expires, now, character, random);
        if silent {
            return self.lost(random);
        }
        match random.below(4) {
            0 => Some(self.tell(made.hash, now.plus(20 * SECOND))),
            _ => Some(PayOutcome::InFlight),
        }
    }

    /// What it says of `hash` when asked.
    pub(super) fn look_up(
        &mut self,
        hash: PaymentHash,
        now: UnixMillis,
        character: Character,
        random: &mut Random,
    ) -> Option<Found> {
        if random.chance(character.loses) {
            return random.chance(50).then(|| Found::Unavailable("the service is busy".to_owned()));
        }
        match self.payments.get(&hash) {
            Some(payment) if payment.visible_from <= now => Some(Found::Outcome(self.tell(hash, now))),
            _ => Some(Found::NotFound),
        }
    }

    /// When something ends next.
    pub(super) fn next(&self) -> Option<UnixMillis> {
        self.payments.values().flat_map(|payment| payment.plans.iter().map(|plan| plan.0)).min()
    }

    /// What ended by `now`, as reports.
    pub(super) fn reports(&mut self, now: UnixMillis) -> Vec<(PaymentHash, PayOutcome)> {
        let mut reports = Vec::new();
        for (hash, payment) in &mut self.payments {
            for stage in payment.due(now) {
                reports.push((*hash, payment.outcome(stage)));
                if payment.stage == Stage::Settled && !self.settled.contains(hash) {
                    self.settled.push(*hash);
                    self.settled_at.push(now);
                }
            }
        }
        reports
    }

    /// Its own history from `since` on.
    pub(super) fn history(&self, since: UnixMillis, random: &mut Random) -> Vec<Listed> {
        let settled = self.settled.iter().zip(&self.settled_at).filter(|(_, at)| **at >= since);
        settled
            .map(|(hash, at)| {
                let made = &self.payments[hash].made;
                let preimage = random.chance(50).then_some(made.preimage);
                let (direction, amount) = (Direction::Out, made.amount);
                Listed { direction, hash: *hash, amount, fee: Some(FEE), settled_at: Some(*at), preimage }
            })
            .collect()
    }

    /// All that it holds now; what is on its way is not in it.
    pub(super) fn balance(&self) -> Msat {
        let spent = |hash: &PaymentHash| self.payments[hash].made.amount.0 + FEE.0;
        let gone = self.payments.iter().filter(|(_, payment)| payment.stage != Stage::Failed);
        Msat(BALANCE.0 - gone.map(|(hash, _)| spent(hash)).sum::<u64>())
    }

    fn begin(&mut self, made: &Made, expires: UnixMillis, now: UnixMillis, character: Character, random: &mut Random) {
        let hangs = random.chance(character.hangs);
        let takes = if hangs { random.below(2 * DAY) } else { SECOND + random.below(30 * SECOND) };
        let end = now.plus(takes);
        let fails = random.chance(character.fails) || now >= expires;
        let lag = if random.chance(10) { random.below(30 * SECOND) } else { 0 };
        let payment = self.payments.entry(made.hash).or_insert_with(|| Payment {
            stage: Stage::Moving,
            visible_from: now.plus(lag),
            made: made.clone(),
            plans: Vec::new(),
        });
        payment.stage = Stage::Moving;
        payment.plans.push((end, if fails { Stage::Failed } else { Stage::Settled }));
        if fails && now < expires && self.lies_left > 0 && random.chance(character.lies) {
            self.lies_left -= 1;
            payment.plans.push((end.plus(MINUTE + random.below(6 * HOUR)), Stage::Settled));
        }
    }

    /// An answer as of `now`: what happens until then happens now.
    fn tell(&mut self, hash: PaymentHash, now: UnixMillis) -> PayOutcome {
        let Some(payment) = self.payments.get_mut(&hash) else {
            return PayOutcome::InFlight;
        };
        payment.due(now);
        if payment.stage == Stage::Settled && !self.settled.contains(&hash) {
            self.settled.push(hash);
            self.settled_at.push(now);
        }
        payment.outcome(payment.stage)
    }

    fn lost(&self, random: &mut Random) -> Option<PayOutcome> {
        random.chance(50).then(|| PayOutcome::Unknown("the connection broke".to_owned()))
    }
}

impl Payment {
    /// Carries out what was planned until `now`. A settled payment stays settled, whatever is reported later.
    fn due(&mut self, now: UnixMillis) -> Vec<Stage> {
        self.plans.sort_by_key(|plan| plan.0);
        let count = self.plans.iter().take_while(|plan| plan.0 <= now).count();
        let stages: Vec<Stage> = self.plans.drain(..count).map(|plan| plan.1).collect();
        for stage in &stages {
            if self.stage != Stage::Settled {
                self.stage = *stage;
            }
        }
        stages
    }

    fn outcome(&self, stage: Stage) -> PayOutcome {
        match stage {
            Stage::Moving => PayOutcome::InFlight,
            Stage::Failed => PayOutcome::Failed("no route to the payee".to_owned()),
            Stage::Settled => PayOutcome::Paid { preimage: self.made.preimage, fee: Some(FEE) },
        }
    }
}
