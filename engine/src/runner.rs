//! The phase-runner port: the code that does the work of a phase.

use std::collections::BTreeMap;

use async_trait::async_trait;
use phasegate_core::storage::{Resource, StorageError};
use phasegate_core::{Deferred, ErrorCode, Excess, Failure, ResourceId, ResourceKind, ResourceRef};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::context::RunContext;

/// Does the work of one phase. [`Phase`](crate::Phase) is its typed form.
///
/// The engine calls it from many tasks at once, with one run per campaign at a time. A panic, an error or a timeout in it
/// fails the phase and leaves the engine working.
#[async_trait]
pub trait PhaseRunner: Send + Sync + 'static {
    /// Lists the problems of a config that its schema can't express.
    ///
    /// The config is valid under the schema, and its resources exist and are enabled. The check must be quick, change
    /// nothing, and answer the same for the same arguments: the engine calls it when a config is stored, at every preflight,
    /// and before every start. A check that panics, or takes longer than
    /// [`check_timeout`](crate::EngineBuilder::check_timeout), is dropped and counts as a problem of the config.
    async fn check(&self, config: &Value, resources: &Resources) -> Vec<FieldProblem> {
        let _ = (config, resources);
        Vec::new()
    }

    /// Runs the phase to its end, from `ctx.checkpoint()` if there is one.
    ///
    /// When the context is cancelled, the runner commits what it has and returns [`RunError::Interrupted`] within the grace
    /// period; after that it is dropped. After a crash, a resume or a retry the engine calls it again for the same run, with the
    /// next attempt. Effects outside the store then happen again. `ctx.run_key()` is the same for all attempts of a run, so the
    /// other side can recognise the repetition.
    async fn run(&self, ctx: RunContext) -> Result<RunOutcome, RunError>;

    /// Whether a failed or stopped run can continue from its checkpoint after its config or resources have changed.
    ///
    /// The phase begins afresh unless the runner agrees within [`check_timeout`](crate::EngineBuilder::check_timeout).
    async fn can_continue(&self, change: InputChange<'_>) -> bool {
        let _ = change;
        false
    }
}

/// How a run ended by itself.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RunOutcome<S = Value> {
    /// It completed, with a summary of at most [`MAX_SUMMARY_BYTES`](phasegate_core::limits::MAX_SUMMARY_BYTES) of JSON.
    Completed(S),
    /// It failed.
    Failed(Failure),
    /// Somebody else will [`report`](crate::Engine::report) the ticket later: an approval, a remote job.
    ///
    /// The wait is durable: it outlives the process, a pause and a resume, with the same ticket. A deferred phase can append no
    /// more records; whoever answers brings them. Its [`timeout`](phasegate_core::PhaseDefinition::timeout) no longer applies; a
    /// deadline of the deferral does.
    Deferred(Deferred),
}

/// Why a runner gave up.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The context was cancelled, so it came to rest.
    #[error("the run was interrupted")]
    Interrupted,
    /// A newer attempt or a command has replaced this attempt. The store takes nothing more from it.
    #[error("the run was replaced by another attempt")]
    Fenced,
    /// The phase failed.
    #[error("{0}")]
    Failed(Failure),
    /// A record, the checkpoint or the batch of a commit is beyond its limit. Nothing of the batch is stored, and the run may go
    /// on.
    #[error(transparent)]
    Excess(#[from] Excess),
    /// The store failed. That is no failure of the phase, whatever the runner then ends with: the run stays running, and is taken up again
    /// from its checkpoint after a pause.
    #[error(transparent)]
    Storage(StorageError),
}

impl RunError {
    /// A failure with a stable code and a sentence for a person.
    pub fn failed(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Failed(Failure::new(code, message))
    }

    /// The stable word for a program: for a failed phase the one that it gave itself.
    pub fn code(&self) -> &str {
        match self {
            Self::Interrupted => INTERRUPTED.code,
            Self::Fenced => FENCED.code,
            Self::Failed(failure) => &failure.code,
            Self::Excess(excess) => excess.code(),
            Self::Storage(error) => error.code(),
        }
    }

    /// Every code that such an error can have, apart from those that phases give themselves.
    pub fn codes() -> Vec<ErrorCode> {
        let mut codes = StorageError::codes();
        codes.extend([INTERRUPTED, FENCED]);
        codes.sort();
        codes
    }
}

const INTERRUPTED: ErrorCode = ErrorCode {
    code: "interrupted",
    members: &[],
};
const FENCED: ErrorCode = ErrorCode {
    code: "fenced",
    members: &[],
};

impl From<StorageError> for RunError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::StaleTicket { .. } => Self::Fenced,
            StorageError::Excess(excess) => Self::Excess(excess),
            other => Self::Storage(other),
        }
    }
}

impl From<Failure> for RunError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// One problem with one field of a document.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct FieldProblem {
    /// The JSON Pointer to the field; empty for the config as a whole.
    pub pointer: String,
    /// A stable word for a program, such as `capacity_exceeded`.
    pub keyword: String,
    /// A sentence for a person.
    pub message: String,
}

impl FieldProblem {
    /// Makes a problem of the field at `pointer`.
    pub fn new(pointer: impl Into<String>, keyword: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            keyword: keyword.into(),
            message: message.into(),
        }
    }
}

/// How the inputs of a failed or stopped run have changed since.
#[derive(Clone, Copy, Debug)]
pub struct InputChange<'a> {
    /// The config that the run was started with.
    pub old_config: &'a Value,
    /// The config that is stored now.
    pub new_config: &'a Value,
    /// The resources with another revision now, and those that the run didn't use before.
    pub changed_resources: &'a [ResourceRef],
    /// The run's last checkpoint, if it has one.
    pub checkpoint: Option<&'a Value>,
}

/// The resources that a config refers to, as they are now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources {
    documents: BTreeMap<ResourceRef, Value>,
}

impl Resources {
    /// The document of a resource, or `None` when the config doesn't refer to it.
    pub fn get(&self, kind: &str, id: &str) -> Option<&Value> {
        let resource = ResourceRef {
            kind: ResourceKind::new(kind).ok()?,
            id: ResourceId::new(id).ok()?,
        };
        self.documents.get(&resource)
    }

    /// The document of a resource, as a type.
    ///
    /// # Errors
    ///
    /// [`RunError::Failed`] with the code `resource_missing` or `resource_unreadable`.
    pub fn get_as<T: DeserializeOwned>(&self, kind: &str, id: &str) -> Result<T, RunError> {
        let document = self
            .get(kind, id)
            .ok_or_else(|| RunError::failed("resource_missing", format!("there is no {kind} {id}")))?;
        T::deserialize(document).map_err(|error| {
            RunError::failed(
                "resource_unreadable",
                format!("{kind} {id} can't be read: {error}"),
            )
        })
    }

    /// Every resource with its document, ordered by kind and id.
    pub fn iter(&self) -> impl Iterator<Item = (&ResourceRef, &Value)> {
        self.documents.iter()
    }
}

impl FromIterator<Resource> for Resources {
    fn from_iter<I: IntoIterator<Item = Resource>>(resources: I) -> Self {
        Self {
            documents: resources
                .into_iter()
                .map(|found| (found.resource, found.document))
                .collect(),
        }
    }
}
