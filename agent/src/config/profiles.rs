//! The profiles an owner can name: those that are built in, and those in the folder `profiles` beside the configuration.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use kilosat_drivers::profiles::{self, Evidence, OwnProfile, Profile, ProfileFault, Role};
use serde::Serialize;

use super::meter::SUNSPEC;

/// Every profile that a `[[meter]]` section may name.
#[derive(Clone, Debug, Default)]
pub struct Profiles {
    own: Vec<OwnProfile>,
}

/// One profile in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// What stands in the configuration.
    pub name: String,
    /// The name for people.
    pub title: String,
    /// Who makes it.
    pub vendor: String,
    /// `meter`, `inverter`, `battery`, `charger` or `relays`.
    pub role: &'static str,
    /// `two sources` or `single source`.
    pub evidence: &'static str,
    /// The counter an agreement is billed by; `None` where it has none.
    pub billed: Option<String>,
    /// Added by the owner.
    pub own: bool,
}

impl Profiles {
    /// The built-in ones, and those in the folder `profiles` beside the configuration file `config`.
    ///
    /// # Errors
    /// [`ProfileFault`] for the first of the owner's files that is wrong.
    pub fn beside(config: &Path) -> Result<Self, ProfileFault> {
        let folder = config.parent().unwrap_or(Path::new("")).join("profiles");
        Ok(Self { own: profiles::load_folder(&folder)? })
    }

    /// The profile with this name.
    ///
    /// # Errors
    /// A sentence for the owner, when there is none.
    pub fn find(&self, name: &str) -> Result<Arc<Profile>, String> {
        let own = self.own.iter().find(|own| own.profile.name == name).map(|own| Arc::clone(&own.profile));
        own.or_else(|| profiles::find(name)).ok_or_else(|| self.unknown(name))
    }

    /// All of them, to be read with: the built-in ones first.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Profile>> {
        profiles::all().into_iter().chain(self.own.iter().map(|own| Arc::clone(&own.profile))).collect()
    }

    /// All of them, described: the built-in ones first.
    #[must_use]
    pub fn list(&self) -> Vec<Listed> {
        let built_in = profiles::all().into_iter().map(|profile| listed(&profile, false));
        built_in.chain(self.own.iter().map(|own| listed(&own.profile, true))).collect()
    }

    /// The list for people, one profile a line.
    #[must_use]
    pub fn as_text(&self) -> String {
        let mut text = String::new();
        for entry in self.list() {
            let Listed { name, title, evidence, billed, own, .. } = entry;
            let own = if own { ", your own" } else { "" };
            let billed = if billed.is_none() { ", for watching only" } else { "" };
            let _ = writeln!(text, "{name:<28} {title} ({evidence}{billed}{own})");
        }
        let _ = writeln!(text, "{SUNSPEC:<28} Any device that speaks SunSpec and says itself what it measures");
        text.push_str("\nEverything about one of them: kilosat profiles NAME");
        text
    }

    /// What `kilosat profiles` prints: one profile, or the list as text or as JSON.
    ///
    /// # Errors
    /// A sentence, when there is no profile with this name.
    pub fn shown(&self, name: Option<&str>, json: bool) -> Result<String, String> {
        match name {
            Some(name) => self.toml(name).map(|text| text.trim_end().to_owned()),
            None if json => serde_json::to_string(&self.list()).map_err(|error| error.to_string()),
            None => Ok(self.as_text()),
        }
    }

    /// The text of one profile as its file has it.
    ///
    /// # Errors
    /// A sentence, when there is none with this name.
    pub fn toml(&self, name: &str) -> Result<&str, String> {
        let own = self.own.iter().find(|own| own.profile.name == name).map(|own| own.text.as_str());
        own.or_else(|| profiles::text(name)).ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> String {
        let mut names: Vec<&str> = profiles::names().collect();
        names.extend(self.own.iter().map(|own| own.profile.name.as_str()));
        let meant = profiles::likely(name, names.into_iter());
        let meant = meant.map_or(".".to_owned(), |name| format!("; did you mean {name:?}?"));
        format!("there is no profile {name:?}{meant} All of them: kilosat profiles")
    }
}

fn listed(profile: &Profile, own: bool) -> Listed {
    Listed {
        name: profile.name.clone(),
        title: profile.title.clone(),
        vendor: profile.vendor.clone(),
        role: match profile.role {
            Role::Meter => "meter",
            Role::Inverter => "inverter",
            Role::Battery => "battery",
            Role::Charger => "charger",
            Role::Relays => "relays",
        },
        evidence: match profile.evidence {
            Evidence::TwoSources => "two sources",
            Evidence::SingleSource => "single source",
        },
        billed: profile.billed.map(|quantity| quantity.to_string()),
        own,
    }
}
