//! Checks the host of a request, and the page that sends a write.
//!
//! A page of another site can make a browser send requests here, and by DNS rebinding even read the answers. It can't choose the
//! headers `Host`, `Origin` and `Sec-Fetch-Site` that the browser sends.

use std::collections::BTreeSet;

use axum::extract::Request;
use axum::http::{Method, header};
use url::{Host, Url};

use crate::problem::Problem;

/// Why a text is not a host.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{host:?} is not a host: give a name or an address, an IPv6 address in brackets, without a scheme, a port or a *"
)]
pub struct InvalidHost {
    /// The text.
    pub host: String,
}

/// The hosts that a server answers for, on any port.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hosts(Option<BTreeSet<String>>);

impl Hosts {
    /// `localhost`, `127.0.0.1` and `[::1]`.
    pub fn loopback() -> Self {
        Self(Some(
            ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).into(),
        ))
    }

    /// Every host: for a router behind something that checks the header `Host` itself.
    pub fn any() -> Self {
        Self(None)
    }

    /// Adds a host: a name or an address, an IPv6 address in brackets.
    ///
    /// # Errors
    ///
    /// [`InvalidHost`] for a text that no request can have as its host.
    pub fn and(mut self, host: &str) -> Result<Self, InvalidHost> {
        let parsed = Host::parse(host).ok().map(|host| host.to_string());
        // A wildcard is a name that no host has.
        let Some(parsed) = parsed.filter(|host| !host.contains('*')) else {
            return Err(InvalidHost {
                host: host.to_owned(),
            });
        };
        if let Some(hosts) = &mut self.0 {
            hosts.insert(parsed);
        }
        Ok(self)
    }

    fn contain(&self, host: &str) -> bool {
        self.0.as_ref().is_none_or(|hosts| hosts.contains(host))
    }
}

/// The host and port of an authority, in one spelling.
fn authority(text: &str) -> Option<(String, Option<u16>)> {
    if text.contains(['@', '/', '?', '#', '\\']) {
        return None;
    }
    let url = Url::parse(&format!("http://{text}/")).ok()?;
    Some((url.host()?.to_string(), url.port()))
}

/// The authority of a request. An absolute target decides (RFC 9112, section 3.2.2), and `Host` must agree.
fn target(request: &Request) -> Option<(String, Option<u16>)> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next().and_then(|value| authority(value.to_str().ok()?));
    if hosts.next().is_some() {
        return None;
    }
    match request.uri().authority() {
        Some(absolute) => authority(absolute.as_str()).filter(|one| host.as_ref() == Some(one)),
        None => host,
    }
}

/// Refuses a request for a host that isn't served.
pub(crate) fn check_host(hosts: &Hosts, request: &Request) -> Result<(), Problem> {
    match target(request) {
        Some((host, _)) if hosts.contain(&host) => Ok(()),
        Some((host, _)) => Err(Problem::new(
            "host_not_allowed",
            format!("this server does not serve {host}: name it with --allow-host if it should"),
        )),
        None => Err(Problem::new(
            "host_not_allowed",
            "the header Host is missing, wrong, or there more than once",
        )),
    }
}

/// Refuses a write by a page of another origin.
pub(crate) fn check_origin(request: &Request) -> Result<(), Problem> {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let refused = |who: &str| {
        Problem::new(
            "origin_not_allowed",
            format!("a page of {who} may not change anything here"),
        )
    };
    let text = |name: &str| {
        let value = request.headers().get(name)?;
        Some(value.to_str().unwrap_or("an unreadable origin"))
    };
    if let Some(site) = text("sec-fetch-site").filter(|site| matches!(*site, "cross-site" | "same-site")) {
        return Err(refused(text("origin").unwrap_or(site)));
    }
    match text("origin") {
        None => Ok(()),
        Some(origin) => {
            let own = target(request);
            let page = Url::parse(origin)
                .ok()
                .filter(|url| matches!(url.scheme(), "http" | "https"));
            let page = page.and_then(|url| Some((url.host()?.to_string(), url.port())));
            match (own, page) {
                (Some(own), Some(page)) if own == page => Ok(()),
                _ => Err(refused(origin)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn request(method: Method, uri: &str, headers: &[(&str, &str)]) -> Request {
        let builder = Request::builder().method(method).uri(uri);
        let builder = headers
            .iter()
            .fold(builder, |builder, (name, value)| builder.header(*name, *value));
        builder.body(Body::empty()).expect("a request")
    }

    #[test]
    fn only_the_named_hosts_are_served_at_any_port() {
        let hosts = Hosts::loopback().and("Phasegate.Example").expect("a host");
        let served = |host| check_host(&hosts, &request(Method::GET, "/", &[("host", host)])).is_ok();
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:1",
            "[::1]:8080",
            "phasegate.example:443",
        ] {
            assert!(served(host), "{host}");
        }
        for host in [
            "elsewhere.example",
            "localhost.elsewhere.example",
            "localhost@elsewhere.example",
            "",
            "127.0.0.2",
            "localhost:99999",
            "localhost/elsewhere",
            "127.0.0.1.nip.example",
        ] {
            assert!(!served(host), "{host}");
        }
    }

    #[test]
    fn what_no_request_could_be_for_is_not_taken_for_a_host() {
        for host in [
            "",
            "phasegate.example:8080",
            "https://phasegate.example",
            "phasegate.example/console",
            "me@phasegate.example",
            "*.phasegate.example",
            "two hosts",
            "::1",
            "[::1",
            "127.0.0.256",
        ] {
            let refused = InvalidHost {
                host: host.to_owned(),
            };
            assert_eq!(Hosts::loopback().and(host), Err(refused.clone()), "{host:?}");
            assert_eq!(Hosts::any().and(host), Err(refused), "{host:?}");
        }
        for host in ["192.0.2.1", "[2001:db8::1]", "b\u{fc}cher.example"] {
            assert!(Hosts::loopback().and(host).is_ok(), "{host}");
        }
    }

    #[test]
    fn an_absolute_target_and_a_second_host_do_not_get_around_it() {
        let check =
            |uri, headers: &[_]| check_host(&Hosts::loopback(), &request(Method::GET, uri, headers)).is_ok();
        assert!(check("http://localhost/", &[("host", "localhost")]));
        assert!(!check("http://elsewhere.example/", &[("host", "localhost")]));
        assert!(!check("http://localhost/", &[("host", "elsewhere.example")]));
        assert!(!check(
            "/",
            &[("host", "localhost"), ("host", "elsewhere.example")]
        ));
        assert!(!check("/", &[]));
    }

    #[test]
    fn a_page_of_another_origin_may_not_write() {
        let post = |headers: &[(&str, &str)]| {
            let all: Vec<_> = [("host", "localhost:8080")]
                .iter()
                .chain(headers)
                .copied()
                .collect();
            check_origin(&request(Method::POST, "/", &all)).is_ok()
        };
        assert!(post(&[]), "no browser");
        assert!(post(&[
            ("origin", "http://localhost:8080"),
            ("sec-fetch-site", "same-origin")
        ]));
        for origin in [
            "http://localhost:3000",
            "http://elsewhere.example",
            "null",
            "http://127.0.0.1:8080",
            "file://localhost:8080",
        ] {
            assert!(!post(&[("origin", origin)]), "{origin}");
        }
        assert!(!post(&[("sec-fetch-site", "cross-site")]));
    }
}
