//! The command line and its help.

mod settings;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use phasegate::Mode;

use self::settings::attribute;
pub use self::settings::{DescribeArgs, PruneArgs, RetryArgs};
use crate::asking::WriteArgs;

/// Runs campaigns: work in phases, configured first, started once, and durable in one file.
#[derive(Debug, Parser)]
#[command(
    name = "phasegate",
    version,
    max_term_width = 110,
    after_help = "Examples:
  phasegate run examples/lead-generation.json --sandbox    everything, against a sandbox on this machine
  phasegate check plan.json                                is anything missing?
  phasegate show lead-generation                           how does it stand, and what can be done now?
  phasegate records lead-generation analysis --format table
  phasegate pause lead-generation --url http://127.0.0.1:8080    where 'phasegate serve' holds the store
  phasegate start lead-generation --dry-run                what would that do?

Exit codes: 0 done, 1 unexpected, 2 usage or bad plan, 3 refused by preflight, 4 a phase failed,
5 waiting for configuration, 130 interrupted and paused, 143 asked to end.

PHASEGATE_LOG sets what is logged to the standard error, such as 'info' or 'phasegate=debug'; warnings unless set."
)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of `phasegate`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a plan: create its campaign, or carry on with the unfinished one of its name
    Run(RunArgs),
    /// Start a phase, or start it again after a failure or stop, and follow the campaign until it rests
    Start(StartArgs),
    /// Resume a paused or interrupted campaign, and follow it until it rests
    Resume(ResumeArgs),
    /// Begin a phase afresh; later phases become not started
    Restart(RestartArgs),
    /// Pause the phase that runs at a server, or that was interrupted; launches nothing
    Pause(RestArgs),
    /// Stop a paused or interrupted phase, or one that runs at a server, so that its config can be changed; launches nothing
    Stop(RestArgs),
    /// Skip a phase: at once if the campaign has come to it, else when it gets there
    Skip(PhaseArgs),
    /// Withdraw the plan to skip a phase
    Unskip(PhaseArgs),
    /// List the campaigns
    List(ListArgs),
    /// Show the state of a campaign, and what can be done now
    Show(ShowArgs),
    /// Store the config of a phase
    Configure(ConfigureArgs),
    /// Remove the config of a phase that has not started
    Unconfigure(PhaseArgs),
    /// Set how a campaign advances; starts nothing
    Mode(ModeArgs),
    /// Give a campaign another name, or other attributes
    Describe(DescribeArgs),
    /// Set when the failures of a phase are tried again by themselves, in place of the pipeline's policy
    Retry(RetryArgs),
    /// Hide older runs of phases, and reclaim the space of their records
    Prune(PruneArgs),
    /// Delete a campaign with all its records
    Delete(DeleteArgs),
    /// Print the log of a campaign, or of the whole store
    Events(EventsArgs),
    /// Print the records of a phase
    Records(RecordsArgs),
    /// Serve a store over HTTP: the API, its event streams and its OpenAPI document
    Serve(ServeArgs),
    /// Check a plan without storing anything
    Check(CheckArgs),
    /// Print the JSON Schema of a phase's config, a kind of resource, the plan or the pipeline
    Schema(SchemaArgs),
    /// Print the states of a campaign and the ways between them, as a Mermaid diagram
    Diagram,
    /// Check a store: every page and value, and each campaign against its log
    Verify(VerifyArgs),
    /// Copy a store that is in use into a new file, consistently
    Backup(BackupArgs),
    /// Print a script that completes commands in a shell
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// Which store.
#[derive(Args, Clone, Debug)]
pub struct StoreArgs {
    /// The store
    #[arg(long, value_name = "FILE", default_value = "phasegate.redb")]
    pub db: PathBuf,
}

/// Which store: a file, or the one that a server holds.
#[derive(Args, Clone, Debug)]
pub struct TargetArgs {
    /// The store
    #[arg(long, value_name = "FILE", default_value = "phasegate.redb")]
    pub db: PathBuf,
    /// The server that holds the store, instead of a file: http://HOST:PORT
    #[arg(long, value_name = "URL", conflicts_with = "db")]
    pub url: Option<String>,
    /// The server's token; else PHASEGATE_TOKEN, or, for a server on this machine, phasegate.redb.token in this folder
    #[arg(long, value_name = "FILE", requires = "url")]
    pub token_file: Option<PathBuf>,
}

