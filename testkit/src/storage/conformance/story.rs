//! Campaigns for the cases: events and the snapshots that they fold to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use phasegate_core::storage::{Committed, ConfigWrite, Lease, Output, Storage, Transition};
use phasegate_core::{
    Activity, Attempt, Attributes, BatchNumber, Campaign, CampaignId, CommitId, CurrentRun, Digest, Envelope,
    Event, EventKind, Failure, Launch, Mode, OwnerId, PhaseName, PipelineId, Revision, Run, RunRef,
    StopReason, Ticket, Timestamp, Version,
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
    pub campaign: Option<Arc<Campaign>>,
    /// The version that the next transition follows.
    pub version: Version,
    /// Every event so far.
    pub events: Vec<Event>,
    /// The engine that commits.
    pub owner: OwnerId,
}

impl Story {
    /// How long the leases last that its transitions ask for.
    pub const TTL: Duration = Duration::from_secs(30);

    /// A campaign before its creation. The owner 1 commits.
    pub fn new(id: u128) -> Self {
        Self {
            id: CampaignId::from_u128(id),
            campaign: None,
            version: Version(0),
            events: Vec::new(),
            owner: OwnerId::from_u128(1),
        }
    }

    /// The same campaign, from now on with another owner that commits.
    #[must_use]
    pub fn of_owner(self, owner: OwnerId) -> Self {
        Self { owner, ..self }
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

    /// The pipeline of every campaign here.
    ///
    /// # Panics
    ///
    /// Never: it is an id.
    pub fn pipeline() -> PipelineId {
        PipelineId::new("pipeline").expect("it is an id")
    }

    /// The event that creates it.
    pub fn creation(name: &str, mode: Mode) -> EventKind {
        Self::creation_with(name, mode, Attributes::new())
    }

    /// The event that creates it with attributes.
    pub fn creation_with(name: &str, mode: Mode, attributes: Attributes) -> EventKind {
        EventKind::CampaignCreated {
            name: name.into(),
            pipeline: Self::pipeline(),
            phases: PHASES.map(phase).to_vec(),
            mode,
            attributes,
        }
    }

    /// The event that starts a phase, in the attempt of [`launch`](Self::launch).
    pub fn start(&self, name: &str) -> EventKind {
        EventKind::PhaseStarted(self.launch(name))
    }

    /// The event that starts a phase because the one before completed, in the attempt of [`launch`](Self::launch).
    pub fn auto_start(&self, name: &str) -> EventKind {
        EventKind::PhaseAutoStarted(self.launch(name))
    }

    /// The event that recovers the running phase, in its next attempt.
    pub fn recovery(&self, name: &str) -> EventKind {
        EventKind::PhaseRecovered {
            launch: self.launch(name),
            recoveries: 1,
            base_batch: BatchNumber(0),
        }
    }

    /// The event that begins a phase afresh, in its next run.
    pub fn restart(&self, name: &str) -> EventKind {
        let latest = self.campaign.as_ref().and_then(|campaign| {
            let index = campaign.index_of(&phase(name))?;
            Some(campaign.phases[index].latest_run)
        });
        EventKind::PhaseRestarted(Launch {
            run: latest.unwrap_or_default().next(),
            attempt: Attempt(1),
            ..self.launch(name)
        })
    }

    /// The next attempt of a phase's latest run, or the first attempt of its first run. Where the phase before runs, it is taken to
    /// have completed.
    pub fn launch(&self, name: &str) -> Launch {
        let current = self.current_run(name);
        Launch {
            phase: phase(name),
            run: current.map_or(Run(1), |run| run.run),
            attempt: current.map_or(Attempt(1), |run| run.attempt.next()),
            config_revision: Revision(1),
            resources: Vec::new(),
            upstream: self.upstream(name),
            started_at: Timestamp::from_unix_ms(1_000),
        }
    }

    fn current_run(&self, name: &str) -> Option<CurrentRun> {
        self.campaign.as_ref()?.current_run(&phase(name))
    }

    fn upstream(&self, name: &str) -> Option<RunRef> {
        let campaign = self.campaign.as_ref()?;
        let index = campaign.index_of(&phase(name))?;
        let running = || {
            let before = campaign.phases.get(index.checked_sub(1)?)?.phase.clone();
            let run = campaign.current_run(&before)?.run;
            Some(RunRef { phase: before, run })
        };
        campaign.upstream_of(index).or_else(running)
    }

    /// The attempt that an event of a phase is about: the one that runs or rests at the position, or the one that
    /// [`start`](Self::start) would launch.
    fn attempt(&self, name: &str) -> (Run, Attempt) {
        let launch = self.launch(name);
        match self.campaign.as_ref().map(|campaign| &campaign.activity) {
            Some(Activity::Stopped { .. } | Activity::Failed { retry_at: None, .. }) | None => {
                (launch.run, launch.attempt)
            }
            Some(_) => self
                .current_run(name)
                .map_or((launch.run, launch.attempt), |current| {
                    (current.run, current.attempt)
                }),
        }
    }

    /// The event that completes a phase without records: its running attempt, or the one that would be started before.
    pub fn completion(&self, name: &str, summary: Value) -> EventKind {
        self.completion_with(name, 0, summary)
    }

    /// The event that completes a phase with so many records: its running attempt, or the one that would be started before.
    pub fn completion_with(&self, name: &str, records: u64, summary: Value) -> EventKind {
        let (run, attempt) = self.attempt(name);
        EventKind::PhaseCompleted {
            phase: phase(name),
            run,
            attempt,
            records,
            digest: Digest::of(&summary),
            summary,
        }
    }

    /// The event that fails a phase: its running attempt, or the one that would be started before.
    pub fn failure(&self, name: &str, retry_at: Option<Timestamp>) -> EventKind {
        let (run, attempt) = self.attempt(name);
        EventKind::PhaseFailed {
            phase: phase(name),
            run,
            attempt,
            failure: Failure::new("broken", "it broke"),
            tries: 1,
            base_batch: BatchNumber(0),
            retry_at,
            digest: Some(Digest::of(&Value::from("broken"))),
        }
    }

    /// The event that asks a phase to pause: its running attempt, or the one that would be started before.
    pub fn pause_request(&self, name: &str) -> EventKind {
        let (run, attempt) = self.attempt(name);
        let phase = phase(name);
        EventKind::PhasePauseRequested { phase, run, attempt }
    }

    /// The event that asks a phase to stop: its running attempt, or the one that would be started before.
    pub fn stop_request(&self, name: &str) -> EventKind {
        let (run, attempt) = self.attempt(name);
        let phase = phase(name);
        EventKind::PhaseStopRequested { phase, run, attempt }
    }

    /// The event that pauses a phase: its running attempt, or the one that would be started before.
    pub fn pause(&self, name: &str) -> EventKind {
        let (run, attempt) = self.attempt(name);
        let phase = phase(name);
        EventKind::PhasePaused { phase, run, attempt }
    }

    /// The event that stops a phase: its running attempt, or the one that would be started before.
    pub fn stop(&self, name: &str) -> EventKind {
        let (run, attempt) = self.attempt(name);
        EventKind::PhaseStopped {
            phase: phase(name),
            run,
            attempt,
            stop_reason: StopReason::Requested,
        }
    }

    /// The event that leaves the outcome of a phase to somebody else: its running attempt, or the one that would be started before.
    pub fn deferral(&self, name: &str, deadline_at: Option<Timestamp>) -> EventKind {
        let (run, attempt) = self.attempt(name);
        EventKind::PhaseDeferred {
            phase: phase(name),
            run,
            attempt,
            note: None,
            form: None,
            deadline_at,
        }
    }

    /// The transition with these events. It is not committed or accepted yet.
    ///
    /// # Panics
    ///
    /// When they can't follow each other.
    pub fn transition(&self, kinds: Vec<EventKind>) -> Transition {
        let mut snapshot = self.campaign.as_deref().cloned();
        let mut events = Vec::new();
        for kind in kinds {
            let at = self.version.0 + events.len() as u64 + 1;
            let event = Event {
                timestamp: Timestamp::from_unix_ms(1_000 * i64::try_from(at).expect("a case is short")),
                envelope: Envelope::none(),
                kind,
            };
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
            expected_batch: None,
            snapshot: snapshot.map(Arc::new),
            events,
            configs: Vec::new(),
            idempotency: None,
            lease: Lease {
                owner: self.owner,
                ttl: Self::TTL,
                if_over: false,
            },
            output: None,
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

    /// The transition that recovers the running phase in its next attempt, if the lease of the attempt before is over. It is not
    /// committed or accepted yet.
    pub fn takeover(&self, name: &str) -> Transition {
        let mut transition = self.transition(vec![self.recovery(name)]);
        transition.lease.if_over = true;
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

    /// The ticket whose outcome may be reported.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn ticket(&self) -> Ticket {
        let ticket = self.campaign.as_deref().and_then(Campaign::ticket);
        ticket.expect("a phase of the case is running")
    }

    /// A batch of the running phase, of these records, without a checkpoint.
    ///
    /// # Panics
    ///
    /// When no phase is running.
    pub fn output(&self, batch: u64, records: impl IntoIterator<Item = String>) -> Output {
        Output {
            ticket: self.ticket(),
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
