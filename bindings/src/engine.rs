//! The engine for hosts. Everything delegates to [`Engine`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use phasegate::Engine;
use phasegate::core::storage::{Cursor, EventScope, Resource};
use phasegate::core::{ResourceId, ResourceKind, ResourceRef, Revision};
use phasegate::redb::RedbStorage;
use phasegate_jobs::JobQueue;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::at_exit::register;
use crate::error::{HostError, closed, forked};
use crate::job::Job;
use crate::json::{read, write};
use crate::names::campaign_id;
use crate::runtime::{handle, is_process, within};
use crate::streams::HostEvents;

/// How to open an engine.
#[derive(Clone, Debug, Default, uniffi::Record)]
pub struct EngineOptions {
    /// The file of its store, created if it is missing; none for a store in memory.
    pub path: Option<String>,
    /// How long a cancelled phase may take to come to rest, in milliseconds; 10,000 by default.
    pub grace_ms: Option<u64>,
    /// How many phases may work at once; no limit by default.
    pub max_running_phases: Option<u32>,
    /// How long idempotency keys are kept, in milliseconds; a day by default.
    pub idempotency_ttl_ms: Option<u64>,
}

/// The open engine behind a [`HostEngine`]. [`exit`](crate::exit) closes it.
pub(crate) struct OpenEngine {
    pub(crate) engine: Engine,
    storage: RedbStorage,
    jobs: JobQueue,
    pub(crate) handle: Handle,
}

impl OpenEngine {
    /// Shuts down without the host: running phases stay running in the store.
    pub(crate) async fn abandon(&self) {
        let host_is_gone = async { self.jobs.close() };
        // In this order: a runner that is interrupted before the engine shuts down would be a failed phase.
        let (closed, ()) = tokio::join!(biased; self.engine.shutdown(), host_is_gone);
        // Everything acknowledged is durable, also after an error.
        drop(closed);
    }
}

/// An engine: campaigns in one store, run by this process.
///
/// Every method may be called from any thread. After `shutdown`, after [`exit`](crate::exit) and in a forked child each
/// gives an error with the code `closed` or `forked`.
#[derive(uniffi::Object)]
pub struct HostEngine {
    /// `None` only while it is dropped.
    inner: Option<Arc<OpenEngine>>,
    process: u32,
}

impl Drop for HostEngine {
    fn drop(&mut self) {
        let Some(inner) = self.inner.take() else { return };
        if !is_process(self.process) {
            // Its end would wait for threads that don't exist in this process.
            std::mem::forget(inner);
            return;
        }
        // A finalizer may drop it, so it can't wait here. After an exit it is shut down already.
        if handle().is_ok() {
            let on = inner.handle.clone();
            on.spawn(async move { inner.abandon().await });
        }
    }
}

#[uniffi::export]
impl HostEngine {
    /// Opens a store with an engine. Nothing is launched before `recover`.
    #[uniffi::constructor]
    pub async fn open(options: EngineOptions, pipelines: Vec<String>) -> Result<Arc<Self>, HostError> {
        let handle = handle()?;
        let jobs = JobQueue::new();
        let mut built = Vec::new();
        for definition in &pipelines {
            built.push(crate::pipeline::build(definition, &jobs)?);
        }
        let on = handle.clone();
        let inner = within(handle, async move {
            let storage = match options.path {
                Some(path) => RedbStorage::open(PathBuf::from(path)).await?,
                None => RedbStorage::in_memory().await?,
            };
            let mut builder = Engine::builder().storage(storage.clone()).runtime(on.clone());
            for pipeline in built {
                builder = builder.pipeline(pipeline);
            }
            if let Some(ms) = options.grace_ms {
                builder = builder.cancellation_grace(Duration::from_millis(ms));
            }
            if let Some(ms) = options.idempotency_ttl_ms {
                builder = builder.idempotency_ttl(Duration::from_millis(ms));
            }
            if let Some(max) = options.max_running_phases {
                builder = builder.max_running_phases(max as usize);
            }
            Ok::<_, HostError>(OpenEngine {
                engine: builder.build()?,
                storage,
                jobs,
                handle: on,
            })
        });
        let inner = Arc::new(inner.await?);
        register(Arc::downgrade(&inner));
        Ok(Arc::new(Self {
            inner: Some(inner),
            process: std::process::id(),
        }))
    }

    /// Takes up every phase that was running when its process ended. A JSON object with the ids of the campaigns that
    /// were `resumed`, `settled`, are `heldElsewhere`, or `failed`, these with their errors.
    pub async fn recover(&self) -> Result<String, HostError> {
        let inner = self.inner()?;
        let recovery = within(inner.handle.clone(), inner.engine.recover()).await?;
        let failed: Vec<Value> = recovery
            .failed
            .iter()
            .map(
                |(id, error)| json!({ "campaignId": id, "code": error.code(), "message": error.to_string() }),
            )
            .collect();
        write(&json!({
            "resumed": recovery.resumed,
            "settled": recovery.settled,
            "heldElsewhere": recovery.held_elsewhere,
            "failed": failed,
        }))
    }

