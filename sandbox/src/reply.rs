//! The site's reply to one request: a pure function of host and path.

use hyper::StatusCode;

use crate::site::{self, Behaviour, Breakage, HOME_PATH, Redirect};
use crate::zone;

/// The site's reply.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Reply {
    Page { delay_ms: u64, html: String },
    Redirect { status: StatusCode, to: RedirectTarget },
    Status(StatusCode),
    Broken(Breakage),
}

/// The target of a redirect.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum RedirectTarget {
    Path(&'static str),
    Host(String),
}

/// Returns the reply to a client that asks the host `name` for `path`.
pub(crate) fn reply(name: &str, path: &str) -> Reply {
    let page_after = |delay_ms| Reply::Page {
        delay_ms,
        html: site::page(name),
    };
    let redirect = |status, to| Reply::Redirect { status, to };
    match (site::behaviour(name), path) {
        (Behaviour::Page { .. }, "/" | HOME_PATH) => page_after(0),
        (Behaviour::Slow { delay_ms, .. }, "/" | HOME_PATH) => page_after(delay_ms),
        (Behaviour::Redirect(Redirect::Home { .. }), HOME_PATH) => page_after(0),
        (Behaviour::Redirect(Redirect::Home { .. }), "/") => {
            redirect(StatusCode::FOUND, RedirectTarget::Path(HOME_PATH))
        }
        (Behaviour::Page { .. } | Behaviour::Slow { .. } | Behaviour::Redirect(Redirect::Home { .. }), _) => {
            Reply::Status(StatusCode::NOT_FOUND)
        }
        (Behaviour::Redirect(Redirect::Www { .. }), _) => redirect(
            StatusCode::MOVED_PERMANENTLY,
            RedirectTarget::Host(site::www(&zone::canonical(name))),
        ),
        (Behaviour::Redirect(Redirect::Circle), "/") => {
            redirect(StatusCode::FOUND, RedirectTarget::Path(HOME_PATH))
        }
        (Behaviour::Redirect(Redirect::Circle), _) => redirect(StatusCode::FOUND, RedirectTarget::Path("/")),
        (Behaviour::Error { status }, _) => {
            Reply::Status(StatusCode::from_u16(status).expect("every status that a site deals is valid"))
        }
        (Behaviour::Broken(breakage), _) => Reply::Broken(breakage),
        (Behaviour::Refused | Behaviour::Unknown, _) => Reply::Status(StatusCode::MISDIRECTED_REQUEST),
    }
}
