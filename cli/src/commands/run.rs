//! `phasegate run`

use phasegate::{CampaignHandle, CampaignStatus, CampaignView, Engine, PhaseName, PhaseStatus};
use phasegate_sandbox::Sandbox;
use serde_json::Value;

use crate::args::RunArgs;
use crate::difference::Differences;
use crate::error::CliError;
use crate::exit::Exit;
use crate::follow::{StartAction, follow};
use crate::output::Output;
use crate::plan::Plan;
use crate::planned::{self, Resources};
use crate::render::summary::{self, shell_word};
use crate::sandbox::{self, Addresses};
use crate::screen::say;
use crate::store::{self, MissingStore};
use crate::target::{ShownCampaign, StoreLocation};

/// Runs a plan: creates its campaign, or carries on with the unfinished one of its name.
pub async fn run(args: RunArgs) -> Result<Exit, CliError> {
    let plan = Plan::read(&args.plan)?;
    store::with_engine(&args.store.db, MissingStore::Create, async |engine| {
        let last = match args.follow.sandbox {
            true => sandbox::last_addresses(engine).await?,
            false => None,
        };
        let sandbox = match args.follow.sandbox {
            true => Some(sandbox::start(last).await?),
            false => None,
        };
        let exit = run_in(engine, &plan, &args, last, sandbox.as_ref()).await;
        if let Some(sandbox) = sandbox {
            sandbox.shutdown().await;
        }
        exit
    })
    .await
}

async fn run_in(
    engine: &Engine,
    plan: &Plan,
    args: &RunArgs,
    last: Option<Addresses>,
    sandbox: Option<&Sandbox>,
) -> Result<Exit, CliError> {
    let resources = planned::resources(engine, plan, sandbox.map(Addresses::of))?;
    let report = planned::preflight(engine, plan, &resources).await?;
    let unfinished = match args.new {
        true => None,
        false => store::unfinished(engine, &plan.name).await?,
    };
    let (campaign, action) = match unfinished {
        Some(view) => {
            let campaign = engine.campaign(view.id).await?;
            let last = last.or(sandbox.map(Addresses::of));
            let found = Differences::find(engine, &campaign, &view, plan, last).await?;
            let begun = match args.apply {
                true => apply(&campaign, &view, plan, &found, engine, &resources).await?,
                false => {
                    accept(engine, &view, args, &found)?;
                    repoint(engine, &resources, sandbox).await?;
                    None
                }
            };
            match begun {
                Some(action) => (campaign, action),
                None => {
                    let view = campaign.view().await?;
                    match go_on(&view) {
                        Some(action) => (campaign, action),
                        None => return blocked(engine, &view).await,
                    }
                }
            }
        }
        None => {
            if let Some(report) = planned::blockers(plan, &report) {
                return Err(CliError::Preflight { report });
            }
            planned::store_resources(engine, &resources).await?;
            let campaign = planned::create(engine, plan).await?;
            let first = campaign.view().await?.current_phase;
            let first = first.expect("a new campaign has its first phase to come");
            (campaign, StartAction::Start(first))
        }
    };
    follow(engine, &campaign, action, &args.follow, &typed_again(args)).await
}

/// The action that lets a campaign go on; `None` if it waits for configuration.
fn go_on(view: &CampaignView) -> Option<StartAction> {
    match (view.status, &view.current_phase) {
        (
            CampaignStatus::Running
            | CampaignStatus::WaitingForReport
            | CampaignStatus::Pausing
            | CampaignStatus::Stopping,
            _,
        ) => Some(StartAction::Recover),
        (CampaignStatus::Paused, _) => Some(StartAction::Resume),
        (CampaignStatus::WaitingForConfiguration, _) | (_, None) => None,
        (_, Some(phase)) => Some(StartAction::Start(phase.clone())),
    }
}

/// Prints what a waiting campaign waits for.
async fn blocked(engine: &Engine, view: &CampaignView) -> Result<Exit, CliError> {
    let mut out = Output::new();
    let shown = ShownCampaign::of(engine, view.clone()).await?;
    out.line(summary::phases(&shown))?;
    if let Some(blockers) = summary::blockers(view) {
        out.line(blockers)?;
    }
    out.line(summary::sentence(view, StoreLocation::File))?;
    out.flush().map(|()| Exit::Waiting)
}

