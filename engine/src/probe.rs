//! The probe port: one real try of a resource, and what comes back.

use std::sync::Arc;

use async_trait::async_trait;
use phasegate_core::{Failure, Part};
use serde_json::Value;
use tokio_util::task::AbortOnDropHandle;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::resources::field_problems;
use crate::supervise::panic_text;

/// What tries a resource out: one real look-up or request with it, so that a person sees whether it works.
///
/// It is set with [`PipelineBuilder::probe`](crate::PipelineBuilder::probe) and called from many tasks at once. A panic or a
/// timeout in it is a failed probe and never a dead engine.
#[async_trait]
pub trait ResourceProbe: Send + Sync + 'static {
    /// The JSON Schema (draft 2020-12) of what a probe is told, such as which domain to look up.
    ///
    /// It is asked once, when the pipeline is built.
    fn input_schema(&self) -> Value;

    /// Does it once and says what came back, without a secret of the document.
    ///
    /// `document` is the resource's, as it is stored; it may be disabled, and older than its schema. `input` is valid
    /// under [`input_schema`](Self::input_schema). One that takes longer than
    /// [`check_timeout`](crate::EngineBuilder::check_timeout) is dropped, and so is one that runs at a shutdown.
    ///
    /// # Errors
    ///
    /// A [`Failure`] where the try could not be made, with a stable code and a sentence for a person. An answer that a
    /// person may not have hoped for, such as that there is no such domain, is a result.
    async fn probe(&self, document: &Value, input: &Value) -> Result<Value, Failure>;
}

#[async_trait]
impl<P: ResourceProbe + ?Sized> ResourceProbe for Arc<P> {
    fn input_schema(&self) -> Value {
        self.as_ref().input_schema()
    }

    async fn probe(&self, document: &Value, input: &Value) -> Result<Value, Failure> {
        self.as_ref().probe(document, input).await
    }
}

impl Engine {
    /// Tries a stored resource out, once and for real, and gives what came back. Nothing is stored.
    ///
    /// A disabled resource may be probed too: that is how a person finds out whether to enable it.
    ///
    /// # Errors
    ///
    /// [`EngineError::UnknownResourceKind`], [`EngineError::InvalidName`], [`EngineError::ProbeUnsupported`],
    /// [`EngineError::ResourceNotFound`], or [`EngineError::ProbeInputInvalid`] with every problem: nothing was tried then.
    /// [`EngineError::ProbeFailed`] says why the try could not be made, with the code `timed_out` when it took longer than
    /// [`check_timeout`](crate::EngineBuilder::check_timeout) and `panicked` when it panicked. [`EngineError::ShutDown`]
    /// when a shutdown has begun. [`EngineError::Storage`], also for an input that is too large or too deep.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the probe. What it had sent by then is sent.
    pub async fn probe(&self, kind: &str, id: &str, input: Value) -> Result<Value, EngineError> {
        let (resource, _) = self.resource_schema(kind, id)?;
        let found = self.inner.pipelines.values().find_map(|pipeline| {
            let schema = pipeline.schemas().probe_schema(&resource.kind)?;
            Some((pipeline.probe(&resource.kind)?, schema))
        });
        let Some((probe, schema)) = found else {
            return Err(EngineError::ProbeUnsupported { kind: resource.kind });
        };
        // Held over the look at the shutdown, which waits for it before it closes the store.
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
        // A task of the engine's runtime: the caller may be outside of it, where there are no sockets and timers.
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
