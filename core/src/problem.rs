//! The problems of a config, field by field.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::PhaseName;
use crate::limits::MAX_PROBLEMS;

/// One problem with one field of one phase's config.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ConfigError")
)]
pub struct Problem {
    /// The phase whose config it is.
    pub phase: PhaseName,
    /// The JSON Pointer (RFC 6901) to the field; empty for the config as a whole.
    pub pointer: String,
    /// The broken rule: a JSON Schema keyword such as `minimum`, or `config_missing`, `resource_missing`,
    /// `resource_disabled`, `maxResources`, `phase_locked`, `too_large`, `too_deep`, `unchecked`, or a word of the
    /// phase's own check.
    pub keyword: String,
    /// A sentence for a person.
    pub message: String,
}

impl Problem {
    /// Makes a problem of `phase`'s config at `pointer`.
    pub fn new(
        phase: PhaseName,
        pointer: impl Into<String>,
        keyword: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            phase,
            pointer: pointer.into(),
            keyword: keyword.into(),
            message: message.into(),
        }
    }

    /// The problem of a phase that has no stored config.
    pub fn config_missing(phase: PhaseName) -> Self {
        Self::new(phase, "", "config_missing", "there is no config: store one")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            write!(f, "{}: {}", self.phase, self.message)
        } else {
            write!(f, "{}{}: {}", self.phase, self.pointer, self.message)
        }
    }
}

/// The problems of configs: at most 100 of them, with their number in all.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "Listed")]
pub struct Problems {
    /// The first of them.
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_PROBLEMS)))]
    items: Vec<Problem>,
    /// How many there are, never fewer than the items.
    total: usize,
}

/// The JSON of a list. It may come from anywhere, so it is checked.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Listed {
    items: Vec<Problem>,
    total: usize,
}

impl TryFrom<Listed> for Problems {
    type Error = String;

    fn try_from(Listed { items, total }: Listed) -> Result<Self, String> {
        match items.len() {
            listed if total < listed => {
                Err(format!("the total is {total}, but {listed} problems are listed"))
            }
            _ => Ok(Self { items, total }),
        }
    }
}

impl Problems {
    /// No problem.
    pub fn none() -> Self {
        Self::default()
    }

    /// These problems, and `more` that are counted without being listed.
    pub(crate) fn with_unlisted(listed: Vec<Problem>, more: usize) -> Self {
        let mut problems: Self = listed.into_iter().collect();
        problems.total = problems.total.saturating_add(more);
        problems
    }

    /// Adds a problem. Beyond [`MAX_PROBLEMS`] it is counted and not listed.
    pub fn push(&mut self, problem: Problem) {
        self.total = self.total.saturating_add(1);
        if self.items.len() < MAX_PROBLEMS {
            self.items.push(problem);
        }
    }

    /// Adds another list, with its total.
    pub fn append(&mut self, other: Self) {
        let unlisted = other.total - other.items.len();
        for problem in other.items {
            self.push(problem);
        }
        self.total = self.total.saturating_add(unlisted);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The listed problems, at most [`MAX_PROBLEMS`].
    pub fn items(&self) -> &[Problem] {
        &self.items
    }

    /// How many there are, the unlisted ones included.
    pub fn total(&self) -> usize {
        self.total
    }
}

impl FromIterator<Problem> for Problems {
    fn from_iter<I: IntoIterator<Item = Problem>>(problems: I) -> Self {
        let mut list = Self::none();
        for problem in problems {
            list.push(problem);
        }
        list
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.items.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            problem.fmt(f)?;
        }
        match self.total - self.items.len() {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_forged_total_is_refused_or_counted_and_never_a_crash() {
        let problem = json!({"phase": "score", "pointer": "", "keyword": "type", "message": "it is wrong"});
        let read = |total: usize| {
            serde_json::from_value::<Problems>(json!({"items": [problem, problem], "total": total}))
        };
        let error = read(1).expect_err("two are listed");
        assert_eq!(error.to_string(), "the total is 1, but 2 problems are listed");
        let whole = read(2).expect("as many as are listed");
        assert_eq!(serde_json::to_value(&whole).expect("it is JSON")["total"], 2);
        let mut most = read(usize::MAX).expect("there may be more than are listed");
        most.append(whole);
        assert_eq!(most.total(), usize::MAX);
        assert!(most.to_string().ends_with("more"), "{most}");
    }
}
