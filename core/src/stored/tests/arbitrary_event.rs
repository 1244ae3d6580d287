//! Any event, and any commit of events.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::arbitrary::{
    attempt, digest, document, failure, moment, number, phase, pipeline, policy, reads, resource, run_number,
    run_ref, text,
};
use crate::campaign::{Mode, StopReason};
use crate::envelope::Envelope;
use crate::event::{Event, EventKind, Launch, Resumed};
use crate::ids::{BatchNumber, CampaignId, CommitId, Revision, Version};
use crate::stored::StoredCommit;

pub(super) fn commit() -> impl Strategy<Value = StoredCommit> {
    (of(any::<u128>()), of(number()), any::<u128>(), vec(event(), 0..6)).prop_map(
        |(campaign, first_seq, id, events)| StoredCommit {
            campaign: campaign.map(CampaignId::from_u128),
            first_seq: first_seq.map(Version),
            id: CommitId::from_u128(id),
            events,
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let envelope = (of("[ab]"), of("[ab]"), of(Just("00-0a-0b-01")));
    let envelope = envelope.prop_map(|(actor, reason, traceparent)| {
        Envelope::stored(actor.as_deref(), reason.as_deref(), traceparent)
    });
    (moment(), envelope, kind()).prop_map(|(timestamp, envelope, kind)| Event {
        timestamp,
        envelope,
        kind,
    })
}

fn launch() -> impl Strategy<Value = Launch> {
    let tried = (phase(), run_number(), attempt());
    (tried, number(), vec(resource(), 0..3), of(run_ref()), moment()).prop_map(
        |((phase, run, attempt), config_revision, resources, upstream, started_at)| Launch {
            phase,
            run,
            attempt,
            config_revision: Revision(config_revision),
            resources,
            upstream,
            started_at,
        },
    )
}

fn kind() -> impl Strategy<Value = EventKind> {
    prop_oneof![of_campaign(), launched(), of_attempt(), of_phase()]
}

fn of_campaign() -> impl Strategy<Value = EventKind> {
    let attributes = || vec((text(), text()), 0..3);
    prop_oneof![
        (
            text(),
            pipeline(),
            vec(phase(), 0..4),
            select(Mode::ALL),
            attributes()
        )
            .prop_map(
                |(name, pipeline, phases, mode, attributes)| EventKind::CampaignCreated {
                    name,
                    pipeline,
                    phases,
                    mode,
                    attributes: attributes.into_iter().collect(),
                }
            ),
        (of(text()), vec((text(), of(text())), 0..3)).prop_map(|(name, attributes)| {
            EventKind::CampaignDescribed {
                name,
                attributes: attributes.into_iter().collect(),
            }
        }),
        select(Mode::ALL).prop_map(|mode| EventKind::ModeChanged { mode }),
        Just(EventKind::CampaignCompleted {}),
        Just(EventKind::CampaignDeleted {}),
        (resource(), digest()).prop_map(|(pin, digest)| EventKind::ResourceStored {
            kind: pin.kind,
            id: pin.id,
            revision: pin.revision,
            digest,
        }),
        resource().prop_map(|pin| EventKind::ResourceRemoved {
            kind: pin.kind,
            id: pin.id,
            revision: pin.revision,
        }),
    ]
}

fn launched() -> impl Strategy<Value = EventKind> {
    prop_oneof![
        launch().prop_map(EventKind::PhaseStarted),
        launch().prop_map(EventKind::PhaseAutoStarted),
        launch().prop_map(|launch| EventKind::PhaseResumed(Resumed::Launched(launch))),
        launch().prop_map(EventKind::PhaseRetried),
        launch().prop_map(EventKind::PhaseRestarted),
        (launch(), any::<u32>(), number()).prop_map(|(launch, recoveries, base_batch)| {
            EventKind::PhaseRecovered {
                launch,
                recoveries,
                base_batch: BatchNumber(base_batch),
            }
        }),
    ]
}

fn of_attempt() -> impl Strategy<Value = EventKind> {
    let tried = || (phase(), run_number(), attempt());
    prop_oneof![
        tried().prop_map(|(phase, run, attempt)| EventKind::PhasePauseRequested { phase, run, attempt }),
        tried().prop_map(|(phase, run, attempt)| EventKind::PhasePaused { phase, run, attempt }),
        tried().prop_map(|(phase, run, attempt)| EventKind::PhaseStopRequested { phase, run, attempt }),
        tried().prop_map(|(phase, run, attempt)| {
            EventKind::PhaseResumed(Resumed::Waiting { phase, run, attempt })
        }),
        (tried(), select(StopReason::ALL)).prop_map(|((phase, run, attempt), stop_reason)| {
            EventKind::PhaseStopped {
                phase,
                run,
                attempt,
                stop_reason,
            }
        }),
        (tried(), number(), document(), digest()).prop_map(
            |((phase, run, attempt), records, summary, digest)| {
                EventKind::PhaseCompleted {
                    phase,
                    run,
                    attempt,
                    records,
                    summary,
                    digest,
                }
            }
        ),
        (
            tried(),
            failure(),
            any::<u32>(),
            number(),
            of(moment()),
            of(digest())
        )
            .prop_map(
                |((phase, run, attempt), failure, tries, base_batch, retry_at, digest)| {
                    EventKind::PhaseFailed {
                        phase,
                        run,
                        attempt,
                        failure,
                        tries,
                        base_batch: BatchNumber(base_batch),
                        retry_at,
                        digest,
                    }
                }
            ),
        (tried(), of(text()), of(document()), of(moment())).prop_map(
            |((phase, run, attempt), note, form, deadline_at)| EventKind::PhaseDeferred {
                phase,
                run,
                attempt,
                note,
                form,
                deadline_at,
            }
        ),
    ]
}

fn of_phase() -> impl Strategy<Value = EventKind> {
    prop_oneof![
        (phase(), number(), digest()).prop_map(|(phase, revision, digest)| EventKind::PhaseConfigured {
            phase,
            revision: Revision(revision),
            digest,
        }),
        phase().prop_map(|phase| EventKind::PhaseConfigRemoved { phase }),
        (phase(), of(policy())).prop_map(|(phase, policy)| EventKind::PhaseRetrySet { phase, policy }),
        (phase(), reads()).prop_map(|(phase, reads)| EventKind::PhaseSkipPlanned { phase, reads }),
        phase().prop_map(|phase| EventKind::PhaseSkipWithdrawn { phase }),
        (phase(), reads(), of(run_ref())).prop_map(|(phase, reads, upstream)| EventKind::PhaseSkipped {
            phase,
            reads,
            upstream,
        }),
        phase().prop_map(|phase| EventKind::CampaignHeld { phase }),
        phase().prop_map(|phase| EventKind::CampaignReleased { phase }),
        (phase(), run_number()).prop_map(|(phase, run)| EventKind::RunPruned { phase, run }),
    ]
}
