//! `phasegate schema`

use serde_json::Value;

use crate::args::SchemaArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::plan::Plan;

/// Prints a JSON Schema, or lists all of them.
pub fn schema(args: SchemaArgs) -> Result<Exit, CliError> {
    let mut out = Output::new();
    let all = schemas();
    match args.name {
        None => {
            for (name, schema) in &all {
                let title = schema.get("title").and_then(Value::as_str).unwrap_or_default();
                out.line(format_args!("{name:<20} {title}"))?;
            }
        }
        Some(name) => match all.iter().find(|(known, _)| *known == name) {
            Some((_, schema)) => out.line(format_args!("{schema:#}"))?,
            None => {
                let known: Vec<_> = all.into_iter().map(|(name, _)| name).collect();
                return Err(CliError::Usage(format!(
                    "there is no schema {name:?}: there are {}",
                    known.join(", ")
                )));
            }
        },
    }
    out.flush().map(|()| Exit::Done)
}

/// Every schema by its name on the command line.
fn schemas() -> Vec<(String, Value)> {
    let mut all: Vec<_> = phasegate_phases::schemas()
        .into_iter()
        .map(|(file, schema)| (file.trim_end_matches(".schema.json").to_owned(), schema))
        .collect();
    all.push(("plan".to_owned(), Plan::schema()));
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all
}
