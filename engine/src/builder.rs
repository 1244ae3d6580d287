//! Building an engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use phasegate_core::PipelineId;
use phasegate_core::storage::Storage;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::attempts::Attempts;
use crate::engine::Engine;
use crate::faults::Faults;
use crate::fresh_ids::FreshIds;
use crate::keys_at_work::KeysAtWork;
use crate::pipeline::Pipeline;
use crate::progress::ProgressBoard;
use crate::state::EngineState;
use crate::suspects::Suspects;
use crate::turns::Turns;
use crate::watched::Watched;

/// How long a cancelled runner may take to come to rest, unless set otherwise.
const GRACE: Duration = Duration::from_secs(10);
/// How long a lease lasts without being renewed, unless set otherwise.
const LEASE_TTL: Duration = Duration::from_secs(30);
/// How long a runner's own check may take, unless set otherwise.
const CHECK_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an idempotency key is kept, unless set otherwise.
const KEY_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// Why an engine could not be built.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No store was given.
    #[error("the engine has no store: give it one with storage(..)")]
    NoStorage,
    /// Two pipelines have one id.
    #[error("two pipelines have the id {0}: rename one")]
    DuplicatePipeline(PipelineId),
    /// There is no tokio runtime to run phases on.
    #[error("there is no tokio runtime here: build the engine within one, or give it one with runtime(..)")]
    NoRuntime,
    /// The limit on running phases is zero.
    #[error("at most 0 phases may run: allow at least 1")]
    NothingMayRun,
}

/// Builds an engine.
#[derive(Default)]
pub struct EngineBuilder {
    storage: Option<Arc<dyn Storage>>,
    pipelines: Vec<Pipeline>,
    runtime: Option<Handle>,
    lease_ttl: Option<Duration>,
    grace: Option<Duration>,
    check_timeout: Option<Duration>,
    key_ttl: Option<Duration>,
    max_running: Option<usize>,
    seed: Option<u64>,
}

impl EngineBuilder {
    /// Sets the store. The engine closes it when it shuts down.
    #[must_use]
    pub fn storage(mut self, storage: impl Storage) -> Self {
        self.storage = Some(Arc::new(storage));
        self
    }

    /// Sets a store that other code shares.
    #[must_use]
    pub fn shared_storage(mut self, storage: Arc<dyn Storage>) -> Self {
        self.storage = Some(storage);
        self
    }

    /// Registers a pipeline.
    #[must_use]
    pub fn pipeline(mut self, pipeline: Pipeline) -> Self {
        self.pipelines.push(pipeline);
        self
    }

    /// Sets the tokio runtime that phases run on; its timers must be enabled. The default is the current runtime.
    #[must_use]
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Sets how long the store lets this engine work on an attempt without hearing of it; the default is 30 s, and the least is
    /// 1 s. It renews each lease well before. A store whose leases last while it is held ignores it.
    #[must_use]
    pub fn lease_ttl(mut self, ttl: Duration) -> Self {
        self.lease_ttl = Some(ttl.max(Duration::from_secs(1)));
        self
    }

    /// Sets how long a cancelled runner may take to come to rest before it is dropped; the default is 10 s. A shutdown waits as
    /// long for work that is done [`once`](Engine::once).
    #[must_use]
    pub fn cancellation_grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// Sets how long a runner's [`check`](crate::PhaseRunner::check) or
    /// [`can_continue`](crate::PhaseRunner::can_continue), or the [`probe`](crate::ResourceProbe::probe) of a resource,
    /// may take; the default is 30 s each.
    ///
    /// A check that takes longer counts as a problem of the config with the keyword `unchecked`, a `can_continue` counts as a no,
    /// and a probe fails with the code `timed_out`.
    #[must_use]
    pub fn check_timeout(mut self, timeout: Duration) -> Self {
        self.check_timeout = Some(timeout);
        self
    }

    /// Sets how long idempotency keys are kept; the default is 24 hours.
    #[must_use]
    pub fn idempotency_ttl(mut self, ttl: Duration) -> Self {
        self.key_ttl = Some(ttl);
        self
    }

    /// Limits how many phases work at once in this process. There is no limit by default.
    ///
    /// A phase beyond the limit is started as well, and its work begins when another phase ends. A phase that waits for a report
    /// doesn't count.
    #[must_use]
    pub fn max_running_phases(mut self, max: usize) -> Self {
        self.max_running = Some(max);
        self
    }

    /// Draws every id of this engine (its own, those of campaigns and of commits) from a seed, so that a test or a simulation can be
    /// repeated. Two engines on one store must have different seeds. Without a seed they are drawn by the system's randomness.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Builds the engine. It launches nothing: [`Engine::recover`] takes up the phases that were running before.
    ///
    /// # Errors
    ///
    /// [`BuildError`] says what is missing.
    pub fn build(self) -> Result<Engine, BuildError> {
        let storage = self.storage.ok_or(BuildError::NoStorage)?;
        let mut pipelines = BTreeMap::new();
        for pipeline in self.pipelines {
            let id = pipeline.id().clone();
            if pipelines.insert(id.clone(), pipeline).is_some() {
                return Err(BuildError::DuplicatePipeline(id));
            }
        }
        let handle = match self.runtime {
            Some(handle) => handle,
            None => Handle::try_current().map_err(|_| BuildError::NoRuntime)?,
        };
        if self.max_running == Some(0) {
            return Err(BuildError::NothingMayRun);
        }
        let permits = self
            .max_running
            .map(|max| Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS))));
        let ids = FreshIds::new(self.seed);
        Ok(Engine::new(EngineState {
            storage,
            pipelines,
            handle,
            owner: ids.owner(),
            ids,
            lease_ttl: self.lease_ttl.unwrap_or(LEASE_TTL),
            grace: self.grace.unwrap_or(GRACE),
            check_timeout: self.check_timeout.unwrap_or(CHECK_TIMEOUT),
            permits,
            key_ttl: self.key_ttl.unwrap_or(KEY_TTL),
            board: ProgressBoard::default(),
            attempts: Arc::new(Attempts::default()),
            turns: Turns::new(),
            keys_at_work: KeysAtWork::default(),
            watched: Watched::default(),
            suspects: Suspects::default(),
            faults: Faults::default(),
            keeps_watch: AtomicBool::new(false),
            looking: tokio::sync::Mutex::default(),
            keeps_leases: AtomicBool::new(false),
            told_unwatched: AtomicBool::new(false),
            tasks: TaskTracker::new(),
            shutdown: CancellationToken::new(),
        }))
    }
}
