//! `phasegate retry`

use phasegate::core::Command;
use phasegate::{EngineError, PhaseName, RetryPolicy};

use crate::args::RetryArgs;
use crate::carried_out::carry_out;
use crate::error::CliError;
use crate::exit::Exit;
use crate::opened::with_campaign;
use crate::output::print_line;

/// Sets a campaign's own retry policy for a phase, or takes it away.
pub async fn retry(args: RetryArgs) -> Result<Exit, CliError> {
    with_campaign(&args.campaign, Some(&args.write.ask), async |target, id| {
        let phase = PhaseName::new(&args.phase).map_err(EngineError::from)?;
        let policy = policy(&args);
        let command = Command::SetRetry {
            phase: phase.clone(),
            policy: policy.clone(),
        };
        carry_out(target, id, command, &args.write, async |changed| {
            let since = if changed { "now" } else { "already" };
            print_line(match &policy {
                Some(policy) => format!("{phase} has {since} {} tries", policy.max_tries),
                None => format!("{phase} has {since} no policy of its own"),
            })
        })
        .await
    })
    .await
}

fn policy(args: &RetryArgs) -> Option<RetryPolicy> {
    let usual = RetryPolicy::new(args.max_tries?);
    Some(RetryPolicy {
        initial_delay_ms: args.initial_delay_ms.unwrap_or(usual.initial_delay_ms),
        factor: args.factor.unwrap_or(usual.factor),
        max_delay_ms: args.max_delay_ms.unwrap_or(usual.max_delay_ms),
        jitter: args.jitter.unwrap_or(usual.jitter),
        final_codes: args.final_codes.clone(),
        ..usual
    })
}
