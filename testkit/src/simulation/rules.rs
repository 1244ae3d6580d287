//! What the simulated pipeline says of its phases, and what its runners can do. The world registers it, and the model heeds it.

use phasegate_core::{OnSkip, PhaseDefinition, PhaseOptions, RetryPolicy};

use super::step::ConfigChoice;

/// The delay of every retry, in milliseconds. No history takes so long by itself.
pub const RETRY_DELAY_MS: u64 = 60 * 60 * 1_000;

/// The deadline of every deferral that has one, in milliseconds.
pub const DEADLINE_MS: u64 = 2 * 60 * 60 * 1_000;

/// A time, in milliseconds, after which every retry and every deadline is due.
pub const LONG_MS: u64 = 4 * 60 * 60 * 1_000;

/// What the pipeline says of one phase.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PhaseRules {
    /// Whether it may be skipped.
    pub on_skip: OnSkip,
    /// How often it is tried without progress; once is without a retry policy.
    pub max_tries: u32,
    /// How many recoveries count without progress before it fails.
    pub max_recoveries: u32,
}

/// What the pipeline says of the phase at `index`. Of two phases both may be skipped, of three the last may not, and of five
/// the last may read nothing although a phase before it has completed.
pub const fn rules(index: usize) -> PhaseRules {
    let on_skip = match index % 5 {
        0 | 3 => OnSkip::Empty,
        1 => OnSkip::PassThrough,
        _ => OnSkip::Forbidden,
    };
    let max_tries = match index % 3 {
        0 => 3,
        1 => 1,
        _ => 2,
    };
    PhaseRules {
        on_skip,
        max_tries,
        max_recoveries: 2,
    }
}

/// A policy of so many tries, all of them [`RETRY_DELAY_MS`] apart.
pub fn policy(max_tries: u32) -> RetryPolicy {
    RetryPolicy {
        initial_delay_ms: RETRY_DELAY_MS,
        factor: 1.0,
        max_delay_ms: RETRY_DELAY_MS,
        jitter: 0.0,
        ..RetryPolicy::new(max_tries)
    }
}

impl PhaseRules {
    /// The definition of a phase with these rules.
    #[must_use]
    pub fn on(self, definition: PhaseDefinition) -> PhaseDefinition {
        let PhaseOptions {
            retry,
            max_recoveries,
            on_skip,
        } = self.options();
        PhaseDefinition {
            retry,
            max_recoveries,
            on_skip,
            ..definition
        }
    }

    /// The rules as the machine has them.
    pub fn options(self) -> PhaseOptions {
        PhaseOptions {
            retry: (self.max_tries > 1).then(|| policy(self.max_tries)),
            max_recoveries: Some(self.max_recoveries),
            on_skip: self.on_skip,
        }
    }
}

/// Whether the runners continue a run with this config although it or its resource changed: exactly where its value is 2.
pub const fn can_continue(new: ConfigChoice) -> bool {
    matches!(new, ConfigChoice::Valid(2) | ConfigChoice::WithResource(2))
}
