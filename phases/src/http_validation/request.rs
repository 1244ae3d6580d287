//! One request and its answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName,
    HeaderValue, LOCATION, PROXY_AUTHORIZATION, USER_AGENT,
};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use super::authorship::{Author, author};
use super::coding::{ContentCoding, unpack};
use super::config::HttpPersona;
use super::connect::{self, Connection, is_absolute};
use super::detail::{HttpDetail, SiteFailure};
use crate::net::dial::PROXY_TIMEOUT;
use crate::net::fatal_error::FatalError;
use crate::net::proxy::{Proxy, ProxyError};

/// The accepted content types, unless the persona sets the header.
const ACCEPTED: &str = "text/html,application/xhtml+xml,text/plain;q=0.9,*/*;q=0.1";

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
    /// The target of a redirect, as it is written.
    pub(crate) location: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) truncated: bool,
    /// Whether the body has an encoding that was asked for.
    pub(crate) readable: bool,
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

/// Requests `url` along `route`.
pub(crate) async fn send(
    persona: &HttpPersona,
    url: &Url,
    route: &Route,
    credentials: Credentials,
) -> Result<Answer, RequestFailure> {
    let patience = Duration::from_millis(persona.timeout_ms.get());
    let connect_patience = Duration::from_millis(persona.connect_timeout_ms.get()).min(patience);
    let start = Instant::now();
    let outcome = attempt(persona, url, route, credentials, (connect_patience, patience)).await;
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
    credentials: Credentials,
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
    let request = request(persona, url, credentials, asked)?;
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
    let read = timeout(left, read(response, persona.max_body_bytes.size())).await;
    let answer = read
        .map_err(|_| asked.silent())?
        .map_err(|error| HttpDetail::InvalidAnswer.failure(error))?;
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
        let is_closed = !error.is_parse();
        match self {
            Self::Proxy(proxy) if is_closed => {
                MeansFailure::or(proxy.broken(error), HttpDetail::ClosedUnanswered.failure(error))
            }
            Self::Proxy(proxy) => {
                MeansFailure::or(proxy.broken(error), HttpDetail::InvalidAnswer.failure(error))
            }
            // Through a proxy it isn't seen whether the site has closed the connection or the proxy never had one.
            Self::Tunnel if is_closed => HttpDetail::ClosedUnanswered.failure(error).into(),
            Self::Tunnel | Self::Site => HttpDetail::InvalidAnswer.failure(error).into(),
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

/// Sends a request, and waits for the head of the response. Dropping the handle closes the connection.
async fn exchange(
    connection: Connection,
    request: Request<String>,
) -> hyper::Result<(Response<Incoming>, AbortOnDropHandle<hyper::Result<()>>)> {
    let (mut sender, driver) = http1::handshake(TokioIo::new(connection.bytes)).await?;
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

async fn read(response: Response<Incoming>, most: usize) -> hyper::Result<Answer> {
    let header = |name| -> Option<String> {
        let value: &HeaderValue = response.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let status = response.status().as_u16();
    let location = matches!(status, 301 | 302 | 303 | 307 | 308)
        .then(|| header(LOCATION))
        .flatten();
    let content_type = header(CONTENT_TYPE);
    let coding = ContentCoding::of(response.headers());
    let (mut bytes, mut truncated) = (Vec::new(), false);
    // The body of a redirect is not used.
    if location.is_none() {
        let mut body = response.into_body();
        while !truncated && let Some(frame) = body.frame().await {
            let Ok(chunk) = frame?.into_data() else { continue };
            let left = most - bytes.len();
            bytes.extend_from_slice(&chunk[..chunk.len().min(left)]);
            truncated = chunk.len() > left;
        }
    }
    let readable = bytes.is_empty() || coding != ContentCoding::Other;
    let (body, truncated) = match coding {
        ContentCoding::Gzip => unpack((bytes, truncated), most).await,
        ContentCoding::Identity | ContentCoding::Other => (bytes, truncated),
    };
    Ok(Answer {
        status,
        location,
        content_type,
        body,
        truncated,
        readable,
        address: None,
        is_in_doubt: false,
    })
}
