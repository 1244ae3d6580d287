//! Backup: a consistent copy while the store is in use.

mod omitted;

use std::path::Path;

use phasegate_core::storage::StorageError;
use redb::backends::FileBackend;
use redb::{Database, ReadableTable, ReadableTableMetadata};

use crate::fault::{Fault, unavailable};
use crate::file::{self, JOURNAL_BYTES};
use crate::format::open_all;
use crate::long_task::{self, LongTask, Progress};
use crate::open::{ExistingFile, publish, temporary_beside};
use crate::open_store::{OpenStore, no_panic};
use crate::rows::{self, View};
use crate::store::RedbStorage;
use crate::tables;
use crate::write::begin;
use omitted::Omitted;

/// A transaction of the copy ends when it has this many bytes.
const STEP_BYTES: usize = 8 * 1024 * 1024;
/// The memory for the copy's pages.
const CACHE_BYTES: usize = 32 * 1024 * 1024;

/// The result of a backup.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct BackupReport {
    /// How many values were copied.
    pub values: u64,
    /// The size of the new file, in bytes.
    pub bytes_written: u64,
    /// How much the source file grew during the backup, in bytes: pages that are replaced during the copy can't be reused
    /// until its end. 0 for a store without a file.
    pub source_grew_by: u64,
}

impl RedbStorage {
    /// Copies the store, as it is at this moment, into the new file `to`. The store stays in use.
    ///
    /// Copy the file itself only while the store is closed. The file of an open store changes during the copy, so the copy may
    /// mix several moments, and may not even open.
    ///
    /// The copy has the store's secret, so the tokens of answers hold in it. It has nothing of a deleted campaign but the event of
    /// its deletion and that one's idempotency key, and nothing of pruned runs, also where their space is not reclaimed yet.
    ///
    /// The backup is written under another name in the same folder, synced, and then renamed: `to` is either complete or
    /// missing. It opens like any store. `progress` is called every few hundred values.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when the file `to` exists already or can't be written, [`StorageError::Closed`] when the
    /// store is closed during the backup. No new file is left at `to`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the backup and deletes the partial copy.
    pub async fn backup(
        &self,
        to: impl AsRef<Path>,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<BackupReport, StorageError> {
        let to = to.as_ref().to_owned();
        let shared = self.shared().clone();
        long_task::run(Some(shared.clone()), progress, move |task| {
            back_up(&shared, &to, task)
        })
        .await
    }
}

fn back_up(shared: &OpenStore, to: &Path, task: &mut LongTask) -> Result<BackupReport, StorageError> {
    let name = to.display().to_string();
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => unavailable(format!("{name} exists already")),
        _ => unavailable(format!("{name} can't be written: {error}")),
    };
    // Checked here only to fail early. Publishing the copy never replaces a file.
    if to.symlink_metadata().is_ok() {
        return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
    }
    let temporary = temporary_beside(to).map_err(failed)?;
    let file = temporary.reopen().map_err(failed)?;
    let before = size(shared);
    let values = shared.read(|txn| {
        let backend = FileBackend::new(file)
            .map_err(redb::Error::from)
            .map_err(Fault::Broken)?;
        let copy =
            file::open_pages(backend, &name, &file::builder(CACHE_BYTES), Some(JOURNAL_BYTES))?.database;
        let values = copy_all(txn, &copy, task)?;
        copy.close().map_err(|error| Fault::Broken(error.into()))?;
        Ok(values)
    })?;
    let source_grew_by = size(shared).saturating_sub(before);
    let bytes_written = temporary.as_file().metadata().map_err(failed)?.len();
    publish(temporary, to, ExistingFile::Keep).map_err(failed)?;
    Ok(BackupReport {
        values,
        bytes_written,
        source_grew_by,
    })
}

fn size(shared: &OpenStore) -> u64 {
    let metadata = shared.path.as_ref().and_then(|path| std::fs::metadata(path).ok());
    metadata.map_or(0, |metadata| metadata.len())
}

/// Copies all rows that are not omitted. Returns how many.
fn copy_all(txn: &View, copy: &Database, task: &mut LongTask) -> Result<u64, Fault> {
    let mut total = 0;
    for table in tables::ALL {
        total += rows::table(txn, table)?.len()?;
    }
    task.begin(total)?;
    let omitted = Omitted::of(txn)?;
    let step = begin(copy)?;
    open_all(&step)?;
    no_panic(|| Ok(step.commit()?))?;
    let mut copied = 0;
    for spec in tables::ALL {
        let from = rows::table(txn, spec)?;
        let mut entries = ReadableTable::iter(from)?.peekable();
        while entries.peek().is_some() {
            let step = begin(copy)?;
            let mut to = step.open_table(spec.definition())?;
            let mut bytes = 0;
            while bytes < STEP_BYTES
                && let Some(entry) = entries.next()
            {
                let (key, value) = entry?;
                let (key, value) = (key.value(), value.value());
                bytes += key.len() + value.len();
                if !omitted.has(spec, key, value)? {
                    to.insert(key, value)?;
                    copied += 1;
                }
                task.step()?;
            }
            drop(to);
            no_panic(|| Ok(step.commit()?))?;
        }
    }
    Ok(copied)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use phasegate_core::{EventKind, Timestamp};
    use serde_json::json;

    use super::*;
    use crate::scratch::{append, commit, database, entries, in_one, keyed, pruning, running, tell};
    use crate::tables::{BY_EXPIRY, CONFIGS, IDEMPOTENCY, RECLAIM, RECLAIM_RUNS, RECORDS, RUNS};
    use crate::write::{Reclaimed, reclaim_some};

    #[test]
    fn what_waits_to_be_reclaimed_is_left_out_and_all_else_is_copied() {
        let source = database();
        let never = Timestamp::from_unix_ms(4_000_000_000_000);
        in_one(&source, |group| {
            for id in 1..=3 {
                let mut story = running(group, id)?;
                let config = story.configuration("second", json!({ "of": id.to_string() }));
                commit(group, &mut story, keyed(config, "config", never))?;
                for run in 1..=3 {
                    append(group, &story, 1, "record")?;
                    if run < 3 {
                        let again = vec![story.stop("first"), story.restart("first")];
                        tell(group, &mut story, again)?;
                    }
                }
                if id == 2 {
                    let deletion = story.transition(vec![EventKind::CampaignDeleted {}]);
                    commit(group, &mut story, keyed(deletion, "deletion", never))?;
                }
                if id == 3 {
                    tell(group, &mut story, vec![pruning(1)])?;
                    tell(group, &mut story, vec![pruning(2)])?;
                }
            }
            Ok(())
        });
        let copy = Database::builder()
            .create_with_backend(redb::backends::InMemoryBackend::new())
            .unwrap();
        let mut task = LongTask::new(None, Arc::default(), |_| ());
        let copied = copy_all(&View::of(&source).unwrap(), &copy, &mut task).unwrap();

        let counts = [
            &CONFIGS,
            &RUNS,
            &RECORDS,
            &IDEMPOTENCY,
            &BY_EXPIRY,
            &RECLAIM,
            &RECLAIM_RUNS,
        ]
        .map(|spec| entries(&copy, spec).len());
        assert_eq!(counts, [2, 4, 4, 3, 3, 0, 0]);
        // Once all is reclaimed, the source has what its copy has.
        while in_one(&source, reclaim_some) == Reclaimed::Some {}
        let mut total = 0;
        for spec in tables::ALL {
            let rows = entries(&source, spec);
            total += rows.len() as u64;
            assert_eq!(entries(&copy, spec), rows, "{}", spec.name);
        }
        assert_eq!(copied, total);
    }
}
