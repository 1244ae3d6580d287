//! Any value that the types can hold.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use crate::campaign::{
    Activity, Campaign, Completion, ConfigPin, Deferral, Doing, Intent, Mark, Mode, Passed, PhaseSlot, Skip,
    StopReason, Trigger,
};
use crate::failure::Failure;
use crate::ids::{
    Attempt, BatchNumber, CampaignId, OwnerId, PhaseName, PipelineId, ResourceId, ResourceKind, ResourcePin,
    Revision, Run, Version,
};
use crate::json::Digest;
use crate::options::SkipReads;
use crate::retry::RetryPolicy;
use crate::run_state::{Count, Pins, RunRef, RunState};
use crate::storage::{IdempotencyEntry, IdempotencyKey, Progress, RunOutput};
use crate::stored::{StoredLease, StoredRun};
use crate::time::Timestamp;

pub(super) fn phase() -> impl Strategy<Value = PhaseName> {
    "[a-c][a-c]?|[a-z][a-z0-9_]{20}".prop_map(|text| PhaseName::new(text).expect("a valid name"))
}

pub(super) fn pipeline() -> impl Strategy<Value = PipelineId> {
    "[A-Za-z0-9_-][A-Za-z0-9_.-]{0,30}".prop_map(|text| PipelineId::new(text).expect("a valid id"))
}

pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z ]{0,10}", "\\PC{0,20}", any::<String>()]
}

pub(super) fn moment() -> impl Strategy<Value = Timestamp> {
    prop_oneof![1_763_942_400_000_i64..1_763_942_500_000, any::<i64>(),].prop_map(Timestamp::from_unix_ms)
}

pub(super) fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest::from_hash)
}

pub(super) fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((text(), inner), 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

pub(super) fn run_number() -> impl Strategy<Value = Run> {
    prop_oneof![0..4_u32, any::<u32>()].prop_map(Run)
}

pub(super) fn attempt() -> impl Strategy<Value = Attempt> {
    prop_oneof![0..4_u32, any::<u32>()].prop_map(Attempt)
}

pub(super) fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..30_u64, any::<u64>()]
}

pub(super) fn run_ref() -> impl Strategy<Value = RunRef> {
    (phase(), run_number()).prop_map(|(phase, run)| RunRef { phase, run })
}

pub(super) fn resource() -> impl Strategy<Value = ResourcePin> {
    ("[a-z][a-z0-9_]{0,9}", "[A-Za-z0-9_-]{1,9}", number()).prop_map(|(kind, id, revision)| ResourcePin {
        kind: ResourceKind::new(kind).expect("a valid kind"),
        id: ResourceId::new(id).expect("a valid id"),
        revision: Revision(revision),
    })
}

pub(super) fn policy() -> impl Strategy<Value = RetryPolicy> {
    let part = any::<f64>;
    (
        any::<u32>(),
        number(),
        part(),
        number(),
        part(),
        vec(text(), 0..3),
    )
        .prop_map(
            |(max_tries, initial_delay_ms, factor, max_delay_ms, jitter, final_codes)| RetryPolicy {
                max_tries,
                initial_delay_ms,
                factor,
                max_delay_ms,
                jitter,
                final_codes,
            },
        )
}

pub(super) fn failure() -> impl Strategy<Value = Failure> {
    (text(), text(), any::<bool>(), of(number())).prop_map(|(code, message, is_final, retry_after_ms)| {
        Failure {
            code,
            message,
            is_final,
            retry_after_ms,
        }
    })
}

pub(super) fn reads() -> impl Strategy<Value = SkipReads> {
    select(SkipReads::ALL)
}

fn mark() -> impl Strategy<Value = Mark> {
    (reads(), of(text())).prop_map(|(reads, reason)| Mark { reads, reason })
}

fn slot() -> impl Strategy<Value = PhaseSlot> {
    let config = (number(), digest()).prop_map(|(revision, digest)| ConfigPin {
        revision: Revision(revision),
        digest,
    });
    (
        phase(),
        of(config),
        run_number(),
        run_number(),
        of(policy()),
        of(mark()),
    )
        .prop_map(|(phase, config, latest_run, pruned, retry, mark)| PhaseSlot {
            phase,
            config,
            latest_run,
            pruned,
            retry,
            mark,
        })
}

fn passed() -> impl Strategy<Value = Passed> {
    let completion = (
        run_number(),
        attempt(),
        number(),
        digest(),
        number(),
        moment(),
        moment(),
    );
    prop_oneof![
        completion.prop_map(
            |(run, attempt, records, outcome, event, started_at, completed_at)| {
                Passed::Completed(Completion {
                    run,
                    attempt,
                    records,
                    outcome,
                    event: Version(event),
                    started_at,
                    completed_at,
                })
            }
        ),
        (mark(), moment()).prop_map(|(mark, skipped_at)| Passed::Skipped(Skip { mark, skipped_at })),
    ]
}

