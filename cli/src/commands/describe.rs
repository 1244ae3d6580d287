//! `phasegate describe`

use phasegate::core::{AttributeChanges, Command};

use crate::args::DescribeArgs;
use crate::asking;
use crate::carried_out::carry_out;
use crate::error::CliError;
use crate::exit::Exit;
use crate::opened::with_campaign;
use crate::output::print_line;
use crate::render::summary;

/// Gives a campaign another name, other attributes, or both.
pub async fn describe(args: DescribeArgs) -> Result<Exit, CliError> {
    let set = asking::attributes(&args.attribute)?;
    let mut attributes: AttributeChanges = set.into_iter().map(|(key, value)| (key, Some(value))).collect();
    for key in &args.remove {
        if attributes.insert(key.clone(), None).is_some() {
            return Err(CliError::Usage(format!("the attribute {key} is named twice")));
        }
    }
    if args.name.is_none() && attributes.is_empty() {
        return Err(CliError::Usage(
            "say what to change: --name NAME, --attribute KEY=VALUE or --remove KEY".to_owned(),
        ));
    }
    with_campaign(&args.campaign, Some(&args.write.ask), async |target, id| {
        let name = args.name.clone();
        let command = Command::Describe { name, attributes };
        carry_out(target, id, command, &args.write, async |changed| {
            let view = target.campaign(id).await?.view;
            let since = if changed { "now" } else { "already" };
            let attributes = summary::attributes(&view).unwrap_or_else(|| "no attributes".to_owned());
            print_line(format_args!("{} has {since} {attributes}", view.name))
        })
        .await
    })
    .await
}
