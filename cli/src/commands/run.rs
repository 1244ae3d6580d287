//! `phasegate run`

use phasegate::{
    CampaignHandle, CampaignStatus, CampaignView, Engine, EngineError, Envelope, PhaseName, PhaseStatus,
};
use phasegate_sandbox::Sandbox;
use phasegate_storage_redb::RedbStorage;
use serde_json::Value;

use crate::args::RunArgs;
use crate::asking;
use crate::difference::Differences;
use crate::error::CliError;
use crate::exit::Exit;
use crate::follow::{StartAction, follow};
use crate::in_file::InFile;
use crate::output::Output;
use crate::plan::Plan;
use crate::planned::{self, Resources};
use crate::render::dry_run::ToldRun;
use crate::render::summary::{self, shell_word};
use crate::sandbox::{self, Addresses};
use crate::screen::say;
use crate::store::{self, MissingStore};
use crate::target::{self, ShownCampaign, StoreLocation, Target};

/// Runs a plan: creates its campaign, or carries on with the unfinished one of its name.
pub async fn run(args: RunArgs) -> Result<Exit, CliError> {
    let mut plan = Plan::read(&args.plan)?;
    plan.attributes.extend(asking::attributes(&args.attribute)?);
    let envelope = asking::envelope(Some(&args.follow.write.ask))?;
    if args.follow.write.dry_run {
        return try_out(&plan, &args, envelope).await;
    }
    store::with_engine(&args.store.db, MissingStore::Create, async |engine| {
        let last = match args.follow.sandbox {
            true => sandbox::last_addresses(engine).await?,
            false => None,
        };
        let sandbox = match args.follow.sandbox {
            true => Some(sandbox::start(last).await?),
            false => None,
        };
        let exit = run_in(engine, &plan, &args, last, sandbox.as_ref(), envelope).await;
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
    envelope: Envelope,
) -> Result<Exit, CliError> {
    let resources = planned::resources(engine, plan, sandbox.map(Addresses::of))?;
    let report = planned::preflight(engine, plan, &resources).await?;
    let target = InFile::new(engine.clone(), envelope.clone());
    let (id, action) = match unfinished_of(&target, plan, args).await? {
        Some(view) => {
            let campaign = engine.campaign(view.id).await?.with_envelope(envelope.clone());
            let last = last.or(sandbox.map(Addresses::of));
            let found = Differences::find(engine, &campaign, &view, plan, last).await?;
            let begun = match args.apply {
                true => {
                    planned::store_resources(engine, &resources, &envelope).await?;
                    apply(&campaign, &view, plan, &found).await?
                }
                false => {
                    accept(engine, &view, args, &found)?;
                    repoint(engine, &resources, sandbox, &envelope).await?;
                    None
                }
            };
            match begun {
                Some(action) => (campaign.id(), action),
                None => {
                    let shown = target.campaign(campaign.id()).await?;
                    match go_on(&shown.view) {
                        Some(action) => (campaign.id(), action),
                        None => return blocked(&shown),
                    }
                }
            }
        }
        None => {
            if let Some(report) = planned::blockers(plan, &report) {
                return Err(CliError::preflight(report));
            }
            planned::store_resources(engine, &resources, &envelope).await?;
            let campaign = planned::create(engine, plan, &envelope).await?;
            (campaign.id(), StartAction::Start(first_to_run(engine, plan)))
        }
    };
    follow(&target, id, action, &args.follow, &typed_again(args)).await
}

/// The unfinished campaign that the plan is about.
async fn unfinished_of(
    target: &InFile,
    plan: &Plan,
    args: &RunArgs,
) -> Result<Option<CampaignView>, CliError> {
    match args.new {
        true => Ok(None),
        false => target::unfinished(target, &plan.name).await,
    }
}

/// The first phase that the plan doesn't skip.
fn first_to_run(engine: &Engine, plan: &Plan) -> PhaseName {
    let phases = engine.pipelines().flat_map(|pipeline| pipeline.phases().iter());
    let mut phases = phases.filter(|phase| !plan.skips.contains(*phase));
    phases
        .next()
        .expect("a campaign is created only if a phase is left to run")
        .clone()
}

/// Says what running a plan would do. Without a store it is as with an empty one, and none is made.
async fn try_out(plan: &Plan, args: &RunArgs, envelope: Envelope) -> Result<Exit, CliError> {
    if args.store.db.exists() {
        return store::with_engine(&args.store.db, MissingStore::Refuse, async |engine| {
            try_in(engine, plan, args, envelope).await
        })
        .await;
    }
    let empty = RedbStorage::in_memory().await.map_err(EngineError::from)?;
    try_in(&store::engine(empty)?, plan, args, envelope).await
}

async fn try_in(engine: &Engine, plan: &Plan, args: &RunArgs, envelope: Envelope) -> Result<Exit, CliError> {
    let last = match args.follow.sandbox {
        true => sandbox::last_addresses(engine).await?,
        false => None,
    };
    let resources = planned::resources(engine, plan, last)?;
    let report = planned::preflight(engine, plan, &resources).await?;
    let target = InFile::new(engine.clone(), envelope);
    let mut told = ToldRun::default();
    let stored = planned::to_store(engine, &resources).await?;
    told.resources = stored.iter().map(|(resource, _)| resource.to_string()).collect();
    let Some(view) = unfinished_of(&target, plan, args).await? else {
        if let Some(report) = planned::blockers(plan, &report) {
            return Err(CliError::preflight(report));
        }
        told.created = Some(plan.name.clone());
        told.configured = plan.configs.keys().map(ToString::to_string).collect();
        told.started = Some(first_to_run(engine, plan).to_string());
        return told.tell(args.follow.json);
    };
    let campaign = engine.campaign(view.id).await?;
    let found = Differences::find(engine, &campaign, &view, plan, last).await?;
    if !args.apply {
        accept(engine, &view, args, &found)?;
        return match go_on(&view) {
            Some(action) => follow(&target, view.id, action, &args.follow, "").await,
            None => blocked(&target.campaign(view.id).await?),
        };
    }
    let (configured, removed): (Vec<_>, Vec<_>) = found.configs.iter().partition(|one| one.planned.is_some());
    let configured = configured.iter().map(|one| &one.phase).chain(&found.absent);
    told.configured = configured.map(ToString::to_string).collect();
    told.unconfigured = removed.iter().map(|one| one.phase.to_string()).collect();
    told.mode = found.mode.map(|_| plan.mode.to_string());
    told.attributes = found.attributes.keys().cloned().collect();
    told.retry = found.retry.iter().map(ToString::to_string).collect();
    told.skipped = found.skips.iter().map(ToString::to_string).collect();
    told.changed = Some(view.name.clone());
    told.tell(args.follow.json)
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
fn blocked(shown: &ShownCampaign) -> Result<Exit, CliError> {
    let mut out = Output::new();
    out.line(summary::phases(shown))?;
    if let Some(blockers) = summary::blockers(&shown.view) {
        out.line(blockers)?;
    }
    out.line(summary::sentence(&shown.view, StoreLocation::File))?;
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
    let others = [
        ("attributes", !found.attributes.is_empty()),
        ("retry policies", !found.retry.is_empty()),
        ("phases to skip", !found.skips.is_empty()),
    ];
    for (what, _) in others.iter().filter(|(_, differ)| *differ) {
        say(format_args!(
            "note: the plan has other {what} than the campaign: --apply takes them over"
        ));
    }
    Ok(())
}

/// Stores the missing resources of the plan, and points personas at this sandbox.
async fn repoint(
    engine: &Engine,
    resources: &Resources,
    sandbox: Option<&Sandbox>,
    envelope: &Envelope,
) -> Result<(), CliError> {
    if let Some(sandbox) = sandbox {
        sandbox::point_stored(engine, Addresses::of(sandbox)).await?;
    }
    planned::store_resources(engine, resources, envelope).await
}

/// Changes the campaign to what the plan says. If the plan has another config for a completed phase, the chain must begin
/// afresh there, and that action is returned.
async fn apply(
    campaign: &CampaignHandle,
    view: &CampaignView,
    plan: &Plan,
    found: &Differences,
) -> Result<Option<StartAction>, CliError> {
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
    if !found.attributes.is_empty() {
        campaign.describe(None, found.attributes.clone()).await?;
    }
    for phase in &found.retry {
        campaign
            .set_retry(phase.as_str(), plan.retry.get(phase).cloned())
            .await?;
    }
    for phase in &found.skips {
        campaign.skip(phase.as_str()).await?;
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
