//! `phasegate start`, `phasegate resume` and `phasegate restart`

use phasegate::{CampaignHandle, CampaignStatus, Engine, PhaseName};

use crate::args::{CampaignArgs, FollowArgs, RestartArgs, ResumeArgs, StartArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::follow::{Begin, follow};
use crate::json_file::read_config;
use crate::render::summary::shell_word;
use crate::sandbox::{self, Addresses};
use crate::store;

/// Starts a phase, by default the one whose turn it is.
pub async fn start(args: StartArgs) -> Result<Exit, CliError> {
    in_foreground(&args.campaign, &args.follow, "start", async |campaign| {
        let view = campaign.view().await?;
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
        Ok(Begin::Start(phase))
    })
    .await
}

/// Resumes a paused campaign, or one whose process ended.
pub async fn resume(args: ResumeArgs) -> Result<Exit, CliError> {
    in_foreground(&args.campaign, &args.follow, "resume", async |campaign| {
        Ok(match campaign.view().await?.status {
            CampaignStatus::Running | CampaignStatus::Pausing | CampaignStatus::Stopping => Begin::Recover,
            _ => Begin::Resume,
        })
    })
    .await
}

/// Begins a phase afresh.
pub async fn restart(args: RestartArgs) -> Result<Exit, CliError> {
    let config = args.config.as_deref().map(read_config).transpose()?;
    let phase = PhaseName::new(&args.phase).map_err(phasegate::EngineError::from)?;
    in_foreground(&args.campaign, &args.follow, "resume", async |_| {
        Ok(Begin::Restart(phase, config))
    })
    .await
}

/// Follows a campaign, with a sandbox if one is wanted. `again` is the command that carries on.
async fn in_foreground(
    args: &CampaignArgs,
    how: &FollowArgs,
    again: &str,
    begin: impl AsyncFnOnce(&CampaignHandle) -> Result<Begin, CliError>,
) -> Result<Exit, CliError> {
    store::with_campaign(args, async |engine, campaign| {
        let begin = begin(campaign).await?;
        let sandbox = match how.sandbox {
            true => Some(sandboxed(engine).await?),
            false => None,
        };
        let again = again_typed(args, how, again);
        let exit = follow(engine, campaign, begin, how, &again).await;
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
    if args.store.db.as_os_str() != "phasegate.redb" {
        typed += &format!(" --db {}", shell_word(&args.store.db.to_string_lossy()));
    }
    if how.sandbox {
        typed += " --sandbox";
    }
    typed
}
