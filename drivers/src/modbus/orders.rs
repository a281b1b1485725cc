//! What the owner wants of a device besides its rounds: a set point written, or everything read once.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::fault::{LinkFault, meaning};
use super::station::Round;
use crate::profiles::SetFault;
use crate::reading::Quantity;

/// The owner's way into a bus. Unlike [`super::Share`] it can write.
#[derive(Debug, Clone)]
pub struct BusHandle {
    orders: mpsc::Sender<Order>,
}

/// A wish on its way to the bus.
#[derive(Debug)]
pub(super) enum Order {
    /// Everything the device has, also what is read on demand only.
    Look {
        unit: u8,
        answer: oneshot::Sender<Result<Round, OrderFault>>,
    },
    Set {
        unit: u8,
        quantity: Quantity,
        milli: i64,
        answer: oneshot::Sender<Result<Setting, OrderFault>>,
    },
    /// What is written again and again is so no more.
    Release {
        unit: u8,
        quantity: Quantity,
        answer: oneshot::Sender<Result<(), OrderFault>>,
    },
}

/// A set point that the device took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// What was set.
    pub quantity: Quantity,
    /// The value, rounded down to the device's step, as [`crate::reading::Reading::milli`].
    pub milli: i64,
    /// It was read back; otherwise the device said that it took it.
    pub read_back: bool,
    /// It is written again each time so long has passed, because the device forgets it.
    pub renewed_every: Option<Duration>,
}

/// Why a wish was not fulfilled, and what became of the device.
#[derive(Debug, thiserror::Error)]
pub enum OrderFault {
    /// It has no such set point.
    #[error("this device has no {quantity} that can be set; it has: {}. Nothing was written", list(known))]
    NoSetPoint {
        /// What was to be set.
        quantity: Quantity,
        /// What can be.
        known: Vec<Quantity>,
    },
    /// The profile forbids it.
    #[error(transparent)]
    Value(#[from] SetFault),
    /// The device does not answer at present.
    #[error("the device cannot be reached at present ({0}). Nothing was written")]
    NotReady(String),
    /// The device said no.
    #[error("the device refused it (exception {code}: {what}). Nothing was changed", code = .0, what = meaning(*.0))]
    Refused(u8),
    /// Nobody knows.
    #[error("it is not known whether the device took it ({fault}). {}", advice(*.renewed_every))]
    Unclear {
        /// What came in place of a confirmation.
        fault: LinkFault,
        /// It is written again and again, each time so long has passed.
        renewed_every: Option<Duration>,
    },
    /// Nobody knows, because the bus came to its end meanwhile.
    #[error("Kilosat stopped meanwhile, and it is not known whether the device took it. Look at the device")]
    Interrupted,
    /// It says that it took it, and has something else.
    #[error("the device confirmed it, but has {} instead. Look at its own settings: something there may limit it",
             milli.map_or_else(|| "no number".to_owned(), |milli| quantity.shown(milli)))]
    NotTaken {
        /// What was to be set.
        quantity: Quantity,
        /// What it has, if that is a number.
        milli: Option<i64>,
    },
    /// Its round failed.
    #[error("{0}")]
    Round(String),
    /// The bus is at its end.
    #[error("Kilosat stops just now; nothing was done")]
    Ended,
}

/// Both ends: the bus keeps the second.
pub(super) fn orders() -> (BusHandle, mpsc::Receiver<Order>) {
    let (orders, wanted) = mpsc::channel(ORDERS_MAX);
    (BusHandle { orders }, wanted)
}

impl BusHandle {
    /// Reads everything the device has, also what its rounds leave out.
    ///
    /// # Errors
    /// [`OrderFault`].
    pub async fn look(&self, unit: u8) -> Result<Round, OrderFault> {
        self.give(|answer| Order::Look { unit, answer }).await
    }

    /// Writes a set point, in thousandths of its unit, and makes sure of it as far as the device allows.
    ///
    /// # Errors
    /// [`OrderFault`].
    pub async fn set(&self, unit: u8, quantity: Quantity, milli: i64) -> Result<Setting, OrderFault> {
        self.give(|answer| Order::Set { unit, quantity, milli, answer }).await
    }

    /// No longer writes a set point again and again; the device then does what it does without.
    ///
    /// # Errors
    /// [`OrderFault`].
    pub async fn release(&self, unit: u8, quantity: Quantity) -> Result<(), OrderFault> {
        self.give(|answer| Order::Release { unit, quantity, answer }).await
    }

    async fn give<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<Result<T, OrderFault>>) -> Order,
    ) -> Result<T, OrderFault> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(order(answer)).await.map_err(|_| OrderFault::Ended)?;
        answered.await.unwrap_or(Err(OrderFault::Interrupted))
    }
}

fn advice(renewed_every: Option<Duration>) -> String {
    renewed_every.map_or_else(
        || "Look at the device, or enter it again".to_owned(),
        |every| {
            format!(
                "Kilosat writes it again and then every {} s; with --release instead of a value it stops",
                every.as_secs()
            )
        },
    )
}

fn list(known: &[Quantity]) -> String {
    if known.is_empty() {
        return "nothing".to_owned();
    }
    known.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

const ORDERS_MAX: usize = 8;
