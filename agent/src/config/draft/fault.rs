//! Why a change cannot be made by itself.

/// Why a change cannot be made by itself. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DraftFault {
    /// The text is no TOML, so nothing in it can be found.
    #[error("kilosat.toml cannot be read as it is. Nothing was changed; mend it first")]
    NotToml,
    /// There is no such section.
    #[error("kilosat.toml has no section {0} any more. Nothing was changed")]
    NoSection(String),
    /// The key shares its line with others.
    #[error(
        "kilosat.toml has {0} on one line with other settings. Nothing was changed; give it a line of its own first"
    )]
    OneLine(String),
}