/// How a campaign is followed.
#[derive(Args, Clone, Debug)]
pub struct FollowArgs {
    /// Start a DNS server and an HTTP site on this machine, and point the personas at them
    #[arg(long)]
    pub sandbox: bool,
    /// Print events as JSON, one a line, instead of progress and a summary
    #[arg(long)]
    pub json: bool,
    /// What comes with a write.
    #[command(flatten)]
    pub write: WriteArgs,
}

/// One campaign in a store.
#[derive(Args, Clone, Debug)]
pub struct CampaignArgs {
    /// The campaign's name or id; of several with one name, the unfinished one, else the newest
    pub campaign: String,
    /// Its store.
    #[command(flatten)]
    pub target: TargetArgs,
}

/// `phasegate run`
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  phasegate run examples/lead-generation.json --sandbox
  phasegate run plan.json --db campaigns.redb
  phasegate run plan.json --apply     the plan was changed: its campaign takes the changes over
  phasegate run plan.json --new       leave the unfinished campaign as it is, and create another
  phasegate run plan.json --json | jq 'select(.type == \"phase_completed\")'

Ctrl-C pauses; the same command carries on from there. So it does after a kill.")]
pub struct RunArgs {
    /// The plan, or - for the standard input
    #[arg(value_name = "PLAN.json")]
    pub plan: PathBuf,
    /// The store; a missing one is created.
    #[command(flatten)]
    pub store: StoreArgs,
    /// How it is followed.
    #[command(flatten)]
    pub follow: FollowArgs,
    /// Change the unfinished campaign to what the plan says
    #[arg(long, conflicts_with = "new")]
    pub apply: bool,
    /// Create a new campaign, even if one of that name is unfinished
    #[arg(long)]
    pub new: bool,
    /// An attribute, beside those of the plan; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = attribute)]
    pub attribute: Vec<(String, String)>,
}

/// `phasegate start`
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  phasegate start lead-generation                   the phase whose turn it is
  phasegate start lead-generation dns_validation --sandbox
  phasegate start lead-generation --url http://127.0.0.1:8080

With --url, Ctrl-C ends the following only: the server goes on.")]
pub struct StartArgs {
    /// The campaign.
    #[command(flatten)]
    pub campaign: CampaignArgs,
    /// The phase; by default the one whose turn it is
    pub phase: Option<String>,
    /// How it is followed.
    #[command(flatten)]
    pub follow: FollowArgs,
}

/// `phasegate resume`
#[derive(Args, Debug)]
pub struct ResumeArgs {
    /// The campaign.
    #[command(flatten)]
    pub campaign: CampaignArgs,
    /// How it is followed.
    #[command(flatten)]
    pub follow: FollowArgs,
}

/// `phasegate restart`
#[derive(Args, Debug)]
#[command(after_help = "Example:
  phasegate restart lead-generation analysis --config analysis.json")]
pub struct RestartArgs {
    /// The campaign.
    #[command(flatten)]
    pub campaign: CampaignArgs,
    /// The phase to begin afresh
    pub phase: String,
    /// A file with its new config, or - for the standard input
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How it is followed.
    #[command(flatten)]
    pub follow: FollowArgs,
}

/// `phasegate list`
#[derive(Args, Debug)]
pub struct ListArgs {
    /// The store.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Only campaigns with this attribute; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = attribute)]
    pub attribute: Vec<(String, String)>,
    /// Print JSON, one campaign a line
    #[arg(long)]
    pub json: bool,
}

/// `phasegate show`
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// The campaign.
    #[command(flatten)]
    pub campaign: CampaignArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `phasegate configure`
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  phasegate configure lead-generation analysis analysis.json
  echo '{\"keyword\": \"phasegate\"}' | phasegate configure lead-generation analysis -")]
pub struct ConfigureArgs {
    /// The campaign.
    #[command(flatten)]
    pub campaign: CampaignArgs,
    /// The phase
    pub phase: String,
    /// A file with its config as JSON, or - for the standard input
    pub config: PathBuf,
    /// What comes with a write.
    #[command(flatten)]
    pub write: WriteArgs,
}

/// `phasegate pause` and `phasegate stop`
#[derive(Args, Debug)]
pub struct RestArgs {
    /// The campaign.
    #[command(flatten)]
    pub campaign: CampaignArgs,
    /// What comes with a write.
    #[command(flatten)]
    pub write: WriteArgs,
}

/// A command to a phase without anything else: `phasegate unconfigure`, `phasegate skip` and `phasegate unskip`
#[derive(Args, Debug)]
pub struct PhaseArgs {
    /// The campaign.
    #[command(flatten)]
    pub campaign: CampaignArgs,
    /// The phase
    pub phase: String,
    /// What comes with a write.
    #[command(flatten)]
    pub write: WriteArgs,
}

