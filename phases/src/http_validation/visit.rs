//! A visit requests a domain's page, follows redirects, and tries again after a failure. Every step is checked before it is
//! made.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use url::{Host, Url};

use super::config::{HttpPersona, Scheme};
use super::cookies::Cookies;
use super::detail::{HttpDetail, SiteFailure};
use super::gate::{Judged, ProxyGate};
use super::record::Status;
use super::request::{self, Answer, Credentials, RequestFailure, Route};
use crate::detail::Detail;
use crate::net::address::is_public;
use crate::net::dns::{DnsClient, LookupStatus};
use crate::net::fatal_error::FatalError;
use crate::net::persona_limits::PersonaLimits;
use crate::net::proxy::Proxy;
use crate::net::sockets;
use crate::net::uplink::{Unreached, Uplink};

/// The longest URL that a redirect may lead to, in bytes.
const MAX_URL: usize = 2_048;
/// How long a site may ask to wait before it is requested again, at most.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(10);
/// How often a request is sent again because the proxy or the network was away, or this process stood still.
const MAX_RETURNS: u32 = 3;

/// A persona at work.
pub(crate) struct Visitor {
    pub(crate) persona: HttpPersona,
    pub(crate) limits: Arc<PersonaLimits>,
    /// The proxy, if there is one, and what is known of it.
    pub(crate) gate: Option<Arc<ProxyGate>>,
    /// The resolvers for redirects to other hosts. Without them the system resolves.
    pub(crate) resolvers: Option<DnsClient>,
    /// What is known of this machine's own ways.
    pub(crate) uplink: Uplink,
}

/// A domain to visit, with its resolved addresses.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) domain: String,
    pub(crate) addresses: Vec<IpAddr>,
}

/// The result of a visit.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) status: Status,
    /// Why there is no page, or not all of it.
    pub(crate) detail: Option<Detail<HttpDetail>>,
    pub(crate) url: String,
    pub(crate) final_url: String,
    pub(crate) redirects: u64,
    pub(crate) requests: u64,
    /// The last answer.
    pub(crate) answer: Option<Answer>,
    /// The address of the last request, if it is known and there was an answer.
    pub(crate) address: Option<SocketAddr>,
}

impl Visit {
    /// A visit that has asked for nothing yet.
    fn of(url: String) -> Self {
        Self {
            status: Status::InvalidUrl,
            detail: Some(HttpDetail::InvalidUrl.detail()),
            final_url: url.clone(),
            url,
            redirects: 0,
            requests: 0,
            answer: None,
            address: None,
        }
    }

    fn fail(&mut self, failure: impl Into<SiteFailure>) {
        let failure = failure.into();
        self.status = failure.status;
        self.detail = Some(failure.detail);
    }

    /// Whether there is no answer, and another request may get one.
    fn may_pass(&self) -> bool {
        let is_closed = |detail: &Detail<HttpDetail>| detail.code == HttpDetail::EmptyAnswer;
        matches!(
            self.status,
            Status::TimedOut | Status::ConnectionRefused | Status::ConnectionFailed
        ) || self.detail.as_ref().is_some_and(is_closed)
    }

    /// How long to wait before another request that may end otherwise.
    fn pause(&self) -> Option<Duration> {
        let asked = self.answer.as_ref().and_then(|answer| answer.retry_after);
        match asked {
            Some(asked) => (asked <= MAX_RETRY_AFTER).then_some(asked),
            None => self.may_pass().then_some(Duration::ZERO),
        }
    }

    /// Says in the reason also how another scheme failed before.
    fn add_failure(&mut self, scheme: &str, other: Detail<HttpDetail>) {
        if let Some(detail) = &mut self.detail
            && self.status != Status::Ok
        {
            let both = format!("{}. Over {scheme}: {}", detail.message, other.message);
            detail.message = Cow::Owned(both);
        }
    }
}

