//! What was asked of the engines, and what they answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use phasegate::core::storage::{IdempotencyKey, StorageError};
use phasegate::core::{CampaignId, Command, Ticket, Version};
use phasegate::{Answer, Engine, EngineError, NewCampaign, Receipt, Reported};

use super::witness::Witness;

/// A request that may carry a key.
#[derive(Clone, Debug)]
pub(super) enum Request {
    Create(Box<NewCampaign>),
    Ask(CampaignId, Box<Command>),
}

/// Keeps the requests that wait for their answer, those with a key, and what was acknowledged.
#[derive(Clone)]
pub(super) struct Requests {
    witness: Witness,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    sent: usize,
    /// The open requests, with the process that they were sent to.
    open: BTreeMap<usize, (u64, String)>,
    keyed: Vec<(Request, String)>,
    receipts: BTreeMap<String, Receipt>,
    acknowledged: BTreeMap<CampaignId, Version>,
    recorded: BTreeSet<Ticket>,
}

impl Requests {
    pub(super) fn new(witness: Witness) -> Self {
        Self {
            witness,
            state: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a request a key.
    pub(super) fn with_key(&self, request: Request) -> (Request, String) {
        let mut state = self.state();
        let key = format!("request-{}", state.keyed.len());
        state.keyed.push((request.clone(), key.clone()));
        (request, key)
    }

    /// A request with its key, as it was sent before.
    pub(super) fn sent_before(&self, number: u8) -> Option<(Request, String)> {
        let state = self.state();
        let number = usize::from(number).checked_rem(state.keyed.len())?;
        state.keyed.get(number).cloned()
    }

    /// The requests to a process are never answered: it is gone.
    pub(super) fn gone(&self, process: u64) {
        self.state().open.retain(|_, (of, _)| *of != process);
    }

    /// The requests that still wait for their answer.
    pub(super) fn unanswered(&self) -> Vec<String> {
        self.state().open.values().map(|(_, text)| text.clone()).collect()
    }

    /// The latest version of each campaign that somebody was told of.
    pub(super) fn acknowledged(&self) -> BTreeMap<CampaignId, Version> {
        self.state().acknowledged.clone()
    }

    fn begin(&self, process: u64, text: String) -> usize {
        let mut state = self.state();
        state.sent += 1;
        let number = state.sent;
        state.open.insert(number, (process, text));
        number
    }

    fn end(&self, number: usize) {
        self.state().open.remove(&number);
    }

    /// Sends a request and keeps its answer. `refused` says that it must not be accepted.
    pub(super) fn send(
        &self,
        engine: &Engine,
        process: u64,
        request: Request,
        key: Option<String>,
        refused: bool,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (requests, engine) = (self.clone(), engine.clone());
        let number = self.begin(process, format!("{request:?}"));
        async move {
            let text = format!("{request:?}");
            let answer = send(&engine, request, key.clone()).await;
            match answer {
                Ok(receipt) if refused => requests
                    .witness
                    .broken(format!("{text} must be refused, but was accepted: {receipt:?}")),
                Ok(receipt) => requests.accept(receipt, key),
                Err(error) => requests.expect_sane(&text, &error),
            }
            requests.end(number);
        }
    }

    fn accept(&self, receipt: Receipt, key: Option<String>) {
        let mut state = self.state();
        let known = state.acknowledged.entry(receipt.campaign_id).or_default();
        *known = (*known).max(receipt.version);
        let Some(key) = key else { return };
        let first = state.receipts.entry(key.clone()).or_insert(receipt.clone());
        if *first != receipt {
            let first = first.clone();
            self.witness.broken(format!(
                "a request with a key is carried out once, but {key} gave {first:?} and then {receipt:?}"
            ));
        }
    }

    /// An engine refuses, or is gone. No other fault may reach whoever asks.
    fn expect_sane(&self, text: &str, error: &EngineError) {
        let is_sane = matches!(
            error,
            EngineError::Rejected(_)
                | EngineError::NotFound { .. }
                | EngineError::ShutDown
                | EngineError::ResourceInvalid { .. }
                | EngineError::Storage(StorageError::Closed)
        );
        if !is_sane {
            self.witness
                .broken(format!("{text} ended with {error}, which is no refusal"));
        }
    }

    /// Answers for a phase.
    pub(super) fn answer(
        &self,
        engine: &Engine,
        process: u64,
        ticket: Ticket,
        answer: Answer,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (requests, engine) = (self.clone(), engine.clone());
        let number = self.begin(process, format!("answer {ticket}"));
        async move {
            match engine.report(&ticket, answer).await {
                Ok(Reported::Recorded) => {
                    if !requests.state().recorded.insert(ticket.clone()) {
                        requests
                            .witness
                            .broken(format!("an outcome is recorded once, but {ticket} was twice"));
                    }
                }
                Ok(_) => {}
                Err(error) => requests.expect_sane("an answer", &error),
            }
            requests.end(number);
        }
    }

    /// Stores a resource.
    pub(super) fn put_resource(
        &self,
        engine: &Engine,
        process: u64,
        (kind, id, document): (String, String, serde_json::Value),
    ) -> impl Future<Output = ()> + Send + 'static {
        let (requests, engine) = (self.clone(), engine.clone());
        let number = self.begin(process, format!("{kind} {id} is stored"));
        async move {
            let any = phasegate::storage::Expected::Any;
            if let Err(error) = engine.put_resource(&kind, &id, document, any).await {
                requests.expect_sane("a resource", &error);
            }
            requests.end(number);
        }
    }
}

async fn send(engine: &Engine, request: Request, key: Option<String>) -> Result<Receipt, EngineError> {
    match request {
        Request::Create(new) => {
            let new = match key {
                Some(key) => new.idempotency_key(key),
                None => *new,
            };
            engine.create_with_receipt(new).await
        }
        Request::Ask(campaign, command) => {
            let key = key.map(IdempotencyKey::new).transpose()?;
            engine.command(campaign, *command, key).await
        }
    }
}