/// Accepts the differences between campaign and plan, unless a person has to decide about them.
fn accept(engine: &Engine, view: &CampaignView, args: &RunArgs, found: &Differences) -> Result<(), CliError> {
    if found.need_a_decision() {
        say(found.to_diff(engine)?.trim_end());
        return Err(CliError::Usage(format!(
            "{} is unfinished, and the plan differs from it as shown: --apply changes the campaign, --new creates \
             another, and 'phasegate resume' or 'phasegate start' goes on without the plan",
            view.name
        )));
    }
    for phase in &found.absent {
        say(format_args!(
            "note: {phase} has no config in the campaign, though the plan has one: {} --apply stores it",
            typed_again(args)
        ));
    }
    if let Some(mode) = found.mode {
        say(format_args!(
            "note: the campaign is in {mode}, unlike the plan: 'phasegate mode' or --apply changes that"
        ));
    }
    Ok(())
}

/// Stores the missing resources of the plan, and points personas at this sandbox.
async fn repoint(engine: &Engine, resources: &Resources, sandbox: Option<&Sandbox>) -> Result<(), CliError> {
    if let Some(sandbox) = sandbox {
        sandbox::point_stored(engine, Addresses::of(sandbox)).await?;
    }
    planned::store_resources(engine, resources).await
}

/// Changes the campaign to what the plan says. If the plan has another config for a completed phase, the chain must begin
/// afresh there, and that action is returned.
async fn apply(
    campaign: &CampaignHandle,
    view: &CampaignView,
    plan: &Plan,
    found: &Differences,
    engine: &Engine,
    resources: &Resources,
) -> Result<Option<StartAction>, CliError> {
    planned::store_resources(engine, resources).await?;
    let changed = |phase: &PhaseName| found.configs.iter().any(|one| one.phase == *phase);
    let current = view.current_phase.as_ref();
    let working = matches!(
        view.status,
        CampaignStatus::Running
            | CampaignStatus::WaitingForReport
            | CampaignStatus::Pausing
            | CampaignStatus::Stopping
            | CampaignStatus::Paused
    );
    if working && current.is_some_and(changed) {
        // The config of a running or paused phase is locked.
        campaign.stop().await?;
    }
    let completed = |phase: &PhaseName| {
        let mut phases = view.phases.iter();
        phases.any(|one| one.phase == *phase && one.status == PhaseStatus::Completed)
    };
    let mut configs = planned::configs(plan);
    configs.retain(|phase, _| {
        let phase = PhaseName::new(phase).ok();
        phase.is_some_and(|phase| !completed(&phase) && (changed(&phase) || found.absent.contains(&phase)))
    });
    if !configs.is_empty() {
        campaign.configure_all(configs).await?;
    }
    if found.mode.is_some() {
        campaign.set_mode(plan.mode).await?;
    }
    for one in found.configs.iter().filter(|one| one.planned.is_none()) {
        campaign.unconfigure(one.phase.as_str()).await?;
    }
    let afresh = found.configs.iter().filter(|one| completed(&one.phase));
    let afresh: Vec<(&PhaseName, &Value)> = afresh
        .filter_map(|one| Some((&one.phase, one.planned.as_ref()?)))
        .collect();
    match afresh[..] {
        [] => Ok(None),
        [(phase, config)] => Ok(Some(StartAction::Restart(phase.clone(), Some(config.clone())))),
        [(phase, _), ..] => Err(CliError::Usage(format!(
            "several completed phases have another config in the plan: restart the first with 'phasegate restart {} \
             {phase} --config FILE', or create a new campaign with --new",
            shell_word(&view.name)
        ))),
    }
}

fn typed_again(args: &RunArgs) -> String {
    let mut typed = format!("phasegate run {}", shell_word(&args.plan.to_string_lossy()));
    if args.store.db.as_os_str() != "phasegate.redb" {
        typed += &format!(" --db {}", shell_word(&args.store.db.to_string_lossy()));
    }
    if args.follow.sandbox {
        typed += " --sandbox";
    }
    typed
}
