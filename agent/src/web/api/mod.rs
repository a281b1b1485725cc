//! The API of version 1: what each page shows as JSON, and what programs may do. Its description comes from the code.

mod act;
mod caller;
mod once;
mod problem;
mod read;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Json, Response};
use axum::routing::get;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) use self::caller::{Caller, has_token, is_api, token_of, unknown};
pub(super) use self::once::Answers;
use self::problem::Problem;
use crate::access::Scope;
use crate::status::StatusSource;

/// All of it, under [`BASE`].
pub(super) fn router() -> Router<StatusSource> {
    let (router, description) = described().split_for_parts();
    let description = Json(description);
    router
        .route(&format!("{BASE}/openapi.json"), get(async move || description))
        .route("/api/{*path}", get(nothing).post(nothing))
        .route("/api", get(nothing).post(nothing))
        .method_not_allowed_fallback(no_such_method)
}

/// Whatever part of Kilosat refused a request of the API, it is told in one way.
pub(super) async fn told_as_problem(request: Request, next: Next) -> Response {
    let is_api = is_api(request.uri().path());
    let answer = next.run(request).await;
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_failure = answer.status().is_client_error() || answer.status().is_server_error();
    if !is_api || !is_failure || kind.ends_with("json") {
        return answer;
    }
    let status = answer.status();
    let text = to_bytes(answer.into_body(), TEXT_BYTES_MAX).await.unwrap_or_default();
    Problem::new(status, String::from_utf8_lossy(&text)).into_response()
}

/// The same with its description.
fn described() -> OpenApiRouter<StatusSource> {
    let read = OpenApiRouter::default()
        .routes(routes!(read::status))
        .routes(routes!(read::agreements))
        .routes(routes!(read::feeds))
        .routes(routes!(read::payments))
        .routes(routes!(read::payment))
        .routes(routes!(read::statement))
        .routes(routes!(read::wallet))
        .routes(routes!(read::devices))
        .routes(routes!(read::history))
        .routes(routes!(read::points))
        .routes(routes!(act::received));
    let stop = OpenApiRouter::default().routes(routes!(act::stop)).routes(routes!(act::pause));
    let receive = OpenApiRouter::default().routes(routes!(act::invoice));
    let pay = OpenApiRouter::default().routes(routes!(act::resume)).routes(routes!(act::answer));
    let parts = [(Scope::Read, read), (Scope::Stop, stop), (Scope::Receive, receive), (Scope::Pay, pay)];
    let parts = parts.map(|(scope, part)| needing(part, scope));
    let all = parts.into_iter().fold(OpenApiRouter::default(), OpenApiRouter::merge);
    OpenApiRouter::with_openapi(head()).nest(BASE, all)
}

/// Lets only those through who may, and says so in the description, with what is answered to others.
fn needing(mut part: OpenApiRouter<StatusSource>, scope: Scope) -> OpenApiRouter<StatusSource> {
    let paths = part.get_openapi_mut().paths.paths.values_mut();
    for item in paths {
        for operation in [item.get.as_mut(), item.post.as_mut()].into_iter().flatten() {
            operation.security = Some(vec![SecurityRequirement::new(TOKEN, [scope.name()])]);
            operation.responses.responses.insert("default".to_owned(), RefOr::Ref(Ref::from_response_name(PROBLEM)));
        }
    }
    part.route_layer(from_fn_with_state(scope, caller::require))
}

fn head() -> OpenApi {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(TOKEN_NOTE)).build();
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(PROBLEM))).build();
    let problem = ResponseBuilder::new().description(PROBLEM_NOTE).content("application/problem+json", content).build();
    let mut components = Components::new();
    components.add_security_scheme(TOKEN, SecurityScheme::Http(bearer));
    components.responses.insert(PROBLEM.to_owned(), RefOr::T(problem));
    let schema = <Problem as utoipa::PartialSchema>::schema();
    components.schemas.insert(PROBLEM.to_owned(), schema);
    let info = InfoBuilder::new().title("Kilosat").version(env!("CARGO_PKG_VERSION")).description(Some(NOTE)).build();
    OpenApiBuilder::new().info(info).components(Some(components)).build()
}

async fn no_such_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "This address is asked in another way; the description says how.")
}

async fn nothing() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        format!("There is nothing at this address; {BASE}/openapi.json says what there is."),
    )
}

/// Of a refusal in words.
const TEXT_BYTES_MAX: usize = 4_096;
const BASE: &str = "/api/v1";
const TOKEN: &str = "token";
const PROBLEM: &str = "Problem";
const NOTE: &str = "What a house reads, owes and pays. Amounts are whole msat (1000 msat = 1 sat), energy is in mWh, power in mW, \
                    times in ms since 1970. Texts of payees and sellers are a stranger's: show them as text.";
const TOKEN_NOTE: &str = "An access token, which the owner makes on the page under Settings. The scopes of an operation are the \
                          permissions it needs.";
const PROBLEM_NOTE: &str = "Why it was not done. Where the detail says nothing else, nothing was changed.";

#[cfg(test)]
mod tests;
