//! The steps, as the model takes them and as the machine is asked for them.

use std::collections::BTreeMap;

use phasegate_core::{
    AttributeChanges, Command, Deferred, Envelope, Failure, Input, LastBatch, Outcome, PhaseStatus, Signal,
    Ticket,
};
use phasegate_testkit::simulation::{
    Answer, DEADLINE_MS, Deferral, Description, Ending, Form, GivenAnswer, LONG_MS, Model, Step, policy,
};
use serde_json::json;

use super::surroundings::{choice, config};
use super::{Paper, phase};

type Performed = Result<usize, &'static str>;

fn describe(description: Description) -> Command {
    let (mut name, mut attributes) = (None, AttributeChanges::new());
    match description {
        Description::Name(number) => name = Some(format!("name {number}")),
        Description::Tag(tag) => {
            attributes.insert("tag".to_owned(), tag.map(|tag| tag.to_string()));
        }
        Description::Blank => name = Some(" ".to_owned()),
        Description::BadKey => {
            attributes.insert("Tag".to_owned(), Some("0".to_owned()));
        }
    }
    Command::Describe { name, attributes }
}

fn deferred(deferral: Deferral) -> Outcome {
    Outcome::Deferred(Deferred {
        note: None,
        form: match deferral.form {
            Form::Absent => None,
            Form::Asks => Some(json!({ "type": "object" })),
            Form::Broken => Some(json!({ "type": 7 })),
        },
        deadline_ms: deferral.deadline.then_some(DEADLINE_MS),
    })
}

impl Paper {
    /// The model's answer.
    pub fn expect(&mut self, step: &Step) -> Answer {
        let model = &mut self.model;
        match step {
            Step::Configure(index, choice) => return model.configure(&[(*index, *choice)]),
            Step::ConfigureAll(all, index, one) => {
                let configs: Vec<_> = (0..self.campaign.phases.len())
                    .map(|other| (other, if other == *index { *one } else { *all }))
                    .collect();
                return model.configure(&configs);
            }
            Step::Unconfigure(index) => return model.unconfigure(*index),
            Step::SetMode(mode) => return model.set_mode(*mode),
            Step::SetRetry(index, tries) => return model.set_retry(*index, tries.map(u32::from)),
            Step::Describe(description) => return model.describe(*description),
            Step::Skip(index, reason) => return model.skip(*index, *reason),
            Step::Unskip(index) => return model.unskip(*index),
            Step::Prune(keep, index) => return model.prune(u32::from(*keep), *index),
            Step::Start(index) => return model.start(*index),
            Step::Restart(index, choice) => return model.restart(*index, *choice),
            Step::Pause => return model.pause(),
            Step::Resume => return model.resume(),
            Step::Stop => return model.stop(),
            Step::Answer(given) => return model.answer(*given),
            Step::Commit(records) => model.commit(u64::from(*records)),
            Step::Complete => model.complete(),
            Step::Fail => model.fail(false),
            Step::FailForGood => model.fail(true),
            Step::Rest => model.rest(),
            Step::Defer(deferral) => model.defer(*deferral),
            Step::PassTime => model.pass_time(),
            Step::ToggleResource => model.toggle_resource(),
            Step::Restarted | Step::RestartedWithout => model.recover(Ending::Released),
            Step::PowerLoss { .. } => model.recover(Ending::Crashed),
            Step::PowerLossDuring { step, .. } => {
                self.expect(step);
                self.model.recover(Ending::Crashed);
            }
            Step::ReportAgain | Step::ReportForged => {}
        }
        Answer::Accepted
    }

    /// Asks the machine for the step. `before` is the model before it.
    pub fn perform(&mut self, step: &Step, before: &Model) -> Performed {
        let command = match step {
            Step::Configure(index, choice) => self.configure([(*index, config(*choice))].into()),
            Step::ConfigureAll(all, index, one) => {
                let configs = (0..self.campaign.phases.len())
                    .map(|other| (other, config(if other == *index { *one } else { *all })));
                self.configure(configs.collect())
            }
            Step::Unconfigure(index) => Command::Unconfigure { phase: phase(*index) },
            Step::SetMode(mode) => Command::SetMode { mode: *mode },
            Step::SetRetry(index, tries) => Command::SetRetry {
                phase: phase(*index),
                policy: tries.map(|tries| policy(u32::from(tries))),
            },
            Step::Describe(description) => describe(*description),
            Step::Skip(index, reason) => return self.skip(*index, *reason),
            Step::Unskip(index) => Command::Unskip { phase: phase(*index) },
            Step::Prune(keep, index) => Command::Prune {
                keep_runs: u32::from(*keep),
                phase: index.map(phase),
            },
            Step::Start(index) => Command::Start { phase: phase(*index) },
            Step::Restart(index, choice) => Command::Restart {
                phase: phase(*index),
                config: choice.map(config),
            },
            Step::Pause => Command::Pause {},
            Step::Resume => Command::Resume {},
            Step::Stop => Command::Stop {},
            other => return self.happen(other, before),
        };
        self.command(command)
    }

    fn configure(&self, configs: BTreeMap<usize, serde_json::Value>) -> Command {
        Command::Configure {
            configs: configs
                .into_iter()
                .map(|(index, config)| (phase(index), config))
                .collect(),
        }
    }

    fn command(&mut self, command: Command) -> Performed {
        let answer = self.ask(&command.clone().into(), false)?;
        let configs = match command {
            Command::Configure { configs } => configs,
            Command::Restart {
                phase,
                config: Some(config),
            } => [(phase, config)].into(),
            Command::Unconfigure { phase } => {
                self.stored.remove(&phase);
                BTreeMap::new()
            }
            _ => BTreeMap::new(),
        };
        self.stored.extend(
            configs
                .iter()
                .map(|(phase, config)| (phase.clone(), choice(config))),
        );
        Ok(answer)
    }

