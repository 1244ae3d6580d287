//! Whose answer an answer through an HTTP proxy is: the site's or the proxy's own.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderMap, SERVER, VIA};
use url::Url;

use super::connect::{host_and_port, undialed};
use super::detail::HttpDetail;
use super::request::{MeansFailure, RequestFailure};
use crate::net::dial::{self, DialError};
use crate::net::proxy::Proxy;

/// Who wrote an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Author {
    Site,
    /// Nothing tells.
    Unknown,
}

/// Finds out whose an answer to a request in absolute form is. An answer of the proxy's own is a failure.
pub(super) async fn author(
    status: StatusCode,
    headers: &HeaderMap,
    url: &Url,
    proxy: &Proxy,
    patience: Duration,
) -> Result<Author, RequestFailure> {
    let (host, port) = host_and_port(url)?;
    if let Some(own) = marked(status, headers) {
        return Err(own.failure(status, proxy, &host, port));
    }
    let vias = vias(headers);
    let marks_its_own = vias
        .iter()
        .any(|via| via.contains("squid") || via.contains("tinyproxy"));
    let is_suspect = match status.as_u16() {
        407 => true,
        _ if marks_its_own => false,
        403 | 404 => vias.is_empty(),
        500 | 502..=504 => true,
        _ => false,
    };
    if !is_suspect {
        return Ok(Author::Site);
    }
    let wants_password = status == StatusCode::PROXY_AUTHENTICATION_REQUIRED;
    match dial::through(proxy, &host, port, patience).await {
        Ok(_) | Err(DialError::SpokeFirst) => Ok(Author::Site),
        Err(error @ DialError::Fatal(_)) => Err(undialed(error, proxy, &host, port)),
        // The proxy accepts its user, so who demands a password is the site.
        Err(_) if wants_password => Ok(Author::Site),
        Err(error @ (DialError::Refused | DialError::TimedOut | DialError::Failed(_))) => {
            Err(undialed(error, proxy, &host, port))
        }
        // Is it this host that the proxy refuses, or any at this port?
        Err(error @ DialError::Forbidden(_)) if status == StatusCode::FORBIDDEN => {
            let (itself, _) = proxy.socket();
            match dial::through(proxy, itself, port, patience).await {
                Ok(_) | Err(DialError::Refused | DialError::SpokeFirst | DialError::Failed(_)) => {
                    Err(undialed(error, proxy, &host, port))
                }
                Err(_) => Ok(Author::Unknown),
            }
        }
        Err(DialError::Forbidden(_) | DialError::HungUp(_)) => Ok(Author::Unknown),
    }
}

/// What the proxy says in its own name.
#[derive(Debug, Eq, PartialEq)]
enum Own {
    Refuses(String),
    Unauthorized,
    Failed(HttpDetail, String),
}

impl Own {
    fn failure(self, status: StatusCode, proxy: &Proxy, host: &str, port: u16) -> RequestFailure {
        match self {
            Self::Refuses(said) => {
                let reason = format!("it answered {status} ({said})");
                let item = HttpDetail::ProxyRefused.failure(&reason);
                MeansFailure::or(proxy.refuses(host, port, reason), item)
            }
            Self::Unauthorized => {
                MeansFailure::or(proxy.unauthorized(), HttpDetail::ProxyRefused.failure(status))
            }
            Self::Failed(detail, said) => RequestFailure::Site(detail.failure(said)),
        }
    }
}

/// The proxy's own answer, if it is marked as such: by `Proxy-Status` (RFC 9209), or as squid and tinyproxy do it.
fn marked(status: StatusCode, headers: &HeaderMap) -> Option<Own> {
    if !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    proxy_status(headers)
        .or_else(|| squid(headers))
        .or_else(|| tinyproxy(status, headers))
}

/// Squid names the error, and the system's error number, in a header of its pages. A page of a squid at the site comes with that
/// header too, and has passed one proxy more.
fn squid(headers: &HeaderMap) -> Option<Own> {
    let said = text(headers, "x-squid-error")?;
    if vias(headers).len() > 1 {
        return None;
    }
    let (error, number) = said.split_once(' ').unwrap_or((&said, "0"));
    Some(match error {
        "ERR_ACCESS_DENIED" => Own::Refuses(said),
        "ERR_CACHE_ACCESS_DENIED" => Own::Unauthorized,
        "ERR_DNS_FAIL" => Own::Failed(HttpDetail::ProxyCantResolve, said),
        // The numbers of Linux: ECONNREFUSED, ETIMEDOUT.
        "ERR_CONNECT_FAIL" if number == "111" => Own::Failed(HttpDetail::ConnectionRefused, said),
        "ERR_CONNECT_FAIL" if number == "110" => Own::Failed(HttpDetail::ProxyTimeout, said),
        "ERR_READ_TIMEOUT" | "ERR_LIFETIME_EXP" => Own::Failed(HttpDetail::AnswerTimeout, said),
        "ERR_ZERO_SIZE_OBJECT" | "ERR_INVALID_RESP" => Own::Failed(HttpDetail::InvalidAnswer, said),
        _ => Own::Failed(HttpDetail::ProxyCantConnect, said),
    })
}

