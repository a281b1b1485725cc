//! What is around every page: the house, the way to the other pages, and the button that stops payments.

use super::Words;
use super::answers::Refused;
use crate::domain::money::MSAT_PER_SAT;
use crate::status::{Status, StatusSource};
use crate::store::BitcoinPrice;

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
    /// What a bitcoin costs in the owner's currency, if one is named and that is known.
    pub rate: Option<BitcoinPrice>,
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
        let (name, network, rate) = (config.name.clone(), config.network.to_string(), source.rate());
        Ok(Frame { t, name, network, stopped, starts_anew, here, rate })
    }

    /// That of the home page.
    pub fn around(status: &Status, t: Words, starts_anew: bool) -> Frame {
        let (name, network) = (status.name.clone(), status.network.clone());
        Frame { t, name, network, stopped: status.stopped, starts_anew, here: "home", rate: status.rate.clone() }
    }

    /// What an amount is worth now; empty where that is not known.
    pub fn worth(&self, msat: &u64) -> String {
        self.rate.as_ref().map_or_else(String::new, |rate| self.t.worth(msat, rate))
    }

    /// The same to stand behind the amount.
    pub fn beside(&self, msat: &u64) -> String {
        self.rate.as_ref().map_or_else(String::new, |rate| format!(" ({})", self.t.worth(msat, rate)))
    }

    /// What whole satoshis are worth now; empty where that is not known.
    pub fn worth_sat(&self, sat: &u64) -> String {
        self.worth(&sat.saturating_mul(MSAT_PER_SAT))
    }

    /// The same to stand behind the amount.
    pub fn beside_sat(&self, sat: &u64) -> String {
        self.beside(&sat.saturating_mul(MSAT_PER_SAT))
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