impl Visitor {
    /// Visits a site. Fails only if no site at all can be visited as the config says.
    pub(crate) async fn visit(&self, site: &Site) -> Result<Visit, FatalError> {
        let schemes: &[&str] = match self.persona.scheme {
            Scheme::Http => &["http"],
            Scheme::Https => &["https"],
            Scheme::HttpsThenHttp => &["https", "http"],
        };
        let _inside = self.gate.as_ref().map(|gate| gate.enter());
        let mut requests = 0;
        let mut visit = Visit::of(self.first_url(schemes[0], site));
        for (place, scheme) in schemes.iter().enumerate() {
            let is_last = place + 1 == schemes.len();
            let before = visit.detail.take().filter(|_| place > 0);
            visit = self.visit_by(scheme, site, is_last, &mut requests).await?;
            if let Some(before) = before {
                visit.add_failure(schemes[0], before);
            }
            let without_answer = visit.answer.is_none()
                && (visit.may_pass()
                    || matches!(
                        visit.status,
                        Status::TlsError | Status::InvalidResponse | Status::ProxyRefused
                    ));
            if !without_answer {
                break;
            }
        }
        visit.requests = requests;
        Ok(visit)
    }

    /// Visits a site by one scheme. What may be a fault of the proxy is judged only where no other scheme is left, which may show
    /// that the proxy works.
    async fn visit_by(
        &self,
        scheme: &str,
        site: &Site,
        is_last: bool,
        requests: &mut u64,
    ) -> Result<Visit, FatalError> {
        let (mut attempt, mut returns) = (0, 0);
        loop {
            let mut visit = Visit::of(self.first_url(scheme, site));
            let followed = self.follow(&mut visit, site, requests).await;
            let followed = match (followed, &self.gate) {
                (Err(failure), Some(gate)) => Err(gate.blame(failure).await),
                (followed, _) => followed,
            };
            match followed {
                Ok(()) => {}
                Err(RequestFailure::Fatal(fatal)) => {
                    if let Some(gate) = &self.gate {
                        gate.end(&fatal);
                    }
                    return Err(fatal);
                }
                Err(RequestFailure::Again(failure)) if returns < MAX_RETURNS => {
                    returns += 1;
                    visit.fail(failure);
                    continue;
                }
                Err(RequestFailure::Site(failure) | RequestFailure::Again(failure)) => visit.fail(failure),
                Err(RequestFailure::Means(means)) => match &self.gate {
                    Some(gate) if is_last || gate.works() => match gate.judge(*means).await? {
                        Judged::OfTheSite(failure) => visit.fail(failure),
                        Judged::Again(means) if returns < MAX_RETURNS => {
                            returns += 1;
                            visit.fail(means.item);
                            continue;
                        }
                        Judged::Again(means) => return Err(means.fatal),
                    },
                    _ => {
                        visit.fail(means.item);
                        return Ok(visit);
                    }
                },
            }
            match visit.pause() {
                Some(pause) if attempt < self.persona.retries.get() => sleep(pause).await,
                _ => return Ok(visit),
            }
            attempt += 1;
        }
    }

    fn first_url(&self, scheme: &str, site: &Site) -> String {
        let port = self
            .persona
            .port
            .map(|port| format!(":{}", port.get()))
            .unwrap_or_default();
        format!("{scheme}://{}{port}{}", site.domain, self.persona.path.as_str())
    }

