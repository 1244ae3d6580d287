//! Verification: reads every value, and compares all values that must agree.

mod campaigns;
mod graves;
mod indexes;
mod log;
mod output;
mod report;
mod shared_tables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use phasegate_core::CampaignId;
use phasegate_core::storage::StorageError;
use redb::ReadableTableMetadata;

use crate::fault::Fault;
use crate::file;
use crate::format;
use crate::journal::{self, EPOCH_KEY};
use crate::key::{self, Key};
use crate::long_task::{self, LongTask, Progress};
use crate::open::backend;
use crate::open_store::no_panic;
use crate::rows::{self, Rows, View};
use crate::store::RedbStorage;
use crate::tables::{self, CAMPAIGNS, Content, META, TableSpec};

use log::ToldOfResource;
pub use report::{Finding, VerifyReport};

/// The memory for the pages of a file that is verified.
const CACHE_BYTES: usize = 64 * 1024 * 1024;

impl RedbStorage {
    /// Verifies the store as it is at this moment. The store stays in use.
    ///
    /// It checks every value's checksum and form, compares every snapshot with the fold of its log, and compares the logs, the
    /// indexes, the running attempts, the runs and their blocks of records, the resources, the idempotency keys and the cursors
    /// with the values that refer to them. Space that is
    /// freed during the verification is not reused before its end. Damage is reported and not repaired.
    ///
    /// `progress` is called every few hundred values.
    ///
    /// # Errors
    ///
    /// [`StorageError::Closed`] when the store is closed during the verification, [`StorageError::Unavailable`] when it can't be
    /// read.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the verification.
    pub async fn verify(
        &self,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<VerifyReport, StorageError> {
        let shared = self.shared().clone();
        long_task::run(Some(shared.clone()), progress, move |task| {
            shared.read(|txn| verify_all(txn, task))
        })
        .await
    }
}

/// Verifies the store in a file that is not open: as [`RedbStorage::verify`] does, and every page of the file and its journal too.
///
/// What is in the journal comes into the database, as with any opening, and stays there if all is sound. redb repairs some damage
/// while it checks the pages; the repair is reported as a finding. Verify a copy if the file must not change.
///
/// # Errors
///
/// [`StorageError::Held`] when it is open, [`StorageError::NewerFormat`], and [`StorageError::Unavailable`] when it can't be
/// read or is not a store.
///
/// # Cancel safety
///
/// Dropping the future ends the verification after the check of the pages.
pub async fn verify_file(
    path: impl AsRef<Path>,
    progress: impl FnMut(Progress) + Send + 'static,
) -> Result<VerifyReport, StorageError> {
    let path = path.as_ref().to_owned();
    long_task::run(None, progress, move |task| {
        let name = path.display().to_string();
        let mut report = VerifyReport::default();
        let checked = no_panic(|| {
            let mut pages = file::open_pages(backend(&path)?, &name, &file::builder(CACHE_BYTES), None)?;
            let sound = pages.database.check_integrity();
            let sound = sound.map_err(|error| file::open_error(&name, error))?;
            Ok((pages, sound))
        });
        let Some((pages, sound)) = report.note(checked).map_err(Fault::into_read_error)? else {
            return Ok(report);
        };
        if !sound {
            report.add("file", name.clone(), "pages were damaged, and redb repaired them");
        }
        let opened = report.note(pages.replay()).map_err(Fault::into_read_error)?;
        let Some(opened) = opened else {
            return Ok(report);
        };
        let verified = no_panic(|| verify_all(&View::of(&opened.database)?, task));
        if let Some(found) = report.note(verified).map_err(Fault::into_read_error)? {
            let of_file = std::mem::replace(&mut report, found);
            report.findings_total += of_file.findings_total;
            report.findings.splice(..0, of_file.findings);
        }
        if report.is_clean() {
            opened.close()?;
        }
        Ok(report)
    })
    .await
}

/// A verification in progress.
struct Verifier<'a> {
    txn: &'a View,
    /// The deleted campaigns whose space is being reclaimed: some of their values may be gone.
    reclaiming: BTreeSet<CampaignId>,
    /// How many rows each index should have, by the snapshots.
    indexed: BTreeMap<&'static str, u64>,
    /// How many commits the log has that stand in the log of a campaign.
    commits: u64,
    /// What the log tells of each resource, by its key, until the resource is read.
    told_of: BTreeMap<Key, ToldOfResource>,
    report: VerifyReport,
    task: &'a mut LongTask,
}

fn verify_all(txn: &View, task: &mut LongTask) -> Result<VerifyReport, Fault> {
    let mut total = 0;
    for spec in tables::ALL {
        total += rows::table(txn, spec)?.len()?;
    }
    task.begin(total)?;
    let mut verifier = Verifier {
        txn,
        reclaiming: BTreeSet::new(),
        indexed: BTreeMap::new(),
        commits: 0,
        told_of: BTreeMap::new(),
        report: VerifyReport::default(),
        task,
    };
    // A damaged page ends one check and leaves the others.
    for check in [
        Verifier::meta,
        Verifier::graves,
        Verifier::pruned_runs,
        Verifier::snapshots,
        Verifier::indexes,
        Verifier::running,
        Verifier::whole_log,
        Verifier::campaign_logs,
        Verifier::configs,
        Verifier::runs,
        Verifier::blocks,
        Verifier::resources,
        Verifier::idempotency_keys,
        Verifier::cursors,
    ] {
        let checked = no_panic(|| check(&mut verifier));
        verifier.report.note(checked)?;
    }
    Ok(verifier.report)
}

impl Verifier<'_> {
    fn meta(&mut self) -> Result<(), Fault> {
        let checked = format::check_format(self.txn);
        self.report.note(checked)?;
        let secret = format::token_secret(self.txn);
        self.report.note(secret)?;
        let epochs = journal::epochs(self.txn);
        self.report.note(epochs)?;
        self.each(&META, |this, key, _| {
            if ![format::FORMAT_KEY, format::SECRET_KEY, EPOCH_KEY].contains(&key) {
                this.report.find(&META, key, "this release knows no such entry");
            }
            Ok(())
        })
    }

    /// Calls `check` with every row of a table whose key is well formed. A row of an index has no value, which is checked too.
    fn each(
        &mut self,
        spec: &'static TableSpec,
        mut check: impl FnMut(&mut Self, &[u8], &[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        for entry in rows::table(self.txn, spec)?.range::<&[u8]>(..)? {
            let (key, value) = entry?;
            let (key, value) = (key.value(), value.value());
            self.task.step()?;
            if !key::is_well_formed(spec, key) {
                self.report
                    .find(spec, key, "the key has another form than the table's");
                continue;
            }
            if spec.content == Content::Nothing && !value.is_empty() {
                self.report
                    .find(spec, key, "it has a value, and an index has none");
            }
            check(self, key, value)?;
        }
        Ok(())
    }

    /// How many rows a table has.
    fn len(&self, spec: &TableSpec) -> Result<u64, Fault> {
        Ok(rows::table(self.txn, spec)?.len()?)
    }

    /// The campaign that owns a value, if its data is complete. Reports a campaign that neither exists nor is being reclaimed.
    fn owner(&mut self, spec: &'static TableSpec, key: &[u8]) -> Result<Option<CampaignId>, Fault> {
        let Some(id) = key::first_campaign(key) else {
            return Ok(None);
        };
        if self.reclaiming.contains(&id) {
            return Ok(None);
        }
        if self.txn.has(&CAMPAIGNS, &key::campaign(id))? {
            return Ok(Some(id));
        }
        self.report.find(spec, key, "there is no such campaign");
        Ok(None)
    }
}
