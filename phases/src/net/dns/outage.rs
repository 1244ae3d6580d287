//! Holds a run back while none of its servers answers, and ends it if that lasts.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep};

use super::name_server::NameServer;
use super::no_answer::NoAnswer;
use super::pause::pause;
use super::toll::Toll;
use crate::net::fatal_error::FatalError;

/// How long a run waits for servers that have answered before.
const MAX_OUTAGE: Duration = Duration::from_secs(30);

/// What the servers of a client have last done, taken together.
#[derive(Debug)]
pub(super) struct Outage {
    state: watch::Sender<State>,
    /// Held by the item that asks the servers whether they are back.
    prober: Mutex<()>,
}

#[derive(Clone, Debug, Default)]
struct State {
    /// When the latest of the answered queries was sent.
    answered: Option<Instant>,
    /// Whether a probe has found every server silent since then.
    is_out: bool,
    /// Why the run ends.
    verdict: Option<FatalError>,
}

impl Default for Outage {
    fn default() -> Self {
        Self {
            state: watch::Sender::new(State::default()),
            prober: Mutex::default(),
        }
    }
}

impl Outage {
    /// Takes note that a query that was sent at `sent` was answered.
    pub(super) fn answered(&self, sent: Instant) {
        self.state.send_if_modified(|state| {
            let is_news = state.is_out || state.answered.is_none_or(|known| known < sent);
            if is_news {
                state.answered = Some(state.answered.map_or(sent, |known| known.max(sent)));
                state.is_out = false;
            }
            is_news
        });
    }

    /// Waits while the servers are known to be silent.
    pub(super) async fn pass(
        &self,
        persona: &str,
        servers: &[NameServer],
        toll: &Toll,
    ) -> Result<(), FatalError> {
        if !self.state.borrow().is_out {
            return Ok(());
        }
        self.end(persona, servers, toll, Instant::now()).await
    }

    /// Waits until a query that was sent after `began` is answered, and asks the servers meanwhile.
    pub(super) async fn end(
        &self,
        persona: &str,
        servers: &[NameServer],
        toll: &Toll,
        began: Instant,
    ) -> Result<(), FatalError> {
        let mut state = self.state.subscribe();
        let news = state.wait_for(|state| {
            state.verdict.is_some() || state.answered.is_some_and(|answered| answered >= began)
        });
        tokio::select! {
            biased;
            news = news => match news.ok().and_then(|state| state.verdict.clone()) {
                Some(verdict) => Err(verdict),
                None => Ok(()),
            },
            verdict = self.probe(persona, servers, toll) => Err(verdict),
        }
    }

    /// Asks the servers until one answers, which [`Outage::end`] notices, or none has for too long.
    async fn probe(&self, persona: &str, servers: &[NameServer], toll: &Toll) -> FatalError {
        let _prober = self.prober.lock().await;
        let begun = Instant::now();
        for round in 0.. {
            match self.ask_all(servers, toll).await {
                // Whoever waits for an answer has one.
                Ok(()) => std::future::pending::<()>().await,
                Err(reasons) => {
                    let last = self.state.borrow().answered;
                    if last.is_none_or(|last| last.max(begun).elapsed() >= MAX_OUTAGE) {
                        let verdict = verdict(persona, servers, reasons);
                        self.state
                            .send_modify(|state| state.verdict = Some(verdict.clone()));
                        return verdict;
                    }
                    if round == 0 {
                        tracing::warn!(persona, "no resolver answers: the look-ups wait");
                    }
                    self.state.send_modify(|state| state.is_out = true);
                }
            }
            sleep(pause(round)).await;
        }
        unreachable!("the rounds don't end")
    }

    /// Asks every server at once, and is content with the first answer.
    async fn ask_all(&self, servers: &[NameServer], toll: &Toll) -> Result<(), Vec<NoAnswer>> {
        let sent = Instant::now();
        let mut probes: FuturesUnordered<_> = servers.iter().map(|server| server.probe(toll)).collect();
        let mut reasons = Vec::new();
        while let Some(outcome) = probes.next().await {
            match outcome {
                Ok(()) => {
                    self.answered(sent);
                    return Ok(());
                }
                Err(reason) => reasons.push(reason),
            }
        }
        Err(reasons)
    }
}

/// Why a run ends whose servers don't answer: the proxy, if that leads to none of them.
fn verdict(persona: &str, servers: &[NameServer], reasons: Vec<NoAnswer>) -> FatalError {
    let by_proxy = reasons
        .iter()
        .all(|reason| matches!(reason, NoAnswer::Proxy(_) | NoAnswer::Fatal(_)));
    match reasons.into_iter().next() {
        Some(NoAnswer::Proxy(error) | NoAnswer::Fatal(error)) if by_proxy => error,
        _ => FatalError::NoResolverAnswers {
            persona: persona.to_owned(),
            complaints: servers
                .iter()
                .map(NameServer::complaint)
                .collect::<Vec<_>>()
                .join("; "),
        },
    }
}
