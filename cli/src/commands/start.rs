//! `phasegate start`, `phasegate resume` and `phasegate restart`

use phasegate::{CampaignStatus, CampaignView, Engine, PhaseName};

use crate::args::{CampaignArgs, FollowArgs, RestartArgs, ResumeArgs, StartArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::follow::{StartAction, follow};
use crate::json_file::read_config;
use crate::opened::with_campaign;
use crate::render::summary::shell_word;
use crate::sandbox::{self, Addresses};

/// Starts a phase, by default the one whose turn it is.
pub async fn start(args: StartArgs) -> Result<Exit, CliError> {
    in_foreground(&args.campaign, &args.follow, "start", |view| {
        let phase = match (&args.phase, view.current_phase) {
            (Some(phase), _) => PhaseName::new(phase).map_err(phasegate::EngineError::from)?,
            (None, Some(phase)) => phase,
            (None, None) => {
                return Err(CliError::Usage(format!(
                    "{} is completed: 'phasegate restart' begins a phase afresh",
                    view.name
                )));
            }
        };
        Ok(StartAction::Start(phase))
    })
    .await
}

/// Resumes a paused campaign, or one whose process ended.
pub async fn resume(args: ResumeArgs) -> Result<Exit, CliError> {
    in_foreground(&args.campaign, &args.follow, "resume", |view| {
        Ok(match view.status {
            CampaignStatus::Running
            | CampaignStatus::WaitingForReport
            | CampaignStatus::Pausing
            | CampaignStatus::Stopping => StartAction::Recover,
            _ => StartAction::Resume,
        })
    })
    .await
}

/// Begins a phase afresh.
pub async fn restart(args: RestartArgs) -> Result<Exit, CliError> {
    let config = args.config.as_deref().map(read_config).transpose()?;
    let phase = PhaseName::new(&args.phase).map_err(phasegate::EngineError::from)?;
    in_foreground(&args.campaign, &args.follow, "resume", |_| {
        Ok(StartAction::Restart(phase, config))
    })
    .await
}

/// Follows a campaign, with a sandbox if requested. `again` is the command that carries on.
async fn in_foreground(
    args: &CampaignArgs,
    how: &FollowArgs,
    again: &str,
    action: impl FnOnce(CampaignView) -> Result<StartAction, CliError>,
) -> Result<Exit, CliError> {
    with_campaign(args, Some(&how.write.ask), async |target, id| {
        let action = action(target.campaign(id).await?.view)?;
        let again = again_typed(args, how, again);
        let sandbox = match (how.sandbox, target.engine()) {
            (true, None) => {
                return Err(CliError::Usage(
                    "--sandbox is for what runs here: start the server with 'phasegate serve --sandbox'"
                        .to_owned(),
                ));
            }
            (true, Some(engine)) if !how.write.dry_run => Some(sandboxed(engine).await?),
            _ => None,
        };
        let exit = follow(target, id, action, how, &again).await;
        if let Some(sandbox) = sandbox {
            sandbox.shutdown().await;
        }
        exit
    })
    .await
}

async fn sandboxed(engine: &Engine) -> Result<phasegate_sandbox::Sandbox, CliError> {
    let sandbox = sandbox::start(sandbox::last_addresses(engine).await?).await?;
    sandbox::point_stored(engine, Addresses::of(&sandbox)).await?;
    Ok(sandbox)
}

fn again_typed(args: &CampaignArgs, how: &FollowArgs, verb: &str) -> String {
    let mut typed = format!("phasegate {verb} {}", shell_word(&args.campaign));
    let target = &args.target;
    if target.db.as_os_str() != "phasegate.redb" {
        typed += &format!(" --db {}", shell_word(&target.db.to_string_lossy()));
    }
    if let Some(url) = &target.url {
        typed += &format!(" --url {}", shell_word(url));
    }
    if let Some(file) = &target.token_file {
        typed += &format!(" --token-file {}", shell_word(&file.to_string_lossy()));
    }
    if how.sandbox {
        typed += " --sandbox";
    }
    typed
}
