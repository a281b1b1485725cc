//! The languages the page speaks.

/// A language there is a catalogue for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// German.
    German,
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 2] = [Language::English, Language::German];

    /// Its tag (BCP 47).
    pub fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::German => "de",
        }
    }

    /// What it calls itself.
    pub fn own_name(self) -> &'static str {
        match self {
            Language::English => "English",
            Language::German => "Deutsch",
        }
    }

    /// The one with this tag.
    pub fn named(tag: &str) -> Option<Language> {
        Language::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// What a browser asks for (RFC 9110, 12.5.4) as far as there is a catalogue for it, otherwise English.
    pub fn accepted(header: &str) -> Language {
        let mut best = (0.0, Language::English);
        for range in header.split(',') {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let quality = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |quality| quality.parse().ok());
            let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
            if let (Some(quality), Some(language)) = (quality, Language::named(&primary))
                && quality > best.0
            {
                best = (quality, language);
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_there_is_a_catalogue_for_is_taken() {
        for (header, expected) in [
            ("de-AT,de;q=0.9,en;q=0.8", Language::German),
            ("fr-FR,fr;q=0.9,de;q=0.5,en;q=0.7", Language::English),
            ("fr, de;q=0.1", Language::German),
            ("DE", Language::German),
            ("de;q=0, en;q=0.2", Language::English),
            ("de;q=x", Language::English),
            ("", Language::English),
            ("*", Language::English),
            (";;;,,q=1", Language::English),
        ] {
            assert_eq!(Language::accepted(header), expected, "{header}");
        }
    }
}