    /// Requests the page and follows its redirects, one step at a time.
    async fn follow(&self, visit: &mut Visit, site: &Site, requests: &mut u64) -> Result<(), RequestFailure> {
        let mut url = Url::parse(&visit.url).map_err(|error| HttpDetail::InvalidUrl.failure(error))?;
        let origin = url.clone();
        let mut seen = BTreeSet::new();
        // They live for one visit, and so does a loop: with other cookies the same URL is another question.
        let mut cookies = Cookies::default();
        loop {
            visit.final_url = url.to_string();
            visit.address = None;
            let cookie = cookies.of(&url);
            if !seen.insert((visit.final_url.clone(), cookie.clone())) {
                visit.address = visit.answer.as_ref().and_then(|answer| answer.address);
                return Err(HttpDetail::RedirectLoop.into());
            }
            if visit.redirects > self.persona.max_redirects.get() {
                visit.redirects -= 1;
                visit.address = visit.answer.as_ref().and_then(|answer| answer.address);
                return Err(HttpDetail::TooManyRedirects.into());
            }
            let route = self.route(&url, site).await?;
            self.limits.next_request().await;
            *requests += 1;
            let sent = request::send(&self.persona, &url, &route, credentials(&origin, &url), cookie).await;
            self.learn(&sent);
            let answer = match (sent, &route) {
                (Err(failure), Route::Direct(addresses)) => {
                    return Err(self.unreached(failure, addresses).await);
                }
                (sent, _) => sent?,
            };
            visit.address = answer.address;
            cookies.learn(&answer.cookies, &url);
            let next = answer.location.as_deref().map(|location| join(&url, location));
            let answer = visit.answer.insert(answer);
            match next {
                None => {
                    let reason = match (answer.status, answer.fault.take()) {
                        (200..=299, fault) => {
                            visit.status = fault.as_ref().map_or(Status::Ok, |fault| fault.code.status());
                            visit.detail = fault;
                            return Ok(());
                        }
                        _ if answer.is_in_doubt => HttpDetail::ProxyOrSite,
                        (status, _) => HttpDetail::of_status(status),
                    };
                    return Err(reason.into());
                }
                Some(Some(next)) => url = next,
                Some(None) => {
                    let location = answer.location.as_deref().unwrap_or_default();
                    return Err(HttpDetail::InvalidRedirect.failure(location).into());
                }
            }
            visit.redirects += 1;
        }
    }

    fn proxy(&self) -> Option<&Arc<Proxy>> {
        self.gate.as_deref().map(ProxyGate::proxy)
    }

    /// The failure of a connection as this machine's routes explain it.
    async fn unreached(&self, failure: RequestFailure, addresses: &[SocketAddr]) -> RequestFailure {
        match failure {
            RequestFailure::Site(failure) if failure.detail.code == HttpDetail::ConnectionFailed => {
                match self.uplink.judge(addresses).await {
                    Ok(Unreached::OfTheSite) => RequestFailure::Site(failure),
                    Ok(Unreached::NoRoute) => RequestFailure::Site(HttpDetail::NoRoute.into()),
                    Ok(Unreached::Again) => RequestFailure::Again(failure),
                    Err(fatal) => RequestFailure::Fatal(fatal),
                }
            }
            failure => failure,
        }
    }

    /// Takes note of what a request has shown of the ways to sites.
    fn learn(&self, sent: &Result<Answer, RequestFailure>) {
        if sent.is_ok() {
            self.uplink.reached();
        }
        let has_passed = match sent {
            Ok(answer) => !answer.is_in_doubt,
            Err(RequestFailure::Site(failure)) => !failure.detail.code.is_without_request(),
            Err(RequestFailure::Fatal(_) | RequestFailure::Means(_) | RequestFailure::Again(_)) => false,
        };
        if let Some(gate) = self.gate.as_ref().filter(|_| has_passed) {
            gate.passed();
        }
    }

