//! The engine's metrics, through the facade of the crate `metrics`.

use std::time::{Duration, Instant};

use ::metrics::{Gauge, Unit, describe_gauge, describe_histogram, gauge, histogram};
use phasegate_core::{PhaseName, PipelineId, word_type};

const PHASE_SECONDS: &str = "phasegate_phase_seconds";
const PHASES_RUNNING: &str = "phasegate_phases_running";

/// Describes the metrics of the engines in this process to the installed recorder of the crate `metrics`.
///
/// A host calls it once, after it has installed its recorder and before it builds an engine. Without a recorder nothing is
/// recorded. The store has metrics of its own.
///
/// | name | kind | labels | what it is |
/// |---|---|---|---|
/// | `phasegate_phase_seconds` | histogram | `pipeline`, `phase`, `outcome` | seconds from the launch of an attempt until its runner is quiet, waiting for a place among [the running ones](crate::EngineBuilder::max_running_phases) included |
/// | `phasegate_phases_running` | gauge | | how many attempts this process works on, waiting ones included |
///
/// The `outcome` is how this attempt ended, as far as this process knows:
///
/// | outcome | meaning |
/// |---|---|
/// | `completed`, `failed` | recorded so |
/// | `deferred` | it left its outcome to somebody else |
/// | `interrupted` | it came to rest for a pause or a stop |
/// | `superseded` | another report or another process ended it, or its campaign was deleted |
/// | `left_running` | not recorded, since the process shuts down or the store failed: a recovery takes it up |
pub fn describe_metrics() {
    describe_histogram!(
        PHASE_SECONDS,
        Unit::Seconds,
        "Seconds from the launch of an attempt of a phase until its runner is quiet, by pipeline, phase and outcome"
    );
    describe_gauge!(
        PHASES_RUNNING,
        Unit::Count,
        "Attempts of phases that this process works on, waiting ones included"
    );
}

word_type! {
    /// How an attempt ended, as far as this process knows.
    pub(crate) enum AttemptEnd {
        Completed = "completed",
        Failed = "failed",
        Deferred = "deferred",
        Interrupted = "interrupted",
        Superseded = "superseded",
        LeftRunning = "left_running",
    }
}

/// Counts an attempt as running while it lives.
pub(crate) struct RunningAttempt {
    pipeline: PipelineId,
    phase: PhaseName,
    launched: Instant,
    running: Gauge,
}

impl RunningAttempt {
    pub(crate) fn new(pipeline: PipelineId, phase: PhaseName) -> Self {
        // Kept, so that the same recorder counts up and down.
        let running = gauge!(PHASES_RUNNING);
        running.increment(1.0);
        Self {
            pipeline,
            phase,
            launched: Instant::now(),
            running,
        }
    }

    /// How long ago it was launched.
    pub(crate) fn elapsed(&self) -> Duration {
        self.launched.elapsed()
    }

    /// Records its end after `took`.
    pub(crate) fn ended(self, took: Duration, end: AttemptEnd) {
        let histogram = histogram!(
            PHASE_SECONDS,
            "pipeline" => self.pipeline.to_string(),
            "phase" => self.phase.to_string(),
            "outcome" => end.as_str(),
        );
        histogram.record(took);
    }
}

impl Drop for RunningAttempt {
    fn drop(&mut self) {
        self.running.decrement(1.0);
    }
}
