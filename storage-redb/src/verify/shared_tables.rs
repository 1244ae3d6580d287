//! Verifying configs, resources and idempotency keys.

use phasegate_core::storage::IdempotencyEntry;
use phasegate_core::{CampaignId, EventKind};
use redb::ReadableTableMetadata;
use serde_json::Value;

use super::Verifier;
use crate::envelope;
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::tables::{BY_EXPIRY, CONFIGS, IDEMPOTENCY, RESOURCE_REVISIONS, RESOURCES};
use crate::values::StoredResource;

impl Verifier<'_> {
    pub(super) fn configs(&mut self) -> Result<(), Fault> {
        self.each(
            &CONFIGS,
            |this| &this.configs,
            |this, key, value| {
                this.report.configs += 1;
                this.report
                    .note(envelope::open_json::<Value>(&CONFIGS, key, value))?;
                match this.owner(&CONFIGS, key)? {
                    Some(id) => this.has_its_event(id, key),
                    None => Ok(()),
                }
            },
        )
    }

    /// Reports a config without an event of its campaign. A missing config is reported when the log is checked.
    fn has_its_event(&mut self, id: CampaignId, key: &[u8]) -> Result<(), Fault> {
        let seq = key::last_u64(key).unwrap_or(0);
        let told = match self.event(id, seq) {
            Ok(Some(entry)) => match &entry.event.kind {
                EventKind::PhaseConfigured { phase, revision, .. } => {
                    key::config(id, phase, *revision) == key
                }
                _ => false,
            },
            Ok(None) => false,
            // A damaged event is reported when the log is checked.
            Err(Fault::Refused(_)) => true,
            Err(broken) => return Err(broken),
        };
        if !told {
            let problem = "the campaign's log has no such config";
            self.report.find(&CONFIGS, key, problem);
        }
        Ok(())
    }

    pub(super) fn resources(&mut self) -> Result<(), Fault> {
        self.each(
            &RESOURCE_REVISIONS,
            |this| &this.resource_revisions,
            |this, key, value| {
                this.report
                    .note(envelope::open_u64(&RESOURCE_REVISIONS, key, value))?;
                Ok(())
            },
        )?;
        self.each(
            &RESOURCES,
            |this| &this.resources,
            |this, key, value| {
                this.report.resources += 1;
                let read = envelope::open_json::<StoredResource>(&RESOURCES, key, value);
                let Some(stored) = this.report.note(read)? else {
                    return Ok(());
                };
                // A damaged revision is reported above.
                if let Ok(highest) = lookup::highest_revision(&this.resource_revisions, key)
                    && highest < stored.revision
                {
                    this.report
                        .find(&RESOURCE_REVISIONS, key, "the resource has a higher revision");
                }
                Ok(())
            },
        )
    }

    pub(super) fn idempotency_keys(&mut self) -> Result<(), Fault> {
        self.each(
            &IDEMPOTENCY,
            |this| &this.idempotency,
            |this, key, value| {
                this.report.idempotency_keys += 1;
                let read = envelope::open_json::<IdempotencyEntry>(&IDEMPOTENCY, key, value);
                let Some(entry) = this.report.note(read)? else {
                    return Ok(());
                };
                if key::idempotency(entry.campaign, &entry.key) != key {
                    this.report.find(&IDEMPOTENCY, key, "it is another key's");
                }
                let expiry = key::expiry(entry.expires_at.as_unix_ms(), key);
                if !this.has(|this| &this.by_expiry, &expiry)? {
                    this.report
                        .find(&BY_EXPIRY, &expiry, "the key is not in the index");
                }
                Ok(())
            },
        )?;
        let same = self.by_expiry.len()? == self.idempotency.len()?;
        self.each(
            &BY_EXPIRY,
            |this| &this.by_expiry,
            |this, key, value| {
                this.is_empty(&BY_EXPIRY, key, value);
                match same {
                    true => Ok(()),
                    false => this.stray_expiry(key),
                }
            },
        )
    }

    fn stray_expiry(&mut self, key: &[u8]) -> Result<(), Fault> {
        let entry = key.get(8..).unwrap_or_default();
        match lookup::idempotency(&self.idempotency, entry) {
            Ok(Some(found)) if key::expiry(found.expires_at.as_unix_ms(), entry) == key => {}
            // A damaged entry is reported above.
            Err(Fault::Refused(_)) => {}
            Err(broken) => return Err(broken),
            Ok(_) => self.report.find(&BY_EXPIRY, key, "no such key expires then"),
        }
        Ok(())
    }
}
