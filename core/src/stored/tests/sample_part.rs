//! What the samples are made of.

use crate::ids::{PhaseName, PipelineId, ResourceId, ResourceKind, ResourcePin, Revision, Run};
use crate::retry::RetryPolicy;
use crate::run_state::RunRef;
use crate::time::Timestamp;

pub(super) fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_763_942_400_000 + ms)
}

pub(super) fn phase(number: usize) -> PhaseName {
    let names = [
        "domain_generation",
        "dns_validation",
        "http_keyword_scan",
        "analysis",
    ];
    PhaseName::new(names[number]).expect("a valid name")
}

pub(super) fn pipeline() -> PipelineId {
    PipelineId::new("lead_generation").expect("a valid id")
}

pub(super) fn resource_kind() -> ResourceKind {
    ResourceKind::new("dns_persona").expect("a valid kind")
}

pub(super) fn resource_id() -> ResourceId {
    ResourceId::new("Quick-9.9").expect("a valid id")
}

pub(super) fn upstream() -> RunRef {
    RunRef {
        phase: phase(0),
        run: Run(2),
    }
}

pub(super) fn resources() -> Vec<ResourcePin> {
    vec![ResourcePin {
        kind: resource_kind(),
        id: resource_id(),
        revision: Revision(8),
    }]
}

pub(super) fn a_policy() -> RetryPolicy {
    RetryPolicy {
        factor: 1.7,
        final_codes: vec!["no_such_host".to_owned()],
        ..RetryPolicy::new(4)
    }
}
