//! What Kilosat is made of, and under which terms.

use askama::Template;
use axum::extract::State;

use super::super::answers::Answer;
use super::super::{Frame, Words, page};
use crate::status::StatusSource;

/// A library in this program.
struct Part {
    name: &'static str,
    version: &'static str,
    licence: &'static str,
}

#[derive(Template)]
#[template(path = "settings_licences.html")]
struct LicencesPage {
    frame: Frame,
    t: Words,
    parts: Vec<Part>,
}

/// `GET /settings/licences`
pub(in super::super) async fn html(State(source): State<StatusSource>, t: Words) -> Answer {
    let frame = Frame::of(&source, t, "settings").await?;
    Ok(page(&LicencesPage { frame, t, parts: parts().collect() }))
}

fn parts() -> impl Iterator<Item = Part> {
    PARTS.lines().filter_map(|line| {
        let (part, licence) = line.split_once('|')?;
        let (name, version) = part.split_once(' ')?;
        Some(Part { name, version, licence })
    })
}

/// `name version|licence` of every library, in the byte order of their lines; `tests/tidy/licences.rs` compares it with the
/// lock file.
const PARTS: &str = include_str!("../../../web/licences.txt");

#[cfg(test)]
mod tests {
    #[test]
    fn every_line_of_the_list_is_a_library_with_its_terms() {
        assert_eq!(super::parts().count(), super::PARTS.lines().count());
        assert!(super::parts().all(|part| !part.licence.is_empty() && part.version.contains('.')));
    }
}
