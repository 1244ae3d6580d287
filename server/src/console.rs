//! The console: a page that uses the API. Its built files are embedded; their source is `console/` at the workspace's root.

use axum::Router;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use include_dir::{Dir, include_dir};
use tower_http::compression::CompressionLayer;

use crate::problem::Problem;
use crate::server::Server;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/console");

/// The placeholder of the nonce in the page.
const NONCE: &str = "CSP_NONCE";

/// The page and its files. They contain no secret, so they need no token. The page itself tells when a token is missing.
pub fn router() -> Router<Server> {
    Router::new()
        .route("/", get(page))
        .route("/icon.svg", get(|| async { file("icon.svg", "no-cache") }))
        .route("/assets/{name}", get(asset))
        .layer(CompressionLayer::new())
}

/// The page, with a nonce of its own for the styles that its scripts add. Nothing is loaded from elsewhere.
async fn page() -> Result<Response, Problem> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| {
        tracing::error!(%error, "the system gives no random numbers");
        Problem::new(
            "internal_error",
            "something went wrong here: the server's log says what",
        )
    })?;
    let nonce: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let page = FILES.get_file("index.html").expect("the console is embedded");
    let page = String::from_utf8_lossy(page.contents()).replace(NONCE, &nonce);
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; connect-src 'self'; \
         form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    );
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, policy.as_str()),
    ];
    Ok((headers, page).into_response())
}

/// A file whose name changes with its content.
async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    file(&format!("assets/{name}"), "public, max-age=31536000, immutable")
}

fn file(path: &str, caching: &'static str) -> Result<Response, Problem> {
    let file = FILES
        .get_file(path)
        .ok_or_else(|| Problem::new("route_not_found", format!("the console has no file {path}")))?;
    let media_type = match path.rsplit_once('.') {
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let headers = [(CONTENT_TYPE, media_type), (CACHE_CONTROL, caching)];
    Ok((headers, file.contents()).into_response())
}
