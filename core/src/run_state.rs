//! A run as a campaign remembers it: its attempt, what that works with, and what happened to it without progress.

use serde::{Deserialize, Serialize};

use crate::ids::{Attempt, BatchNumber, PhaseName, ResourcePin, Revision, Run};
use crate::time::Timestamp;

/// A run of a phase.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RunRef {
    /// The phase.
    pub phase: PhaseName,
    /// Its run.
    pub run: Run,
}

/// What an attempt works with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pins {
    /// The revision of its config.
    pub config: Revision,
    /// The revisions of its resources, ordered.
    pub resources: Vec<ResourcePin>,
    /// The run whose records it reads, if there is one.
    pub upstream: Option<RunRef>,
}

/// How often something happened since a run made progress.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Count {
    /// How often.
    pub count: u32,
    /// The latest batch with progress when the count began.
    pub base_batch: BatchNumber,
}

impl Count {
    /// The count as it stands while `progress` is the latest batch with progress.
    #[must_use]
    pub(crate) fn so_far(self, progress: BatchNumber) -> Self {
        if self.count == 0 || progress > self.base_batch {
            Self {
                count: 0,
                base_batch: progress,
            }
        } else {
            self
        }
    }

    /// The count after it happened once more, while `progress` is the latest batch with progress.
    #[must_use]
    pub(crate) fn once_more(self, progress: BatchNumber) -> Self {
        let so_far = self.so_far(progress);
        Self {
            count: so_far.count.saturating_add(1),
            ..so_far
        }
    }
}

/// From so many counted recoveries on, an attempt is a suspect: it may be what ended its processes.
const SUSPECT_FROM: u32 = 2;

/// One run in its latest attempt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunState {
    /// The run.
    pub run: Run,
    /// Its latest attempt.
    pub attempt: Attempt,
    /// The attempt of its latest launch that was no recovery. The token of an answer is made of it, so it outlives recoveries.
    pub token_attempt: Attempt,
    /// What this attempt works with.
    pub pins: Pins,
    /// When the run was first started.
    pub started_at: Timestamp,
    /// The tries that failed since the run made progress, or since a person set it going.
    pub tries: Count,
    /// The recoveries that count since the run made progress, or since a person set it going.
    pub recoveries: Count,
}

impl RunState {
    /// Whether its process ended two times or more without progress of the run. An engine takes it up alone, so that it costs no other
    /// campaign anything. `progress` is the number of its latest batch that was progress.
    pub fn is_suspect(&self, progress: BatchNumber) -> bool {
        self.recoveries.so_far(progress).count >= SUSPECT_FROM
    }
}
