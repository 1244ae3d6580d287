//! Verification: reads every value, and compares all values that must agree.

mod campaigns;
mod output;
mod report;
mod shared_tables;

use std::collections::BTreeSet;
use std::path::Path;

use phasegate_core::CampaignId;
use phasegate_core::storage::StorageError;
use redb::{Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTableMetadata};

use crate::fault::Fault;
use crate::format::{check_format, prepare};
use crate::key;
use crate::long_task::{self, LongTask, Progress};
use crate::lookup;
use crate::open::open_error;
use crate::open_store::no_panic;
use crate::store::RedbStorage;
use crate::tables::{self, TableSpec};

pub use report::{Finding, VerifyReport};

impl RedbStorage {
    /// Verifies the store as it is at this moment. The store stays in use.
    ///
    /// It checks every value's checksum and form, compares every snapshot with the fold of its log, and compares the logs, the
    /// indexes, the blocks of records, the resources and the idempotency keys with the values that refer to them. Space that is
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

/// Verifies the store in a file that is not open: as [`RedbStorage::verify`] does, and every page of the file too.
///
/// redb repairs some damage while it checks the pages; the repair is reported as a finding. Verify a copy if the file must not
/// change.
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
            let checked = Database::open(&path).and_then(|mut database| {
                let sound = database.check_integrity()?;
                Ok((database, sound))
            });
            checked.map_err(|error| Fault::Refused(open_error(&name, error)))
        });
        let Some((database, sound)) = report.note(checked).map_err(Fault::into_read_error)? else {
            return Ok(report);
        };
        if !sound {
            report.add("file", name.clone(), "pages were damaged, and redb repaired them");
        }
        let prepared = report
            .note(prepare(&database, &name))
            .map_err(Fault::into_read_error)?;
        if prepared.is_none() {
            return Ok(report);
        }
        let verified = no_panic(|| verify_all(&database.begin_read()?, task));
        if let Some(found) = report.note(verified).map_err(Fault::into_read_error)? {
            let of_file = std::mem::replace(&mut report, found);
            report.findings_total += of_file.findings_total;
            report.findings.splice(..0, of_file.findings);
        }
        Ok(report)
    })
    .await
}

type Table = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// A verification in progress.
struct Verifier<'a> {
    meta: Table,
    campaigns: Table,
    by_state: Table,
    by_name: Table,
    log: Table,
    campaign_log: Table,
    configs: Table,
    runs: Table,
    records: Table,
    resources: Table,
    resource_revisions: Table,
    idempotency: Table,
    by_expiry: Table,
    tombstones: Table,
    reclaim: Table,
    /// The deleted campaigns whose space is being reclaimed: some of their values may be gone.
    reclaiming: BTreeSet<CampaignId>,
    report: VerifyReport,
    task: &'a mut LongTask,
}

fn verify_all(txn: &ReadTransaction, task: &mut LongTask) -> Result<VerifyReport, Fault> {
    let mut total = 0;
    for spec in tables::ALL {
        total += lookup::table(txn, spec)?.len()?;
    }
    task.begin(total)?;
    let open = |spec: &TableSpec| lookup::table(txn, spec);
    let mut verifier = Verifier {
        meta: open(&tables::META)?,
        campaigns: open(&tables::CAMPAIGNS)?,
        by_state: open(&tables::BY_STATE)?,
        by_name: open(&tables::BY_NAME)?,
        log: open(&tables::LOG)?,
        campaign_log: open(&tables::CAMPAIGN_LOG)?,
        configs: open(&tables::CONFIGS)?,
        runs: open(&tables::RUNS)?,
        records: open(&tables::RECORDS)?,
        resources: open(&tables::RESOURCES)?,
        resource_revisions: open(&tables::RESOURCE_REVISIONS)?,
        idempotency: open(&tables::IDEMPOTENCY)?,
        by_expiry: open(&tables::BY_EXPIRY)?,
        tombstones: open(&tables::TOMBSTONES)?,
        reclaim: open(&tables::RECLAIM)?,
        reclaiming: BTreeSet::new(),
        report: VerifyReport::default(),
        task,
    };
    // A damaged page ends one check and leaves the others.
    for check in [
        Verifier::format,
        Verifier::graves,
        Verifier::snapshots,
        Verifier::indexes,
        Verifier::whole_log,
        Verifier::campaign_logs,
        Verifier::configs,
        Verifier::runs,
        Verifier::blocks,
        Verifier::resources,
        Verifier::idempotency_keys,
    ] {
        let checked = no_panic(|| check(&mut verifier));
        verifier.report.note(checked)?;
    }
    Ok(verifier.report)
}

impl Verifier<'_> {
    fn format(&mut self) -> Result<(), Fault> {
        let checked = check_format(&self.meta);
        self.report.note(checked)?;
        self.each(
            &tables::META,
            |this| &this.meta,
            |this, key, _| {
                if key != b"format" {
                    this.report
                        .find(&tables::META, key, "this release knows no such entry");
                }
                Ok(())
            },
        )
    }

    /// Calls `check` with every entry of a table whose key is well formed.
    fn each(
        &mut self,
        spec: &'static TableSpec,
        table: fn(&Self) -> &Table,
        mut check: impl FnMut(&mut Self, &[u8], &[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        // The iterator keeps the transaction alive by itself, so `self` stays free.
        let entries = table(self).range::<&[u8]>(..)?;
        for entry in entries {
            let (key, value) = entry?;
            self.task.step()?;
            if key::is_well_formed(spec, key.value()) {
                check(self, key.value(), value.value())?;
            } else {
                self.report
                    .find(spec, key.value(), "the key has another form than the table's");
            }
        }
        Ok(())
    }

    fn has(&self, table: fn(&Self) -> &Table, key: &[u8]) -> Result<bool, Fault> {
        Ok(table(self).get(key)?.is_some())
    }

    /// Reports an index entry that has a value.
    fn is_empty(&mut self, spec: &TableSpec, key: &[u8], value: &[u8]) {
        if !value.is_empty() {
            self.report
                .find(spec, key, "it has a value, and an index has none");
        }
    }

    /// The campaign that owns a value, if its data is complete. Reports a campaign that neither exists nor is being reclaimed.
    fn owner(&mut self, spec: &'static TableSpec, key: &[u8]) -> Result<Option<CampaignId>, Fault> {
        let Some(id) = key::first_campaign(key) else {
            return Ok(None);
        };
        if self.reclaiming.contains(&id) {
            return Ok(None);
        }
        if self.has(|this| &this.campaigns, &key::campaign(id))? {
            return Ok(Some(id));
        }
        self.report.find(spec, key, "there is no such campaign");
        Ok(None)
    }
}
