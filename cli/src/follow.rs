//! Following a campaign in the foreground until it rests.

use std::time::Duration;

use phasegate::core::Command;
use phasegate::storage::{Cursor, LoggedEvent};
use phasegate::{CampaignHandle, CampaignId, CampaignStatus, CampaignView, Engine, EngineError, PhaseName};
use serde_json::Value;

use crate::args::FollowArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::remote::Remote;
use crate::render::progress::Reporter;
use crate::render::summary;
use crate::screen::say;
use crate::signals::{Signal, Signals};
use crate::target::{ShownCampaign, StoreLocation};

/// How often the screen is updated.
const TICK: Duration = Duration::from_millis(100);
/// How often a server is asked.
const POLL: Duration = Duration::from_millis(250);

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

/// Sets a campaign going and follows it until it rests. Ctrl-C pauses it.
///
/// `again` is the command that carries on, for the message after an interruption.
pub async fn follow(
    engine: &Engine,
    campaign: &CampaignHandle,
    action: StartAction,
    args: &FollowArgs,
    again: &str,
) -> Result<Exit, CliError> {
    let exit = follow_to_rest(engine, campaign, action, args, again).await;
    if !matches!(exit, Ok(exit) if exit != Exit::Terminated) {
        // A running phase comes to rest here, before its sandbox ends.
        engine.shutdown().await?;
    }
    exit
}

async fn follow_to_rest(
    engine: &Engine,
    campaign: &CampaignHandle,
    action: StartAction,
    args: &FollowArgs,
    again: &str,
) -> Result<Exit, CliError> {
    let mut signals = Signals::listen().map_err(CliError::io("signals can't be listened to"))?;
    let latest = engine.storage().latest().await.map_err(EngineError::from)?;
    let mut events = campaign.events(latest);
    set_going(engine, campaign, action).await?;
    let mut reporter = reporter(args, &campaign.view().await?);

    let mut interrupted = false;
    let mut tick = tokio::time::interval(TICK);
    let mut rest = std::pin::pin!(campaign.at_rest());
    let view = loop {
        tokio::select! {
            view = &mut rest => break view?,
            event = events.next() => reporter.event(&event?)?,
            _ = tick.tick() => reporter.progress(engine.progress(campaign.id()))?,
            signal = signals.next() => match signal {
                Signal::Interrupt if interrupted => {
                    // The second time means now. Acknowledged writes are durable, the requested pause included.
                    std::process::exit(i32::from(Exit::Interrupted.code()));
                }
                Signal::Interrupt => {
                    interrupted = true;
                    say("pausing; press Ctrl-C again to leave at once");
                    ask_to_pause(engine, campaign);
                }
                Signal::Terminate => {
                    say("ending; what runs goes on at the next start");
                    return Ok(Exit::Terminated);
                }
            },
        }
    };
    while let Some(event) = events.next_if_any().await? {
        reporter.event(&event)?;
    }
    let exit = exit(&view, interrupted);
    reporter.end(&view, exit.code())?;
    if !args.json {
        conclude(
            &ShownCampaign::of(engine, view).await?,
            StoreLocation::File,
            exit,
            again,
        )?;
    }
    Ok(exit)
}

/// Sets a campaign at a server going and follows it until it rests. Ctrl-C ends only the following.
pub async fn follow_at_server(
    remote: &Remote,
    id: CampaignId,
    action: StartAction,
    args: &FollowArgs,
    again: &str,
) -> Result<Exit, CliError> {
    let mut signals = Signals::listen().map_err(CliError::io("signals can't be listened to"))?;
    let mut after = None;
    next_events(remote, id, &mut after, |_| Ok(())).await?;
    let before = remote.campaign(id).await?.view;
    let command = match action {
        StartAction::Start(phase) => Some(Command::Start { phase }),
        StartAction::Restart(phase, config) => Some(Command::Restart { phase, config }),
        // The server took it up when it started, so it only has to be followed.
        StartAction::Recover if before.status == CampaignStatus::Running => None,
        StartAction::Recover | StartAction::Resume => Some(Command::Resume {}),
    };
    if let Some(command) = command {
        remote.command(id, command).await?;
    }
    let mut reporter = reporter(args, &before);
    let mut tick = tokio::time::interval(POLL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let campaign = loop {
        let look = async {
            tick.tick().await;
            // Read the campaign first: if it is at rest, all its events are in the log.
            let campaign = remote.campaign(id).await?;
            next_events(remote, id, &mut after, |event| reporter.event(event)).await?;
            reporter.progress(campaign.progress())?;
            Ok::<_, CliError>(campaign)
        };
        tokio::select! {
            campaign = look => {
                let campaign = campaign?;
                if !works(campaign.view.status) {
                    break campaign;
                }
            }
            signal = signals.next() => {
                say("the server goes on: 'phasegate resume' follows it again, 'phasegate pause' pauses it");
                return Ok(match signal {
                    Signal::Interrupt => Exit::Interrupted,
                    Signal::Terminate => Exit::Terminated,
                });
            }
        }
    };
    let exit = exit(&campaign.view, false);
    reporter.end(&campaign.view, exit.code())?;
    if !args.json {
        let shown = ShownCampaign {
            view: campaign.view,
            records: campaign.records,
        };
        conclude(&shown, StoreLocation::Server, exit, again)?;
    }
    Ok(exit)
}

/// Hands over each event after the cursor, and moves the cursor to the last one.
async fn next_events(
    remote: &Remote,
    id: CampaignId,
    after: &mut Option<Cursor>,
    mut use_it: impl FnMut(&LoggedEvent) -> Result<(), CliError>,
) -> Result<(), CliError> {
    loop {
        let page = remote.events(Some(id), after.as_ref()).await?;
        for event in &page.items {
            use_it(event)?;
            *after = Some(event.cursor.clone());
        }
        if page.next_cursor.is_none() {
            return Ok(());
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

fn reporter(args: &FollowArgs, view: &CampaignView) -> Reporter {
    match args.json {
        true => Reporter::for_programs(),
        false => Reporter::for_people(view),
    }
}

async fn set_going(engine: &Engine, campaign: &CampaignHandle, action: StartAction) -> Result<(), CliError> {
    // It watches for the retries and deadlines of this campaign, and of no other in the file.
    let recovery = engine.recover_campaign(campaign.id()).await?;
    match action {
        StartAction::Start(phase) => {
            campaign.start(phase.as_str()).await?;
        }
        StartAction::Resume => {
            campaign.resume().await?;
        }
        StartAction::Restart(phase, config) => {
            campaign.restart(phase.as_str(), config).await?;
        }
        StartAction::Recover => {
            if let Some((_, error)) = recovery.failed.into_iter().next() {
                return Err(error.into());
            }
            if campaign.view().await?.status == CampaignStatus::Paused {
                campaign.resume().await?;
            }
        }
    }
    Ok(())
}

/// Requests a pause without waiting for it: the caller waits until the campaign rests anyway.
fn ask_to_pause(engine: &Engine, campaign: &CampaignHandle) {
    let (engine, id) = (engine.clone(), campaign.id());
    tokio::spawn(async move {
        match engine.command(id, Command::Pause {}, None).await {
            // The campaign came to rest already and needs no pause.
            Ok(_) | Err(EngineError::Rejected(_)) => {}
            Err(error) => say(format_args!("it can't be paused: {error}")),
        }
    });
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
