//! Why a run failed, for a program and for a person.

use serde::{Deserialize, Serialize};

use crate::limits::{MAX_FAILURE_CHARS, MAX_FAILURE_CODE_CHARS};

/// Why a run failed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Failure {
    /// A stable word for a program, such as `panicked`, `timed_out` or one of the phase's own.
    pub code: String,
    /// A sentence for a person.
    pub message: String,
}

impl Failure {
    /// Makes a failure; a code is cut to [`MAX_FAILURE_CODE_CHARS`] characters, a message to [`MAX_FAILURE_CHARS`].
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: cut(code.into(), MAX_FAILURE_CODE_CHARS),
            message: cut(message.into(), MAX_FAILURE_CHARS),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

fn cut(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text,
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}
