//! A server that holds the store, over HTTP.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::time::Duration;

use phasegate::core::limits::MAX_NAME_CHARS;
use phasegate::core::{Attempt, Command, Problems, Run};
use phasegate::storage::{Cursor, EventPage, LoggedEvent, Progress};
use phasegate::{CampaignId, CampaignView, EngineError, PhaseName, PreflightReport, Rejection, Ticket};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Method, Url, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::access;
use crate::args::TargetArgs;
use crate::error::CliError;

/// How many items of a list are requested at once: the most that a server gives.
const PAGE: &str = "1000";
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the server may be silent. A pause is answered when the phase is at rest.
const READ_TIMEOUT: Duration = Duration::from_secs(120);
/// How long an unused connection is kept. A server keeps it longer.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// A server, and the right to use it. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Remote {
    client: Client,
    base: Url,
    has_token: bool,
}

/// A campaign as a server shows it.
#[derive(Debug, Deserialize)]
pub struct RemoteCampaign {
    /// Its view.
    #[serde(flatten)]
    pub view: CampaignView,
    /// How many records each phase's current run has.
    pub records: BTreeMap<PhaseName, u64>,
    progress: Option<RemoteProgress>,
}

#[derive(Debug, Deserialize)]
struct RemoteProgress {
    phase: PhaseName,
    run: Run,
    attempt: Attempt,
    #[serde(flatten)]
    progress: Progress,
}

impl RemoteCampaign {
    /// How far the running attempt has come.
    pub fn progress(&self) -> Option<(Ticket, Progress)> {
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

/// A refusal by a server, in its words.
#[derive(Debug)]
pub struct Refused {
    /// The stable word for a program.
    pub code: String,
    /// The sentence for a person.
    pub detail: String,
    /// Whether the server failed. Otherwise the request was wrong.
    pub failed: bool,
    /// Further members for programs.
    pub members: Map<String, Value>,
}

impl Remote {
    /// The server at `url`, with the token of the arguments, the environment or this folder. Nothing is sent yet.
    pub fn new(url: &str, args: &TargetArgs) -> Result<Self, CliError> {
        let base = access::address(url)?;
        let mut headers = HeaderMap::new();
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

    /// Every campaign, the newest first.
    pub async fn campaigns(&self) -> Result<Vec<CampaignView>, CliError> {
        self.campaigns_of(None).await
    }

    /// The campaigns of exactly this name, the newest first.
    pub async fn named(&self, name: &str) -> Result<Vec<CampaignView>, CliError> {
        // An impossible name is not sent.
        match name.chars().count() {
            1..=MAX_NAME_CHARS => self.campaigns_of(Some(name)).await,
            _ => Ok(Vec::new()),
        }
    }

    /// Reads all pages, also beyond pages without a campaign. The server filters by a part of the name.
    async fn campaigns_of(&self, name: Option<&str>) -> Result<Vec<CampaignView>, CliError> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = vec![("limit", PAGE)];
            query.extend(name.map(|name| ("name", name)));
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page: Page<CampaignView> = self.get(&["campaigns"], &query).await?;
            let meant = |one: &CampaignView| name.is_none_or(|name| one.name == name);
            all.extend(page.items.into_iter().filter(meant));
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(all);
            }
        }
    }

    /// One campaign.
    pub async fn campaign(&self, id: CampaignId) -> Result<RemoteCampaign, CliError> {
        self.get(&["campaigns", &id.to_string()], &[]).await
    }

    /// Sends a command. Returns whether it changed anything.
    pub async fn command(&self, id: CampaignId, command: Command) -> Result<bool, CliError> {
        let id = id.to_string();
        let campaign = ["campaigns", &id];
        let (method, path, body) = match &command {
            Command::Configure { configs } => (Method::PUT, vec!["configs"], Some(json!(configs))),
            Command::Unconfigure { phase } => {
                (Method::DELETE, vec!["phases", phase.as_str(), "config"], None)
            }
            Command::SetMode { mode } => (Method::PATCH, vec!["mode"], Some(json!({ "mode": mode }))),
            Command::Start { phase } => (Method::POST, vec!["phases", phase.as_str(), "start"], None),
            Command::Restart { phase, config } => {
                let body = config.as_ref().map(|config| json!({ "config": config }));
                (Method::POST, vec!["phases", phase.as_str(), "restart"], body)
            }
            Command::Pause {} => (Method::POST, vec!["pause"], None),
            Command::Resume {} => (Method::POST, vec!["resume"], None),
            Command::Stop {} => (Method::POST, vec!["stop"], None),
            Command::Delete {} => (Method::DELETE, vec![], None),
            Command::Describe { name, attributes } => {
                let body = json!({ "name": name, "attributes": attributes });
                (Method::PATCH, vec![], Some(body))
            }
            Command::SetRetry { phase, policy } => match policy {
                Some(policy) => (
                    Method::PUT,
                    vec!["phases", phase.as_str(), "retry"],
                    Some(json!(policy)),
                ),
                None => (Method::DELETE, vec!["phases", phase.as_str(), "retry"], None),
            },
            Command::Skip { phase } => (Method::POST, vec!["phases", phase.as_str(), "skip"], None),
            Command::Unskip { phase } => (Method::POST, vec!["phases", phase.as_str(), "unskip"], None),
            Command::Prune { keep_runs, phase } => {
                let body = json!({ "keepRuns": keep_runs, "phase": phase });
                (Method::POST, vec!["prune"], Some(body))
            }
        };
        // Two calls don't answer whether anything changed, so the campaign is read before.
        let changes = match &command {
            Command::SetMode { .. } | Command::Unconfigure { .. } => {
                let view = self.campaign(id_of(&id)?).await?.view;
                Some(would_change(&view, &command))
            }
            _ => None,
        };
        let answer = self
            .send(method, &[&campaign[..], &path].concat(), &[], body.as_ref())
            .await?;
        match (changes, &command) {
            (Some(changes), _) => Ok(changes),
            (None, Command::Delete {}) => Ok(true),
            (None, _) => Ok(self.read::<Accepted>(&answer)?.changed),
        }
    }

