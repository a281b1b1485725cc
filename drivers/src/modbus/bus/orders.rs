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
}

impl Bus {
    /// Fulfils one wish, or lets it wait for the device's next round.
    pub(super) async fn obey(&mut self, order: Order) {
        let gone = || OrderFault::NotReady("it is not on this line".to_owned());
        match order {
            Order::Look { unit, answer } => match self.seat(unit) {
                Some(seat) => {
                    seat.looks.push(answer);
                    seat.due = Instant::now();
                }
                None => drop(answer.send(Err(gone()))),
            },
            Order::Release { unit, quantity, answer } => {
                let seat = self.seat(unit).ok_or_else(gone);
                drop(answer.send(seat.map(|seat| seat.kept.retain(|kept| kept.quantity != quantity))));
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
        for seat in seats.iter_mut().filter(|seat| !seat.failing) {
            let wait = seat.station.patience.wait();
            for kept in seat.kept.iter_mut().filter(|kept| kept.due <= now) {
                let outcome = link.write(kept.put, wait).await;
                // A refusal or a missing answer does not end it: without it the device does something else.
                kept.due = now + if outcome.is_ok() { kept.every } else { kept.every / 3 };
                let fault = outcome.err().map(|fault| format!("its {} could not be renewed: {fault}", kept.quantity));
                seat.renewal_fault = fault;
            }
        }
    }

    /// When something is to be written again.
    pub(super) fn renewal_due(&self) -> Option<Instant> {
        self.seats.iter().filter(|seat| !seat.failing).flat_map(|seat| &seat.kept).map(|kept| kept.due).min()
    }

    async fn set(&mut self, unit: u8, quantity: Quantity, milli: i64) -> Result<Setting, OrderFault> {
        let seat = self.seat(unit).ok_or_else(|| OrderFault::NotReady("it is not on this line".to_owned()))?;
        // What a device is, and whether its adapter echoes, is known from its rounds.
        if seat.failing || seat.heard.borrow().number == 0 {
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
        self.write(put, &set_point, &words).await?;
        let renewed_every = set_point.refresh_s.map(|seconds| Duration::from_secs(u64::from(seconds)) / 2);
        if let (Some(every), Some(seat)) = (renewed_every, self.seat(unit)) {
            seat.kept.retain(|kept| kept.quantity != quantity);
            seat.kept.push(Kept { quantity, put, every, due: Instant::now() + every });
            seat.renewal_fault = None;
        }
        let milli = decode(&set_point.point, &words).unwrap_or(milli);
        Ok(Setting { quantity, milli, read_back: set_point.readable, renewed_every })
    }

    /// The value is absolute, so that writing it twice does no more than writing it once.
    async fn write(&mut self, put: Put, set_point: &SetPoint, words: &[u16]) -> Result<(), OrderFault> {
        let mut unclear = None;
        for _ in 0..WRITES_MAX {
            unclear = match self.link.write(put, self.patience(put)).await {
                Ok(_) => None,
                Err(LinkFault::Exception(code @ (5 | 6 | 0x0A | 0x0B))) => Some(LinkFault::Exception(code)),
                Err(LinkFault::Exception(code)) => return Err(OrderFault::Refused(code)),
                Err(fault @ (LinkFault::NotOpened { .. } | LinkFault::Busy)) => {
                    return Err(OrderFault::NotReady(fault.to_string()));
                }
                Err(fault) => Some(fault),
            };
            if set_point.readable {
                match self.read_back(put, &set_point.point, words).await {
                    Ok(true) => return Ok(()),
                    Ok(false) if unclear.is_none() => break,
                    Ok(false) => {}
                    Err(fault) => unclear = Some(fault),
                }
            } else if unclear.is_none() {
                return Ok(());
            }
        }
        match unclear {
            Some(fault) => Err(OrderFault::Unclear(fault)),
            None => Err(self.taken_instead(put, &set_point.point).await),
        }
    }

    /// Whether the device has the value; some take a moment.
    async fn read_back(&mut self, put: Put, point: &Point, words: &[u16]) -> Result<bool, LinkFault> {
        let mut read = Vec::new();
        for _ in 0..READ_BACKS_MAX {
            self.link.read(put.read_back(), self.patience(put), &mut read).await?;
            if decode(point, &read) == decode(point, words) {
                return Ok(true);
            }
            sleep(READ_BACK_PAUSE).await;
        }
        Ok(false)
    }

    async fn taken_instead(&mut self, put: Put, point: &Point) -> OrderFault {
        let mut read = Vec::new();
        match self.link.read(put.read_back(), self.patience(put), &mut read).await {
            Ok(_) => match decode(point, &read) {
                Ok(milli) => OrderFault::NotTaken { quantity: point.quantity, milli },
                Err(fault) => OrderFault::Round(fault.to_string()),
            },
            Err(fault) => OrderFault::Unclear(fault),
        }
    }

    fn patience(&self, put: Put) -> Duration {
        let seat = self.seats.iter().find(|seat| seat.station.device.unit == put.unit());
        seat.map_or(Duration::from_secs(1), |seat| seat.station.patience.wait())
    }

    fn seat(&mut self, unit: u8) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|seat| seat.station.device.unit == unit)
    }
}

const WRITES_MAX: u32 = 2;
const READ_BACKS_MAX: u32 = 3;
const READ_BACK_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
