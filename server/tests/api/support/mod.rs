//! A server on a real socket, a pipeline whose phases the tests hold and let go, and a client that compares each answer with
//! the OpenAPI document.

mod client;
mod pipeline;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use phasegate::storage::Storage;
use phasegate::{Engine, redb::RedbStorage};
use phasegate_server::{Access, Limits, Server, Token, serve};
use phasegate_testkit::storage::MemoryStorage;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use client::{Answer, Client, SseEvent};
pub use pipeline::{Gate, PHASES, config, pipeline, pipeline_of};

/// How long a test waits for what must happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A server that runs.
pub struct Running {
    pub server: Server,
    pub engine: Engine,
    pub client: Client,
    pub address: std::net::SocketAddr,
    pub token: Token,
    /// Lets phases go that hold.
    pub gate: Arc<Gate>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// One over a store in memory.
    pub async fn start() -> Self {
        Self::over(MemoryStorage::new(), Limits::default()).await
    }

    /// One over a file.
    pub async fn open(path: &Path) -> Self {
        let storage = RedbStorage::open(path).await.expect("the file can be opened");
        Self::over(storage, Limits::default()).await
    }

    /// One over any store, within these limits.
    pub async fn over(storage: impl Storage, limits: Limits) -> Self {
        let gate = Arc::new(Gate::default());
        let engine = Engine::builder()
            .storage(storage)
            .pipeline(pipeline(&gate))
            .build()
            .expect("an engine");
        Self::serving(engine, gate, limits).await
    }

    /// One of this engine.
    pub async fn serving(engine: Engine, gate: Arc<Gate>, limits: Limits) -> Self {
        let token = Token::generate().expect("random numbers");
        let mut builder = Server::builder(engine.clone())
            .access(Access::Token(token.clone()))
            .limits(limits);
        if let Some(metrics) = phasegate_server::install_metrics() {
            builder = builder.metrics(metrics);
        }
        let server = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let serving = {
            let server = server.clone();
            tokio::spawn(async move { serve(listener, &server).await })
        };
        Self {
            client: Client::new(address, token.reveal()),
            server,
            engine,
            address,
            token,
            gate,
            serving,
        }
    }

    /// Ends it, as a service manager would.
    pub async fn stop(self) {
        self.server.close();
        let ended = tokio::time::timeout(PATIENCE, self.serving).await;
        ended
            .expect("it ends in time")
            .expect("it doesn't panic")
            .expect("it serves");
        self.engine.shutdown().await.expect("the engine shuts down");
    }

    /// Creates a campaign of this mode, with these phases configured, and gives its id.
    pub async fn campaign(&self, mode: &str, configured: &[&str]) -> String {
        let configs: serde_json::Map<_, _> = configured
            .iter()
            .map(|phase| ((*phase).to_owned(), config(1)))
            .collect();
        let body = serde_json::json!({ "name": "spring", "mode": mode, "configs": configs });
        let created = self.client.post("/campaigns", &body).await;
        assert_eq!(created.status, 201, "{}", created.text);
        created.json()["campaignId"].as_str().expect("an id").to_owned()
    }

    /// Waits until a campaign has this status, and gives it.
    pub async fn until(&self, id: &str, status: &str) -> serde_json::Value {
        let wait = async {
            loop {
                let latest = self.engine.storage().latest().await.expect("the store works");
                let shown = self.client.get(&format!("/campaigns/{id}")).await.json();
                if shown["status"] == status {
                    return shown;
                }
                self.engine
                    .storage()
                    .changed(
                        phasegate::storage::ChangeScope::Store,
                        latest,
                        std::time::Duration::from_secs(60),
                    )
                    .await
                    .expect("the store works");
            }
        };
        tokio::time::timeout(PATIENCE, wait)
            .await
            .unwrap_or_else(|_| panic!("it never is {status}"))
    }
}
