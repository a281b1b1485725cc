//! Who uses the API: a program with a token, or the page of an owner who has logged in.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::problem::Problem;
use crate::access::{Scope, TokenView};
use crate::status::StatusSource;

/// Who asks, put into each request of the API once that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Caller {
    /// The owner, who may do all that the API can.
    Owner,
    /// A program, which may do what its token says.
    Program(TokenView),
}

impl Caller {
    fn may(&self, scope: Scope) -> bool {
        match self {
            Caller::Owner => true,
            Caller::Program(token) => token.scopes.contains(&scope),
        }
    }

    /// As the journal has it.
    pub fn name(&self) -> String {
        match self {
            Caller::Owner => "by the owner, by the API".to_owned(),
            Caller::Program(token) => format!("by the API, with token {} ({})", token.number, token.name),
        }
    }
}

/// Whether the request carries a token, which no page of another site can make a browser send.
pub(in super::super) fn has_token(request: &Request) -> bool {
    is_api(request.uri().path()) && request.headers().contains_key(header::AUTHORIZATION)
}

/// Whether this is an address of the API.
pub(in super::super) fn is_api(path: &str) -> bool {
    path.starts_with("/api/")
}

/// The token that a request carries, if it holds.
pub(in super::super) fn token_of(source: &StatusSource, headers: &HeaderMap) -> Option<TokenView> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = text.split_once(' ')?;
    source.access.token(secret.trim()).filter(|_| scheme.eq_ignore_ascii_case("bearer"))
}

/// Lets through whoever may do what needs this scope.
pub(super) async fn require(State(scope): State<Scope>, request: Request, next: Next) -> Response {
    let may = request.extensions().get::<Caller>().is_some_and(|caller| caller.may(scope));
    if may {
        return next.run(request).await;
    }
    let detail = format!("This access token may not do that; it takes one with the permission {:?}.", scope.name());
    Problem::new(StatusCode::FORBIDDEN, detail).into_response()
}

/// Nobody is known who asks.
pub(in super::super) fn unknown(is_claimed: bool) -> Response {
    let detail = match is_claimed {
        true => {
            "Send an access token that holds, as the header Authorization: Bearer kilosat_... The owner makes one on the \
             page, under Settings."
        }
        false => "This Kilosat has no owner yet. Set it up on its page first.",
    };
    let mut answer = Problem::new(StatusCode::UNAUTHORIZED, detail).into_response();
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer realm=\"Kilosat\""));
    answer
}
