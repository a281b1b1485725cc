//! What is around every page: the house, the way to the other pages, and the button that stops payments.

use crate::status::{Status, StatusSource};
use crate::tasks::EngineGone;

/// What the layout shows.
pub struct Frame {
    /// The house's name.
    pub name: String,
    /// The bitcoin network.
    pub network: String,
    /// The owner stopped automatic payments.
    pub stopped: bool,
    /// Which page this is.
    pub here: &'static str,
}

impl Frame {
    /// That of the page `here`.
    ///
    /// # Errors
    /// [`EngineGone`].
    pub async fn of(source: &StatusSource, here: &'static str) -> Result<Frame, EngineGone> {
        let stopped = source.engine.snapshot().await?.stopped;
        let config = source.config();
        Ok(Frame { name: config.name.clone(), network: config.network.to_string(), stopped, here })
    }

    /// That of the home page.
    pub fn around(status: &Status) -> Frame {
        Frame { name: status.name.clone(), network: status.network.clone(), stopped: status.stopped, here: "home" }
    }

    /// Every page: path, what it is called, and its name here.
    pub fn pages(&self) -> &'static [(&'static str, &'static str, &'static str)] {
        &[("/", "Home", "home"), ("/history", "History", "history"), ("/statement", "Account", "statement")]
    }
}
