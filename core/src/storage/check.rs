//! What every store refuses before it looks at its own state: limits, and writes that contradict themselves.

use serde_json::Value;

use super::error::StorageError;
use super::write::{IdempotencyEntry, Output, ResourceWrite, Transition};
use crate::event::{Event, EventKind};
use crate::json::{canonical_json, depth, text_depth};
use crate::limits::{
    MAX_BATCH_BYTES, MAX_CHECKPOINT_BYTES, MAX_CONFIG_BYTES, MAX_EVENT_BYTES, MAX_JSON_DEPTH,
    MAX_OUTCOME_BYTES, MAX_RECORD_BYTES, MAX_RESOURCE_BYTES, MAX_SUMMARY_BYTES,
};

impl Transition {
    /// Checks what can be checked without the store. Every store calls it first, so that all refuse the same.
    ///
    /// # Errors
    ///
    /// [`StorageError::TooLarge`], [`StorageError::TooDeep`], and [`StorageError::Contradiction`] when the snapshot
    /// is not the one that these events lead to from `expected_version`.
    pub fn check(&self) -> Result<(), StorageError> {
        self.check_shape().map_err(|reason| StorageError::Contradiction {
            campaign: self.campaign,
            reason,
        })?;
        for event in &self.events {
            check_event(event)?;
        }
        for write in &self.configs {
            let what = || format!("config of {}", write.phase);
            check_value(what, &write.config, MAX_CONFIG_BYTES)?;
        }
        match &self.idempotency {
            Some(entry) => check_depth(|| "outcome of the command".into(), depth(&entry.outcome)),
            None => Ok(()),
        }
    }

    fn check_shape(&self) -> Result<(), &'static str> {
        let deletes = |event: &Event| matches!(event.kind, EventKind::CampaignDeleted {});
        if self.events.is_empty() {
            return match self.configs.is_empty() {
                true => Ok(()),
                false => Err("a config is stored by an event"),
            };
        }
        let version = self.expected_version.0.checked_add(self.events.len() as u64);
        let Some(version) = version else {
            return Err("its version is beyond every number");
        };
        match &self.snapshot {
            Some(snapshot) if snapshot.id != self.campaign => Err("the snapshot is another campaign's"),
            Some(snapshot) if snapshot.version.0 != version => {
                Err("the snapshot's version is not the one after the events")
            }
            Some(_) if self.events.iter().any(deletes) => Err("a deletion leaves no snapshot"),
            Some(_) => Ok(()),
            None if self.expected_version.0 == 0 => Err("a creation needs a snapshot"),
            None if !self.events.last().is_some_and(deletes) => Err("only a deletion leaves no snapshot"),
            None if !self.configs.is_empty() => Err("a deletion stores no config"),
            None => Ok(()),
        }
    }
}

impl Output {
    /// Checks what can be checked without the store. Every store calls it first, so that all refuse the same.
    ///
    /// # Errors
    ///
    /// [`StorageError::TooLarge`], [`StorageError::TooDeep`].
    pub fn check(&self) -> Result<(), StorageError> {
        let mut bytes = 0_usize;
        for (index, record) in self.records.iter().enumerate() {
            let text = record.get();
            let what = || format!("record {index} of the batch");
            check_size(what, text.len(), MAX_RECORD_BYTES)?;
            check_depth(what, text_depth(text))?;
            bytes = bytes.saturating_add(text.len());
        }
        check_size(|| "batch".into(), bytes, MAX_BATCH_BYTES)?;
        match &self.checkpoint {
            Some(checkpoint) => check_value(|| "checkpoint".into(), checkpoint, MAX_CHECKPOINT_BYTES),
            None => Ok(()),
        }
    }
}

impl ResourceWrite {
    /// Checks what can be checked without the store. Every store calls it first, so that all refuse the same.
    ///
    /// # Errors
    ///
    /// [`StorageError::TooLarge`], [`StorageError::TooDeep`].
    pub fn check(&self) -> Result<(), StorageError> {
        match &self.document {
            Some(document) => check_value(|| self.resource.to_string(), document, MAX_RESOURCE_BYTES),
            None => Ok(()),
        }
    }
}

impl IdempotencyEntry {
    /// Checks what can be checked without the store, of an entry that is no commit's. Every store calls it first, so that
    /// all refuse the same.
    ///
    /// # Errors
    ///
    /// [`StorageError::Contradiction`] for a key of a campaign, [`StorageError::TooLarge`], [`StorageError::TooDeep`].
    pub fn check(&self) -> Result<(), StorageError> {
        if let Some(campaign) = self.campaign {
            let reason = "a campaign's key is stored by a commit of the campaign";
            return Err(StorageError::Contradiction { campaign, reason });
        }
        check_value(|| "outcome to remember".into(), &self.outcome, MAX_OUTCOME_BYTES)
    }
}

fn check_event(event: &Event) -> Result<(), StorageError> {
    let name = event.kind.name();
    let mut size = serde_json::to_string(event).map_or(usize::MAX, |text| text.len());
    if let EventKind::PhaseCompleted { phase, summary, .. } = &event.kind {
        check_value(|| format!("summary of {phase}"), summary, MAX_SUMMARY_BYTES)?;
        size = size.saturating_sub(canonical_json(summary).len());
    }
    check_size(|| format!("event {name}"), size, MAX_EVENT_BYTES)
}

fn check_value(what: impl Fn() -> String, value: &Value, limit: usize) -> Result<(), StorageError> {
    // The depth comes first: writing a document out recurses as deeply as the document goes.
    check_depth(&what, depth(value))?;
    check_size(what, canonical_json(value).len(), limit)
}

fn check_size(what: impl Fn() -> String, size: usize, limit: usize) -> Result<(), StorageError> {
    match size > limit {
        true => Err(StorageError::TooLarge {
            what: what(),
            size,
            limit,
        }),
        false => Ok(()),
    }
}

fn check_depth(what: impl Fn() -> String, depth: usize) -> Result<(), StorageError> {
    match depth > MAX_JSON_DEPTH {
        true => Err(StorageError::TooDeep {
            what: what(),
            depth,
            limit: MAX_JSON_DEPTH,
        }),
        false => Ok(()),
    }
}