fn count() -> impl Strategy<Value = Count> {
    (0..4_u32, 0..4_u64).prop_map(|(count, base_batch)| Count {
        count,
        base_batch: BatchNumber(base_batch),
    })
}

fn run_state() -> impl Strategy<Value = RunState> {
    let pins = (number(), vec(resource(), 0..3), of(run_ref()));
    let pins = pins.prop_map(|(config, resources, upstream)| Pins {
        config: Revision(config),
        resources,
        upstream,
    });
    (
        run_number(),
        attempt(),
        attempt(),
        pins,
        moment(),
        count(),
        count(),
    )
        .prop_map(
            |(run, attempt, token_attempt, pins, started_at, tries, recoveries)| RunState {
                run,
                attempt,
                token_attempt,
                pins,
                started_at,
                tries,
                recoveries,
            },
        )
}

fn deferral() -> impl Strategy<Value = Deferral> {
    (number(), any::<bool>(), of(moment())).prop_map(|(event, has_form, deadline_at)| Deferral {
        event: Version(event),
        has_form,
        deadline_at,
    })
}

fn activity() -> impl Strategy<Value = Activity> {
    let doing = prop_oneof![
        select(Intent::ALL).prop_map(|intent| Doing::Working { intent }),
        deferral().prop_map(|deferral| Doing::Waiting { deferral }),
    ];
    prop_oneof![
        any::<bool>().prop_map(|held| Activity::Idle { held }),
        (run_state(), select(Trigger::ALL), doing).prop_map(|(run, trigger, doing)| Activity::Running {
            run,
            trigger,
            doing
        }),
        (run_state(), of(deferral())).prop_map(|(run, deferral)| Activity::Paused { run, deferral }),
        (run_state(), failure(), of(digest()), of(moment())).prop_map(
            |(run, failure, recorded, retry_at)| Activity::Failed {
                run,
                failure,
                recorded,
                retry_at
            }
        ),
        (run_state(), select(StopReason::ALL)).prop_map(|(run, reason)| Activity::Stopped { run, reason }),
    ]
}

pub(super) fn campaign() -> impl Strategy<Value = Campaign> {
    let head = (
        any::<u128>(),
        text(),
        vec((text(), text()), 0..3),
        pipeline(),
        select(Mode::ALL),
    );
    let tail = (number(), moment(), moment());
    (head, vec(slot(), 0..5), vec(passed(), 0..5), activity(), tail).prop_map(
        |(
            (id, name, attributes, pipeline, mode),
            phases,
            passed,
            activity,
            (version, created_at, changed_at),
        )| {
            Campaign {
                id: CampaignId::from_u128(id),
                name,
                attributes: attributes.into_iter().collect(),
                pipeline,
                mode,
                phases,
                passed,
                activity,
                version: Version(version),
                created_at,
                changed_at,
            }
        },
    )
}

pub(super) fn run() -> impl Strategy<Value = StoredRun> {
    let progress = (number(), of(number())).prop_map(|(done, total)| Progress { done, total });
    let output = (number(), number(), number(), of(document()), of(progress));
    let output = output.prop_map(
        |(batch, progress_batch, records, checkpoint, progress)| RunOutput {
            batch: BatchNumber(batch),
            progress_batch: BatchNumber(progress_batch),
            records,
            checkpoint,
            progress,
        },
    );
    (number(), attempt(), any::<[u8; 16]>(), output).prop_map(|(launched, attempt, digest, output)| {
        StoredRun {
            launched: Version(launched),
            attempt,
            digest,
            output,
        }
    })
}

pub(super) fn entry() -> impl Strategy<Value = IdempotencyEntry> {
    ("[!-~]{1,40}", of(any::<u128>()), digest(), document(), moment()).prop_map(
        |(key, campaign, command, outcome, expires_at)| IdempotencyEntry {
            key: IdempotencyKey::new(key).expect("a valid key"),
            campaign: campaign.map(CampaignId::from_u128),
            command,
            outcome,
            expires_at,
        },
    )
}

pub(super) fn lease() -> impl Strategy<Value = StoredLease> {
    let owner = || any::<u128>().prop_map(OwnerId::from_u128);
    let attempt = (phase(), run_number(), attempt(), pipeline());
    (owner(), of(moment()), any::<bool>(), of(owner()), attempt).prop_map(
        |(owner, until, released, hidden_for, (phase, run, attempt, pipeline))| StoredLease {
            owner,
            until,
            released,
            hidden_for,
            phase,
            run,
            attempt,
            pipeline,
        },
    )
}
