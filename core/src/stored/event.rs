//! An event, as a part of the row of its commit.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use super::part::{Failed, HashBytes, Json, Pin, Retry, RunOf};

/// What happened. Phases are indices into the names of the row, and moments are milliseconds after that of the event.
#[derive(Encode, Decode)]
#[cbor(flat)]
pub(super) enum Fact1<'b> {
    #[n(0)]
    CampaignCreated {
        #[b(0)]
        name: &'b str,
        #[b(1)]
        pipeline: &'b str,
        #[n(2)]
        phases: Vec<u32>,
        #[n(3)]
        mode: u8,
        #[b(4)]
        #[cbor(skip_if = "BTreeMap::is_empty")]
        attributes: BTreeMap<&'b str, &'b str>,
    },
    #[n(1)]
    CampaignDescribed {
        #[b(0)]
        name: Option<&'b str>,
        #[b(1)]
        #[cbor(skip_if = "BTreeMap::is_empty")]
        attributes: BTreeMap<&'b str, Option<&'b str>>,
    },
    #[n(2)]
    PhaseConfigured {
        #[n(0)]
        phase: u32,
        #[n(1)]
        revision: u64,
        #[n(2)]
        digest: HashBytes,
    },
    #[n(3)]
    PhaseConfigRemoved {
        #[n(0)]
        phase: u32,
    },
    #[n(4)]
    PhaseRetrySet {
        #[n(0)]
        phase: u32,
        #[b(1)]
        policy: Option<Retry<'b>>,
    },
    #[n(5)]
    ModeChanged {
        #[n(0)]
        mode: u8,
    },
    #[n(6)]
    PhaseStarted(#[b(0)] Launch1<'b>),
    #[n(7)]
    PhaseAutoStarted(#[b(0)] Launch1<'b>),
    #[n(8)]
    PhasePauseRequested(#[n(0)] Tried1),
    #[n(9)]
    PhasePaused(#[n(0)] Tried1),
    #[n(10)]
    PhaseResumed(#[b(0)] Launch1<'b>),
    #[n(11)]
    PhaseRecovered {
        #[b(0)]
        launch: Launch1<'b>,
        #[n(1)]
        recoveries: u32,
        #[n(2)]
        base_batch: u64,
    },
    #[n(12)]
    PhaseStopRequested(#[n(0)] Tried1),
    #[n(13)]
    PhaseStopped {
        #[n(0)]
        tried: Tried1,
        #[n(1)]
        reason: u8,
    },
    #[n(14)]
    PhaseCompleted {
        #[n(0)]
        tried: Tried1,
        #[n(1)]
        records: u64,
        #[n(2)]
        digest: HashBytes,
        #[b(3)]
        summary: Json<'b>,
    },
    #[n(15)]
    PhaseFailed {
        #[n(0)]
        tried: Tried1,
        #[b(1)]
        failure: Failed<'b>,
        #[n(2)]
        tries: u32,
        #[n(3)]
        base_batch: u64,
        #[n(4)]
        digest: Option<HashBytes>,
        #[n(5)]
        retry_after: Option<i64>,
    },
    #[n(16)]
    PhaseRetried(#[b(0)] Launch1<'b>),
    #[n(17)]
    PhaseDeferred {
        #[n(0)]
        tried: Tried1,
        #[b(1)]
        note: Option<&'b str>,
        #[b(2)]
        form: Option<Json<'b>>,
        #[n(3)]
        deadline_after: Option<i64>,
    },
    #[n(18)]
    PhaseRestarted(#[b(0)] Launch1<'b>),
    #[n(19)]
    PhaseSkipPlanned {
        #[n(0)]
        phase: u32,
        #[n(1)]
        reads: u8,
    },
    #[n(20)]
    PhaseSkipWithdrawn {
        #[n(0)]
        phase: u32,
    },
    #[n(21)]
    PhaseSkipped {
        #[n(0)]
        phase: u32,
        #[n(1)]
        reads: u8,
        #[n(2)]
        upstream: Option<RunOf>,
    },
    #[n(22)]
    CampaignHeld {
        #[n(0)]
        phase: u32,
    },
    #[n(23)]
    CampaignReleased {
        #[n(0)]
        phase: u32,
    },
    #[n(24)]
    CampaignCompleted {},
    #[n(25)]
    CampaignDeleted {},
    #[n(26)]
    RunPruned {
        #[n(0)]
        phase: u32,
        #[n(1)]
        run: u32,
    },
    #[n(27)]
    ResourceStored {
        #[b(0)]
        resource: Pin<'b>,
        #[n(1)]
        digest: HashBytes,
    },
    #[n(28)]
    ResourceRemoved {
        #[b(0)]
        resource: Pin<'b>,
    },
    /// A resume of a phase that waits for its report.
    #[n(29)]
    WaitResumed(#[n(0)] Tried1),
}

/// An attempt that something happened to.
#[derive(Encode, Decode)]
pub(super) struct Tried1 {
    #[n(0)]
    pub(super) phase: u32,
    #[n(1)]
    pub(super) run: u32,
    #[n(2)]
    pub(super) attempt: u32,
}

/// A launched attempt.
#[derive(Encode, Decode)]
pub(super) struct Launch1<'b> {
    #[n(0)]
    pub(super) tried: Tried1,
    #[n(1)]
    pub(super) config: u64,
    #[n(2)]
    pub(super) upstream: Option<RunOf>,
    #[b(3)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub(super) resources: Vec<Pin<'b>>,
    /// Absent where it is the moment of the event.
    #[n(4)]
    pub(super) started_after: Option<i64>,
}
