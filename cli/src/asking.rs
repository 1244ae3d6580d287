//! What comes with a command that writes: who asks and why, and whether it is only tried.

use clap::Args;
use phasegate::core::Attributes;
use phasegate::{EngineError, Envelope};

use crate::error::CliError;

/// The variable that the actor is taken from.
const ACTOR_VARIABLE: &str = "PHASEGATE_ACTOR";

/// Who asks, and why.
#[derive(Args, Clone, Debug, Default)]
pub struct AskArgs {
    /// Who asks for it, for the log; else PHASEGATE_ACTOR
    #[arg(long, value_name = "NAME")]
    pub actor: Option<String>,
    /// Why it is asked for, for the log
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// What comes with every command that writes.
#[derive(Args, Clone, Debug, Default)]
pub struct WriteArgs {
    /// Who asks, and why.
    #[command(flatten)]
    pub ask: AskArgs,
    /// Say what would be done, and do nothing; the exit code is 0 only if it would be accepted
    #[arg(long)]
    pub dry_run: bool,
}

/// The envelope of every command; none where nothing is written.
pub fn envelope(args: Option<&AskArgs>) -> Result<Envelope, CliError> {
    let Some(args) = args else {
        return Ok(Envelope::none());
    };
    let named = args.actor.clone();
    let actor = named
        .or_else(|| std::env::var(ACTOR_VARIABLE).ok())
        .unwrap_or_default();
    let reason = args.reason.clone().unwrap_or_default();
    let envelope = Envelope::none().by(actor).and_then(|one| one.because(reason));
    Ok(envelope.map_err(EngineError::from)?)
}

/// The attributes that are named on the command line.
pub fn attributes(named: &[(String, String)]) -> Result<Attributes, CliError> {
    let mut attributes = Attributes::new();
    for (key, value) in named {
        if attributes.insert(key.clone(), value.clone()).is_some() {
            return Err(CliError::Usage(format!("the attribute {key} is named twice")));
        }
    }
    Ok(attributes)
}
