//! The steps that bring a campaign where a test wants it.

use phasegate_core::{
    Command, Deferred, Envelope, Failure, Input, OnSkip, Outcome, PipelineMatch, RetryPolicy, Signal, Ticket,
};
use serde_json::json;

use super::campaign::Driver;
use super::names::{configs, name};

/// This many tries, 1 s after the first, then 2 s, 4 s and so on, up to a minute.
pub fn policy(max_tries: u32) -> RetryPolicy {
    RetryPolicy {
        jitter: 0.0,
        max_delay_ms: 60_000,
        ..RetryPolicy::new(max_tries)
    }
}

impl Driver {
    fn ticket(&self) -> Ticket {
        self.campaign.ticket().expect("a phase runs")
    }

    #[must_use]
    pub fn configured(self, phases: &[&str]) -> Self {
        let configs = phases
            .iter()
            .map(|phase| (name(phase), json!({"phase": phase})))
            .collect();
        self.then(Command::Configure { configs })
    }

    #[must_use]
    pub fn reconfigured(self, phase: &str) -> Self {
        self.then(Command::Configure {
            configs: configs(&[phase], json!({"changed": true})),
        })
    }

    #[must_use]
    pub fn unconfigured(self, phase: &str) -> Self {
        self.then(Command::Unconfigure { phase: name(phase) })
    }

    #[must_use]
    pub fn start(self, phase: &str) -> Self {
        self.then(Command::Start { phase: name(phase) })
    }

    #[must_use]
    pub fn restart(self, phase: &str) -> Self {
        self.then(Command::Restart {
            phase: name(phase),
            config: None,
        })
    }

    #[must_use]
    pub fn skip(self, phase: &str) -> Self {
        self.then(Command::Skip { phase: name(phase) })
    }

    #[must_use]
    pub fn set_retry(self, phase: &str, policy: Option<RetryPolicy>) -> Self {
        self.then(Command::SetRetry {
            phase: name(phase),
            policy,
        })
    }

    #[must_use]
    pub fn report(self, outcome: Outcome) -> Self {
        let ticket = self.ticket();
        self.then(Signal::Report {
            ticket,
            outcome,
            last_batch: None,
            envelope: Envelope::none(),
        })
    }

    #[must_use]
    pub fn complete(self) -> Self {
        self.report(Outcome::Completed(json!({"done": true})))
    }

    #[must_use]
    pub fn fail(self) -> Self {
        self.report(Outcome::Failed(Failure::new("broken", "it broke")))
    }

    #[must_use]
    pub fn defer(self, deferred: Deferred) -> Self {
        self.report(Outcome::Deferred(deferred))
    }

    /// Waits for a report, for a minute.
    #[must_use]
    pub fn defer_for_a_minute(self) -> Self {
        self.defer(Deferred {
            deadline_ms: Some(60_000),
            ..Deferred::default()
        })
    }

    #[must_use]
    pub fn pause(self) -> Self {
        self.then(Command::Pause {})
    }

    #[must_use]
    pub fn resume(self) -> Self {
        self.then(Command::Resume {})
    }

    #[must_use]
    pub fn stop(self) -> Self {
        self.then(Command::Stop {})
    }

    #[must_use]
    pub fn quiet(self) -> Self {
        let ticket = self.ticket();
        self.then(Signal::Settled { ticket })
    }

    /// Recovers the running attempt so many times, after crashes.
    #[must_use]
    pub fn recover(mut self, times: u32) -> Self {
        for _ in 0..times {
            let ticket = self.ticket();
            self = self.then(Signal::Recover { ticket });
        }
        self
    }

    /// Recovers the running attempt, whose lease was released in order.
    #[must_use]
    pub fn recover_released(mut self) -> Self {
        let mut question = self.question(Signal::Recover {
            ticket: self.ticket(),
        });
        question.released = true;
        self.take(&question).expect("it is recovered");
        self
    }

    /// Waits until the campaign is due, and wakes it.
    #[must_use]
    pub fn wake(mut self) -> Self {
        self.now = self.campaign.due().expect("it is due");
        self.then(Signal::Wake)
    }

    /// The running attempt appends a batch of two records.
    #[must_use]
    pub fn progress(mut self) -> Self {
        let ticket = self.ticket();
        let output = self.around.output.entry((ticket.phase, ticket.run)).or_default();
        output.batch = output.batch.next();
        output.progress = output.batch;
        output.records += 2;
        self
    }

    #[must_use]
    pub fn broken(mut self, phase: &str) -> Self {
        self.around.broken.insert(name(phase));
        self
    }

    #[must_use]
    pub fn resource_changed(mut self, phase: &str) -> Self {
        *self.around.resources.entry(name(phase)).or_default() += 1;
        self
    }

    #[must_use]
    pub fn pipeline_changed(mut self) -> Self {
        self.around.pipeline = PipelineMatch::Changed;
        self
    }

    #[must_use]
    pub fn pipeline_unknown(mut self) -> Self {
        self.around.pipeline = PipelineMatch::Unknown;
        self
    }

    #[must_use]
    pub fn agrees(mut self) -> Self {
        self.around.can_continue = true;
        self
    }

    #[must_use]
    pub fn on_skip(mut self, phase: &str, on_skip: OnSkip) -> Self {
        self.around.options.entry(name(phase)).or_default().on_skip = on_skip;
        self
    }

    /// The pipeline has a retry policy for the phase.
    #[must_use]
    pub fn retries(mut self, phase: &str, policy: RetryPolicy) -> Self {
        self.around.options.entry(name(phase)).or_default().retry = Some(policy);
        self
    }

    #[must_use]
    pub fn max_recoveries(mut self, phase: &str, most: u32) -> Self {
        self.around.options.entry(name(phase)).or_default().max_recoveries = Some(most);
        self
    }

    /// Skips the phase for this reason.
    #[must_use]
    pub fn skip_because(mut self, phase: &str, reason: &str) -> Self {
        let input = Input::Command {
            command: Command::Skip { phase: name(phase) },
            envelope: Envelope::none().because(reason).expect("a short reason"),
        };
        let question = self.question(input);
        self.take(&question).expect("it is skipped");
        self
    }
}
