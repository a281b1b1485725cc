//! What is around every page: the house, the way to the other pages, and the button that stops payments.

use super::Words;
use super::answers::Refused;
use crate::status::{Status, StatusSource};

/// What the layout shows.
pub struct Frame {
    /// The reader's language.
    pub t: Words,
    /// The house's name.
    pub name: String,
    /// The bitcoin network.
    pub network: String,
    /// The owner stopped automatic payments.
    pub stopped: bool,
    /// New settings are being taken up, and the page is about to be gone for a moment.
    pub starts_anew: bool,
    /// Which page this is.
    pub here: &'static str,
}

impl Frame {
    /// That of the page `here`.
    ///
    /// # Errors
    /// [`Refused`] when the engine has stopped.
    pub async fn of(source: &StatusSource, t: Words, here: &'static str) -> Result<Frame, Refused> {
        let stopped = source.engine.snapshot().await.map_err(Refused::gone(t))?.stopped;
        let config = source.config();
        let starts_anew = source.settings.waits_for_new_start();
        Ok(Frame { t, name: config.name.clone(), network: config.network.to_string(), stopped, starts_anew, here })
    }

    /// That of the home page.
    pub fn around(status: &Status, t: Words, starts_anew: bool) -> Frame {
        let (name, network) = (status.name.clone(), status.network.clone());
        Frame { t, name, network, stopped: status.stopped, starts_anew, here: "home" }
    }

    /// Every page: path and name.
    pub fn pages(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("/", "home"),
            ("/agreements", "agreements"),
            ("/wallet", "wallet"),
            ("/devices", "devices"),
            ("/payments", "payments"),
            ("/history", "history"),
            ("/statement", "statement"),
            ("/settings", "settings"),
        ]
    }

    /// What a page is called.
    pub fn label(&self, name: &str) -> String {
        self.t.say(&format!("page-{name}"))
    }
}
