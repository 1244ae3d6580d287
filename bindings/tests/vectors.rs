//! The vectors of `vectors/`, through the crate `phasegate`: see the README there.
//!
//! `UPDATE_EXPECT=1` writes what each step comes to into the file.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use phasegate::core::storage::{CampaignFilter, CampaignQuery};
use phasegate::core::{Command, Event, EventKind};
use phasegate::redb::RedbStorage;
use phasegate::storage::Cursor;
use phasegate::{
    Answer, Batch, CampaignHandle, CampaignView, Deferred, DryRun, Engine, EngineError, Envelope,
    NewCampaign, PhaseDefinition, PhaseRunner, Pipeline, PreflightReport, Rejection, Reported, RetryPolicy,
    RunContext, RunError, RunOutcome, Ticket,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The longest that a step may take; whatever takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A phase that does what its config says.
struct Scripted;

#[async_trait]
impl PhaseRunner for Scripted {
    async fn run(&self, ctx: RunContext) -> Result<RunOutcome, RunError> {
        let config = ctx.config().clone();
        if let Some(records) = config["records"].as_array()
            && ctx.records_before() == 0
        {
            let mut batch = Batch::new();
            for record in records {
                batch.push(record)?;
            }
            batch.set_checkpoint(&records.len())?;
            ctx.commit(batch).await?;
        }
        match config["end"].as_str() {
            Some("fail_once") if ctx.ticket().attempt.0 > 1 => Ok(RunOutcome::Completed(Value::Null)),
            Some("complete") => Ok(RunOutcome::Completed(config["summary"].clone())),
            Some("fail" | "fail_once") => Err(RunError::failed("scripted", "it was told to fail")),
            Some("defer") => Ok(RunOutcome::Deferred(Deferred::default())),
            _ => {
                ctx.cancelled().await;
                Err(RunError::Interrupted)
            }
        }
    }
}

#[derive(Deserialize)]
struct Vectors {
    schema: Value,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    phases: Vec<String>,
    /// What the pipeline says of its phases, by name.
    #[serde(default)]
    options: Map<String, Value>,
    steps: Vec<Map<String, Value>>,
}

struct Player {
    engine: Engine,
    campaign: Option<CampaignHandle>,
}

impl Player {
    async fn of(case: &Case, schema: &Value) -> Self {
        let mut pipeline = Pipeline::builder("scripted");
        for phase in &case.phases {
            let mut manifest = json!({ "name": phase, "configSchema": schema });
            let said = case.options.get(phase).and_then(Value::as_object);
            manifest
                .as_object_mut()
                .unwrap()
                .extend(said.cloned().unwrap_or_default());
            let definition: PhaseDefinition = serde_json::from_value(manifest).unwrap();
            pipeline = pipeline.runner(definition, Scripted);
        }
        let engine = Engine::builder()
            .storage(RedbStorage::in_memory().await.unwrap())
            .pipeline(pipeline.build().unwrap())
            .build()
            .unwrap();
        engine.recover().await.unwrap();
        Self {
            engine,
            campaign: None,
        }
    }

    fn campaign(&self) -> &CampaignHandle {
        self.campaign.as_ref().expect("a campaign was created")
    }

    async fn create(&mut self, step: &Map<String, Value>, envelope: Envelope) -> Result<Value, EngineError> {
        let members = |member: &str| step.get(member).and_then(Value::as_object).into_iter().flatten();
        let mut new = NewCampaign::new(step["name"].as_str().unwrap()).envelope(envelope);
        if let Some(mode) = step.get("mode") {
            new = new.mode(serde_json::from_value(mode.clone()).unwrap());
        }
        for (key, value) in members("attributes") {
            new = new.attribute(key, value.as_str().unwrap());
        }
        for (phase, config) in members("configs") {
            new = new.config(phase, config.clone());
        }
        for (phase, policy) in members("retry") {
            new = new.retry(phase, policy_of(policy));
        }
        for phase in step.get("skips").and_then(Value::as_array).into_iter().flatten() {
            new = new.skip(phase.as_str().unwrap());
        }
        if is_dry(step) {
            return Ok(would_be(&self.engine.dry_run_creation(new).await?));
        }
        self.campaign = Some(self.engine.create(new).await?);
        Ok(json!({ "changed": true }))
    }

    async fn step(&mut self, step: &Map<String, Value>) -> Value {
        match self.play(step).await {
            Ok(then) => then,
            Err(error) => {
                let id = self.campaign.as_ref().map(|campaign| campaign.id().to_string());
                json!({ "refused": refusal(&error, id.as_deref()) })
            }
        }
    }

    async fn play(&mut self, step: &Map<String, Value>) -> Result<Value, EngineError> {
        let text = |member: &str| step.get(member).and_then(Value::as_str).unwrap_or_default();
        let read = |member: &str| step.get(member).cloned().unwrap_or_default();
        let envelope = envelope_of(step)?;
        if text("do") == "create" {
            return self.create(step, envelope).await;
        }
        let campaign = self.campaign().with_envelope(envelope.clone());
        if is_dry(step) {
            return Ok(would_be(&campaign.dry_run(command_of(step)).await?));
        }
        let receipt = match text("do") {
            "report" => {
                let ticket = Ticket {
                    campaign: self.campaign().id(),
                    phase: serde_json::from_value(read("phase")).unwrap(),
                    run: serde_json::from_value(read("run")).unwrap(),
                    attempt: serde_json::from_value(read("attempt")).unwrap(),
                };
                let outcome: Answer = serde_json::from_value(read("outcome")).unwrap();
                let reported = self.engine.report_with(&ticket, outcome, Vec::new(), envelope);
                let reported = match reported.await? {
                    Reported::Recorded => "recorded",
                    Reported::AlreadyRecorded => "already_recorded",
                    Reported::Stale => "stale",
                };
                return Ok(json!({ "reported": reported }));
            }
            "look" => return Ok(json!({ "view": shown(&self.campaign().view().await?) })),
            "settle" => return Ok(json!({ "view": shown(&self.campaign().at_rest().await?) })),
            "records" => return Ok(json!({ "records": self.records(text("phase")).await? })),
            "await_records" => {
                let count: usize = serde_json::from_value(read("count")).unwrap();
                loop {
                    let records = self.records(text("phase")).await?;
                    if records.len() >= count {
                        return Ok(json!({ "records": records }));
                    }
                    tokio::task::yield_now().await;
                }
            }
            "await_status" => loop {
                let view = shown(&self.campaign().view().await?);
                if view["status"] == read("status") {
                    return Ok(json!({ "view": view }));
                }
                tokio::task::yield_now().await;
            },
            "events" => {
                let log: Vec<String> = self.log().await?.iter().map(line).collect();
                return Ok(json!({ "events": log }));
            }
            "audit" => {
                let log: Vec<Value> = self.log().await?.iter().map(audited).collect();
                return Ok(json!({ "audit": log }));
            }
            "list" => {
                let filter = CampaignFilter {
                    attributes: serde_json::from_value(read("attributes")).unwrap(),
                    ..CampaignFilter::default()
                };
                let query = CampaignQuery {
                    filter,
                    ..CampaignQuery::default()
                };
                let (found, _) = self.engine.campaigns(query).await?;
                let names: Vec<&str> = found.iter().map(|view| &*view.name).collect();
                return Ok(json!({ "listed": names }));
            }
            "configure" => {
                let configs = serde_json::from_value(read("configs")).unwrap();
                campaign.configure_all(configs).await?
            }
            "describe" => {
                let attributes = serde_json::from_value(read("attributes")).unwrap();
                let name = step.get("name").map(|_| text("name").to_owned());
                campaign.describe(name, attributes).await?
            }
            "unconfigure" => campaign.unconfigure(text("phase")).await?,
            "set_mode" => {
                let mode = serde_json::from_value(read("mode")).unwrap();
                campaign.set_mode(mode).await?
            }
            "set_retry" => {
                let policy = step.get("policy").map(policy_of);
                campaign.set_retry(text("phase"), policy).await?
            }
            "start" => campaign.start(text("phase")).await?,
            "restart" => {
                let config = step.get("config").cloned();
                campaign.restart(text("phase"), config).await?
            }
            "skip" => campaign.skip(text("phase")).await?,
            "unskip" => campaign.unskip(text("phase")).await?,
            "pause" => campaign.pause().await?,
            "resume" => campaign.resume().await?,
            "stop" => campaign.stop().await?,
            "prune" => {
                let keep = serde_json::from_value(read("keepRuns")).unwrap();
                campaign
                    .prune(keep, step.get("phase").and_then(Value::as_str))
                    .await?
            }
            "delete" => {
                campaign.delete().await?;
                return Ok(json!({ "changed": true }));
            }
            other => panic!("no step does {other:?}"),
        };
        Ok(json!({ "changed": receipt.changed }))
    }

    async fn records(&self, phase: &str) -> Result<Vec<Value>, EngineError> {
        let mut stream = self.campaign().records(phase, 0).await?;
        let mut records = Vec::new();
        while let Some(record) = stream.next().await? {
            records.push(serde_json::from_str(record.get()).unwrap());
        }
        Ok(records)
    }

    async fn log(&self) -> Result<Vec<Event>, EngineError> {
        let mut stream = self.campaign().events(None::<Cursor>);
        let mut log = Vec::new();
        while let Some(logged) = stream.next_if_any().await? {
            log.push(logged.event);
        }
        Ok(log)
    }
}

fn is_dry(step: &Map<String, Value>) -> bool {
    step.get("dryRun") == Some(&json!(true))
}

fn policy_of(policy: &Value) -> RetryPolicy {
    serde_json::from_value(policy.clone()).unwrap()
}

fn envelope_of(step: &Map<String, Value>) -> Result<Envelope, EngineError> {
    let said = step.get("envelope").cloned().unwrap_or_default();
    let member = |name: &str| said[name].as_str().unwrap_or_default();
    let envelope = Envelope::none().by(member("actor"))?.because(member("reason"))?;
    Ok(envelope.within(member("traceparent")))
}

/// The command that a step gives.
fn command_of(step: &Map<String, Value>) -> Command {
    let mut command = step.clone();
    for member in ["envelope", "dryRun", "then"] {
        command.remove(member);
    }
    let name = command.remove("do").unwrap();
    command.insert("command".to_owned(), name);
    serde_json::from_value(Value::Object(command)).unwrap()
}

fn would_be(dry_run: &DryRun) -> Value {
    let events: Vec<String> = dry_run.events.iter().map(line).collect();
    json!({ "wouldBe": { "events": events, "view": dry_run.campaign.as_ref().map(shown) } })
}

fn line(event: &Event) -> String {
    let kind: &EventKind = &event.kind;
    let mut line = kind.name().to_owned();
    if let Some(phase) = kind.phase() {
        write!(line, " {phase}").unwrap();
    }
    if let Some(launch) = kind.launch() {
        write!(line, " {}.{}", launch.run, launch.attempt).unwrap();
    }
    line
}

fn audited(event: &Event) -> Value {
    json!({ "event": line(event), "envelope": event.envelope })
}

fn refusal(error: &EngineError, id: Option<&str>) -> Value {
    let message = error.to_string();
    let mut shown = json!({
        "code": error.code(),
        "message": id.map_or_else(|| message.clone(), |id| message.replace(id, "ID")),
    });
    match error.rejection() {
        Some(Rejection::PreflightFailed { report }) => {
            shown["missingPhases"] = json!(report.missing_phases());
            shown["errors"] = errors(report);
        }
        Some(Rejection::ConfigInvalid { problems }) => shown["errors"] = json!(problems)["items"].clone(),
        _ => {}
    }
    shown
}

fn errors(report: &PreflightReport) -> Value {
    json!(report)["errors"].clone()
}

fn shown(view: &CampaignView) -> Value {
    let text = json!(view);
    let phases: Map<String, Value> = text["phases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|phase| {
            let name = phase["phase"].as_str().unwrap().to_owned();
            let members = [
                "status",
                "configured",
                "retry",
                "skip",
                "run",
                "attempt",
                "summary",
                "failure",
            ];
            let shown: Map<String, Value> = members
                .iter()
                .map(|member| ((*member).to_owned(), phase[*member].clone()))
                .collect();
            (name, Value::Object(shown))
        })
        .collect();
    let allowed: Vec<String> = text["next"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|next| next["allowed"] == json!(true))
        .map(|next| {
            let words = [&next["command"], &next["phase"], &next["mode"]];
            words
                .iter()
                .filter_map(|word| word.as_str())
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    json!({
        "name": text["name"],
        "attributes": text["attributes"],
        "mode": text["mode"],
        "status": text["status"],
        "position": text["position"],
        "currentPhase": text["currentPhase"],
        "phases": phases,
        "missingPhases": view.preflight.missing_phases(),
        "errors": errors(&view.preflight),
        "allowed": allowed,
    })
}

/// The file as it is kept: one line for each step.
fn text(schema: &Value, cases: &[Case]) -> String {
    let line = Value::to_string;
    let mut text = format!("{{\n\"schema\": {},\n\"cases\": [", line(schema));
    for (number, case) in cases.iter().enumerate() {
        let comma = if number > 0 { "," } else { "" };
        let (name, phases) = (line(&json!(case.name)), line(&json!(case.phases)));
        write!(text, "{comma}\n{{\n  \"name\": {name},\n  \"phases\": {phases},").unwrap();
        if !case.options.is_empty() {
            write!(text, "\n  \"options\": {},", json!(case.options)).unwrap();
        }
        text.push_str("\n  \"steps\": [");
        for (number, step) in case.steps.iter().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            write!(text, "{comma}\n    {}", json!(step)).unwrap();
        }
        text.push_str("\n  ]\n}");
    }
    text.push_str("\n]\n}\n");
    text
}

#[tokio::test]
async fn every_vector_comes_to_what_it_says() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors/campaigns.json");
    let stored = std::fs::read_to_string(&path).unwrap();
    let Vectors { schema, mut cases } = serde_json::from_str(&stored).unwrap();
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    for case in &mut cases {
        let mut player = Player::of(case, &schema).await;
        for (number, step) in case.steps.iter_mut().enumerate() {
            let then = tokio::time::timeout(PATIENCE, player.step(step))
                .await
                .unwrap_or_else(|_| panic!("step {number} of {} hangs", case.name));
            if update {
                step.insert("then".to_owned(), then);
            } else {
                assert_eq!(step.get("then"), Some(&then), "step {number} of {}", case.name);
            }
        }
        player.engine.shutdown().await.unwrap();
    }
    if update {
        std::fs::write(&path, text(&schema, &cases)).unwrap();
    }
}
