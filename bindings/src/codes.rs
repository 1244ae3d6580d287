//! The codes of the errors that a host gets, each with its class of exceptions.

use std::collections::{BTreeMap, BTreeSet};

use phasegate::core::word_type;
use phasegate::{EngineError, RunError};
use serde_json::{Value, json};

word_type! {
    /// A code of the bindings themselves.
    pub(crate) enum HostCode {
        /// An argument can't be read, or an engine can't be opened with it.
        InvalidArgument = "invalid_argument",
        /// A pipeline can't be used.
        InvalidPipeline = "invalid_pipeline",
        /// The engine is closed.
        Closed = "closed",
        /// The engine was opened before this process was forked.
        Forked = "forked",
        /// The sandbox can't be started.
        SandboxFailed = "sandbox_failed",
        /// An unexpected failure.
        Unexpected = "unexpected",
    }
}

word_type! {
    /// The class of exceptions that a host raises for an error. A program handles all errors of one class alike.
    pub enum ErrorClass {
        /// The campaign refused the command.
        Rejected = "rejected",
        /// The campaign refused the command, since phases that must be ready lack a valid config.
        PreflightFailed = "preflight_failed",
        /// The campaign refused the command, since a config is wrong.
        ConfigInvalid = "config_invalid",
        /// The campaign refused the command, since the pipeline has no such phase.
        UnknownPhase = "unknown_phase",
        /// The requested thing doesn't exist.
        NotFound = "not_found",
        /// An argument breaks its rule.
        InvalidArgument = "invalid_argument",
        /// The document of a resource is wrong.
        ResourceInvalid = "resource_invalid",
        /// Another change was first.
        Conflict = "conflict",
        /// The store failed.
        StorageFailed = "storage_failed",
        /// Another process has the store open.
        Held = "held",
        /// A stored value is damaged.
        Damaged = "damaged",
        /// The engine is closed.
        Closed = "closed",
        /// Another attempt or a command has replaced this attempt.
        Fenced = "fenced",
        /// The attempt was asked to come to rest.
        Interrupted = "interrupted",
        /// A failure without a class of its own.
        Unexpected = "unexpected",
    }
}

impl ErrorClass {
    /// The class of a code, or `None` for an unknown code.
    pub fn of(code: &str) -> Option<Self> {
        Some(match code {
            "unknown_pipeline" | "pipeline_changed" | "phase_locked" | "phase_started" | "out_of_order"
            | "already_running" | "paused" | "not_started" | "pausing" | "stopping" | "not_running"
            | "not_paused" | "stale_ticket" | "skip_forbidden" | "nothing_left" | "input_changed"
            | "answer_invalid" => Self::Rejected,
            "preflight_failed" => Self::PreflightFailed,
            "config_invalid" => Self::ConfigInvalid,
            "unknown_phase" => Self::UnknownPhase,
            "not_found" | "resource_not_found" => Self::NotFound,
            "invalid_argument"
            | "invalid_name"
            | "invalid_envelope"
            | "invalid_attribute"
            | "invalid_retry"
            | "invalid_pipeline"
            | "invalid_cursor"
            | "pipeline_not_named"
            | "unknown_resource_kind"
            | "probe_unsupported"
            | "probe_input_invalid"
            | "too_large"
            | "too_deep" => Self::InvalidArgument,
            "resource_invalid" => Self::ResourceInvalid,
            "resource_conflict" | "lease_held" | "idempotency_key_reused" | "precondition_failed" => {
                Self::Conflict
            }
            "storage_failed" | "outcome_unknown" | "newer_format" => Self::StorageFailed,
            "held" => Self::Held,
            "damaged" => Self::Damaged,
            "closed" | "forked" | "shut_down" => Self::Closed,
            "fenced" => Self::Fenced,
            "interrupted" => Self::Interrupted,
            "probe_failed" | "sandbox_failed" | "unexpected" => Self::Unexpected,
            _ => return None,
        })
    }
}

/// Every code with its class and the members that its data may have, as `schemas/codes.json` has them.
pub fn codes() -> Value {
    let mut members: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for code in EngineError::codes().into_iter().chain(RunError::codes()) {
        members.entry(code.code).or_default().extend(code.members);
    }
    for code in HostCode::WORDS {
        members.entry(code).or_default();
    }
    let codes = members
        .into_iter()
        .map(|(code, members)| json!({ "code": code, "class": ErrorClass::of(code), "members": members }));
    Value::Array(codes.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_codes_are_those_of_the_errors() {
        let committed = include_str!("../../schemas/codes.json");
        assert!(
            committed == format!("{:#}\n", codes()),
            "schemas/codes.json is stale: run 'cargo xtask schemas'"
        );
    }

    #[test]
    fn every_code_has_a_class_and_every_class_a_code() {
        let codes = codes();
        let of = |code: &Value| code["class"].as_str().map(str::to_owned);
        let classes: BTreeSet<_> = codes.as_array().into_iter().flatten().map(of).collect();
        let known = ErrorClass::WORDS.iter().map(|class| Some((*class).to_owned()));
        assert_eq!(classes, known.collect());
    }
}
