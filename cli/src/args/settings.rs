//! The arguments of commands that set what a campaign is called, how it is tried again, and what stays of it.

use clap::Args;

use super::CampaignArgs;
use crate::asking::WriteArgs;

/// `phasegate describe`
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  phasegate describe lead-generation --attribute team=blue --attribute year=2026
  phasegate describe lead-generation --name leads --remove year")]
pub struct DescribeArgs {
    /// The campaign.
    #[command(flatten)]
    pub campaign: CampaignArgs,
    /// Its new name
    #[arg(long)]
    pub name: Option<String>,
    /// An attribute to set; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = attribute)]
    pub attribute: Vec<(String, String)>,
    /// The key of an attribute to remove; may be repeated
    #[arg(long, value_name = "KEY")]
    pub remove: Vec<String>,
    /// What comes with a write.
    #[command(flatten)]
    pub write: WriteArgs,
}

/// `phasegate retry`
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  phasegate retry lead-generation dns_validation --max-tries 5
  phasegate retry lead-generation http_validation --max-tries 3 --initial-delay-ms 60000 --final proxy_unauthorized
  phasegate retry lead-generation dns_validation --remove")]
pub struct RetryArgs {
    /// The campaign.
    #[command(flatten)]
    pub campaign: CampaignArgs,
    /// The phase
    pub phase: String,
    /// How many tries there are in all, the first included, without progress between them
    #[arg(long, value_name = "COUNT", required_unless_present = "remove")]
    pub max_tries: Option<u32>,
    /// The delay before the first retry, in milliseconds; 1,000 unless given
    #[arg(long, value_name = "MS")]
    pub initial_delay_ms: Option<u64>,
    /// What each further delay is multiplied with; 2 unless given
    #[arg(long)]
    pub factor: Option<f64>,
    /// The longest delay, in milliseconds; 300,000 unless given
    #[arg(long, value_name = "MS")]
    pub max_delay_ms: Option<u64>,
    /// The part of a delay, 0 to 1, that may be left out of it; 0.5 unless given
    #[arg(long, value_name = "PART")]
    pub jitter: Option<f64>,
    /// The code of a failure that is never tried again; may be repeated
    #[arg(long = "final", value_name = "CODE")]
    pub final_codes: Vec<String>,
    /// Take the campaign's own policy away; the pipeline's is in force again
    #[arg(
        long,
        conflicts_with_all = ["max_tries", "initial_delay_ms", "factor", "max_delay_ms", "jitter", "final_codes"]
    )]
    pub remove: bool,
    /// What comes with a write.
    #[command(flatten)]
    pub write: WriteArgs,
}

/// `phasegate prune`
#[derive(Args, Debug)]
pub struct PruneArgs {
    /// The campaign.
    #[command(flatten)]
    pub campaign: CampaignArgs,
    /// How many of the latest runs of a phase stay; the current one always does
    #[arg(long, value_name = "COUNT")]
    pub keep: u32,
    /// Only of this phase
    #[arg(long)]
    pub phase: Option<String>,
    /// What comes with a write.
    #[command(flatten)]
    pub write: WriteArgs,
}

/// Reads an attribute.
pub fn attribute(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("an attribute is KEY=VALUE".to_owned()),
    }
}
