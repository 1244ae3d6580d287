//! Campaigns of one network phase each: over given names, or over given sites.

use async_trait::async_trait;
use phasegate::core::storage::Expected;
use phasegate::core::{PhaseDefinition, PhaseName};
use phasegate::{
    CampaignHandle, CampaignView, Engine, Mode, NewCampaign, Phase, PhaseContext, Pipeline, RunError,
    RunOutcome,
};
use phasegate_phases::dns_validation::DnsValidation;
use phasegate_phases::http_validation::HttpValidation;
use phasegate_testkit::MemoryStorage;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::PATIENCE;

/// The phase before the one under test: it gives the records that its config lists.
struct Given;

#[derive(Deserialize)]
struct GivenConfig {
    records: Vec<Value>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Done {}

#[async_trait]
impl Phase for Given {
    type Config = GivenConfig;
    type Input = Value;
    type Record = Value;
    type Checkpoint = Done;
    type Summary = Done;

    fn definition(&self) -> PhaseDefinition {
        PhaseDefinition::new(PhaseName::new("given").unwrap(), json!(true)).title("Given")
    }

    async fn run(&self, ctx: PhaseContext<Self>) -> Result<RunOutcome<Done>, RunError> {
        let records = ctx.config().records.clone();
        let count = u64::try_from(records.len()).unwrap();
        ctx.commit(&records, &Done {}, count, Some(count)).await?;
        Ok(RunOutcome::Completed(Done {}))
    }
}

/// What a phase under test came to.
pub struct Outcome {
    /// The code and the message of its failure.
    pub failure: Option<(String, String)>,
    pub records: Vec<Value>,
}

/// One of the two phases under test, on an engine with a store in memory.
pub struct Bench {
    engine: Engine,
    phase: &'static str,
}

impl Bench {
    pub fn of_dns() -> Self {
        Self::of(DnsValidation::default(), "dns_validation")
    }

    pub fn of_http() -> Self {
        Self::of(HttpValidation::default(), "http_validation")
    }

    fn of(phase: impl Phase, name: &'static str) -> Self {
        let mut pipeline = Pipeline::builder("real").phase(Given).phase(phase);
        for kind in ["dns_persona", "http_persona", "proxy"] {
            let file = format!("{kind}.schema.json");
            let schemas = phasegate_phases::schemas();
            let (_, schema) = schemas.into_iter().find(|(name, _)| *name == file).unwrap();
            pipeline = pipeline.resource_kind(kind, kind, schema);
        }
        let engine = Engine::builder()
            .storage(MemoryStorage::new())
            .pipeline(pipeline.build().unwrap())
            .build()
            .unwrap();
        Self { engine, phase: name }
    }

    pub async fn put(&self, kind: &str, id: &str, document: Value) {
        let put = self.engine.put_resource(kind, id, document, Expected::Any);
        put.await.unwrap();
    }

    /// Makes a campaign over these records of the phase before, with these personas, and starts it.
    pub async fn start(
        &self,
        records: Vec<Value>,
        personas: &[Value],
        proxy: Option<Value>,
    ) -> CampaignHandle {
        let kind = match self.phase {
            "dns_validation" => "dns_persona",
            _ => "http_persona",
        };
        let mut ids = Vec::new();
        for (number, persona) in personas.iter().enumerate() {
            let id = format!("persona-{number}");
            self.put(kind, &id, persona.clone()).await;
            ids.push(id);
        }
        let mut config = json!({"personaIds": ids});
        if let Some(proxy) = proxy {
            self.put("proxy", "proxy", proxy).await;
            config["proxyId"] = json!("proxy");
        }
        let new = NewCampaign::new("real")
            .mode(Mode::FullSequence)
            .config("given", json!({"records": records}))
            .config(self.phase, config);
        let campaign = self.engine.create(new).await.unwrap();
        campaign.start("given").await.unwrap();
        campaign
    }

    /// Starts the phase under test again.
    pub async fn start_again(&self, campaign: &CampaignHandle) {
        campaign.start(self.phase).await.unwrap();
    }

    /// Waits until this much of the phase under test is done.
    pub async fn reaches(&self, campaign: &CampaignHandle, done: u64) {
        let reached = async {
            loop {
                let progress = self.engine.progress(campaign.id());
                if progress.is_some_and(|(ticket, progress)| {
                    ticket.phase.as_str() == self.phase && progress.done >= done
                }) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, reached).await.expect("it gets that far");
    }

    /// Waits for the end of the phase under test.
    pub async fn end(&self, campaign: &CampaignHandle) -> Outcome {
        let view = timeout(PATIENCE, campaign.at_rest()).await;
        let view = view.expect("it comes to rest").unwrap();
        let mut stream = campaign.records(self.phase, 0).await.unwrap();
        let mut records = Vec::new();
        while let Some(record) = stream.next().await.unwrap() {
            records.push(serde_json::from_str(record.get()).unwrap());
        }
        Outcome {
            failure: failure(&view),
            records,
        }
    }
}

fn failure(view: &CampaignView) -> Option<(String, String)> {
    let mut failures = view.phases.iter().filter_map(|phase| phase.failure.as_ref());
    let failure = failures.next()?;
    Some((failure.code.as_str().to_owned(), failure.message.clone()))
}

/// Looks these names up with one persona.
pub async fn look_up(names: &[String], persona: Value, proxy: Option<Value>) -> Outcome {
    let bench = Bench::of_dns();
    let campaign = bench.start(domains(names), &[persona], proxy).await;
    bench.end(&campaign).await
}

/// Requests these sites, which have resolved to loopback, with one persona.
pub async fn visit(sites: &[&str], persona: Value, proxy: Option<Value>) -> Outcome {
    let bench = Bench::of_http();
    let campaign = bench.start(resolved(sites), &[persona], proxy).await;
    bench.end(&campaign).await
}

/// The records of generated names.
pub fn domains(names: &[String]) -> Vec<Value> {
    names.iter().map(|name| json!({"domain": name})).collect()
}

/// The records of sites that have resolved.
pub fn resolved(sites: &[&str]) -> Vec<Value> {
    let address = |site: &str| match site.starts_with("refusing") {
        true => "127.0.0.2",
        false => "127.0.0.1",
    };
    let record = |site: &&str| json!({"domain": site, "status": "resolved", "addresses": [address(site)]});
    sites.iter().map(record).collect()
}
