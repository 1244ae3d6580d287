//! One request and its answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName,
    HeaderValue, LOCATION, PROXY_AUTHORIZATION, REFRESH, RETRY_AFTER, SET_COOKIE, USER_AGENT,
};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use super::authorship::{Author, author};
use super::budget::Shares;
use super::coding::{ContentCoding, Fault, Unpacked, unpack};
use super::config::HttpPersona;
use super::connect::{self, Connection, is_absolute};
use super::detail::{HttpDetail, SiteFailure};
use super::head::{self, MendedHead};
use crate::detail::Detail;
use crate::net::dial::PROXY_TIMEOUT;
use crate::net::fatal_error::FatalError;
use crate::net::proxy::{Proxy, ProxyError};

/// The accepted content types, unless the persona sets the header.
const ACCEPTED: &str = "text/html,application/xhtml+xml,text/plain;q=0.9,*/*;q=0.1";

/// How much of a large body must come in a second while others wait for the memory that it holds, in bytes.
const LEAST_PACE: usize = 64 * 1024;
/// How many lines the head of an answer may have.
const MAX_HEADERS: usize = 1_000;
/// The longest text of a header that is kept to be shown, in characters.
const MAX_SHOWN: usize = 200;

/// How much later than it should a request may end before this process must have stood still: stopped by its terminal, or
/// without a processor for so long.
const STANDSTILL: Duration = Duration::from_secs(1);

/// Where a request goes.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    /// Directly to the first of these addresses that accepts the connection.
    Direct(Vec<SocketAddr>),
    /// Through the proxy, which resolves the host.
    Proxy(Arc<Proxy>),
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The target of a redirect, as it is written; bytes beyond ASCII are percent-encoded.
    pub(crate) location: Option<String>,
    /// The last of them.
    pub(crate) content_type: Option<String>,
    /// Where the page asks the browser to go, or when to load it again.
    pub(crate) refresh: Option<String>,
    /// How long to wait before the next request, if the answer is a refusal for now.
    pub(crate) retry_after: Option<Duration>,
    /// What the visit is to say with its next requests, as it is written.
    pub(crate) cookies: Vec<String>,
    pub(crate) body: Vec<u8>,
    /// Whether there was more of it.
    pub(crate) truncated: bool,
    /// What is wrong with the body.
    pub(crate) fault: Option<Detail<HttpDetail>>,
    /// What the body takes of what all may hold.
    pub(crate) shares: Shares,
    pub(crate) address: Option<SocketAddr>,
    /// Whether the answer may be the proxy's own.
    pub(crate) is_in_doubt: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum RequestFailure {
    /// No request at all can be made as the config says: the phase fails.
    Fatal(FatalError),
    /// This request failed.
    Site(SiteFailure),
    /// This request failed, or every other one would too.
    Means(Box<MeansFailure>),
    /// This machine had no network, or stood still for longer than the request may take, so that the failure says nothing: the
    /// request is sent again.
    Again(SiteFailure),
}

/// A failure that is the proxy's if that fails for everything, and the site's if not.
#[derive(Debug)]
pub(crate) struct MeansFailure {
    /// How the phase fails.
    pub(crate) fatal: FatalError,
    /// How this site fails.
    pub(crate) item: SiteFailure,
    /// Whether the proxy wasn't there at all.
    pub(crate) is_down: bool,
}

impl MeansFailure {
    /// A failure of the proxy before it was asked for anything.
    pub(super) fn fatal(fatal: FatalError) -> RequestFailure {
        match &fatal {
            FatalError::Proxy(error) => RequestFailure::Means(Box::new(Self {
                item: HttpDetail::ProxyFailed.failure(error),
                is_down: matches!(error, ProxyError::Unreachable { .. } | ProxyError::Broken { .. }),
                fatal,
            })),
            _ => RequestFailure::Fatal(fatal),
        }
    }

    /// A failure of the proxy, or else of the site.
    pub(super) fn or(proxy: ProxyError, item: SiteFailure) -> RequestFailure {
        RequestFailure::Means(Box::new(Self {
            fatal: proxy.into(),
            item,
            is_down: false,
        }))
    }
}

