//! Errors at the boundary: a code, a sentence, and data.

use phasegate::core::Excess;
use phasegate::core::storage::StorageError;
use phasegate::schema::DefinitionError;
use phasegate::{BuildError, EngineError, PipelineError, RunError};
use phasegate_jobs::JobError;
use serde_json::{Map, Value};

use crate::codes::HostCode;

/// Why a call was refused or failed.
#[derive(Clone, Debug, PartialEq, uniffi::Error)]
pub enum HostError {
    /// The form of every error. A host makes its exceptions of it.
    Failed {
        /// A stable word for a program, such as `preflight_failed`.
        code: String,
        /// A sentence for a person. (A field named `message` would clash with that of Kotlin's exceptions.)
        reason: String,
        /// The data of the code, as a JSON object.
        data: String,
    },
}

impl HostError {
    /// An error of the engine.
    pub(crate) fn new(code: impl Into<String>, reason: impl Into<String>, data: Map<String, Value>) -> Self {
        Self::Failed {
            code: code.into(),
            reason: reason.into(),
            data: Value::Object(data).to_string(),
        }
    }

    /// An error that only hosts get. It has no data.
    pub(crate) fn plain(code: HostCode, reason: impl Into<String>) -> Self {
        Self::new(code.as_str(), reason, Map::new())
    }

    /// The error of an argument that is not the required JSON.
    pub(crate) fn argument(what: &str, error: &impl std::fmt::Display) -> Self {
        Self::plain(
            HostCode::InvalidArgument,
            format!("the {what} can't be read: {error}"),
        )
    }

    /// The code, as a host sees it.
    pub fn code(&self) -> &str {
        let Self::Failed { code, .. } = self;
        code
    }
}

impl std::fmt::Display for HostError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self::Failed { code, reason, .. } = self;
        write!(f, "{reason} ({code})")
    }
}

impl std::error::Error for HostError {}

impl From<EngineError> for HostError {
    fn from(error: EngineError) -> Self {
        match error {
            // A host opens and closes an engine, so a shutdown is called closed there.
            EngineError::ShutDown => closed(),
            EngineError::Storage(error) => error.into(),
            error => Self::new(error.code(), error.to_string(), error.data()),
        }
    }
}

/// The error of every call after the engine was closed.
pub(crate) fn closed() -> HostError {
    HostError::plain(HostCode::Closed, "the engine is closed: open it again")
}

/// The error of every call in a forked child.
pub(crate) fn forked() -> HostError {
    let reason = "this process was forked after an engine was opened, whose threads it doesn't have: start processes afresh \
                  (spawn), or fork before the first engine is opened";
    HostError::plain(HostCode::Forked, reason)
}

impl From<Excess> for HostError {
    fn from(excess: Excess) -> Self {
        Self::new(excess.code(), excess.to_string(), excess.data())
    }
}

impl From<StorageError> for HostError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Closed => closed(),
            error => Self::new(error.code(), error.to_string(), error.data()),
        }
    }
}

impl From<BuildError> for HostError {
    fn from(error: BuildError) -> Self {
        Self::plain(HostCode::InvalidArgument, error.to_string())
    }
}

impl From<PipelineError> for HostError {
    fn from(error: PipelineError) -> Self {
        Self::plain(HostCode::InvalidPipeline, error.to_string())
    }
}

impl From<DefinitionError> for HostError {
    fn from(error: DefinitionError) -> Self {
        Self::plain(HostCode::InvalidPipeline, error.to_string())
    }
}

impl From<RunError> for HostError {
    fn from(error: RunError) -> Self {
        match error {
            // The sentence of the phase, without the code.
            RunError::Failed(failure) => Self::new(failure.code, failure.message, Map::new()),
            RunError::Excess(excess) => excess.into(),
            RunError::Storage(error) => error.into(),
            error => Self::new(error.code(), error.to_string(), Map::new()),
        }
    }
}

impl From<JobError> for HostError {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Run(error) => error.into(),
            error => Self::plain(HostCode::InvalidArgument, error.to_string()),
        }
    }
}
