//! Reading the records of a run.

use std::sync::Arc;

use phasegate_core::storage::Storage;
use phasegate_core::{CampaignId, PhaseName, Run};
use serde_json::value::RawValue;

use crate::error::EngineError;

/// How many records are read at once by default.
const PAGE: usize = 1_000;

/// The records of one run, read page by page.
pub struct RecordStream {
    storage: Arc<dyn Storage>,
    campaign: CampaignId,
    phase: PhaseName,
    run: Run,
    page: std::vec::IntoIter<Box<RawValue>>,
    next: Option<u64>,
    page_size: usize,
}

impl RecordStream {
    pub(crate) fn new(
        storage: Arc<dyn Storage>,
        campaign: CampaignId,
        phase: PhaseName,
        run: Run,
        from: u64,
    ) -> Self {
        Self {
            storage,
            campaign,
            phase,
            run,
            page: Vec::new().into_iter(),
            next: Some(from),
            page_size: PAGE,
        }
    }

    /// Sets how many records the stream reads at once and holds at most: 1 to 10,000; the default is 1,000. A record has at most
    /// 64 KiB.
    #[must_use]
    pub fn page_size(mut self, records: usize) -> Self {
        self.page_size = records;
        self
    }

    /// The next record as JSON text, or `None` after the last.
    ///
    /// # Errors
    ///
    /// [`EngineError::Storage`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no record.
    pub async fn next(&mut self) -> Result<Option<Box<RawValue>>, EngineError> {
        loop {
            if let Some(record) = self.page.next() {
                return Ok(Some(record));
            }
            let Some(from) = self.next else { return Ok(None) };
            let page = self
                .storage
                .records(self.campaign, &self.phase, self.run, from, self.page_size)
                .await?;
            self.next = page.next;
            self.page = page.records.into_iter();
        }
    }
}
