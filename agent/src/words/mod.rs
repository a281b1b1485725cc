//! What the page and messages say, in the reader's language: every sentence stands in a catalogue, numbers and times are
//! written as people write them there.

mod figures;
pub mod show;
mod told;

use std::fmt;
use std::sync::OnceLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

use crate::language::Language;

/// Speaks one language; copied freely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    language: Language,
}

type Bundle = FluentBundle<FluentResource>;

impl Words {
    fn catalogue(self) -> &'static str {
        match self.language {
            Language::English => include_str!("../../web/words/en.ftl"),
            Language::German => include_str!("../../web/words/de.ftl"),
        }
    }

    fn bundle(self) -> &'static Bundle {
        static BUNDLES: [OnceLock<Bundle>; 2] = [const { OnceLock::new() }; 2];
        let [english, german] = &BUNDLES;
        let place = match self.language {
            Language::English => english,
            Language::German => german,
        };
        place.get_or_init(|| {
            let mut bundle = Bundle::new_concurrent(self.tag().parse().into_iter().collect());
            bundle.set_use_isolating(false);
            let resource = FluentResource::try_new(self.catalogue().to_owned());
            let resource = resource.unwrap_or_else(|(readable, faults)| {
                tracing::error!(?faults, "the catalogue {} has faults", self.tag());
                readable
            });
            if let Err(faults) = bundle.add_resource(resource) {
                tracing::error!(?faults, "the catalogue {} says something twice", self.tag());
            }
            bundle
        })
    }

    /// In this language.
    pub const fn of(language: Language) -> Words {
        Words { language }
    }

    /// The language's tag.
    pub fn tag(self) -> &'static str {
        self.language.tag()
    }

    /// The sentence with this name.
    pub fn say(self, name: &str) -> String {
        self.spoken(name, None)
    }

    /// The sentence with this name, if there is one.
    pub fn known(self, name: &str) -> Option<String> {
        self.bundle().has_message(name).then(|| self.say(name))
    }

    /// The sentence with this name and one thing put in.
    pub fn with(self, name: &str, key: &str, value: impl fmt::Display) -> String {
        self.fill(name, &[(key, value.to_string())])
    }

    /// The sentence with this name and several things put in.
    pub fn fill(self, name: &str, values: &[(&str, String)]) -> String {
        let mut arguments = FluentArgs::new();
        for (key, value) in values {
            arguments.set(*key, value.as_str());
        }
        self.spoken(name, Some(&arguments))
    }

    /// The sentence with this name about `count` things: `$count` decides its form, `$number` is what is read.
    pub fn count(self, name: &str, count: &u64) -> String {
        let mut arguments = FluentArgs::new();
        arguments.set("count", FluentValue::from(*count));
        arguments.set("number", self.whole(count));
        self.spoken(name, Some(&arguments))
    }

    fn spoken(self, name: &str, arguments: Option<&FluentArgs<'_>>) -> String {
        let bundle = self.bundle();
        let Some(pattern) = bundle.get_message(name).and_then(|message| message.value()) else {
            tracing::error!(name, "the catalogue {} lacks a sentence", self.tag());
            return name.to_owned();
        };
        let mut faults = Vec::new();
        let text = bundle.format_pattern(pattern, arguments, &mut faults).into_owned();
        if !faults.is_empty() {
            tracing::error!(name, ?faults, "a sentence of the catalogue {} lacks something", self.tag());
        }
        text
    }
}

#[cfg(test)]
mod tests;