    /// A page of the log of a campaign, or of the whole store.
    pub async fn events(
        &self,
        of: Option<CampaignId>,
        after: Option<&Cursor>,
    ) -> Result<EventPage, CliError> {
        let id = of.map(|id| id.to_string());
        let path = match &id {
            Some(id) => vec!["campaigns", id, "events"],
            None => vec!["events"],
        };
        let mut query = vec![("limit", PAGE)];
        query.extend(after.map(|after| ("cursor", after.as_str())));
        let page: Page<LoggedEvent> = self.get(&path, &query).await?;
        Ok(EventPage {
            items: page.items,
            next_cursor: page.next_cursor.map(Cursor::from_text),
        })
    }

    /// Whether a phase has records of an older run.
    pub async fn has_run(&self, id: CampaignId, phase: &PhaseName, run: Run) -> Result<bool, CliError> {
        if run.0 == 0 {
            return Ok(false);
        }
        let (id, run) = (id.to_string(), run.to_string());
        let path = ["campaigns", &id, "phases", phase.as_str(), "records"];
        let page = self
            .get::<Page<Value>>(&path, &[("limit", "1"), ("run", &run)])
            .await;
        match page {
            Ok(page) => Ok(!page.items.is_empty()),
            Err(CliError::Refused(refused)) if refused.code == "run_not_found" => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The records of a run, from the index `from` on.
    pub fn records(&self, id: CampaignId, phase: PhaseName, run: Run, from: u64) -> RemoteRecords {
        RemoteRecords {
            remote: self.clone(),
            id,
            phase,
            run,
            // The form is documented by the server.
            next: (run.0 > 0).then(|| format!("{run}.{from}")),
            read: VecDeque::new(),
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Result<T, CliError> {
        let answer = self.send(Method::GET, path, query, None).await?;
        self.read(&answer)
    }

    async fn send(
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

/// The records of one run, page by page.
pub struct RemoteRecords {
    remote: Remote,
    id: CampaignId,
    phase: PhaseName,
    run: Run,
    next: Option<String>,
    read: VecDeque<Box<RawValue>>,
}

impl RemoteRecords {
    /// The next record, or `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Box<RawValue>>, CliError> {
        loop {
            if let Some(record) = self.read.pop_front() {
                return Ok(Some(record));
            }
            let Some(cursor) = self.next.take() else {
                return Ok(None);
            };
            let (id, run) = (self.id.to_string(), self.run.to_string());
            let path = ["campaigns", &id, "phases", self.phase.as_str(), "records"];
            let query = [("limit", PAGE), ("run", &run), ("cursor", &cursor)];
            let page: Page<Box<RawValue>> = self.remote.get(&path, &query).await?;
            self.read = page.items.into();
            self.next = page.next_cursor;
        }
    }
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

fn id_of(text: &str) -> Result<CampaignId, CliError> {
    text.parse()
        .map_err(|_| CliError::Usage(format!("{text:?} is not the id of a campaign")))
}

/// The error of a problem document. A refusal with a table is the same error as for a file; others keep the server's words.
fn refused(mut problem: Map<String, Value>, failed: bool) -> CliError {
    let code = problem
        .get("code")
        .and_then(Value::as_str)
        .unwrap_or("unknown")
        .to_owned();
    match code.as_str() {
        "preflight_failed" => {
            if let Ok(report) = PreflightReport::deserialize(Value::Object(problem.clone())) {
                return CliError::Preflight { report };
            }
        }
        "config_invalid" => {
            let listed = json!({ "items": problem.get("errors"), "total": problem.get("totalErrors") });
            if let Ok(problems) = Problems::deserialize(listed) {
                return EngineError::from(Rejection::ConfigInvalid { problems }).into();
            }
        }
        _ => {}
    }
    let detail = problem.remove("detail");
    let detail = detail.as_ref().and_then(Value::as_str).map(str::to_owned);
    for name in ["type", "title", "status", "instance"] {
        problem.remove(name);
    }
    // A rejection calls this member `status`. In a problem document that is the status of the answer.
    if let Some(state) = problem.remove("state") {
        problem.insert("status".to_owned(), state);
    }
    CliError::Refused(Refused {
        detail: detail.unwrap_or_else(|| format!("the server refused it: {code}")),
        code,
        failed,
        members: problem,
    })
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
