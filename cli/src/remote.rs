//! A server that holds the store, over HTTP.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use phasegate::core::limits::MAX_NAME_CHARS;
use phasegate::core::{Attempt, Command, Event, Run};
use phasegate::storage::{Cursor, EventPage, LoggedEvent, Order, Progress};
use phasegate::{CampaignId, CampaignView, DryRun, Engine, Envelope, PhaseName, Ticket};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Method, Url, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::access;
use crate::args::TargetArgs;
use crate::error::CliError;
use crate::refusal::Refusal;
use crate::screen::say;
use crate::signals::Signal;
use crate::target::{CampaignPage, Leaving, Look, RecordPage, ShownCampaign, StoreLocation, Target, Wanted};

/// How many items of a list are requested at once: the most that a server gives.
const PAGE: &str = "1000";
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the server may be silent. A pause is answered when the phase is at rest.
const READ_TIMEOUT: Duration = Duration::from_secs(120);
/// How long an unused connection is kept. A server keeps it longer.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a server is asked how a campaign stands.
const POLL: Duration = Duration::from_millis(250);
/// What a header in percent-encoded UTF-8 has as codes, beside all that is not ASCII. Spaces at its ends would be lost.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%').add(b' ');

/// A server, and the right to use it.
#[derive(Debug)]
pub struct Remote {
    client: Client,
    base: Url,
    has_token: bool,
}

/// A campaign as a server shows it.
#[derive(Debug, Deserialize)]
struct Campaign {
    #[serde(flatten)]
    view: CampaignView,
    records: BTreeMap<PhaseName, u64>,
    progress: Option<AttemptProgress>,
}

#[derive(Debug, Deserialize)]
struct AttemptProgress {
    phase: PhaseName,
    run: Run,
    attempt: Attempt,
    #[serde(flatten)]
    progress: Progress,
}

impl Campaign {
    /// How far the running attempt has come.
    fn progress(&self) -> Option<(Ticket, Progress)> {
        let shown = self.progress.as_ref()?;
        let ticket = Ticket {
            campaign: self.view.id,
            phase: shown.phase.clone(),
            run: shown.run,
            attempt: shown.attempt,
        };
        Some((ticket, shown.progress))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Accepted {
    changed: bool,
}

/// The answer of a dry run.
#[derive(Deserialize)]
struct Tried {
    #[serde(default)]
    events: Vec<Event>,
    campaign: Option<CampaignView>,
    problem: Option<Map<String, Value>>,
}

/// A run of a phase.
#[derive(Deserialize)]
struct CountedRun {
    run: u32,
    records: u64,
}

/// A command as a request to the server.
struct Request {
    method: Method,
    /// The path below the campaign's.
    path: Vec<String>,
    body: Option<Value>,
}

impl Remote {
    /// The server at `url`, with the token of the arguments, the environment or this folder; every request carries the envelope. Nothing is sent yet.
    pub fn new(url: &str, args: &TargetArgs, envelope: Envelope) -> Result<Self, CliError> {
        let base = access::address(url)?;
        let mut headers = HeaderMap::new();
        for (name, text) in [
            ("phasegate-actor", envelope.actor()),
            ("phasegate-reason", envelope.reason()),
        ] {
            if let Some(text) = text {
                let text = utf8_percent_encode(text, ENCODED).to_string();
                let text = HeaderValue::from_str(&text).expect("what is encoded so is visible ASCII");
                headers.insert(name, text);
            }
        }
        let token = access::token(args, &base)?;
        if let Some(token) = &token {
            let bearer = format!("Bearer {}", token.reveal());
            let mut bearer = HeaderValue::from_str(&bearer).expect("a token is hexadecimal digits");
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        let mut client = Client::builder()
            .tls_backend_preconfigured(access::tls())
            .default_headers(headers)
            // The token is only for this server.
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT);
        if access::is_loopback(&base) {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| unreachable(&base, &error))?;
        Ok(Self {
            client,
            base,
            has_token: token.is_some(),
        })
    }

    async fn show(&self, id: CampaignId) -> Result<Campaign, CliError> {
        self.get(&["campaigns", &id.to_string()], &[]).await
    }

    /// Sends a command, and gives the answer.
    async fn ask(
        &self,
        id: CampaignId,
        command: &Command,
        query: &[(&str, &str)],
    ) -> Result<Vec<u8>, CliError> {
        let id = id.to_string();
        let Request { method, path, body } = request(command);
        let below = path.iter().map(String::as_str);
        let path: Vec<_> = ["campaigns", &id].into_iter().chain(below).collect();
        self.transmit(method, &path, query, body.as_ref()).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Result<T, CliError> {
        let answer = self.transmit(Method::GET, path, query, None).await?;
        self.read(&answer)
    }

    async fn transmit(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Vec<u8>, CliError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self
            .client
            .request(method, url)
            .header(ACCEPT, "application/json");
        if let Some(body) = body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_string());
        }
        let failed = |error| unreachable(&self.base, &error);
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        let answer = response.bytes().await.map_err(failed)?;
        match status.is_success() {
            true => Ok(answer.to_vec()),
            false => match serde_json::from_slice(&answer) {
                Ok(Value::Object(problem))
                    if problem.get("code") == Some(&json!("unauthorized")) && !self.has_token =>
                {
                    Err(CliError::TokenNeeded {
                        url: self.base.to_string(),
                    })
                }
                Ok(Value::Object(problem)) => Err(refused(problem, status.is_server_error())),
                _ => Err(self.foreign(format!("it answers {status}"))),
            },
        }
    }

    fn read<T: DeserializeOwned>(&self, answer: &[u8]) -> Result<T, CliError> {
        serde_json::from_slice(answer).map_err(|error| self.foreign(error.to_string()))
    }

    fn foreign(&self, reason: String) -> CliError {
        CliError::Foreign {
            url: self.base.to_string(),
            reason,
        }
    }
}

#[async_trait]
impl Target for Remote {
    fn location(&self) -> StoreLocation {
        StoreLocation::Server
    }

