//! Tasks perform effects and answer with events. Everything that waits lives here.

mod engine_thread;
mod meters;
mod performer;
mod stop_button;
mod wallet;

pub use engine_thread::{EngineGone, EngineHandle, Unanswered};
pub use meters::poll_meter;
pub use performer::Performer;
pub use stop_button::StopButton;
pub use wallet::compare_wallet;
