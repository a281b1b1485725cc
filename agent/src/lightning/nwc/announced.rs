//! What a wallet service announces of itself at a relay.

use nostr::Event;

/// What the info event of a service promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Announced {
    pub methods: Vec<String>,
    pub nip44: bool,
}

impl Announced {
    pub(super) fn read(event: &Event) -> Announced {
        let methods = event.content.split_whitespace().take(METHODS_MAX).map(str::to_owned).collect();
        let encryption = event.tags.iter().map(|tag| tag.as_slice()).filter(|tag| names(tag, "encryption"));
        let nip44 = encryption
            .flat_map(|tag| tag.iter().skip(1))
            .flat_map(|value| value.split([' ', ',']))
            .any(|scheme| scheme == "nip44_v2");
        Announced { methods, nip44 }
    }

    pub(super) fn offers(&self, method: &str) -> bool {
        self.methods.iter().any(|offered| offered == method)
    }
}

/// Whether a tag has this name.
pub(super) fn names(tag: &[String], name: &str) -> bool {
    tag.first().is_some_and(|first| first == name)
}

/// More than the protocol has.
const METHODS_MAX: usize = 64;
