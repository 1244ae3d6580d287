//! The pipeline on an engine with a store in memory, pointed at a sandbox.

use std::net::SocketAddr;
use std::sync::Arc;

use phasegate::core::storage::{Expected, Storage};
use phasegate::{CampaignHandle, CampaignView, Engine, Mode, NewCampaign};
use phasegate_phases::{pipeline, sandboxed};
use phasegate_sandbox::Sandbox;
use phasegate_testkit::MemoryStorage;
use serde_json::{Value, json};

pub const PHASES: [&str; 4] = [
    "domain_generation",
    "dns_validation",
    "http_validation",
    "analysis",
];

pub struct World {
    pub sandbox: Sandbox,
    pub storage: Arc<MemoryStorage>,
    pub engine: Engine,
}

pub fn engine(storage: &Arc<MemoryStorage>) -> Engine {
    Engine::builder()
        .shared_storage(Arc::clone(storage) as Arc<dyn Storage>)
        .pipeline(pipeline().unwrap())
        .build()
        .unwrap()
}

pub fn dns_persona() -> Value {
    json!({"resolvers": ["192.0.2.1:53"], "timeoutMs": 700, "retries": 1, "concurrency": 20})
}

pub fn http_persona() -> Value {
    json!({"userAgent": "phasegate-test/1.0", "timeoutMs": 5_000, "concurrency": 20})
}

pub fn proxy(protocol: &str, at: SocketAddr, password: Option<&str>) -> Value {
    let mut proxy = json!({"protocol": protocol, "host": at.ip().to_string(), "port": at.port()});
    if let Some(password) = password {
        proxy["username"] = json!("user");
        proxy["password"] = json!(password);
    }
    proxy
}

/// An address that nothing listens on.
pub async fn nowhere() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// The configs of all phases, for this many domains.
pub fn plan(domains: u64) -> [Value; 4] {
    [
        json!({
            "pattern_type": "prefix", "variable_length": 2, "character_set": "abcdefghijklmnopqrstuvwxyz",
            "constant_string": "-shop", "tld": "test", "num_domains": domains, "batch_size": 100,
        }),
        json!({"personaIds": ["one", "two"]}),
        json!({"personaIds": ["one", "two", "three"]}),
        json!({"keyword": phasegate_sandbox::site::KEYWORD}),
    ]
}

impl World {
    pub async fn new() -> Self {
        let sandbox = Sandbox::start().await.unwrap();
        let storage = Arc::new(MemoryStorage::new());
        let world = Self {
            engine: engine(&storage),
            sandbox,
            storage,
        };
        for id in ["one", "two", "three"] {
            world.put_sandboxed("dns_persona", id, &dns_persona()).await;
            world.put_sandboxed("http_persona", id, &http_persona()).await;
        }
        world
    }

    pub async fn put(&self, kind: &str, id: &str, document: Value) {
        self.engine
            .put_resource(kind, id, document, Expected::Any)
            .await
            .unwrap();
    }

    pub async fn put_sandboxed(&self, kind: &str, id: &str, document: &Value) {
        let document = sandboxed(kind, document, self.sandbox.dns_addr(), self.sandbox.http_addr());
        self.put(kind, id, document).await;
    }

    pub async fn campaign(&self, plan: [Value; 4]) -> CampaignHandle {
        let mut new = NewCampaign::new("spring").mode(Mode::FullSequence);
        for (phase, config) in PHASES.into_iter().zip(plan) {
            new = new.config(phase, config);
        }
        self.engine.create(new).await.unwrap()
    }

    /// Runs the whole pipeline to wherever it comes to rest.
    pub async fn run(&self, plan: [Value; 4]) -> (CampaignHandle, CampaignView) {
        let campaign = self.campaign(plan).await;
        campaign.start(PHASES[0]).await.unwrap();
        let view = campaign.at_rest().await.unwrap();
        (campaign, view)
    }

    /// Waits until this much of the phase is done, and says how much.
    pub async fn reaches(&self, campaign: &CampaignHandle, phase: &str, done: u64) {
        loop {
            let progress = self.engine.progress(campaign.id());
            if progress
                .is_some_and(|(ticket, progress)| ticket.phase.as_str() == phase && progress.done >= done)
            {
                return;
            }
            let view = campaign.view().await.unwrap();
            assert!(
                view.status != phasegate::CampaignStatus::Completed,
                "{phase} was over before {done} were done"
            );
            tokio::task::yield_now().await;
        }
    }
}

pub async fn records(campaign: &CampaignHandle, phase: &str) -> Vec<Value> {
    let mut stream = campaign.records(phase, 0).await.unwrap();
    let mut records = Vec::new();
    while let Some(record) = stream.next().await.unwrap() {
        records.push(serde_json::from_str(record.get()).unwrap());
    }
    records
}

/// The records of every phase, without what differs from run to run.
pub async fn all_records(campaign: &CampaignHandle) -> Vec<Vec<Value>> {
    let mut all = Vec::new();
    for phase in PHASES {
        let mut records = records(campaign, phase).await;
        for record in &mut records {
            record.as_object_mut().unwrap().remove("measured");
        }
        all.push(records);
    }
    all
}

pub fn summary<'a>(view: &'a CampaignView, phase: &str) -> &'a Value {
    let phase = view
        .phases
        .iter()
        .find(|found| found.phase.as_str() == phase)
        .unwrap();
    phase.summary.as_ref().unwrap()
}

pub fn failure(view: &CampaignView) -> &str {
    let mut failures = view.phases.iter().filter_map(|phase| phase.failure.as_ref());
    failures.next().map_or("", |failure| failure.code.as_str())
}
