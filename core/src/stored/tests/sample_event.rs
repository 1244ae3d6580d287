//! An event of each kind.

use std::collections::BTreeSet;

use serde_json::json;

use super::sample_part::{a_policy, at, phase, pipeline, resource_id, resource_kind, resources, upstream};
use crate::campaign::{Mode, StopReason};
use crate::envelope::Envelope;
use crate::event::{Event, EventKind, EventType, Launch, Resumed};
use crate::failure::Failure;
use crate::ids::{Attempt, BatchNumber, Revision, Run};
use crate::json::Digest;
use crate::options::SkipReads;

/// One event of each kind, and of each of its shapes, in the order of their numbers.
pub(super) fn every_event() -> Vec<Event> {
    let launch = || Launch {
        phase: phase(1),
        run: Run(1),
        attempt: Attempt(1),
        config_revision: Revision(3),
        resources: resources(),
        upstream: Some(upstream()),
        started_at: at(0),
    };
    let (run, attempt) = (Run(2), Attempt(3));
    let digest = |of: &str| Digest::of(&json!(of));
    let kinds = vec![
        EventKind::CampaignCreated {
            name: "Spring".to_owned(),
            pipeline: pipeline(),
            phases: vec![phase(1), phase(0)],
            mode: Mode::FullSequence,
            attributes: [("team".to_owned(), "north".to_owned())].into(),
        },
        EventKind::CampaignDescribed {
            name: Some("Summer".to_owned()),
            attributes: [("team".to_owned(), None), ("to".to_owned(), Some("x".to_owned()))].into(),
        },
        EventKind::PhaseConfigured {
            phase: phase(0),
            revision: Revision(2),
            digest: digest("config"),
        },
        EventKind::PhaseConfigRemoved { phase: phase(0) },
        EventKind::PhaseRetrySet {
            phase: phase(2),
            policy: Some(a_policy()),
        },
        EventKind::ModeChanged {
            mode: Mode::StepByStep,
        },
        EventKind::PhaseStarted(launch()),
        EventKind::PhaseAutoStarted(Launch {
            resources: Vec::new(),
            upstream: None,
            ..launch()
        }),
        EventKind::PhasePauseRequested {
            phase: phase(1),
            run,
            attempt,
        },
        EventKind::PhasePaused {
            phase: phase(1),
            run,
            attempt,
        },
        EventKind::PhaseResumed(Resumed::Launched(launch())),
        EventKind::PhaseRecovered {
            launch: launch(),
            recoveries: 2,
            base_batch: BatchNumber(4),
        },
        EventKind::PhaseStopRequested {
            phase: phase(1),
            run,
            attempt,
        },
        EventKind::PhaseStopped {
            phase: phase(1),
            run,
            attempt,
            stop_reason: StopReason::PipelineChanged,
        },
        EventKind::PhaseCompleted {
            phase: phase(1),
            run,
            attempt,
            records: 300,
            summary: json!({"resolved": 12, "note": "ü"}),
            digest: digest("completed"),
        },
        EventKind::PhaseFailed {
            phase: phase(1),
            run,
            attempt,
            failure: Failure::new("panicked", "it broke"),
            tries: 2,
            base_batch: BatchNumber(7),
            retry_at: Some(at(9_000)),
            digest: Some(digest("failed")),
        },
        EventKind::PhaseRetried(launch()),
        EventKind::PhaseDeferred {
            phase: phase(3),
            run,
            attempt,
            note: Some("look at it".to_owned()),
            form: Some(json!({"type": "object"})),
            deadline_at: Some(at(3_600_000)),
        },
        EventKind::PhaseRestarted(launch()),
        EventKind::PhaseSkipPlanned {
            phase: phase(3),
            reads: SkipReads::PassThrough,
        },
        EventKind::PhaseSkipWithdrawn { phase: phase(3) },
        EventKind::PhaseSkipped {
            phase: phase(3),
            reads: SkipReads::PassThrough,
            upstream: Some(upstream()),
        },
        EventKind::CampaignHeld { phase: phase(2) },
        EventKind::CampaignReleased { phase: phase(2) },
        EventKind::CampaignCompleted {},
        EventKind::CampaignDeleted {},
        EventKind::RunPruned {
            phase: phase(0),
            run: Run(1),
        },
        EventKind::ResourceStored {
            kind: resource_kind(),
            id: resource_id(),
            revision: Revision(8),
            digest: digest("resource"),
        },
        EventKind::ResourceRemoved {
            kind: resource_kind(),
            id: resource_id(),
            revision: Revision(8),
        },
        EventKind::PhaseResumed(Resumed::Waiting {
            phase: phase(3),
            run,
            attempt,
        }),
    ];
    let somebody = Envelope::stored(
        Some("ada"),
        Some("it is time"),
        Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    );
    let events = kinds.into_iter().zip(0..).map(|(kind, number)| Event {
        timestamp: at(number / 10),
        envelope: if number == 29 {
            Envelope::none()
        } else {
            somebody.clone()
        },
        kind,
    });
    events.collect()
}

#[test]
fn the_samples_have_every_event() {
    let types = every_event()
        .iter()
        .map(|event| event.kind.event_type())
        .collect::<BTreeSet<_>>();
    assert_eq!(types.len(), EventType::ALL.len());
}