impl From<HttpDetail> for RequestFailure {
    fn from(detail: HttpDetail) -> Self {
        Self::Site(detail.into())
    }
}

impl From<SiteFailure> for RequestFailure {
    fn from(failure: SiteFailure) -> Self {
        Self::Site(failure)
    }
}

impl From<FatalError> for RequestFailure {
    fn from(fatal: FatalError) -> Self {
        Self::Fatal(fatal)
    }
}

/// Whether a request carries the persona's credentials.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Credentials {
    /// The request carries them, since it goes to the host that they are for.
    Sent,
    /// The request leaves them out, since a redirect led to another host, or out of TLS.
    Withheld,
}

/// Requests `url` along `route`, with the cookies of the visit.
pub(crate) async fn send(
    persona: &HttpPersona,
    url: &Url,
    route: &Route,
    credentials: Credentials,
    cookie: Option<String>,
) -> Result<Answer, RequestFailure> {
    let patience = Duration::from_millis(persona.timeout_ms.get());
    let connect_patience = Duration::from_millis(persona.connect_timeout_ms.get()).min(patience);
    let start = Instant::now();
    let outcome = attempt(
        persona,
        url,
        route,
        (credentials, cookie),
        (connect_patience, patience),
    )
    .await;
    let most = match route {
        Route::Direct(_) => patience,
        // It is connected to and greeted, and again to find out whose an answer is.
        Route::Proxy(_) => 2 * (2 * PROXY_TIMEOUT + connect_patience) + patience,
    };
    match outcome {
        Err(RequestFailure::Site(failure)) if start.elapsed() > most + STANDSTILL => {
            Err(RequestFailure::Again(failure))
        }
        Err(RequestFailure::Means(means)) if start.elapsed() > most + STANDSTILL => {
            Err(RequestFailure::Again(means.item))
        }
        outcome => outcome,
    }
}

async fn attempt(
    persona: &HttpPersona,
    url: &Url,
    route: &Route,
    (credentials, cookie): (Credentials, Option<String>),
    (connect_patience, patience): (Duration, Duration),
) -> Result<Answer, RequestFailure> {
    let start = Instant::now();
    let connection = connect::connect(url, route, connect_patience).await?;
    // The time to connect counts, but for that of the proxy.
    let left = match route {
        Route::Direct(_) => patience.saturating_sub(start.elapsed()),
        Route::Proxy(_) => patience,
    };
    let asked = match route {
        Route::Proxy(proxy) if is_absolute(url, proxy) => Asked::Proxy(proxy),
        Route::Proxy(_) => Asked::Tunnel,
        Route::Direct(_) => Asked::Site,
    };
    let mut request = request(persona, url, credentials, asked)?;
    if let Some(cookie) = cookie {
        add_cookie(request.headers_mut(), &cookie);
    }
    let address = connection.address;
    let begun = Instant::now();
    let exchanged = timeout(left, exchange(connection, request)).await;
    let (response, _driver) = exchanged
        .map_err(|_| asked.silent())?
        .map_err(|error| asked.failure(&error))?;
    let left = left.saturating_sub(begun.elapsed());
    let is_in_doubt = match asked {
        Asked::Proxy(proxy) => {
            let (status, headers) = (response.status(), response.headers());
            author(status, headers, url, proxy, connect_patience).await? == Author::Unknown
        }
        Asked::Tunnel | Asked::Site => false,
    };
    let answer = read(response, persona.max_body_bytes.size(), left).await;
    Ok(Answer {
        address,
        is_in_doubt,
        ..answer
    })
}

/// Who gets a request.
#[derive(Clone, Copy, Debug)]
enum Asked<'a> {
    Site,
    /// The site, at the end of a tunnel.
    Tunnel,
    /// The proxy, which asks the site.
    Proxy(&'a Proxy),
}