/// Tinyproxy names itself as the server of its pages, and in the `Via` of all others.
fn tinyproxy(status: StatusCode, headers: &HeaderMap) -> Option<Own> {
    let server = text(headers, SERVER.as_str())?;
    if !server.starts_with("tinyproxy") || !vias(headers).is_empty() {
        return None;
    }
    Some(match status.as_u16() {
        403 | 405 => Own::Refuses(server),
        // It answers so to a wrong password; to a missing one with 407.
        401 | 407 => Own::Unauthorized,
        408 | 504 => Own::Failed(HttpDetail::ProxyTimeout, status.to_string()),
        _ => Own::Failed(HttpDetail::ProxyCantConnect, status.to_string()),
    })
}

/// The error type of the member of `Proxy-Status` that the proxy nearest to us has added: the last one.
fn proxy_status(headers: &HeaderMap) -> Option<Own> {
    let values = headers.get_all("proxy-status").iter();
    let members = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let nearest = members.last()?;
    let mut parameters = nearest.split(';').map(str::trim);
    let error = parameters
        .find_map(|parameter| parameter.strip_prefix("error="))?
        .to_owned();
    Some(match error.as_str() {
        "http_request_denied" | "destination_ip_prohibited" => Own::Refuses(error),
        "connection_refused" => Own::Failed(HttpDetail::ConnectionRefused, error),
        "dns_error" | "dns_timeout" => Own::Failed(HttpDetail::ProxyCantResolve, error),
        "http_response_timeout" => Own::Failed(HttpDetail::AnswerTimeout, error),
        kind if kind.ends_with("timeout") => Own::Failed(HttpDetail::ProxyTimeout, error),
        kind if kind.starts_with("http_") => Own::Failed(HttpDetail::InvalidAnswer, error),
        kind if kind.starts_with("tls_") => Own::Failed(HttpDetail::TlsFailed, error),
        _ => Own::Failed(HttpDetail::ProxyCantConnect, error),
    })
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The proxies that an answer has passed, in lower case.
fn vias(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(VIA).iter();
    values
        .map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase())
        .flat_map(|value| {
            value
                .split(',')
                .map(|via| via.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, HeaderValue};

    fn said(status: u16, headers: &[(&'static str, &'static str)]) -> Option<Own> {
        let pairs = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let mut all = HeaderMap::new();
        for (name, value) in pairs {
            all.append(name, value);
        }
        marked(StatusCode::from_u16(status).unwrap(), &all)
    }

    fn failed(own: Option<Own>) -> Option<HttpDetail> {
        match own {
            Some(Own::Failed(detail, _)) => Some(detail),
            _ => None,
        }
    }

    #[test]
    fn squid_marks_its_own_pages() {
        let via = ("via", "1.1 proxy (squid/5.7)");
        for (status, error, expected) in [
            (503, "ERR_CONNECT_FAIL 111", HttpDetail::ConnectionRefused),
            (503, "ERR_CONNECT_FAIL 113", HttpDetail::ProxyCantConnect),
            (503, "ERR_DNS_FAIL 0", HttpDetail::ProxyCantResolve),
            (502, "ERR_ZERO_SIZE_OBJECT 0", HttpDetail::InvalidAnswer),
            (504, "ERR_READ_TIMEOUT 0", HttpDetail::AnswerTimeout),
        ] {
            let own = said(status, &[("x-squid-error", error), via]);
            assert_eq!(failed(own), Some(expected), "{error}");
        }
        let denied = said(403, &[("x-squid-error", "ERR_ACCESS_DENIED 0"), via]);
        assert!(matches!(denied, Some(Own::Refuses(_))), "{denied:?}");
        let unauthorized = said(407, &[("x-squid-error", "ERR_CACHE_ACCESS_DENIED 0"), via]);
        assert_eq!(unauthorized, Some(Own::Unauthorized));
    }

    #[test]
    fn a_page_that_a_squid_at_the_site_has_made_is_the_site_s() {
        let error = ("x-squid-error", "ERR_CONNECT_FAIL 111");
        let passed = ("via", "1.1 front.example (squid/6.1), 1.1 proxy (squid/5.7)");
        assert_eq!(said(503, &[error, passed]), None);
    }

    #[test]
    fn tinyproxy_signs_its_own_pages_and_only_passes_the_others() {
        let server = ("server", "tinyproxy/1.11.1");
        assert_eq!(failed(said(500, &[server])), Some(HttpDetail::ProxyCantConnect));
        assert!(matches!(said(403, &[server]), Some(Own::Refuses(_))));
        let passed = ("via", "1.1 tinyproxy (tinyproxy/1.11.1)");
        assert_eq!(said(500, &[server, passed]), None);
    }

    #[test]
    fn the_proxy_nearest_to_us_speaks_last_in_proxy_status() {
        for (value, expected) in [
            (
                "proxy; error=connection_refused",
                Some(HttpDetail::ConnectionRefused),
            ),
            (
                "cdn; error=dns_error, proxy; error=connection_timeout",
                Some(HttpDetail::ProxyTimeout),
            ),
            ("cdn; error=connection_refused, proxy; received-status=502", None),
            ("proxy", None),
        ] {
            assert_eq!(failed(said(502, &[("proxy-status", value)])), expected, "{value}");
        }
        assert_eq!(said(200, &[("proxy-status", "proxy; error=dns_error")]), None);
    }
}
