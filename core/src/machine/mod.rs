//! The machine: `decide` turns an input into events, `apply` folds events into the campaign. Both are pure and total.
//!
//! Each rule of `decide` is a row of `core/tests/command_table.txt`. A file holds one family of inputs.

mod apply;
mod configure;
mod create;
mod describe;
mod digests;
mod draft;
mod fail;
mod gates;
mod go_on;
mod naming;
mod prune;
mod recover;
mod report;
mod rest;
mod skip;
mod start;
mod wake;

use crate::campaign::Campaign;
use crate::command::{Command, CreateCampaign};
use crate::envelope::Envelope;
use crate::event::{Event, EventKind};
use crate::facts::{Facts, Needs};
use crate::ids::{PhaseName, PipelineId};
use crate::known::Known;
use crate::rejection::Rejection;
use crate::signal::{Input, Signal};
use crate::time::Timestamp;

use draft::Draft;

type Decided = Result<Vec<Event>, Rejection>;

/// Decides the creation of a campaign of the pipeline `pipeline`, whose phases are those of `facts.pipeline`.
///
/// `facts.proposed` holds the check of each config that comes with it.
///
/// # Errors
///
/// [`Rejection::UnknownPipeline`], [`Rejection::InvalidName`], [`Rejection::InvalidAttribute`], [`Rejection::UnknownPhase`],
/// [`Rejection::ConfigInvalid`], [`Rejection::InvalidRetry`], [`Rejection::SkipForbidden`], [`Rejection::NothingLeft`], or
/// [`Rejection::TooLarge`] or [`Rejection::TooDeep`] where nothing else is wrong with the configs.
pub fn create(
    command: &CreateCampaign,
    pipeline: &PipelineId,
    facts: &Facts,
    envelope: &Envelope,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    create::create(command, pipeline, facts, envelope, now)
}

/// Decides what `input` does to `campaign`, given the facts of the moment. `now` is the time by the store's clock.
///
/// No event means that it succeeds and changes nothing. The function is pure and total.
///
/// # Errors
///
/// The [`Rejection`] that says why, and what to do.
pub fn decide(
    campaign: &Campaign,
    facts: &Facts,
    input: &Input,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let known = Known::new(campaign, facts);
    decide_with(campaign, &known, input, now)
}

/// Says which facts the decision on `input` still lacks. Ask again with them, until it needs nothing.
///
/// A decision with the facts that it needs is the same as one with all facts there are.
pub fn needs(campaign: &Campaign, facts: &Facts, input: &Input) -> Needs {
    let known = Known::new(campaign, facts);
    // The rules themselves say what they need: they note what they ask for. To a wake its moment has come.
    let _ = decide_with(campaign, &known, input, Timestamp::from_unix_ms(i64::MAX));
    known.missing()
}

/// Decides as [`decide`] does, or says which facts the decision lacks: what [`needs`] says before it.
///
/// # Errors
///
/// The facts that are missing. The inner error is the [`Rejection`].
pub fn try_decide(
    campaign: &Campaign,
    facts: &Facts,
    input: &Input,
    now: Timestamp,
) -> Result<Result<Vec<Event>, Rejection>, Needs> {
    let known = Known::new(campaign, facts);
    let decided = decide_with(campaign, &known, input, now);
    let missing = known.missing();
    match missing.is_empty() {
        true => Ok(decided),
        false => Err(missing),
    }
}

pub(crate) fn decide_with(campaign: &Campaign, known: &Known<'_>, input: &Input, now: Timestamp) -> Decided {
    let nobody = Envelope::none();
    let decision = Decision {
        campaign,
        known,
        envelope: input.envelope().unwrap_or(&nobody),
        now,
    };
    match input {
        Input::Command { command, .. } => decision.command(command),
        Input::Signal(Signal::Report {
            ticket,
            outcome,
            last_batch,
            ..
        }) => decision.report(ticket, outcome, *last_batch),
        Input::Signal(Signal::Settled { ticket }) => decision.settled(ticket),
        Input::Signal(Signal::Recover { ticket }) => decision.recover(ticket),
        Input::Signal(Signal::Wake) => decision.wake(),
    }
}

/// One decision: the campaign before it, what is known, who asks, and when.
pub(crate) struct Decision<'a> {
    campaign: &'a Campaign,
    known: &'a Known<'a>,
    envelope: &'a Envelope,
    now: Timestamp,
}

impl<'a> Decision<'a> {
    /// A decision that is only asked whether it would be refused.
    pub(crate) fn ask(campaign: &'a Campaign, known: &'a Known<'a>, envelope: &'a Envelope) -> Self {
        Self {
            campaign,
            known,
            envelope,
            now: campaign.changed_at,
        }
    }

    fn command(&self, command: &Command) -> Decided {
        match command {
            Command::Describe { name, attributes } => self.describe(name.as_deref(), attributes),
            Command::Configure { configs } => self.configure(configs),
            Command::Unconfigure { phase } => self.unconfigure(phase),
            Command::SetMode { mode } => self.set_mode(*mode),
            Command::SetRetry { phase, policy } => self.set_retry(phase, policy.as_ref()),
            Command::Start { phase } => self.start(phase),
            Command::Restart { phase, config } => self.restart(phase, config.as_ref()),
            Command::Skip { phase } => self.skip(phase),
            Command::Unskip { phase } => self.unskip(phase),
            Command::Pause {} => self.pause(),
            Command::Resume {} => self.resume(),
            Command::Stop {} => self.stop(),
            Command::Prune { keep_runs, phase } => self.prune(*keep_runs, phase.as_ref()),
            Command::Delete {} => self.one(EventKind::CampaignDeleted {}),
        }
    }

    fn draft(&self) -> Draft<'a> {
        Draft::after(self.campaign, self.envelope, self.now)
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is the end of a decision")]
    fn nothing(&self) -> Decided {
        Ok(Vec::new())
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is the end of a decision")]
    fn one(&self, kind: EventKind) -> Decided {
        let mut draft = self.draft();
        draft.push(kind);
        Ok(draft.events())
    }

    fn index(&self, phase: &PhaseName) -> Result<usize, Rejection> {
        self.campaign
            .index_of(phase)
            .ok_or_else(|| Rejection::UnknownPhase {
                phase: phase.clone(),
                phases: self
                    .campaign
                    .phases
                    .iter()
                    .map(|slot| slot.phase.clone())
                    .collect(),
            })
    }

    /// The name of the phase at the position; there is one whenever the activity is not idle.
    fn current(&self) -> Option<PhaseName> {
        self.campaign.current().map(|slot| slot.phase.clone())
    }
}
