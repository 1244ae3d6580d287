//! A rich value of each stored form.

use serde_json::{Value, json};

use super::sample_event::every_event;
use super::sample_part::{a_policy, at, phase, pipeline, resource_id, resource_kind, resources, upstream};
use crate::campaign::{
    Activity, Campaign, Completion, ConfigPin, Deferral, Doing, Intent, Mark, Mode, Passed, PhaseSlot, Skip,
    StopReason, Trigger,
};
use crate::envelope::Envelope;
use crate::event::{Event, EventKind};
use crate::failure::Failure;
use crate::ids::{Attempt, BatchNumber, CampaignId, CommitId, OwnerId, Revision, Run, Version};
use crate::json::Digest;
use crate::options::SkipReads;
use crate::run_state::{Count, Pins, RunState};
use crate::storage::{IdempotencyEntry, IdempotencyKey, Progress, RunOutput};
use crate::stored::{
    StoredCommit, StoredLease, StoredResource, StoredRun, StoredTombstone, Unreadable, campaign, commit,
    config, key, lease, resource, run, tombstone,
};

/// A value of any stored form.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Sample {
    Campaign(Box<Campaign>),
    Commit(StoredCommit),
    Config(Value),
    Key(IdempotencyEntry),
    Lease(StoredLease),
    Resource(StoredResource),
    Run(StoredRun),
    Tombstone(StoredTombstone),
}

impl Sample {
    pub(super) fn write(&self) -> Vec<u8> {
        match self {
            Self::Campaign(value) => campaign::write(value),
            Self::Commit(value) => commit::write(value),
            Self::Config(value) => config::write(value),
            Self::Key(value) => key::write(value),
            Self::Lease(value) => lease::write(value),
            Self::Resource(value) => resource::write(value),
            Self::Run(value) => run::write(value),
            Self::Tombstone(value) => tombstone::write(value),
        }
    }

    /// Reads bytes as a value of the same kind.
    pub(super) fn read(&self, bytes: &[u8]) -> Result<Self, Unreadable> {
        Ok(match self {
            Self::Campaign(_) => Self::Campaign(Box::new(campaign::read(bytes)?)),
            Self::Commit(_) => Self::Commit(commit::read(bytes)?),
            Self::Config(_) => Self::Config(config::read(bytes)?),
            Self::Key(_) => Self::Key(key::read(bytes)?),
            Self::Lease(_) => Self::Lease(lease::read(bytes)?),
            Self::Resource(_) => Self::Resource(resource::read(bytes)?),
            Self::Run(_) => Self::Run(run::read(bytes)?),
            Self::Tombstone(_) => Self::Tombstone(tombstone::read(bytes)?),
        })
    }
}

