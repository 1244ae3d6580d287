//! `phasegate backup`

use indicatif::{HumanBytes, ProgressBar};
use phasegate::storage::Storage;

use crate::args::BackupArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render::tables::count;
use crate::screen;
use crate::store::{self, MissingStore};

/// Copies a store into a new file.
pub async fn backup(args: BackupArgs) -> Result<Exit, CliError> {
    if args.to.symlink_metadata().is_ok() {
        return Err(CliError::Usage(format!(
            "{} exists already, and a backup never replaces a file: name another",
            args.to.display()
        )));
    }
    let storage = store::open_file(&args.file, MissingStore::Refuse).await?;
    let bar = screen::bars().add(ProgressBar::no_length());
    let drawn = bar.clone();
    let copied = storage
        .backup(&args.to, move |progress| {
            drawn.set_length(progress.total);
            drawn.set_position(progress.done);
        })
        .await;
    bar.finish_and_clear();
    let report = copied.map_err(phasegate::EngineError::from)?;
    storage.close().await.map_err(phasegate::EngineError::from)?;
    let mut out = Output::new();
    out.line(format_args!(
        "{} holds {} values, {}; {} grew by {} meanwhile",
        args.to.display(),
        count(report.values),
        HumanBytes(report.bytes_written),
        args.file.display(),
        HumanBytes(report.source_grew_by)
    ))?;
    out.flush()?;
    Ok(Exit::Done)
}
