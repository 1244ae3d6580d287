//! The checks that every store makes before it looks at its own state: limits, and writes that contradict themselves.

use super::error::StorageError;
use super::write::{IdempotencyEntry, Output, ResourceWrite, Transition};
use crate::event::{Event, EventKind};
use crate::measure::{Excess, Measure, Part};

impl Transition {
    /// Checks the transition by itself. Every store calls it first, so that all stores refuse the same.
    ///
    /// # Errors
    ///
    /// [`StorageError::Excess`], and [`StorageError::Contradiction`] when these events don't lead from `expected_version` to
    /// the snapshot.
    pub fn check(&self) -> Result<(), StorageError> {
        self.check_shape().map_err(|reason| StorageError::Contradiction {
            campaign: self.campaign,
            reason,
        })?;
        for event in &self.events {
            check_event(event)?;
        }
        for write in &self.configs {
            Part::Config(&write.phase).measure(&write.config)?;
        }
        if let Some(entry) = &self.idempotency {
            Part::Outcome.measure(&entry.outcome)?;
        }
        match &self.output {
            Some(output) => output.check(),
            None => Ok(()),
        }
    }

    fn check_shape(&self) -> Result<(), &'static str> {
        let deletes = |event: &Event| matches!(event.kind, EventKind::CampaignDeleted {});
        if self.events.is_empty() {
            return match (self.configs.is_empty(), &self.output) {
                (true, None) => Ok(()),
                (false, _) => Err("a config is stored by an event"),
                (true, Some(_)) => Err("a last batch comes with the end of its run"),
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
            Some(_)
                if self
                    .output
                    .as_ref()
                    .is_some_and(|output| output.ticket.campaign != self.campaign) =>
            {
                Err("the last batch is another campaign's")
            }
            Some(_) if self.events.iter().any(deletes) => Err("a deletion leaves no snapshot"),
            Some(_) => Ok(()),
            None if self.expected_version.0 == 0 => Err("a creation needs a snapshot"),
            None if !self.events.last().is_some_and(deletes) => Err("only a deletion leaves no snapshot"),
            None if !self.configs.is_empty() || self.output.is_some() => {
                Err("a deletion stores nothing else")
            }
            None => Ok(()),
        }
    }
}

impl Output {
    /// Checks the write by itself. Every store calls it first, so that all stores refuse the same.
    ///
    /// # Errors
    ///
    /// [`StorageError::Excess`].
    pub fn check(&self) -> Result<(), StorageError> {
        let mut batch = Measure::default();
        for (index, record) in self.records.iter().enumerate() {
            let record = Part::Record(index).measure_text(record.get())?;
            batch.bytes = batch.bytes.saturating_add(record.bytes);
        }
        Part::Batch.check(batch)?;
        if let Some(checkpoint) = &self.checkpoint {
            Part::Checkpoint.measure(checkpoint)?;
        }
        Ok(())
    }
}

impl ResourceWrite {
    /// Checks the write by itself. Every store calls it first, so that all stores refuse the same.
    ///
    /// # Errors
    ///
    /// [`StorageError::Excess`].
    pub fn check(&self) -> Result<(), StorageError> {
        if let Some(document) = &self.document {
            Part::Resource(&self.resource).measure(document)?;
        }
        Ok(())
    }
}

impl IdempotencyEntry {
    /// Checks an entry that is stored without a commit. Every store calls it first, so that all stores refuse the same.
    ///
    /// # Errors
    ///
    /// [`StorageError::Contradiction`] for a key of a campaign, [`StorageError::Excess`].
    pub fn check(&self) -> Result<(), StorageError> {
        if let Some(campaign) = self.campaign {
            let reason = "a campaign's key is stored by a commit of the campaign";
            return Err(StorageError::Contradiction { campaign, reason });
        }
        Part::Outcome.measure(&self.outcome)?;
        Ok(())
    }
}

fn check_event(event: &Event) -> Result<(), Excess> {
    let apart = match &event.kind {
        EventKind::PhaseCompleted { phase, summary, .. } => Part::Summary(phase).measure(summary)?.bytes,
        EventKind::PhaseDeferred {
            phase,
            form: Some(form),
            ..
        } => Part::Form(phase).measure(form)?.bytes,
        _ => 0,
    };
    if is_small(event) {
        return Ok(());
    }
    let bytes = Measure::bytes_of(event).saturating_sub(apart);
    let alone = Measure { bytes, depth: 0 };
    Part::Event(event.kind.name()).check(alone).map(|_| ())
}

/// Whether an event has nothing but numbers and a few names, each with a limit of its own, beside what is measured apart. The most
/// frequent ones needn't be written out to be measured.
fn is_small(event: &Event) -> bool {
    let is_small = match &event.kind {
        EventKind::PhaseStarted(launch) | EventKind::PhaseAutoStarted(launch) => launch.resources.len() <= 16,
        EventKind::PhaseConfigured { .. }
        | EventKind::PhaseCompleted { .. }
        | EventKind::ModeChanged { .. }
        | EventKind::CampaignCompleted {} => true,
        _ => false,
    };
    is_small && event.envelope.is_none()
}
