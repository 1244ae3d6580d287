//! What the engine tells the machine of a campaign.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::command::Command;
use crate::envelope::Envelope;
use crate::failure::Failure;
use crate::ids::Ticket;
use crate::json::Digest;

/// What somebody reports for a phase: from outside its runner, only this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It completed, with this summary.
    Completed(Value),
    /// It failed. Of a phase that waits for a report this is a rejection, and final.
    Failed(Failure),
}

/// A runner leaves its outcome to somebody who will report the ticket.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deferred {
    /// What is asked of them, for a person; cut to 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The JSON Schema of the summary that they give, at most 32 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Value>,
    /// After how many milliseconds it is too late. Without it, never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
}

/// How an attempt ended, as its own runner may report it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It completed, with this summary.
    Completed(Value),
    /// It failed.
    Failed(Failure),
    /// Somebody else will report it.
    Deferred(Deferred),
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Completed(summary) => Self::Completed(summary),
            Answer::Failed(failure) => Self::Failed(failure),
        }
    }
}

impl Outcome {
    /// The digest by which the same outcome is known again.
    pub(crate) fn digest(&self) -> Digest {
        let text = match self {
            // A summary may be large, and is not copied.
            Self::Completed(summary) => return Digest::of_member("completed", summary),
            Self::Failed(failure) => serde_json::to_value(Self::Failed(failure.within_limits())),
            other @ Self::Deferred(_) => serde_json::to_value(other),
        };
        Digest::of(&text.unwrap_or_default())
    }
}

/// The last batch of a run, which ends with the commit of its report.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LastBatch {
    /// How many records it has.
    pub records: u64,
    /// Whether it is progress: it has records, or another checkpoint.
    pub is_progress: bool,
}

/// What the engine tells a campaign. No host can send it but through a report.
#[derive(Clone, Debug, PartialEq)]
pub enum Signal {
    /// An attempt ended.
    Report {
        /// The attempt.
        ticket: Ticket,
        /// How it ended.
        outcome: Outcome,
        /// The batch that the same commit writes, if there is one.
        last_batch: Option<LastBatch>,
        /// Who reports, if not the runner itself.
        envelope: Envelope,
    },
    /// The runner of an attempt is quiet, or was dropped and fenced.
    Settled {
        /// The attempt.
        ticket: Ticket,
    },
    /// An attempt was found without a runner.
    Recover {
        /// The attempt.
        ticket: Ticket,
    },
    /// The moment that [`Campaign::due`](crate::Campaign::due) names may have come.
    Wake,
}

impl Signal {
    /// The word for it in a log line.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Report { .. } => "report",
            Self::Settled { .. } => "settled",
            Self::Recover { .. } => "recover",
            Self::Wake => "wake",
        }
    }
}

/// What a decision is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Somebody asks for something.
    Command {
        /// What.
        command: Command,
        /// Who, and why.
        envelope: Envelope,
    },
    /// The engine tells something.
    Signal(Signal),
}

impl Input {
    /// Who asks or reports, and why.
    pub fn envelope(&self) -> Option<&Envelope> {
        match self {
            Self::Command { envelope, .. } | Self::Signal(Signal::Report { envelope, .. }) => Some(envelope),
            Self::Signal(_) => None,
        }
    }

    /// The word for it in a log line.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Command { command, .. } => command.kind().as_str(),
            Self::Signal(signal) => signal.name(),
        }
    }
}

impl From<Command> for Input {
    /// A command of nobody in particular.
    fn from(command: Command) -> Self {
        Self::Command {
            command,
            envelope: Envelope::none(),
        }
    }
}

impl From<Signal> for Input {
    fn from(signal: Signal) -> Self {
        Self::Signal(signal)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_digest_of_a_completion_is_that_of_the_outcome_as_it_is_written() {
        for summary in [json!(null), json!({"b": [1, {"d": 1, "c": 2}], "a": "x"})] {
            let outcome = Outcome::Completed(summary);
            let written = serde_json::to_value(&outcome).unwrap();
            assert_eq!(outcome.digest(), Digest::of(&written));
        }
    }
}
