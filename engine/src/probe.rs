//! The probe port: trying a resource once, for real.

use std::sync::Arc;

use async_trait::async_trait;
use phasegate_core::Failure;
use serde_json::Value;

/// Tries a resource once, by a real look-up or request, so that a person sees whether it works.
///
/// [`PipelineBuilder::probe`](crate::PipelineBuilder::probe) sets it. The engine calls it from many tasks at once. A panic or a
/// timeout in it fails the probe and leaves the engine working.
#[async_trait]
pub trait ResourceProbe: Send + Sync + 'static {
    /// The JSON Schema (draft 2020-12) of the probe's input, such as the domain to look up.
    ///
    /// The engine asks for it once, when the pipeline is built.
    fn input_schema(&self) -> Value;

    /// Makes one try and returns its result, without a secret of the document.
    ///
    /// `document` is the stored document; it may be disabled, and older than its schema. `input` is valid under
    /// [`input_schema`](Self::input_schema). A probe is dropped when it takes longer than
    /// [`check_timeout`](crate::EngineBuilder::check_timeout), or at a shutdown.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when the try could not be made, with a stable code and a sentence for a person. A disappointing answer,
    /// such as a domain that doesn't exist, is a result.
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