    /// The route of a request for `url`, if the request is allowed.
    ///
    /// A proxy resolves names by itself, so the address of a redirect to another name is unknown here: only literal addresses
    /// and the names of the own machine can be refused.
    pub(crate) async fn route(&self, url: &Url, site: &Site) -> Result<Route, RequestFailure> {
        let port = url
            .port_or_known_default()
            .ok_or(RequestFailure::from(HttpDetail::InvalidUrl))?;
        let addresses = match url.host() {
            Some(Host::Ipv4(address)) => vec![IpAddr::V4(address)],
            Some(Host::Ipv6(address)) => vec![IpAddr::V6(address)],
            Some(Host::Domain(name)) if same_name(name, &site.domain) => site.addresses.clone(),
            Some(Host::Domain(name)) => match self.proxy() {
                Some(_) if is_this_machine(name) => vec![IpAddr::from([127, 0, 0, 1])],
                Some(proxy) => return Ok(Route::Proxy(Arc::clone(proxy))),
                None => self.look_up(name, port).await?,
            },
            None => return Err(RequestFailure::from(HttpDetail::InvalidUrl)),
        };
        let allowed = |address: &IpAddr| self.persona.allow_private_addresses || is_public(*address);
        match self.proxy() {
            // The proxy may choose any of the addresses.
            Some(proxy) if addresses.iter().all(allowed) => Ok(Route::Proxy(Arc::clone(proxy))),
            Some(_) => Err(HttpDetail::ForbiddenAddress.into()),
            None => {
                let mut allowed: Vec<_> = addresses.into_iter().filter(allowed).collect();
                allowed.dedup();
                match allowed.is_empty() {
                    true => Err(HttpDetail::ForbiddenAddress.into()),
                    false => Ok(Route::Direct(
                        allowed
                            .into_iter()
                            .map(|address| SocketAddr::new(address, port))
                            .collect(),
                    )),
                }
            }
        }
    }

    /// The addresses of a name, at the persona's resolvers or else by the system; at least one.
    pub(crate) async fn look_up(&self, name: &str, port: u16) -> Result<Vec<IpAddr>, RequestFailure> {
        let unresolved = || RequestFailure::from(HttpDetail::RedirectUnresolved);
        let addresses: Vec<IpAddr> = match &self.resolvers {
            Some(resolvers) => {
                let lookup = resolvers.lookup(name, 0).await?;
                match (lookup.status, lookup.detail) {
                    (LookupStatus::Resolved, _) | (_, None) => lookup.addresses,
                    (_, Some(detail)) => return Err(HttpDetail::of_redirect(detail).into()),
                }
            }
            None => {
                let patience = Duration::from_millis(self.persona.connect_timeout_ms.get());
                match timeout(patience, tokio::net::lookup_host((name, port))).await {
                    Ok(Ok(found)) => found.map(|address| address.ip()).collect(),
                    Ok(Err(error)) if sockets::are_used_up(&error, &[]) => {
                        return Err(FatalError::OutOfSockets(error.to_string()).into());
                    }
                    // The system doesn't tell a missing name from a failure of its own.
                    Ok(Err(error)) => return Err(HttpDetail::RedirectUnknown.failure(error).into()),
                    Err(_) => return Err(HttpDetail::RedirectUnknown.into()),
                }
            }
        };
        match addresses.is_empty() {
            true => Err(unresolved()),
            false => Ok(addresses),
        }
    }
}

/// The URL that a redirect leads to, without user name, password and fragment; `None` if it is not an HTTP URL or too long.
fn join(url: &Url, location: &str) -> Option<Url> {
    if location.len() > MAX_URL {
        return None;
    }
    let mut next = url.join(location).ok()?;
    next.set_fragment(None);
    let usable = matches!(next.scheme(), "http" | "https")
        && next.set_username("").is_ok()
        && next.set_password(None).is_ok()
        && next.as_str().len() <= MAX_URL;
    usable.then_some(next)
}

/// Whether the persona's credentials are sent to `next`. They are sent only to the host that they are for, and never
/// unencrypted after TLS.
fn credentials(origin: &Url, next: &Url) -> Credentials {
    let is_theirs = next.host_str() == origin.host_str();
    let in_the_clear = next.scheme() != "https" && origin.scheme() != "http";
    match is_theirs && !in_the_clear {
        true => Credentials::Sent,
        false => Credentials::Withheld,
    }
}

fn same_name(one: &str, other: &str) -> bool {
    let bare = |name: &str| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    bare(one) == bare(other)
}

/// Whether a name always means the machine that resolves it (RFC 6761, section 6.3).
fn is_this_machine(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod answers;
#[cfg(test)]
mod tests;
