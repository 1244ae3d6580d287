//! `phasegate check`

use phasegate_storage_redb::RedbStorage;

use crate::args::CheckArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Output, print_line};
use crate::plan::Plan;
use crate::{planned, store};

/// Checks a plan as `run` does with an empty store.
pub async fn check(args: CheckArgs) -> Result<Exit, CliError> {
    let plan = Plan::read(&args.plan)?;
    let empty = RedbStorage::in_memory()
        .await
        .map_err(phasegate::EngineError::from)?;
    let engine = store::engine(empty)?;
    let resources = planned::resources(&engine, &plan, None)?;
    let report = planned::preflight(&engine, &plan, &resources).await?;
    if let Some(report) = planned::blockers(&plan, &report) {
        return Err(CliError::preflight(report));
    }
    if args.json {
        Output::new().json(&report)?;
        return Ok(Exit::Done);
    }
    let missing: Vec<_> = report.missing_phases().iter().map(ToString::to_string).collect();
    match missing[..] {
        [] => print_line(format_args!(
            "{} is ready: every phase has a valid config",
            plan.name
        ))?,
        _ => print_line(format_args!(
            "{} is ready for its first phase; without a config so far: {}",
            plan.name,
            missing.join(", ")
        ))?,
    }
    Ok(Exit::Done)
}
