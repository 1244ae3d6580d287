//! How the engine refuses or fails.

use phasegate_core::storage::StorageError;
use phasegate_core::{
    CampaignId, EnvelopeError, ErrorCode, Excess, Failure, InvalidName, Rejection, ResourceKind, ResourceRef,
    error_codes,
};
use serde_json::Map;

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
        "campaign {campaign} has changed, so nothing was done: the command expected that {precondition}. Read it again, then decide"
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
    /// Who asks, or why, can't be taken.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
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

error_codes! {
    EngineError {
        NotFound { campaign } = "not_found",
        PreconditionFailed { campaign; precondition } = "precondition_failed",
        KeyReused { key } = "idempotency_key_reused",
        UnknownResourceKind { kind, known } = "unknown_resource_kind",
        ResourceInvalid { resource, problems as errors } = "resource_invalid",
        ResourceNotFound { resource } = "resource_not_found",
        ProbeUnsupported { kind } = "probe_unsupported",
        ProbeInputInvalid { problems as errors } = "probe_input_invalid",
        ProbeFailed { resource, failure } = "probe_failed",
        PipelineNotNamed { ; count } = "pipeline_not_named",
        ShutDown {} = "shut_down",
    }
    within {
        Rejected(rejection) => rejection.code(), rejection.data(), Rejection::codes();
        Storage(error) => error.code(), error.data(), StorageError::codes();
        Envelope(_) => INVALID_ENVELOPE.code, Map::new(), [INVALID_ENVELOPE];
        InvalidName(_) => INVALID_NAME.code, Map::new(), [INVALID_NAME];
    }
}

/// A name that breaks its rule; a campaign's name is rejected by this code too.
const INVALID_NAME: ErrorCode = ErrorCode {
    code: "invalid_name",
    members: &[],
};

/// A member of an envelope that breaks its rule.
const INVALID_ENVELOPE: ErrorCode = ErrorCode {
    code: "invalid_envelope",
    members: &[],
};

impl EngineError {
    /// Whether the campaign is gone, or the ticket is no longer the current one.
    pub(crate) fn is_gone_or_stale(&self) -> bool {
        match self {
            Self::NotFound { .. } => true,
            Self::Rejected(rejection) => matches!(**rejection, Rejection::StaleTicket { .. }),
            _ => false,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::FieldProblem;
    use phasegate_core::ResourceId;
    use std::collections::BTreeSet;

    #[test]
    fn the_data_of_an_error_has_the_members_of_its_code() {
        let resource = ResourceRef {
            kind: ResourceKind::new("note").expect("a valid kind"),
            id: ResourceId::new("first").expect("a valid id"),
        };
        let problems = vec![FieldProblem::new("/port", "minimum", "it is too small")];
        let errors = [
            EngineError::NotFound {
                campaign: CampaignId::from_u128(1),
            },
            EngineError::ResourceInvalid { resource, problems },
            EngineError::Storage(StorageError::Closed),
            Excess::TooDeep {
                what: "config of sort".to_owned(),
                depth: 101,
                limit: 100,
            }
            .into(),
            Rejection::InvalidName {
                chars: 0,
                character: None,
            }
            .into(),
        ];
        for error in errors {
            let data = error.data();
            let members: BTreeSet<_> = data.keys().map(String::as_str).collect();
            let known = EngineError::codes().into_iter().find(|known| {
                known.code == error.code()
                    && known.members.iter().copied().collect::<BTreeSet<_>>() == members
            });
            assert!(known.is_some(), "{error}: {data:?}");
        }
    }
}
