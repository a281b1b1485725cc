//! Tasks perform effects and answer with events. Everything that waits lives here.

mod costs;
mod devices;
mod engine_thread;
mod gpio;
mod inputs;
mod line_use;
mod log;
mod memory;
mod meters;
mod mover;
mod performer;
mod pulse_meters;
mod rates;
mod relays;
mod shared_line;
mod stop_button;
mod wallet;

pub use costs::publish_costs;
pub use devices::Devices;
pub use engine_thread::{Asked, EngineGone, EngineHandle, Unanswered, Uncopied};
pub use gpio::{Gpio, GpioHandle, Surroundings};
pub use inputs::ACTIVE;
pub use log::tell_log;
pub use memory::Memory;
pub use meters::{Lines, lines, watch_meter};
pub use mover::{Mover, RefillView};
pub use performer::{Payees, Performer};
pub use pulse_meters::LOST_EDGES;
pub use rates::{RateView, watch_rate};
pub use relays::{RelayHandle, RelayView, switch_relays_off};
pub use stop_button::StopButton;
pub use wallet::compare_wallet;
