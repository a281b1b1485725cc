//! Who reads: the language of a request.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use super::Words;
use crate::language::Language;
use crate::status::StatusSource;

/// The language the owner chose, or else the one the browser asks for.
impl FromRequestParts<StatusSource> for Words {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, source: &StatusSource) -> Result<Words, Self::Rejection> {
        let asked = parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let asked = asked.map_or(Language::English, Language::accepted);
        Ok(Words::of(source.config().language.unwrap_or(asked)))
    }
}
