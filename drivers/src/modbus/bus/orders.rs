//! What a bus does for its owner between two rounds.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::super::fault::LinkFault;
use super::super::orders::{Order, OrderFault, Setting};
use super::super::request::Put;
use super::{Bus, Seat};
use crate::profiles::{Point, SetPoint, decode};
use crate::reading::Quantity;

/// A set point that the device forgets unless it is written again.
pub(super) struct Kept {
    quantity: Quantity,
    put: Put,
    every: Duration,
    due: Instant,
    /// Why it could not be written again.
    fault: Option<String>,
}

impl Bus {
    /// Fulfils one wish, or lets it wait for the device's next round.
    pub(super) async fn obey(&mut self, order: Order) {
        match order {
            Order::Look { unit, answer } => match self.seat(unit) {
                Ok(seat) => {
                    seat.looks.push(answer);
                    seat.due = Instant::now();
                }
                Err(fault) => drop(answer.send(Err(fault))),
            },
            Order::Release { unit, quantity, answer } => {
                drop(answer.send(self.seat(unit).map(|seat| seat.kept.retain(|kept| kept.quantity != quantity))));
            }
            Order::Set { unit, quantity, milli, answer } => {
                // Who no longer waits may not know what was done.
                if !answer.is_closed() {
                    let outcome = self.set(unit, quantity, milli).await;
                    drop(answer.send(outcome));
                }
            }
        }
    }

    /// Writes again what devices would forget.
    pub(super) async fn renew(&mut self, now: Instant) {
        let Bus { link, seats, .. } = self;
        for seat in seats.iter_mut().filter(|seat| !seat.silent) {
            let wait = seat.station.patience.wait();
            for kept in seat.kept.iter_mut().filter(|kept| kept.due <= now) {
                let outcome = link.write(kept.put, wait).await;
                // A refusal or a missing answer does not end it: without it the device does something else. What fails
                // again and again takes a tenth of the line's time at most.
                let again = (kept.every / RETRIES).max(wait * WAITS_BETWEEN);
                kept.due = now + if outcome.is_ok() { kept.every } else { again };
                kept.fault = outcome.err().map(|fault| fault.to_string());
            }
        }
    }

    /// When something is to be written again.
    pub(super) fn renewal_due(&self) -> Option<Instant> {
        self.seats.iter().filter(|seat| !seat.silent).flat_map(|seat| &seat.kept).map(|kept| kept.due).min()
    }

    async fn set(&mut self, unit: u8, quantity: Quantity, milli: i64) -> Result<Setting, OrderFault> {
        let seat = self.seat(unit)?;
        // What a device is, and whether its adapter echoes, is known from its rounds.
        if seat.silent || seat.heard.borrow().number == 0 {
            let fault = seat.heard.borrow().fault.clone();
            return Err(OrderFault::NotReady(fault.unwrap_or_else(|| "it has not been read yet".to_owned())));
        }
        let set_points = seat.station.profile().map_or(&[][..], |profile| &profile.set_points);
        let Some(set_point) = set_points.iter().find(|set_point| set_point.point.quantity == quantity).cloned() else {
            let known = set_points.iter().map(|set_point| set_point.point.quantity).collect();
            return Err(OrderFault::NoSetPoint { quantity, known });
        };
        let words = set_point.encode(milli)?;
        let put = Put::new(unit, &set_point, &words);
        let outcome = self.write(put, &set_point, &words).await;
        let renewed_every = set_point.refresh_s.map(|seconds| Duration::from_secs(u64::from(seconds)) / 2);
        if matches!(outcome, Ok(()) | Err(OrderFault::Unclear { .. } | OrderFault::NotTaken { .. }))
            && let Ok(seat) = self.seat(unit)
        {
            // What was wished before is over, whatever became of the new wish.
            seat.kept.retain(|kept| kept.quantity != quantity);
            if let (Some(every), false) = (renewed_every, matches!(outcome, Err(OrderFault::NotTaken { .. }))) {
                let due = Instant::now() + if outcome.is_ok() { every } else { every / RETRIES };
                seat.kept.push(Kept { quantity, put, every, due, fault: None });
            }
        }
        match outcome {
            Ok(()) => {
                let milli = decode(&set_point.point, &words).unwrap_or(milli);
                Ok(Setting { quantity, milli, read_back: set_point.readable, renewed_every })
            }
            Err(OrderFault::Unclear { fault, .. }) => Err(OrderFault::Unclear { fault, renewed_every }),
            Err(fault) => Err(fault),
        }
    }

