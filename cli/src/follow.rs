//! Following a campaign in the foreground until it rests.

use phasegate::core::Command;
use phasegate::storage::{Cursor, LoggedEvent};
use phasegate::{CampaignId, CampaignStatus, CampaignView, PhaseName};
use serde_json::Value;

use crate::args::FollowArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render::dry_run;
use crate::render::progress::Reporter;
use crate::render::summary;
use crate::signals::{Signal, Signals};
use crate::target::{Leaving, ShownCampaign, StoreLocation, Target};

/// The action that sets a campaign going.
#[derive(Clone, Debug)]
pub enum StartAction {
    /// Take up the phase that ran when its process ended. A pause of that time is ended.
    Recover,
    /// Start a phase.
    Start(PhaseName),
    /// Resume a paused phase or a held chain.
    Resume,
    /// Begin a phase afresh.
    Restart(PhaseName, Option<Value>),
}

impl StartAction {
    /// The command that it is, given how the campaign stands once it is taken up; `None` if it goes on already.
    fn command(self, status: CampaignStatus) -> Option<Command> {
        match self {
            Self::Start(phase) => Some(Command::Start { phase }),
            Self::Restart(phase, config) => Some(Command::Restart { phase, config }),
            Self::Resume => Some(Command::Resume {}),
            // While it comes to rest, the refusal says so.
            Self::Recover => matches!(
                status,
                CampaignStatus::Paused | CampaignStatus::Pausing | CampaignStatus::Stopping
            )
            .then_some(Command::Resume {}),
        }
    }
}

/// Sets a campaign going and follows it until it rests. Ctrl-C pauses what runs in this process, and ends only the following of
/// what runs elsewhere.
///
/// `again` is the command that carries on, for the message after an interruption.
pub async fn follow(
    target: &dyn Target,
    id: CampaignId,
    action: StartAction,
    args: &FollowArgs,
    again: &str,
) -> Result<Exit, CliError> {
    if args.write.dry_run {
        return try_out(target, id, action, args).await;
    }
    let exit = follow_to_rest(target, id, action, args, again).await;
    if !matches!(exit, Ok(exit) if exit != Exit::Terminated) {
        // A running phase comes to rest here, before its sandbox ends.
        target.end().await?;
    }
    exit
}

async fn follow_to_rest(
    target: &dyn Target,
    id: CampaignId,
    action: StartAction,
    args: &FollowArgs,
    again: &str,
) -> Result<Exit, CliError> {
    let mut signals = Signals::listen().map_err(CliError::io("signals can't be listened to"))?;
    let mut log = Log::of(target, id);
    log.read(|_| Ok(())).await?;
    target.take_up(id).await?;
    if let Some(command) = action.command(target.look(id).await?.status) {
        target.send(id, command).await?;
    }
    let mut reporter = match args.json {
        true => Reporter::for_programs(),
        false => Reporter::for_people(&target.campaign(id).await?.view),
    };
    let mut interrupted = false;
    loop {
        let look = async {
            // Looked at before the log is read: if it is at rest, all its events are there.
            let look = target.look(id).await?;
            log.read(|event| reporter.event(event)).await?;
            reporter.progress(look.progress)?;
            if works(look.status) {
                target.wait(id, log.after.clone()).await?;
            }
            Ok::<_, CliError>(look.status)
        };
        tokio::select! {
            status = look => {
                if !works(status?) {
                    break;
                }
            }
            signal = signals.next() => match (target.leave(id, signal), signal) {
                (Leaving::WhenAtRest, _) => interrupted = true,
                (Leaving::Now, Signal::Interrupt) => return Ok(Exit::Interrupted),
                (Leaving::Now, Signal::Terminate) => return Ok(Exit::Terminated),
            },
        }
    }
    let shown = target.campaign(id).await?;
    let exit = exit(&shown.view, interrupted);
    reporter.end(&shown.view, exit.code())?;
    if !args.json {
        conclude(&shown, target.location(), exit, again)?;
    }
    Ok(exit)
}

/// Says what the action would do.
async fn try_out(
    target: &dyn Target,
    id: CampaignId,
    action: StartAction,
    args: &FollowArgs,
) -> Result<Exit, CliError> {
    let shown = target.campaign(id).await?;
    let tried = match action.command(shown.view.status) {
        Some(command) => target.try_out(id, command).await?,
        None => phasegate::DryRun {
            events: Vec::new(),
            campaign: Some(shown.view),
        },
    };
    dry_run::told(&tried, args.json)
}

/// The log of a campaign, as far as it was read.
struct Log<'a> {
    target: &'a dyn Target,
    id: CampaignId,
    after: Option<Cursor>,
}

impl<'a> Log<'a> {
    fn of(target: &'a dyn Target, id: CampaignId) -> Self {
        Self {
            target,
            id,
            after: None,
        }
    }

    /// Hands over each event that was not read before.
    async fn read(
        &mut self,
        mut use_it: impl FnMut(&LoggedEvent) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        loop {
            let page = self.target.events(Some(self.id), self.after.clone()).await?;
            for event in &page.items {
                use_it(event)?;
                self.after = Some(event.cursor.clone());
            }
            if page.next_cursor.is_none() {
                return Ok(());
            }
        }
    }
}

fn works(status: CampaignStatus) -> bool {
    matches!(
        status,
        CampaignStatus::Running
            | CampaignStatus::WaitingForReport
            | CampaignStatus::Retrying
            | CampaignStatus::Pausing
            | CampaignStatus::Stopping
    )
}

/// The exit code for a campaign that has come to rest.
fn exit(view: &CampaignView, interrupted: bool) -> Exit {
    match view.status {
        CampaignStatus::Completed => Exit::Done,
        CampaignStatus::Failed => Exit::PhaseFailed,
        CampaignStatus::WaitingForConfiguration => Exit::Waiting,
        _ if interrupted => Exit::Interrupted,
        CampaignStatus::Idle => Exit::Done,
        _ => Exit::Unexpected,
    }
}

fn conclude(shown: &ShownCampaign, location: StoreLocation, exit: Exit, again: &str) -> Result<(), CliError> {
    let view = &shown.view;
    let mut out = Output::new();
    out.line(summary::phases(shown))?;
    for warning in summary::warnings(view) {
        out.line(warning)?;
    }
    if exit == Exit::Waiting
        && let Some(blockers) = summary::blockers(view)
    {
        out.line(blockers)?;
    }
    match exit {
        Exit::Interrupted => out.line(format_args!("{} is paused. To carry on: {again}", view.name))?,
        Exit::Done if view.status == CampaignStatus::Idle => {
            let next = view.current_phase.as_ref().map_or("", PhaseName::as_str);
            out.line(format_args!("The next phase is {next}. To start it: {again}"))?;
        }
        _ => out.line(summary::sentence(view, location))?,
    }
    out.flush()
}