    fn skip(&mut self, index: usize, reason: u8) -> Performed {
        let input = Input::Command {
            command: Command::Skip { phase: phase(index) },
            envelope: Envelope::none()
                .because(reason.to_string())
                .expect("a short reason"),
        };
        self.ask(&input, false)
    }

    fn happen(&mut self, step: &Step, before: &Model) -> Performed {
        match step {
            Step::Answer(given) => match before.waiting() {
                Some((index, ..)) => self.answer(*given, index),
                None => Ok(0),
            },
            Step::PassTime => {
                let early = self.ask(&Signal::Wake.into(), false);
                assert_eq!(early, Ok(0), "a wake before its time changes nothing");
                self.now = self.now.plus_ms(LONG_MS);
                self.ask(&Signal::Wake.into(), false)
            }
            Step::ReportAgain => self.report_again(before),
            Step::ReportForged => self.report_forged(),
            Step::ToggleResource => {
                let (enabled, revision) = self.resource;
                self.resource = (!enabled, revision + 1);
                Ok(0)
            }
            Step::Restarted => self.recover(true),
            Step::RestartedWithout => {
                self.is_registered = false;
                let answer = match self.recover(true) {
                    Ok(_) => Answer::Accepted,
                    Err(code) => Answer::Refused(code),
                };
                self.is_registered = true;
                assert_eq!(answer, before.recover_without(), "without the pipeline");
                self.recover(true)
            }
            Step::PowerLoss { .. } => self.recover(false),
            Step::PowerLossDuring { step, .. } => {
                // The step is done completely, or refused.
                let _ = self.perform(step, before);
                self.recover(false)
            }
            direct => match (before.running(), self.campaign.working_ticket()) {
                (Some((index, ..)), Some(ticket)) => self.direct(direct, index, ticket),
                _ => Ok(0),
            },
        }
    }

    fn direct(&mut self, step: &Step, index: usize, ticket: Ticket) -> Performed {
        let failure = Failure::new("told_to", "as the test told it to");
        let outcome = match step {
            Step::Commit(records) => {
                self.append(&ticket, u64::from(*records));
                return Ok(0);
            }
            Step::Complete => Outcome::Completed(json!({ "run": ticket.run, "attempt": ticket.attempt })),
            Step::Fail => Outcome::Failed(failure),
            Step::FailForGood => Outcome::Failed(failure.finally()),
            Step::Defer(deferral) => deferred(*deferral),
            _ => return self.ask(&Signal::Settled { ticket }.into(), false),
        };
        self.report(index, ticket, outcome, 0)
    }

    fn append(&mut self, ticket: &Ticket, records: u64) {
        let output = self
            .outputs
            .entry((ticket.phase.clone(), ticket.run))
            .or_default();
        output.batches += 1;
        output.records += records;
        if records > 0 || !output.has_checkpoint {
            output.progress = output.batches;
        }
        output.has_checkpoint = true;
    }

    fn answer(&mut self, given: GivenAnswer, index: usize) -> Performed {
        let ticket = self.campaign.ticket().expect("a phase waits for a report");
        let (outcome, records) = match given {
            GivenAnswer::Completed(records) => (Outcome::Completed(json!({})), u64::from(records)),
            GivenAnswer::Unfit => (Outcome::Completed(json!({ "unfit": true })), 0),
            GivenAnswer::Failed => (Outcome::Failed(Failure::new("rejected", "they said no")), 0),
        };
        self.report(index, ticket, outcome, records)
    }

    fn report(&mut self, index: usize, ticket: Ticket, outcome: Outcome, records: u64) -> Performed {
        let report = Signal::Report {
            ticket: ticket.clone(),
            outcome: outcome.clone(),
            last_batch: (records > 0).then_some(LastBatch {
                records,
                is_progress: true,
            }),
            envelope: Envelope::none(),
        };
        let answer = self.ask(&report.into(), false)?;
        if records > 0 {
            self.append(&ticket, records);
        }
        if !matches!(outcome, Outcome::Deferred(_)) {
            self.last_report = Some((ticket, index, outcome));
        }
        Ok(answer)
    }

    fn report_again(&mut self, before: &Model) -> Performed {
        let Some((ticket, index, outcome)) = self.last_report.clone() else {
            return Ok(0);
        };
        let status = match outcome {
            Outcome::Completed(_) => PhaseStatus::Completed,
            _ => PhaseStatus::Failed,
        };
        let stands = before.stands(index, ticket.run.0, ticket.attempt.0, status);
        let reported = self.report(index, ticket.clone(), outcome, 0);
        let expected = if stands { Ok(0) } else { Err("stale_ticket") };
        assert_eq!(reported, expected, "a repeated report of {ticket}");
        Ok(0)
    }

    fn report_forged(&mut self) -> Performed {
        let Some((mut ticket, index, _)) = self.last_report.clone() else {
            return Ok(0);
        };
        // No history has so many attempts.
        ticket.attempt.0 += 1_000_000;
        let reported = self.report(index, ticket, Outcome::Completed(json!("forged")), 0);
        assert_eq!(reported, Err("stale_ticket"), "a ticket that never was");
        Ok(0)
    }

    fn recover(&mut self, released: bool) -> Performed {
        match self.campaign.working_ticket() {
            Some(ticket) => self.ask(&Signal::Recover { ticket }.into(), released),
            None => Ok(0),
        }
    }
}