    /// The value is absolute, so that writing it twice does no more than writing it once.
    async fn write(&mut self, put: Put, set_point: &SetPoint, words: &[u16]) -> Result<(), OrderFault> {
        // Once the device may have taken it, no later answer proves that it did not.
        let mut unclear: Option<LinkFault> = None;
        for _ in 0..WRITES_MAX {
            let confirmed = match (self.link.write(put, self.patience(put)).await, &unclear) {
                (Ok(_), _) => true,
                (Err(LinkFault::Exception(code)), None) if is_refusal(code) => return Err(OrderFault::Refused(code)),
                (Err(fault @ (LinkFault::NotOpened { .. } | LinkFault::Busy)), None) => {
                    return Err(OrderFault::NotReady(fault.to_string()));
                }
                (Err(fault), _) => {
                    unclear = Some(fault);
                    false
                }
            };
            if !set_point.readable {
                if confirmed {
                    return Ok(());
                }
                continue;
            }
            match self.read_back(put, &set_point.point, words).await {
                Ok(Found::Taken) => return Ok(()),
                Ok(Found::Instead(milli)) if confirmed => {
                    return Err(OrderFault::NotTaken { quantity: set_point.point.quantity, milli });
                }
                Ok(Found::Instead(_)) => {}
                Err(fault) => unclear = Some(fault),
            }
        }
        // Each way through the loop that does not end it leaves a fault.
        Err(OrderFault::Unclear { fault: unclear.unwrap_or(LinkFault::Closed), renewed_every: None })
    }

    /// What the device has; some take a moment.
    async fn read_back(&mut self, put: Put, point: &Point, words: &[u16]) -> Result<Found, LinkFault> {
        let (wanted, mut read, mut found) = (decode(point, words), Vec::new(), None);
        for pause in READ_BACK_PAUSES_MS {
            sleep(Duration::from_millis(pause)).await;
            self.link.read(put.read_back(), self.patience(put), &mut read).await?;
            let now = decode(point, &read);
            if now == wanted {
                return Ok(Found::Taken);
            }
            found = now.ok();
        }
        Ok(Found::Instead(found))
    }

    fn patience(&self, put: Put) -> Duration {
        let seat = self.seats.iter().find(|seat| seat.station.device.unit == put.unit());
        seat.map_or(Duration::from_secs(1), |seat| seat.station.patience.wait())
    }

    fn seat(&mut self, unit: u8) -> Result<&mut Seat, OrderFault> {
        let seat = self.seats.iter_mut().find(|seat| seat.station.device.unit == unit);
        seat.ok_or_else(|| OrderFault::NotReady("it is not on this line".to_owned()))
    }
}

impl Seat {
    /// What the device would forget and is not told again, in one sentence.
    pub(super) fn renewal_fault(&self) -> Option<String> {
        let failed =
            |kept: &Kept| Some(format!("its {} could not be renewed: {}", kept.quantity, kept.fault.as_ref()?));
        match self.kept.first() {
            Some(kept) if self.silent => {
                Some(format!("its {} cannot be renewed while it does not answer", kept.quantity))
            }
            _ => self.kept.iter().find_map(failed),
        }
    }
}

/// What was read back.
enum Found {
    Taken,
    /// This value in its place; `None` where it is no number.
    Instead(Option<i64>),
}

/// Whether an exception says that nothing was tried. 4 and 8 come from what was tried, 5 and 6 from a device that is at
/// work, and what gateways say is about the line behind them.
fn is_refusal(code: u8) -> bool {
    !matches!(code, 4 | 5 | 6 | 8 | 0x0A | 0x0B)
}

const WRITES_MAX: u32 = 2;
/// The first look is at once; inverters and chargers take over a value within a second or two.
const READ_BACK_PAUSES_MS: [u64; 5] = [0, 100, 300, 600, 1_000];
/// After a failure a renewal is tried so many times before the device forgets.
const RETRIES: u32 = 3;
/// So many waits pass between two renewals that fail.
const WAITS_BETWEEN: u32 = 10;

#[cfg(test)]
mod tests;