    /// The next job for the host; none after `abandon` and `shutdown`.
    pub async fn next_job(&self) -> Result<Option<Arc<Job>>, HostError> {
        let inner = self.inner()?;
        let job = within(inner.handle.clone(), inner.jobs.next()).await;
        Ok(job.map(|job| Arc::new(Job::new(job, inner.handle.clone()))))
    }

    /// The manifests of the pipelines, as a JSON array.
    pub fn pipelines(&self) -> Result<String, HostError> {
        let inner = self.inner()?;
        let all: Vec<_> = inner
            .engine
            .pipelines()
            .map(|pipeline| pipeline.definition())
            .collect();
        write(&all)
    }

    /// The events of one campaign, or of all, after a cursor.
    pub fn events(
        &self,
        campaign: Option<String>,
        after: Option<String>,
    ) -> Result<Arc<HostEvents>, HostError> {
        let inner = self.inner()?;
        let scope = match campaign {
            Some(id) => EventScope::Campaign(campaign_id(&id)?),
            None => EventScope::Store,
        };
        let stream = inner.engine.events(scope, after.map(Cursor::from_text));
        Ok(Arc::new(HostEvents::new(
            inner.handle.clone(),
            stream,
            self.process,
        )))
    }

    /// Checks configs by phase with resources `{kind: {id: document}}` that replace stored ones: the preflight of a plan. Nothing
    /// is stored.
    pub async fn preflight_plan(
        &self,
        pipeline: Option<String>,
        configs: String,
        resources: String,
    ) -> Result<String, HostError> {
        let inner = self.inner()?;
        let configs: BTreeMap<String, Value> = read("configs", &configs)?;
        let documents: BTreeMap<ResourceKind, BTreeMap<ResourceId, Value>> = read("resources", &resources)?;
        let mut resources = Vec::new();
        for (kind, by_id) in documents {
            for (id, document) in by_id {
                let resource = ResourceRef {
                    kind: kind.clone(),
                    id,
                };
                resources.push(Resource {
                    resource,
                    revision: Revision(0),
                    document,
                });
            }
        }
        let report = inner
            .engine
            .preflight_plan(pipeline.as_deref(), configs, resources);
        write(&within(inner.handle.clone(), report).await?)
    }

    /// Copies the store, as it is at this moment, into a new file. The store stays in use.
    pub async fn backup(&self, to: String) -> Result<(), HostError> {
        let inner = self.inner()?;
        within(inner.handle.clone(), inner.storage.backup(to, |_| ())).await?;
        Ok(())
    }

    /// How many phases this process works on, waiting and deferred ones included.
    pub fn running_phases(&self) -> Result<u64, HostError> {
        Ok(self.inner()?.engine.running_phases() as u64)
    }

    /// Begins a shutdown without waiting for it or for the host's answers, for a host whose loop ends. Running phases stay
    /// running in the store.
    pub fn abandon(&self) {
        if let Ok(inner) = self.inner() {
            let abandoned = Arc::clone(inner);
            inner.handle.spawn(async move { abandoned.abandon().await });
        }
    }

    /// Brings every phase to rest and closes the store. It is not a pause: running phases stay running in the store.
    pub async fn shutdown(&self) -> Result<(), HostError> {
        let inner = self.inner()?;
        let closing = Arc::clone(inner);
        // On a task of its own: a host that gives up waiting doesn't leave it half closed.
        let task = inner.handle.spawn(async move {
            let outcome = closing.engine.shutdown().await;
            closing.jobs.close();
            outcome
        });
        match task.await {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(closed()),
        }
    }
}

impl HostEngine {
    pub(crate) fn inner(&self) -> Result<&Arc<OpenEngine>, HostError> {
        if !is_process(self.process) {
            return Err(forked());
        }
        handle()?;
        let open = |inner: &&Arc<OpenEngine>| !inner.jobs.is_closed();
        self.inner.as_ref().filter(open).ok_or_else(closed)
    }
}

/// Checks a store that is not open: a JSON object with `campaigns`, `events`, `values` and the `findings`, each with
/// `table`, `key`, `problem`.
#[uniffi::export]
pub async fn verify_file(path: String) -> Result<String, HostError> {
    let report = within(handle()?, phasegate::redb::verify_file(path, |_| ())).await?;
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| json!({ "table": finding.table, "key": finding.key, "problem": finding.problem.to_string() }))
        .collect();
    write(&json!({ "clean": report.is_clean(), "findings": findings }))
}
