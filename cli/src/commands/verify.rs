//! `phasegate verify`

use indicatif::ProgressBar;
use phasegate_storage_redb::verify_file;

use crate::args::VerifyArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render::tables::count;
use crate::screen;

/// Checks every page and value of a store, and each campaign against its log.
pub async fn verify(args: VerifyArgs) -> Result<Exit, CliError> {
    if !args.file.exists() {
        return Err(CliError::NoStore { path: args.file });
    }
    let bar = screen::bars().add(ProgressBar::no_length());
    let drawn = bar.clone();
    let report = verify_file(&args.file, move |progress| {
        drawn.set_length(progress.total);
        drawn.set_position(progress.done);
    })
    .await
    .map_err(phasegate::EngineError::from)?;
    bar.finish_and_clear();
    let mut out = Output::new();
    for finding in &report.findings {
        out.line(finding)?;
    }
    let read = [
        ("campaigns", report.campaigns),
        ("deleted", report.deleted),
        ("events", report.events),
        ("configs", report.configs),
        ("runs", report.runs),
        ("records", report.records),
        ("resources", report.resources),
        ("idempotency keys", report.idempotency_keys),
    ];
    let read = read.map(|(what, number)| format!("{} {what}", count(number)));
    out.line(format_args!("read {}", read.join(", ")))?;
    if !report.is_clean() {
        out.flush()?;
        return Err(CliError::Damaged {
            path: args.file,
            findings: report.findings_total,
        });
    }
    out.line(format_args!(
        "{} is sound: every value is as it was written, and every campaign is what its log says",
        args.file.display()
    ))?;
    out.flush()?;
    Ok(Exit::Done)
}
