//! What all handles and tasks of one engine share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use phasegate_core::storage::{ChangeScope, Cursor, Lease, Storage, StorageError};
use phasegate_core::{Campaign, Facts, OwnerId, PipelineId, PipelineMatch};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::attempts::{Attempts, InterruptReason};
use crate::error::EngineError;
use crate::faults::Faults;
use crate::fresh_ids::FreshIds;
use crate::keys_at_work::KeysAtWork;
use crate::pipeline::Pipeline;
use crate::progress::ProgressBoard;
use crate::suspects::Suspects;
use crate::turns::{LONGEST_LOOK, Turns};
use crate::watched::Watched;

/// The state of one engine.
pub(crate) struct EngineState {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) pipelines: BTreeMap<PipelineId, Pipeline>,
    pub(crate) handle: Handle,
    pub(crate) owner: OwnerId,
    pub(crate) ids: FreshIds,
    pub(crate) lease_ttl: Duration,
    pub(crate) grace: Duration,
    pub(crate) check_timeout: Duration,
    pub(crate) permits: Option<Arc<Semaphore>>,
    pub(crate) key_ttl: Duration,
    pub(crate) board: ProgressBoard,
    pub(crate) attempts: Arc<Attempts>,
    pub(crate) turns: Turns,
    pub(crate) keys_at_work: KeysAtWork,
    pub(crate) watched: Watched,
    pub(crate) suspects: Suspects,
    pub(crate) faults: Faults,
    /// Whether a task takes up what becomes due.
    pub(crate) keeps_watch: AtomicBool,
    /// Held by the one that takes up what is due now.
    pub(crate) looking: tokio::sync::Mutex<()>,
    /// Whether a task renews leases.
    pub(crate) keeps_leases: AtomicBool,
    /// Whether it was said already that nobody does.
    pub(crate) told_unwatched: AtomicBool,
    /// Commands and supervisors under way.
    pub(crate) tasks: TaskTracker,
    pub(crate) shutdown: CancellationToken,
}

impl EngineState {
    /// Runs `work` in a task of its own, so that a dropped caller never leaves it half done. It is refused once a shutdown has
    /// begun.
    ///
    /// The work is in the task from the start, so that whoever waits for it holds none of it.
    pub(crate) fn detached<T, W>(&self, work: W) -> impl Future<Output = Result<T, EngineError>> + use<T, W>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, EngineError>> + Send + 'static,
    {
        // Taken before the check for a shutdown: a shutdown that begins later waits for it before it closes the store.
        let counted = self.tasks.token();
        let is_shut_down = self.shutdown.is_cancelled();
        let task = (!is_shut_down).then(|| self.tasks.spawn_on(work, &self.handle));
        drop(counted);
        async move {
            let Some(task) = task else {
                return Err(EngineError::ShutDown);
            };
            match task.await {
                Ok(result) => result,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => Err(EngineError::ShutDown),
                },
            }
        }
    }

    /// Waits for a change, at most for so long that a store which forgot to tell of it does little harm. Its timer is the runtime's, which
    /// wakes nobody to be set.
    pub(crate) async fn changed(
        &self,
        scope: ChangeScope,
        after: Option<Cursor>,
    ) -> Result<bool, StorageError> {
        let changed = self.storage.changed(scope, after, Duration::MAX);
        let changed = {
            // The caller may be outside the runtime, without timers.
            let _entered = self.handle.enter();
            tokio::time::timeout(LONGEST_LOOK, changed)
        };
        changed.await.unwrap_or(Ok(false))
    }

    /// The pipeline of a campaign, if it still has the phases that the campaign pins.
    pub(crate) fn pipeline_of(&self, campaign: &Campaign) -> Option<&Pipeline> {
        let pipeline = self.pipelines.get(&campaign.pipeline)?;
        match self.pipeline_facts(campaign).pipeline_match(campaign) {
            PipelineMatch::Same => Some(pipeline),
            PipelineMatch::Changed | PipelineMatch::Unknown => None,
        }
    }

    /// The facts about the registered pipeline of a campaign, before anything else is known.
    pub(crate) fn pipeline_facts(&self, campaign: &Campaign) -> Facts {
        match self.pipelines.get(&campaign.pipeline) {
            Some(pipeline) => Facts::of_pipeline(Arc::clone(pipeline.registered())),
            None => Facts::default(),
        }
    }

    pub(crate) fn interrupt_all(&self) {
        for attempt in self.attempts.all() {
            attempt.interrupt(InterruptReason::Shutdown);
        }
    }

    /// The lease that a commit of this engine asks for.
    pub(crate) fn lease(&self, if_over: bool) -> Lease {
        Lease {
            owner: self.owner,
            ttl: self.lease_ttl,
            if_over,
        }
    }
}
