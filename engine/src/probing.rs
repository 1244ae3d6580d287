//! Trying a resource once with its probe.

use phasegate_core::{Failure, Part};
use serde_json::Value;
use tokio_util::task::AbortOnDropHandle;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::panics::panic_text;
use crate::resources::field_problems;

impl Engine {
    /// Tries a stored resource once, for real, and gives the result. Nothing is stored.
    ///
    /// A disabled resource may be probed too, so that a person can decide whether to enable it.
    ///
    /// # Errors
    ///
    /// [`EngineError::UnknownResourceKind`], [`EngineError::InvalidName`], [`EngineError::ProbeUnsupported`],
    /// [`EngineError::ResourceNotFound`], or [`EngineError::ProbeInputInvalid`] with every problem; these come before the try.
    /// [`EngineError::ProbeFailed`] says why the try could not be made, with the code `timed_out` when it took longer than
    /// [`check_timeout`](crate::EngineBuilder::check_timeout) and `panicked` when it panicked. [`EngineError::ShutDown`]
    /// when a shutdown has begun. [`EngineError::Storage`], also for an input that is too large or too deep.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the probe. Anything it has sent stays sent.
    pub async fn probe(&self, kind: &str, id: &str, input: Value) -> Result<Value, EngineError> {
        let (resource, _) = self.resource_schema(kind, id)?;
        let found = self.inner.pipelines.values().find_map(|pipeline| {
            let schema = pipeline.schemas().probe_schema(&resource.kind)?;
            Some((pipeline.probe(&resource.kind)?, schema))
        });
        let Some((probe, schema)) = found else {
            return Err(EngineError::ProbeUnsupported { kind: resource.kind });
        };
        // Taken before the check for a shutdown: a shutdown that begins later waits for it before it closes the store.
        let counted = self.inner.tasks.token();
        if self.inner.shutdown.is_cancelled() {
            return Err(EngineError::ShutDown);
        }
        let Some(stored) = self.inner.storage.resource(&resource).await? else {
            return Err(EngineError::ResourceNotFound { resource });
        };
        Part::ProbeInput(&resource.kind).measure(&input)?;
        let problems = field_problems(&resource.kind, schema, &input)?;
        if !problems.is_empty() {
            return Err(EngineError::ProbeInputInvalid { problems });
        }

        let (limit, shutdown) = (self.inner.check_timeout, self.inner.shutdown.clone());
        let work = async move {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => None,
                tried = tokio::time::timeout(limit, async { probe.probe(&stored.document, &input).await }) => {
                    Some(tried)
                }
            }
        };
        // A task of the engine's runtime: the caller may be outside of it, without sockets and timers.
        let task = AbortOnDropHandle::new(self.inner.tasks.spawn_on(work, &self.inner.handle));
        drop(counted);
        let failure = match task.await {
            Ok(Some(Ok(Ok(answer)))) => return Ok(answer),
            Ok(Some(Ok(Err(failure)))) => failure,
            Ok(Some(Err(_))) => Failure::new(
                "timed_out",
                format!("the probe took longer than {} s", limit.as_secs_f64()),
            ),
            Ok(None) => return Err(EngineError::ShutDown),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => Failure::new("panicked", format!("the probe panicked: {}", panic_text(&*panic))),
                // The runtime is going down.
                Err(_) => return Err(EngineError::ShutDown),
            },
        };
        Err(EngineError::ProbeFailed { resource, failure })
    }
}
