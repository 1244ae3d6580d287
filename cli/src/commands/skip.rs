//! `phasegate skip` and `phasegate unskip`

use phasegate::core::Command;
use phasegate::{CampaignView, EngineError, PhaseName, PhaseStatus};

use crate::args::PhaseArgs;
use crate::carried_out::carry_out;
use crate::error::CliError;
use crate::exit::Exit;
use crate::opened::with_campaign;
use crate::output::print_line;

/// Skips a phase, or plans to.
pub async fn skip(args: PhaseArgs) -> Result<Exit, CliError> {
    send(&args, |phase| Command::Skip { phase }).await
}

/// Withdraws the plan to skip a phase.
pub async fn unskip(args: PhaseArgs) -> Result<Exit, CliError> {
    send(&args, |phase| Command::Unskip { phase }).await
}

async fn send(args: &PhaseArgs, command: fn(PhaseName) -> Command) -> Result<Exit, CliError> {
    with_campaign(&args.campaign, Some(&args.write.ask), async |target, id| {
        let phase = PhaseName::new(&args.phase).map_err(EngineError::from)?;
        carry_out(target, id, command(phase.clone()), &args.write, async |_| {
            let view = target.campaign(id).await?.view;
            print_line(format_args!("{phase} {}", said(&view, &phase)))
        })
        .await
    })
    .await
}

fn said(view: &CampaignView, phase: &PhaseName) -> &'static str {
    let shown = view.phases.iter().find(|one| one.phase == *phase);
    match shown.map(|shown| (shown.status, shown.skip.is_some())) {
        Some((PhaseStatus::Skipped, _)) => "is skipped",
        Some((_, true)) => "is to be skipped",
        _ => "is not to be skipped",
    }
}
