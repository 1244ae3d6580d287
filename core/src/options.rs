//! What a pipeline says of a phase, apart from its config.

use serde::{Deserialize, Serialize};

use crate::retry::RetryPolicy;
use crate::word_type;

/// How many recoveries of a run in a row are counted without progress before it fails, unless its phase says otherwise.
pub const DEFAULT_MAX_RECOVERIES: u32 = 5;

word_type! {
    /// Whether a phase may be skipped, and what the phase after it reads then.
    #[derive(Default)]
    pub enum OnSkip {
        /// It can't be skipped.
        #[default]
        Forbidden = "forbidden",
        /// The phase after it reads nothing.
        Empty = "empty",
        /// The phase after it reads what it would have read itself.
        PassThrough = "pass_through",
    }
}

impl OnSkip {
    /// What the phase after it reads; `None` where it can't be skipped.
    pub const fn reads(self) -> Option<SkipReads> {
        match self {
            Self::Forbidden => None,
            Self::Empty => Some(SkipReads::Empty),
            Self::PassThrough => Some(SkipReads::PassThrough),
        }
    }
}

word_type! {
    /// What the phase after a skipped one reads.
    pub enum SkipReads {
        /// Nothing.
        Empty = "empty",
        /// What the skipped phase would have read.
        PassThrough = "pass_through",
    }
}

/// What a pipeline says of a phase, apart from its config, as far as the machine heeds it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PhaseOptions {
    /// When its failures are tried again, unless the campaign has a policy of its own.
    pub retry: Option<RetryPolicy>,
    /// How many recoveries in a row are counted without progress before the run fails; 5 if it isn't said.
    pub max_recoveries: Option<u32>,
    /// Whether it may be skipped.
    #[serde(default)]
    pub on_skip: OnSkip,
}
