//! Who asks for something, and why, as a host says it.

use phasegate::{EngineError, Envelope};

use crate::error::HostError;

/// Who asks for something, why, and within which trace.
#[derive(Clone, Debug, Default, uniffi::Record)]
pub struct HostEnvelope {
    /// Who asks: at most 200 characters.
    pub actor: Option<String>,
    /// Why: at most 1,000 characters.
    pub reason: Option<String>,
    /// The W3C `traceparent`; a malformed one is dropped.
    pub traceparent: Option<String>,
}

impl HostEnvelope {
    pub(crate) fn read(self) -> Result<Envelope, HostError> {
        let Self {
            actor,
            reason,
            traceparent,
        } = self;
        let envelope = Envelope::none()
            .by(actor.unwrap_or_default())
            .and_then(|envelope| envelope.because(reason.unwrap_or_default()))
            .map_err(EngineError::from)?;
        Ok(envelope.within(&traceparent.unwrap_or_default()))
    }
}