/// `phasegate mode`
#[derive(Args, Debug)]
pub struct ModeArgs {
    /// The campaign.
    #[command(flatten)]
    pub campaign: CampaignArgs,
    /// The mode
    #[arg(value_parser = modes())]
    pub mode: Mode,
    /// What comes with a write.
    #[command(flatten)]
    pub write: WriteArgs,
}

/// Reads a mode, and tells in the help which there are.
fn modes() -> impl TypedValueParser<Value = Mode> {
    let words = Mode::ALL
        .iter()
        .map(|mode| PossibleValue::new(mode.as_str()).help(mode.about().trim_end_matches('.')));
    PossibleValuesParser::new(words)
        .try_map(|word| Mode::from_word(&word).ok_or_else(|| format!("there is no mode {word}")))
}

/// `phasegate delete`
#[derive(Args, Debug)]
pub struct DeleteArgs {
    /// The campaign.
    #[command(flatten)]
    pub campaign: CampaignArgs,
    /// Don't ask
    #[arg(long)]
    pub yes: bool,
    /// What comes with a write.
    #[command(flatten)]
    pub write: WriteArgs,
}

/// `phasegate events`
#[derive(Args, Debug)]
pub struct EventsArgs {
    /// The campaign's name or id; by default the whole store
    pub campaign: Option<String>,
    /// The store.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Only events after the one with this cursor
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<String>,
    /// Print JSON, one event a line
    #[arg(long)]
    pub json: bool,
}

/// `phasegate records`
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  phasegate records lead-generation analysis --format table --limit 20
  phasegate records lead-generation dns_validation --format csv > domains.csv
  phasegate records lead-generation analysis | jq 'select(.matched)'")]
pub struct RecordsArgs {
    /// The campaign.
    #[command(flatten)]
    pub campaign: CampaignArgs,
    /// The phase
    pub phase: String,
    /// An older run of the phase; by default the current one
    #[arg(long)]
    pub run: Option<u32>,
    /// How to print them
    #[arg(long, value_enum, default_value_t = RecordsFormat::Ndjson)]
    pub format: RecordsFormat,
    /// How many to skip
    #[arg(long, default_value_t = 0)]
    pub from: u64,
    /// How many to print; by default all, and 100 in a table
    #[arg(long)]
    pub limit: Option<u64>,
}

/// How records are printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum RecordsFormat {
    /// JSON, one record a line
    Ndjson,
    /// Comma-separated values (RFC 4180) with a line of names; nested values as JSON
    Csv,
    /// A table
    Table,
}

/// `phasegate serve`
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  phasegate serve --sandbox
  phasegate serve --db campaigns.redb --listen 0.0.0.0:8080 --allow-host phasegate.example.org

The first start makes a token and keeps it in FILE.token beside the store, for its owner alone. The login link that is printed
gives a browser a cookie; programs send 'Authorization: Bearer TOKEN'. Ctrl-C is not a pause: what runs goes on at the next
start.")]
pub struct ServeArgs {
    /// The store; a missing one is created.
    #[command(flatten)]
    pub store: StoreArgs,
    /// The address and port to listen on
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Start a DNS server and an HTTP site on this machine, and make the personas sandbox-dns and sandbox-http for them
    #[arg(long)]
    pub sandbox: bool,
    /// Answer for this host too, besides the loopback's names; may be repeated
    #[arg(long, value_name = "HOST")]
    pub allow_host: Vec<String>,
    /// The file of the token; by default beside the store
    #[arg(long, value_name = "FILE", conflicts_with = "no_auth")]
    pub token_file: Option<PathBuf>,
    /// Ask for no token; on a loopback address only
    #[arg(long)]
    pub no_auth: bool,
}

/// `phasegate check`
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The plan, or - for the standard input
    #[arg(value_name = "PLAN.json")]
    pub plan: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `phasegate schema`
#[derive(Args, Debug)]
pub struct SchemaArgs {
    /// A phase, a kind of resource, 'plan' or 'pipeline'; without it they are listed
    pub name: Option<String>,
}

/// `phasegate verify`
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// The store
    #[arg(default_value = "phasegate.redb")]
    pub file: PathBuf,
}

/// `phasegate backup`
#[derive(Args, Debug)]
pub struct BackupArgs {
    /// The store
    pub file: PathBuf,
    /// The new file
    pub to: PathBuf,
}
