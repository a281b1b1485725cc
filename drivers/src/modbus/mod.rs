//! Modbus: lines, the requests on them, and the devices that answer.
//!
//! Read in this order:
//! 1. [`Bus`]: one task for one line, every device in its turn.
//! 2. [`Link`]: one exchange at a time, and never a late answer for a new request.
//! 3. [`Device`]: what is read of a device, in which requests.
//! 4. [`search`]: which devices there are.

mod backoff;
mod bus;
mod counts;
mod fault;
mod frame;
mod line;
mod link;
mod orders;
mod planner;
mod question;
mod reader;
mod request;
pub mod search;
pub mod server;
mod share;
mod station;
pub mod sunspec;
mod timing;
#[cfg(test)]
mod wires;

pub use backoff::Backoff;
pub use bus::{Bus, Heard, Meter};
pub use counts::{Counts, Pauses};
pub use fault::{LinkFault, RoundFault, opening};
pub use frame::{Ask, Framing, Wrong};
pub use line::Line;
pub use link::Link;
pub use orders::{BusHandle, OrderFault, Setting};
pub use planner::{Learned, Span, Splits, plan};
pub use reader::Reader;
pub use request::Put;
pub use share::Share;
pub use station::{Device, Model, Round};
pub use timing::Patience;
