//! Errors as they cross the boundary: a code, a sentence, and data.

use phasegate::core::storage::StorageError;
use phasegate::core::{DefinitionError, Excess};
use phasegate::{BuildError, EngineError, FieldProblem, PipelineError, Rejection, RunError};
use serde_json::{Value, json};

/// Why a call was refused or failed.
#[derive(Clone, Debug, PartialEq, uniffi::Error)]
pub enum HostError {
    /// The one form of every error; a host makes its exceptions of it.
    Failed {
        /// A stable word for a program, such as `preflight_failed`.
        code: String,
        /// A sentence for a person. (A field named `message` would clash with that of Kotlin's exceptions.)
        reason: String,
        /// What belongs to that code, as a JSON object.
        data: String,
    },
}

impl HostError {
    pub(crate) fn new(code: impl Into<String>, reason: impl Into<String>, data: &Value) -> Self {
        Self::Failed {
            code: code.into(),
            reason: reason.into(),
            data: data.to_string(),
        }
    }

    pub(crate) fn plain(code: &str, reason: impl Into<String>) -> Self {
        Self::new(code, reason, &json!({}))
    }

    /// An argument that is no JSON, or not the JSON that it should be.
    pub(crate) fn argument(what: &str, error: &serde_json::Error) -> Self {
        Self::plain("invalid_argument", format!("the {what} can't be read: {error}"))
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
        let data = match &error {
            EngineError::Rejected(rejection) => return rejected(rejection),
            EngineError::NotFound { campaign } => json!({ "campaign": campaign }),
            EngineError::KeyReused { key } => json!({ "key": key }),
            EngineError::UnknownResourceKind { kind, known } => json!({ "kind": kind, "known": known }),
            EngineError::ResourceInvalid { resource, problems } => json!({
                "resource": resource,
                "errors": fields(problems),
            }),
            EngineError::ResourceNotFound { resource } => json!({ "resource": resource }),
            EngineError::ProbeUnsupported { kind } => json!({ "kind": kind }),
            EngineError::ProbeInputInvalid { problems } => json!({ "errors": fields(problems) }),
            EngineError::ProbeFailed { resource, failure } => {
                json!({ "resource": resource, "failure": failure })
            }
            EngineError::Storage(storage) => return storage.clone().into(),
            EngineError::ShutDown => return closed(),
            _ => json!({}),
        };
        Self::new(error.code(), error.to_string(), &data)
    }
}

fn fields(problems: &[FieldProblem]) -> Vec<Value> {
    problems
        .iter()
        .map(|problem| {
            json!({ "pointer": problem.pointer, "keyword": problem.keyword, "message": problem.message })
        })
        .collect()
}

/// A rejection's own members, beside its code and sentence.
fn rejected(rejection: &Rejection) -> HostError {
    let mut data = serde_json::to_value(rejection).unwrap_or_default();
    if let Some(members) = data.as_object_mut() {
        members.remove("code");
    }
    HostError::new(rejection.code(), rejection.to_string(), &data)
}

/// What every call gives after the engine was closed.
pub(crate) fn closed() -> HostError {
    HostError::plain("closed", "the engine is closed: open it again")
}

/// What every call gives in a forked child.
pub(crate) fn forked() -> HostError {
    let reason = "this process was forked after an engine was opened, whose threads it doesn't have: start processes afresh \
                  (spawn), or fork before the first engine is opened";
    HostError::plain("forked", reason)
}

impl From<Excess> for HostError {
    fn from(excess: Excess) -> Self {
        let data = serde_json::to_value(&excess).unwrap_or_default();
        Self::new(excess.code(), excess.to_string(), &data)
    }
}

impl From<StorageError> for HostError {
    fn from(error: StorageError) -> Self {
        let code = match &error {
            StorageError::Excess(excess) => return excess.clone().into(),
            StorageError::Closed => return closed(),
            StorageError::Held { .. } => "held",
            StorageError::Damaged { .. } => "damaged",
            StorageError::NewerFormat { .. } => "newer_format",
            StorageError::StaleTicket { .. } => "fenced",
            other => return Self::plain(EngineError::Storage(other.clone()).code(), other.to_string()),
        };
        Self::plain(code, error.to_string())
    }
}

impl From<BuildError> for HostError {
    fn from(error: BuildError) -> Self {
        Self::plain("invalid_argument", error.to_string())
    }
}

impl From<PipelineError> for HostError {
    fn from(error: PipelineError) -> Self {
        Self::plain("invalid_pipeline", error.to_string())
    }
}

impl From<DefinitionError> for HostError {
    fn from(error: DefinitionError) -> Self {
        Self::plain("invalid_pipeline", error.to_string())
    }
}

impl From<RunError> for HostError {
    fn from(error: RunError) -> Self {
        let sentence = error.to_string();
        match error {
            RunError::Interrupted => Self::plain("interrupted", sentence),
            RunError::Fenced => Self::plain("fenced", sentence),
            RunError::Failed(failure) => Self::plain(&failure.code, failure.message),
            RunError::Excess(excess) => excess.into(),
            RunError::Storage(error) => error.into(),
            _ => Self::plain("failed", sentence),
        }
    }
}