impl Asked<'_> {
    /// What an exchange without a response says.
    fn failure(self, error: &hyper::Error) -> RequestFailure {
        let is_closed = !error.is_parse() && !head::is_cut(error);
        let item = match (self, is_closed) {
            (Self::Site, true) => HttpDetail::EmptyAnswer,
            // Through a proxy it isn't seen whether the site has closed the connection or the proxy never had one.
            (Self::Proxy(_) | Self::Tunnel, true) => HttpDetail::ClosedUnanswered,
            (_, false) => HttpDetail::InvalidAnswer,
        };
        let item = item.failure(error);
        match self {
            Self::Proxy(proxy) => MeansFailure::or(proxy.broken(error), item),
            Self::Tunnel | Self::Site => item.into(),
        }
    }

    /// What the lack of any answer says.
    fn silent(self) -> RequestFailure {
        match self {
            Self::Proxy(proxy) => {
                MeansFailure::or(proxy.broken("it is silent"), HttpDetail::AnswerTimeout.into())
            }
            Self::Tunnel | Self::Site => HttpDetail::AnswerTimeout.into(),
        }
    }
}

fn request(
    persona: &HttpPersona,
    url: &Url,
    credentials: Credentials,
    asked: Asked<'_>,
) -> Result<Request<String>, RequestFailure> {
    let target = match asked {
        Asked::Proxy(_) => url.as_str(),
        Asked::Tunnel | Asked::Site => &url[url::Position::BeforePath..],
    };
    let mut request = Request::get(target)
        .body(String::new())
        .map_err(|error| HttpDetail::InvalidUrl.failure(error))?;
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let host = HeaderValue::try_from(host).map_err(|error| HttpDetail::InvalidUrl.failure(error))?;
    request.headers_mut().insert(HOST, host);
    request.headers_mut().extend(headers(persona, credentials));
    if let Asked::Proxy(proxy) = asked
        && let Some(value) = proxy.authorization()
        && let Ok(value) = HeaderValue::try_from(value)
    {
        request.headers_mut().insert(PROXY_AUTHORIZATION, value);
    }
    Ok(request)
}

/// Adds what the site has set to what the persona says.
fn add_cookie(headers: &mut HeaderMap, cookie: &str) {
    let own = headers.get(COOKIE).and_then(|own| own.to_str().ok());
    let both = own.map_or_else(|| cookie.to_owned(), |own| format!("{own}; {cookie}"));
    if let Ok(value) = HeaderValue::try_from(both) {
        headers.insert(COOKIE, value);
    }
}

/// Sends a request, and waits for the head of the response. Dropping the handle closes the connection.
async fn exchange(
    connection: Connection,
    request: Request<String>,
) -> hyper::Result<(Response<Incoming>, AbortOnDropHandle<hyper::Result<()>>)> {
    // As browsers take it.
    let mut http = http1::Builder::new();
    http.allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .max_headers(MAX_HEADERS);
    let bytes = TokioIo::new(MendedHead::new(connection.bytes));
    let (mut sender, driver) = http.handshake(bytes).await?;
    let driver = AbortOnDropHandle::new(tokio::spawn(driver));
    Ok((sender.send_request(request).await?, driver))
}

fn headers(persona: &HttpPersona, credentials: Credentials) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
    // A stored page says nothing of the site as it is now (RFC 9111, section 5.2.1.4). The persona may ask for one.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    for (name, value) in persona.headers.iter() {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
            continue;
        };
        if credentials == Credentials::Sent || (name != AUTHORIZATION && name != COOKIE) {
            headers.insert(name, value);
        }
    }
    if let Ok(user_agent) = HeaderValue::try_from(persona.user_agent.as_str()) {
        headers.insert(USER_AGENT, user_agent);
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    headers
}

