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
    /// Whether it is never tried again, whatever the retry policy says.
    #[serde(default, rename = "final", skip_serializing_if = "std::ops::Not::not")]
    pub is_final: bool,
    /// How long to wait before the next try, in milliseconds, in place of the policy's delay. It is cut to the policy's longest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Failure {
    /// Makes a failure; a code is cut to [`MAX_FAILURE_CODE_CHARS`] characters, a message to [`MAX_FAILURE_CHARS`].
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: cut(code.into(), MAX_FAILURE_CODE_CHARS),
            message: cut(message.into(), MAX_FAILURE_CHARS),
            is_final: false,
            retry_after_ms: None,
        }
    }

    /// It is never tried again, whatever the retry policy says.
    #[must_use]
    pub fn finally(self) -> Self {
        Self {
            is_final: true,
            ..self
        }
    }

    /// The next try, if the retry policy has one, comes after this many milliseconds.
    #[must_use]
    pub fn retry_after_ms(self, ms: u64) -> Self {
        Self {
            retry_after_ms: Some(ms),
            ..self
        }
    }

    /// The same failure with a code and a message that are within their limits.
    #[must_use]
    pub(crate) fn within_limits(&self) -> Self {
        Self {
            is_final: self.is_final,
            retry_after_ms: self.retry_after_ms,
            ..Self::new(self.code.clone(), self.message.clone())
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

pub(crate) fn cut(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text,
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}
