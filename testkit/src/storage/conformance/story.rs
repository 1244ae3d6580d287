//! Campaigns for the cases: events and the snapshots that they fold to.

use std::sync::atomic::{AtomicU64, Ordering};

use phasegate_core::storage::{Committed, ConfigWrite, Output, Storage, Transition};
use phasegate_core::{
    Attempt, BatchNumber, Campaign, CampaignId, CommitId, Digest, Event, EventKind, Launch, Mode, PhaseName,
    PipelineId, Revision, Run, Timestamp, Version,
};
use serde_json::Value;
use serde_json::value::RawValue;

static COMMITS: AtomicU64 = AtomicU64::new(1);

/// The phases of every campaign here.
const PHASES: [&str; 3] = ["first", "second", "third"];

/// A phase by name.
///
/// # Panics
///
/// When it is not a valid name.
pub fn phase(name: &str) -> PhaseName {
    PhaseName::new(name).expect("a case names a phase")
}

/// One campaign of a case, in its state after the accepted transitions.
#[derive(Clone, Debug)]
pub struct Story {
    /// Its id.
    pub id: CampaignId,
    /// Its snapshot; `None` before its creation and after its deletion.
    pub campaign: Option<Campaign>,
    /// The version that the next transition follows.
    pub version: Version,
    /// Every event so far.
    pub events: Vec<Event>,
}

impl Story {
    /// A campaign before its creation.
    pub fn new(id: u128) -> Self {
        Self {
            id: CampaignId::from_u128(id),
            campaign: None,
            version: Version(0),
            events: Vec::new(),
        }
    }

    /// A campaign that is created in `storage`, with the name `campaign` and in `step_by_step`.
    pub async fn created(storage: &dyn Storage, id: u128) -> Self {
        let mut story = Self::new(id);
        story
            .tell(storage, vec![Self::creation("campaign", Mode::StepByStep)])
            .await;
        story
    }

    /// A campaign whose first phase is running.
    pub async fn running(storage: &dyn Storage, id: u128) -> Self {
        let mut story = Self::created(storage, id).await;
        story.tell(storage, vec![story.start("first")]).await;
        story
    }

    /// The event that creates it.
    pub fn creation(name: &str, mode: Mode) -> EventKind {
        EventKind::CampaignCreated {
            name: name.into(),
            pipeline: PipelineId::new("pipeline").expect("it is an id"),
            phases: PHASES.map(phase).to_vec(),
            mode,
        }
    }

    /// The event that starts a phase, in the next attempt of its stopped or failed run, or in its first run.
    pub fn start(&self, name: &str) -> EventKind {
        EventKind::PhaseStarted(self.launch(name))
    }

    /// The next attempt of a phase's latest run, or the first attempt of its first run.
    pub fn launch(&self, name: &str) -> Launch {
        let current = self
            .campaign
            .as_ref()
            .and_then(|campaign| campaign.current_run(&phase(name)));
        Launch {
            phase: phase(name),
            run: current.map_or(Run(1), |run| run.run),
            attempt: current.map_or(Attempt(1), |run| run.attempt.next()),
            config_revision: Revision(1),
            resources: Vec::new(),
            started_at: Timestamp::from_unix_ms(1_000),
        }
    }

    /// The event that completes a phase's first run.
    pub fn completion(name: &str, summary: Value) -> EventKind {
        EventKind::PhaseCompleted {
            phase: phase(name),
            run: Run(1),
            summary,
        }
    }

    /// The transition with these events. It is not committed or accepted yet.
    ///
    /// # Panics
    ///
    /// When they can't follow each other.
    pub fn transition(&self, kinds: Vec<EventKind>) -> Transition {
        let mut snapshot = self.campaign.clone();
        let mut events = Vec::new();
        for kind in kinds {
            let at = self.version.0 + events.len() as u64 + 1;
            let timestamp = Timestamp::from_unix_ms(1_000 * i64::try_from(at).expect("a case is short"));
            let event = Event { timestamp, kind };
            match &mut snapshot {
                _ if matches!(event.kind, EventKind::CampaignDeleted {}) => snapshot = None,
                Some(campaign) => campaign.apply(&event).expect("the events of a case fit"),
                None => {
                    snapshot =
                        Some(Campaign::created(self.id, &event).expect("a case begins with a creation"))
                }
            }
            events.push(event);
        }
        Transition {
            commit_id: CommitId::from_u128(COMMITS.fetch_add(1, Ordering::Relaxed).into()),
            campaign: self.id,
            expected_version: self.version,
            expected_resources: Vec::new(),
            snapshot,
            events,
            configs: Vec::new(),
            idempotency: None,
        }
    }

    /// The transition that stores a config. It is not committed or accepted yet.
    pub fn configuration(&self, name: &str, config: Value) -> Transition {
        let revision = Revision(self.version.0 + 1);
        let mut transition = self.transition(vec![EventKind::PhaseConfigured {
            phase: phase(name),
            revision,
            digest: Digest::of(&config),
        }]);
        transition.configs.push(ConfigWrite {
            phase: phase(name),
            revision,
            config,
        });
        transition
    }

    /// Takes a transition into the story.
    pub fn accept(&mut self, transition: &Transition) {
        self.version = Version(self.version.0 + transition.events.len() as u64);
        self.campaign.clone_from(&transition.snapshot);
        self.events.extend(transition.events.iter().cloned());
    }

    /// Commits a transition and takes it into the story.
    ///
    /// # Panics
    ///
    /// When the store refuses it.
    pub async fn commit(&mut self, storage: &dyn Storage, transition: Transition) -> Committed {
        let committed = storage
            .commit(transition.clone())
            .await
            .expect("the store takes it");
        self.accept(&transition);
        committed
    }

    /// Commits these events and takes them into the story.
    pub async fn tell(&mut self, storage: &dyn Storage, kinds: Vec<EventKind>) -> Committed {
        self.commit(storage, self.transition(kinds)).await
    }

    /// A batch of the running phase, of these records, without a checkpoint.
    ///
    /// # Panics
    ///
    /// When no phase is running.
    pub fn output(&self, batch: u64, records: impl IntoIterator<Item = String>) -> Output {
        let ticket = self.campaign.as_ref().and_then(Campaign::ticket);
        Output {
            ticket: ticket.expect("a phase of the case is running"),
            batch: BatchNumber(batch),
            records: records
                .into_iter()
                .map(|text| RawValue::from_string(text).expect("a record of a case is JSON"))
                .collect(),
            checkpoint: None,
            progress: None,
        }
    }
}
