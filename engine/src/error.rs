//! How the engine refuses or fails.

use phasegate_core::storage::StorageError;
use phasegate_core::{CampaignId, Excess, Failure, InvalidName, Rejection, ResourceKind, ResourceRef};

use crate::precondition::Precondition;
use crate::runner::FieldProblem;

/// Why the engine did not do what it was asked. Nothing has changed, except where the variant says that the outcome is unknown.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The campaign refused the command.
    #[error(transparent)]
    Rejected(Box<Rejection>),
    /// There is no such campaign, or it was deleted.
    #[error("there is no campaign {campaign}: list the campaigns to see which there are")]
    NotFound {
        /// The id that was asked for.
        campaign: CampaignId,
    },
    /// The command's precondition doesn't hold.
    #[error(
        "campaign {campaign} has changed, so nothing was done: it is not so that {precondition}. Read it again, then decide"
    )]
    PreconditionFailed {
        /// The campaign.
        campaign: CampaignId,
        /// What doesn't hold.
        precondition: Precondition,
    },
    /// A name or id breaks its rule.
    #[error(transparent)]
    InvalidName(#[from] InvalidName),
    /// The idempotency key was used for another command.
    #[error("the idempotency key {key:?} was used for another command: use a new key for each command")]
    KeyReused {
        /// The key.
        key: String,
    },
    /// No registered pipeline has such a kind of resource.
    #[error("there is no kind of resource {kind}: the kinds are {}", list(known))]
    UnknownResourceKind {
        /// The kind that was asked for.
        kind: String,
        /// The kinds there are.
        known: Vec<ResourceKind>,
    },
    /// A resource's document is not valid under the schema of its kind.
    #[error(
        "{resource} was not stored, since its document is wrong: {}",
        sentences(problems)
    )]
    ResourceInvalid {
        /// The resource.
        resource: ResourceRef,
        /// The problems, at most 100.
        problems: Vec<FieldProblem>,
    },
    /// There is no such resource.
    #[error("there is no {resource}: list the resources to see which there are")]
    ResourceNotFound {
        /// The resource that was asked for.
        resource: ResourceRef,
    },
    /// No registered pipeline has a probe of this kind of resource.
    #[error("resources of the kind {kind} can't be probed: no pipeline has a probe of them")]
    ProbeUnsupported {
        /// The kind.
        kind: ResourceKind,
    },
    /// The input of a probe is not valid under its schema.
    #[error("the probe was not made, since its input is wrong: {}", sentences(problems))]
    ProbeInputInvalid {
        /// The problems, at most 100.
        problems: Vec<FieldProblem>,
    },
    /// The probe of a resource could not be made.
    #[error("the probe of {resource} failed: {failure}")]
    ProbeFailed {
        /// The resource.
        resource: ResourceRef,
        /// Why.
        failure: Failure,
    },
    /// The pipeline must be named: the engine has several, or none.
    #[error("name the pipeline: {count} are registered")]
    PipelineNotNamed {
        /// How many are registered.
        count: usize,
    },
    /// The store refused or failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The engine is shutting down, or is shut down.
    #[error("the engine is shut down: build a new one")]
    ShutDown,
}

fn list(kinds: &[ResourceKind]) -> String {
    if kinds.is_empty() {
        return "none".to_owned();
    }
    kinds
        .iter()
        .map(ResourceKind::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn sentences(problems: &[FieldProblem]) -> String {
    let all: Vec<_> = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.pointer, problem.message))
        .collect();
    all.join("; ")
}

impl From<Excess> for EngineError {
    fn from(excess: Excess) -> Self {
        StorageError::from(excess).into()
    }
}

impl From<Rejection> for EngineError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(Box::new(rejection))
    }
}

impl EngineError {
    /// A stable word for a program, such as `preflight_failed` or `not_found`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rejected(rejection) => rejection.code(),
            Self::NotFound { .. } => "not_found",
            Self::PreconditionFailed { .. } => "precondition_failed",
            Self::InvalidName(_) => "invalid_name",
            Self::KeyReused { .. } => "idempotency_key_reused",
            Self::UnknownResourceKind { .. } => "unknown_resource_kind",
            Self::ResourceInvalid { .. } => "resource_invalid",
            Self::ResourceNotFound { .. } => "resource_not_found",
            Self::ProbeUnsupported { .. } => "probe_unsupported",
            Self::ProbeInputInvalid { .. } => "probe_input_invalid",
            Self::ProbeFailed { .. } => "probe_failed",
            Self::PipelineNotNamed { .. } => "pipeline_not_named",
            Self::Storage(StorageError::ResourceConflict { .. }) => "resource_conflict",
            Self::Storage(StorageError::Excess(excess)) => excess.code(),
            Self::Storage(StorageError::InvalidCursor { .. }) => "invalid_cursor",
            Self::Storage(_) => "storage_failed",
            Self::ShutDown => "shut_down",
        }
    }

    /// The rejection, when the campaign refused the command.
    pub fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            _ => None,
        }
    }
}