    fn engine(&self) -> Option<&Engine> {
        None
    }

    async fn campaigns(&self, wanted: &Wanted, after: Option<String>) -> Result<CampaignPage, CliError> {
        let name = wanted.name.as_deref();
        if name.is_some_and(|name| !(1..=MAX_NAME_CHARS).contains(&name.chars().count())) {
            // No campaign has that name, and it may be too long to be sent.
            return Ok(CampaignPage {
                items: Vec::new(),
                next: None,
            });
        }
        let keys = wanted.attributes.iter();
        let attributes: Vec<_> = keys
            .map(|(key, value)| (format!("attribute.{key}"), value))
            .collect();
        let mut query = vec![("limit", PAGE)];
        if wanted.order == Order::OldestFirst {
            query.push(("order", "oldest_first"));
        }
        query.extend(name.map(|name| ("name", name)));
        query.extend(
            attributes
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        query.extend(after.as_deref().map(|after| ("cursor", after)));
        let mut page: Page<CampaignView> = self.get(&["campaigns"], &query).await?;
        // The server takes a part of a name for it.
        page.items.retain(|one| name.is_none_or(|name| one.name == name));
        Ok(CampaignPage {
            items: page.items,
            next: page.next_cursor,
        })
    }

    async fn campaign(&self, id: CampaignId) -> Result<ShownCampaign, CliError> {
        let Campaign { view, records, .. } = self.show(id).await?;
        Ok(ShownCampaign { view, records })
    }

    async fn send(&self, id: CampaignId, command: Command) -> Result<bool, CliError> {
        // Two calls don't answer whether anything changed, so the campaign is read before.
        let changes = match &command {
            Command::SetMode { .. } | Command::Unconfigure { .. } => {
                Some(would_change(&self.show(id).await?.view, &command))
            }
            Command::Delete {} => Some(true),
            _ => None,
        };
        let answer = self.ask(id, &command, &[]).await?;
        match changes {
            Some(changes) => Ok(changes),
            None => Ok(self.read::<Accepted>(&answer)?.changed),
        }
    }

    async fn try_out(&self, id: CampaignId, command: Command) -> Result<DryRun, CliError> {
        let answer = self.ask(id, &command, &[("dryRun", "true")]).await?;
        let tried: Tried = self.read(&answer)?;
        match tried.problem {
            Some(problem) => Err(refused(problem, false)),
            None => Ok(DryRun {
                events: tried.events,
                campaign: tried.campaign,
            }),
        }
    }

    async fn events(&self, of: Option<CampaignId>, after: Option<Cursor>) -> Result<EventPage, CliError> {
        let id = of.map(|id| id.to_string());
        let path = match &id {
            Some(id) => vec!["campaigns", id, "events"],
            None => vec!["events"],
        };
        let mut query = vec![("limit", PAGE)];
        query.extend(after.as_ref().map(|after| ("cursor", after.as_str())));
        let page: Page<LoggedEvent> = self.get(&path, &query).await?;
        Ok(EventPage {
            items: page.items,
            next_cursor: page.next_cursor.map(Cursor::from_text),
        })
    }

    async fn run_records(
        &self,
        id: CampaignId,
        phase: &PhaseName,
        run: Run,
    ) -> Result<Option<u64>, CliError> {
        let Some(before) = run.0.checked_sub(1) else {
            return Ok(None);
        };
        let (id, before) = (id.to_string(), before.to_string());
        let path = ["campaigns", &id, "phases", phase.as_str(), "runs"];
        let mut query = vec![("limit", "1")];
        if before != "0" {
            query.push(("cursor", &before));
        }
        let page: Page<CountedRun> = self.get(&path, &query).await?;
        let found = page.items.into_iter().find(|one| one.run == run.0);
        Ok(found.map(|one| one.records))
    }

    async fn records(
        &self,
        id: CampaignId,
        phase: &PhaseName,
        run: Run,
        from: u64,
    ) -> Result<RecordPage, CliError> {
        let (id, of) = (id.to_string(), run.to_string());
        let path = ["campaigns", &id, "phases", phase.as_str(), "records"];
        // The form of a cursor is documented by the server.
        let cursor = format!("{run}.{from}");
        let query = [("limit", PAGE), ("run", &of), ("cursor", &cursor)];
        let page: Page<Box<RawValue>> = self.get(&path, &query).await?;
        let next = page.next_cursor.as_deref().map(|cursor| {
            let index = cursor.rsplit_once('.').and_then(|(_, index)| index.parse().ok());
            index.ok_or_else(|| self.foreign(format!("{cursor:?} is not a cursor of records")))
        });
        Ok(RecordPage {
            next: next.transpose()?,
            records: page.items,
        })
    }

    async fn take_up(&self, _: CampaignId) -> Result<(), CliError> {
        // The server did so when it started.
        Ok(())
    }

    async fn look(&self, id: CampaignId) -> Result<Look, CliError> {
        let campaign = self.show(id).await?;
        Ok(Look {
            status: campaign.view.status,
            progress: campaign.progress(),
        })
    }

    async fn wait(&self, _: CampaignId, _: Option<Cursor>) -> Result<(), CliError> {
        tokio::time::sleep(POLL).await;
        Ok(())
    }

    fn leave(&self, _: CampaignId, _: Signal) -> Leaving {
        say("the server goes on: 'phasegate resume' follows it again, 'phasegate pause' pauses it");
        Leaving::Now
    }

    async fn end(&self) -> Result<(), CliError> {
        Ok(())
    }
}

/// The call that a command is.
fn request(command: &Command) -> Request {
    let of_phase =
        |phase: &PhaseName, what: &str| vec!["phases".to_owned(), phase.to_string(), what.to_owned()];
    let of_campaign = |what: &str| vec![what.to_owned()];
    let (method, path, body) = match command {
        Command::Configure { configs } => (Method::PUT, of_campaign("configs"), Some(json!(configs))),
        Command::Unconfigure { phase } => (Method::DELETE, of_phase(phase, "config"), None),
        Command::SetMode { mode } => (Method::PATCH, of_campaign("mode"), Some(json!({ "mode": mode }))),
        Command::Start { phase } => (Method::POST, of_phase(phase, "start"), None),
        Command::Restart { phase, config } => {
            let body = config.as_ref().map(|config| json!({ "config": config }));
            (Method::POST, of_phase(phase, "restart"), body)
        }
        Command::Pause {} => (Method::POST, of_campaign("pause"), None),
        Command::Resume {} => (Method::POST, of_campaign("resume"), None),
        Command::Stop {} => (Method::POST, of_campaign("stop"), None),
        Command::Delete {} => (Method::DELETE, Vec::new(), None),
        Command::Describe { name, attributes } => {
            let body = json!({ "name": name, "attributes": attributes });
            (Method::PATCH, Vec::new(), Some(body))
        }
        Command::SetRetry { phase, policy: None } => (Method::DELETE, of_phase(phase, "retry"), None),
        Command::SetRetry {
            phase,
            policy: Some(policy),
        } => (Method::PUT, of_phase(phase, "retry"), Some(json!(policy))),
        Command::Skip { phase } => (Method::POST, of_phase(phase, "skip"), None),
        Command::Unskip { phase } => (Method::POST, of_phase(phase, "unskip"), None),
        Command::Prune { keep_runs, phase } => {
            let body = json!({ "keepRuns": keep_runs, "phase": phase });
            (Method::POST, of_campaign("prune"), Some(body))
        }
    };
    Request { method, path, body }
}

/// A refusal by the server.
fn refused(problem: Map<String, Value>, failed: bool) -> CliError {
    CliError::Refused(Box::new(Refusal::of_problem(problem, failed)))
}

/// Whether a command would change a campaign that may have what it asks for already.
fn would_change(view: &CampaignView, command: &Command) -> bool {
    match command {
        Command::SetMode { mode } => view.mode != *mode,
        Command::Unconfigure { phase } => {
            let mut phases = view.phases.iter();
            phases.any(|one| one.phase == *phase && one.configured)
        }
        _ => true,
    }
}

fn unreachable(base: &Url, error: &reqwest::Error) -> CliError {
    // The innermost cause is the system's error. The outer ones only say that something failed.
    let mut reason: &dyn Error = error;
    while let Some(cause) = reason.source() {
        reason = cause;
    }
    CliError::Unreachable {
        url: base.to_string(),
        reason: reason.to_string(),
    }
}