/// Reads an answer. What came of a body that ends early, or doesn't end in time, is kept, and said to be cut.
async fn read(response: Response<Incoming>, most: usize, patience: Duration) -> Answer {
    let last = |name| -> Option<&HeaderValue> { response.headers().get_all(name).iter().next_back() };
    let shown = |value: &HeaderValue| -> String {
        let text = String::from_utf8_lossy(value.as_bytes());
        text.chars().take(MAX_SHOWN).collect()
    };
    let status = response.status().as_u16();
    let location = matches!(status, 301 | 302 | 303 | 307 | 308)
        .then(|| response.headers().get(LOCATION).map(ascii))
        .flatten();
    let coding = ContentCoding::of(response.headers());
    let mut answer = Answer {
        status,
        content_type: last(CONTENT_TYPE).map(shown),
        refresh: last(REFRESH).map(shown),
        retry_after: match status {
            429 | 503 => last(RETRY_AFTER).and_then(retry_after),
            _ => None,
        },
        cookies: response
            .headers()
            .get_all(SET_COOKIE)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect(),
        body: Vec::new(),
        truncated: false,
        fault: None,
        shares: Shares::of(most),
        address: None,
        is_in_doubt: false,
        location,
    };
    // The body of a redirect is not used.
    if answer.location.is_some() {
        return answer;
    }
    let cut = receive(response.into_body(), most, patience, &mut answer).await;
    answer.fault = match coding {
        ContentCoding::Other(said) if !answer.body.is_empty() => Some(HttpDetail::UnknownCoding.with(said)),
        ContentCoding::Gzip => {
            let packed = std::mem::take(&mut answer.body);
            let Unpacked {
                bytes,
                truncated,
                fault,
            } = unpack(packed, most, &mut answer.shares).await;
            answer.body = bytes;
            answer.truncated |= truncated;
            match fault {
                Some(Fault::NotCompressed) => Some(HttpDetail::WrongCoding.with("gzip")),
                Some(Fault::Cut(reason)) => Some(HttpDetail::CutShort.with(cut.unwrap_or(reason))),
                None => cut.map(|reason| HttpDetail::CutShort.with(reason)),
            }
        }
        ContentCoding::Identity | ContentCoding::Other(_) => {
            cut.map(|reason| HttpDetail::CutShort.with(reason))
        }
    };
    answer
}

/// Receives a body up to so many bytes. Gives why it ended early, if it did.
async fn receive(mut body: Incoming, most: usize, patience: Duration, answer: &mut Answer) -> Option<String> {
    let mut deadline = Instant::now() + patience;
    let mut pace = Pace::begin(0);
    let cut = loop {
        let chunk = match timeout_at(deadline.min(pace.until), body.frame()).await {
            Ok(None) => break None,
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(chunk) => chunk,
                Err(_) => continue,
            },
            Ok(Some(Err(error))) => break Some(error.to_string()),
            Err(_) if Instant::now() >= deadline => break Some("it does not end in time".to_owned()),
            Err(_) => Bytes::new(),
        };
        if Instant::now() >= pace.until {
            let is_slow = answer.body.len() - pace.from < LEAST_PACE;
            if is_slow && answer.shares.is_awaited() {
                break Some("it comes too slowly while other large pages wait".to_owned());
            }
            pace = Pace::begin(answer.body.len());
        }
        let left = most - answer.body.len();
        let kept = &chunk[..chunk.len().min(left)];
        let size = answer.body.len() + kept.len();
        if !answer.shares.allow(size) {
            // That the others are as large is no fault of the site.
            let begun = Instant::now();
            answer.shares.wait_for(size).await;
            deadline += begun.elapsed();
            pace = Pace::begin(answer.body.len());
            if answer.shares.allow(most) {
                // All at once, not twice as much again and again.
                answer.body.reserve_exact(most - answer.body.len());
            }
        }
        answer.body.extend_from_slice(kept);
        if chunk.len() > left {
            answer.truncated = true;
            break None;
        }
    };
    answer.truncated |= cut.is_some();
    cut
}

/// A second of a body, in which some of it should come.
struct Pace {
    /// How much had come before.
    from: usize,
    until: Instant,
}

impl Pace {
    fn begin(from: usize) -> Self {
        Self {
            from,
            until: Instant::now() + Duration::from_secs(1),
        }
    }
}

/// The value of a header as a part of a URL. Bytes beyond ASCII stand for themselves, in whatever encoding they are.
fn ascii(value: &HeaderValue) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.as_bytes() {
        match byte.is_ascii() {
            true => text.push(char::from(*byte)),
            false => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// How long to wait: a number of seconds, or until a date (RFC 9110, section 10.2.3).
fn retry_after(value: &HeaderValue) -> Option<Duration> {
    let value = value.to_str().ok()?.trim();
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let date = httpdate::parse_http_date(value).ok()?;
            Some(date.duration_since(SystemTime::now()).unwrap_or_default())
        }
    }
}
