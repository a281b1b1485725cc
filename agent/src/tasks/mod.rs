//! Tasks perform effects and answer with events. Everything that waits lives here.

mod engine_thread;
mod meters;
mod performer;
mod wallet;
mod stop_button;

pub use engine_thread::{EngineGone, EngineHandle};
pub use meters::poll_meter;
pub use performer::Performer;
pub use wallet::compare_wallet;
pub use stop_button::StopButton;