/// Every sample, by its name in the golden file.
pub(super) fn all() -> Vec<(&'static str, Sample)> {
    let campaign = |activity| Sample::Campaign(Box::new(a_campaign(activity)));
    let run = || a_run();
    vec![
        ("campaign_idle", campaign(Activity::Idle { held: true })),
        (
            "campaign_working",
            campaign(Activity::Running {
                run: run(),
                trigger: Trigger::Recovery,
                doing: Doing::Working {
                    intent: Intent::Pause,
                },
            }),
        ),
        (
            "campaign_waiting",
            campaign(Activity::Running {
                run: run(),
                trigger: Trigger::Auto,
                doing: Doing::Waiting {
                    deferral: a_deferral(),
                },
            }),
        ),
        (
            "campaign_paused",
            campaign(Activity::Paused {
                run: run(),
                deferral: Some(a_deferral()),
            }),
        ),
        (
            "campaign_failed",
            campaign(Activity::Failed {
                run: run(),
                failure: Failure::new("timed_out", "it took too long")
                    .finally()
                    .retry_after_ms(500),
                recorded: Some(Digest::of(&json!("failed"))),
                retry_at: Some(at(90_000)),
            }),
        ),
        (
            "campaign_stopped",
            campaign(Activity::Stopped {
                run: run(),
                reason: StopReason::PipelineChanged,
            }),
        ),
        (
            "commit_every_event",
            Sample::Commit(StoredCommit {
                campaign: Some(CampaignId::from_u128(0x0198_a3c1_5b52_7c4e_9f5a_1d2e_3f40_5162)),
                first_seq: Some(Version(301)),
                id: CommitId::from_u128(0x42),
                events: every_event(),
            }),
        ),
        (
            "commit_resource",
            Sample::Commit(StoredCommit {
                campaign: None,
                first_seq: None,
                id: CommitId::from_u128(0x43),
                events: vec![Event {
                    timestamp: at(5),
                    envelope: Envelope::none(),
                    kind: EventKind::ResourceStored {
                        kind: resource_kind(),
                        id: resource_id(),
                        revision: Revision(9),
                        digest: Digest::of(&json!({"enabled": true})),
                    },
                }],
            }),
        ),
        (
            "config",
            Sample::Config(json!({"words": ["é", "\"", "\u{1f}"], "most": 1.5, "a": {"b": null}})),
        ),
        (
            "key",
            Sample::Key(IdempotencyEntry {
                key: IdempotencyKey::new("order-66/~!").expect("a valid key"),
                campaign: Some(CampaignId::from_u128(7)),
                command: Digest::of(&json!("start")),
                outcome: json!({"version": 3, "text": "läuft"}),
                expires_at: at(86_400_000),
            }),
        ),
        (
            "lease",
            Sample::Lease(StoredLease {
                owner: OwnerId::from_u128(0xa1),
                until: Some(at(30_000)),
                released: true,
                hidden_for: Some(OwnerId::from_u128(0xa2)),
                phase: phase(1),
                run: Run(2),
                attempt: Attempt(3),
                pipeline: pipeline(),
            }),
        ),
        (
            "resource",
            Sample::Resource(StoredResource {
                revision: Revision(4),
                id: CommitId::from_u128(0x44),
                document: Some(json!({"enabled": false, "url": "socks5://127.0.0.1"})),
            }),
        ),
        (
            "resource_removed",
            Sample::Resource(StoredResource {
                revision: Revision(5),
                id: CommitId::from_u128(0x45),
                document: None,
            }),
        ),
        (
            "run",
            Sample::Run(StoredRun {
                launched: Version(12),
                attempt: Attempt(2),
                digest: StoredRun::beginning(&Digest::of(&json!("batch"))),
                output: RunOutput {
                    batch: BatchNumber(70_000),
                    progress_batch: BatchNumber(69_999),
                    records: 5_000_000_000,
                    checkpoint: Some(json!({"next": 17})),
                    progress: Some(Progress {
                        done: 3,
                        total: Some(300),
                    }),
                },
            }),
        ),
        ("run_launched", Sample::Run(StoredRun::launched(Version(12)))),
        (
            "tombstone",
            Sample::Tombstone(StoredTombstone {
                seq: Version(31),
                number: 1_234_567,
                id: CommitId::from_u128(0x46),
                key: Some(IdempotencyKey::new("gone").expect("a valid key")),
            }),
        ),
    ]
}

fn a_run() -> RunState {
    RunState {
        run: Run(3),
        attempt: Attempt(5),
        token_attempt: Attempt(4),
        pins: Pins {
            config: Revision(6),
            resources: resources(),
            upstream: Some(upstream()),
        },
        started_at: at(70_000),
        tries: Count {
            count: 2,
            base_batch: BatchNumber(11),
        },
        recoveries: Count {
            count: 1,
            base_batch: BatchNumber(0),
        },
    }
}

fn a_deferral() -> Deferral {
    Deferral {
        event: Version(21),
        has_form: true,
        deadline_at: Some(at(600_000)),
    }
}

fn a_campaign(activity: Activity) -> Campaign {
    let mark = Mark {
        reads: SkipReads::PassThrough,
        reason: Some("not needed".to_owned()),
    };
    let slot = |number, latest_run| PhaseSlot {
        phase: phase(number),
        config: Some(ConfigPin {
            revision: Revision(2 + number as u64),
            digest: Digest::of(&json!(number)),
        }),
        latest_run: Run(latest_run),
        pruned: Run(0),
        retry: None,
        mark: None,
    };
    Campaign {
        id: CampaignId::from_u128(0x0198_a3c1_5b52_7c4e_9f5a_1d2e_3f40_5162),
        name: "Spring, München".to_owned(),
        attributes: [("team", "north"), ("customer", "42")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        pipeline: pipeline(),
        mode: Mode::FullSequence,
        phases: vec![
            PhaseSlot {
                pruned: Run(1),
                ..slot(0, 2)
            },
            slot(1, 0),
            PhaseSlot {
                retry: Some(a_policy()),
                ..slot(2, 3)
            },
            PhaseSlot {
                config: None,
                mark: Some(mark.clone()),
                ..slot(3, 0)
            },
        ],
        passed: vec![
            Passed::Completed(Completion {
                run: Run(2),
                attempt: Attempt(1),
                records: 100_000,
                outcome: Digest::of(&json!("completed")),
                event: Version(15),
                started_at: at(1_000),
                completed_at: at(60_000),
            }),
            Passed::Skipped(Skip {
                mark,
                skipped_at: at(60_000),
            }),
        ],
        activity,
        version: Version(300),
        created_at: at(0),
        changed_at: at(70_500),
    }
}
