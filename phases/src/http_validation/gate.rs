//! Tells a fault of the proxy from one of a site: while a proxy lets nothing through, no item's failure says anything of its
//! site.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout};

use super::detail::{HttpDetail, SiteFailure};
use super::request::{MeansFailure, RequestFailure};
use crate::net::dial::{self, DialError};
use crate::net::fatal_error::FatalError;
use crate::net::proxy::{Protocol, Proxy};

/// How long all items must have waited before the proxy is asked whether it lets anything through.
const SETTLED: Duration = Duration::from_millis(200);
/// How long a proxy may take to answer for itself.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a run waits for a proxy that has worked before.
const MAX_OUTAGE: Duration = Duration::from_secs(30);
/// How long a proxy that ends may still accept connections after it has closed others.
const CLOSING: Duration = Duration::from_millis(100);
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// The port that proxies open tunnels to if to any.
const HTTPS: u16 = 443;

/// What the requests of a run have learned of its proxy.
pub(crate) struct ProxyGate {
    proxy: Arc<Proxy>,
    state: watch::Sender<State>,
    prober: Mutex<()>,
}

#[derive(Clone, Debug, Default)]
struct State {
    /// The items at work, and those of them that wait here.
    inside: usize,
    waiting: usize,
    /// Whether the proxy has let anything through, or has answered for itself.
    works: bool,
    verdict: Option<FatalError>,
}

/// What a failure is, as the gate judges it.
pub(crate) enum Judged {
    /// The failure of this one site.
    OfTheSite(SiteFailure),
    /// The proxy was away, and is back: the request is sent again.
    Again(MeansFailure),
}

/// An item at work.
pub(crate) struct Inside<'a>(&'a ProxyGate);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.state.send_modify(|state| state.inside -= 1);
    }
}

struct Waiting<'a>(&'a ProxyGate);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state.send_modify(|state| state.waiting -= 1);
    }
}

impl ProxyGate {
    pub(crate) fn new(proxy: Arc<Proxy>) -> Self {
        Self {
            proxy,
            state: watch::Sender::new(State::default()),
            prober: Mutex::default(),
        }
    }

    pub(crate) fn proxy(&self) -> &Arc<Proxy> {
        &self.proxy
    }

    /// Counts an item until the result is dropped.
    pub(crate) fn enter(&self) -> Inside<'_> {
        self.state.send_modify(|state| state.inside += 1);
        Inside(self)
    }

    /// Whether the proxy has let anything through, or has answered for itself.
    pub(crate) fn works(&self) -> bool {
        self.state.borrow().works
    }

    /// Takes note that the proxy has let a request through.
    pub(crate) fn passed(&self) {
        self.state
            .send_if_modified(|state| !std::mem::replace(&mut state.works, true));
    }

    fn verdict(&self) -> Option<FatalError> {
        self.state.borrow().verdict.clone()
    }

    /// Ends the wait of all items with an error that ends the run anyway.
    pub(crate) fn end(&self, fatal: &FatalError) {
        self.state
            .send_modify(|state| _ = state.verdict.get_or_insert_with(|| fatal.clone()));
    }

    /// The failure of a proxy that is gone, in place of that of a connection which it may have ended thereby.
    pub(crate) async fn blame(&self, failure: RequestFailure) -> RequestFailure {
        let code = match &failure {
            RequestFailure::Site(site) => site.detail.code,
            RequestFailure::Means(means) => means.item.detail.code,
            RequestFailure::Fatal(_) | RequestFailure::Again(_) => return failure,
        };
        let may_be_gone = self.works()
            && matches!(
                code,
                HttpDetail::ClosedUnanswered | HttpDetail::ProxyFailed | HttpDetail::InvalidAnswer
            );
        if !may_be_gone {
            return failure;
        }
        sleep(CLOSING).await;
        let greeted = dial::greet(&self.proxy).await;
        greeted.map_or_else(MeansFailure::fatal, |_| failure)
    }

    /// Judges a failure that may be the proxy's: it is the site's as soon as the proxy is known to work, for others or for
    /// itself. Fails if it doesn't work for anything.
    pub(crate) async fn judge(&self, failure: MeansFailure) -> Result<Judged, FatalError> {
        if self.works() {
            return match failure.is_down {
                true => self.outlast(failure).await,
                false => Ok(Judged::OfTheSite(failure.item)),
            };
        }
        self.state.send_modify(|state| state.waiting += 1);
        let _waiting = Waiting(self);
        let mut state = self.state.subscribe();
        let known = state.wait_for(|state| state.works || state.verdict.is_some());
        tokio::select! {
            biased;
            known = known => match known.ok().and_then(|state| state.verdict.clone()) {
                Some(verdict) => Err(verdict),
                None => Ok(Judged::OfTheSite(failure.item)),
            },
            answered = self.ask(&failure.fatal) => match answered {
                Ok(()) => Ok(Judged::OfTheSite(failure.item)),
                Err(verdict) => Err(verdict),
            },
        }
    }

    /// Asks the proxy for itself once no item at work is left that could show that it works.
    async fn ask(&self, fatal: &FatalError) -> Result<(), FatalError> {
        let _prober = self.prober.lock().await;
        let mut state = self.state.subscribe();
        loop {
            // The state is watched, so that no wait here ends on an old one.
            let all_wait = |state: &State| state.waiting >= state.inside;
            let _ = state.wait_for(all_wait).await;
            let unsettled = state.wait_for(|state| !all_wait(state));
            if timeout(SETTLED, unsettled).await.is_err() {
                break;
            }
        }
        let answered = self.answers_for_itself().await;
        self.state.send_modify(|state| match answered {
            true => state.works = true,
            false => _ = state.verdict.get_or_insert_with(|| fatal.clone()),
        });
        match answered {
            true => Ok(()),
            false => Err(fatal.clone()),
        }
    }

    /// Whether the proxy answers a request for a connection to its own host, if only that there is none.
    async fn answers_for_itself(&self) -> bool {
        let (host, own_port) = self.proxy.socket();
        let port = match self.proxy.protocol {
            Protocol::Http => HTTPS,
            Protocol::Socks5 => own_port,
        };
        let dialed = dial::through(&self.proxy, host, port, PROBE_TIMEOUT).await;
        match dialed {
            Ok(_) | Err(DialError::Refused | DialError::SpokeFirst | DialError::Failed(_)) => true,
            // An answer that says so, or a proxy that waits for the host. A silent one has said nothing.
            Err(
                DialError::Fatal(_) | DialError::Forbidden(_) | DialError::HungUp(_) | DialError::TimedOut,
            ) => false,
        }
    }

    /// Waits until a proxy that has worked before accepts connections again.
    async fn outlast(&self, failure: MeansFailure) -> Result<Judged, FatalError> {
        let _prober = self.prober.lock().await;
        let begun = Instant::now();
        loop {
            if let Some(verdict) = self.verdict() {
                return Err(verdict);
            }
            match dial::greet(&self.proxy).await {
                Ok(_) => return Ok(Judged::Again(failure)),
                Err(fatal) if begun.elapsed() >= MAX_OUTAGE => {
                    self.end(&fatal);
                    return Err(fatal);
                }
                Err(_) => sleep(RETRY_PAUSE).await,
            }
        }
    }
}

#[cfg(test)]
mod tests;
