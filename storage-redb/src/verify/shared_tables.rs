//! Verifying configs, resources, idempotency keys and cursors.

use std::mem;

use phasegate_core::limits::MAX_CURSOR_NAME_BYTES;
use phasegate_core::{CampaignId, EventKind, Version, stored};

use super::Verifier;
use super::log::ToldOfResource;
use crate::commits;
use crate::envelope;
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::rows::Rows;
use crate::tables::{BY_EXPIRY, CONFIGS, CURSORS, IDEMPOTENCY, REMOVED_RESOURCES, RESOURCES, TableSpec};

impl Verifier<'_> {
    pub(super) fn configs(&mut self) -> Result<(), Fault> {
        self.each(&CONFIGS, |this, key, value| {
            this.report.configs += 1;
            this.report
                .note(envelope::read(&CONFIGS, key, value, stored::config::read))?;
            match this.owner(&CONFIGS, key)? {
                Some(id) => this.has_its_event(id, key),
                None => Ok(()),
            }
        })
    }

    /// Reports a config without an event of its campaign. A missing config is reported when the log is checked.
    fn has_its_event(&mut self, id: CampaignId, key: &[u8]) -> Result<(), Fault> {
        let seq = Version(key::last_u64(key).unwrap_or(0));
        let commit = match commits::commit_of(self.txn, id, seq) {
            Ok(Some(last)) => commits::named_commit(self.txn, id, last).map(Some),
            Ok(None) => Ok(None),
            Err(fault) => Err(fault),
        };
        let is_told = match commit {
            Ok(commit) => {
                let mut events = commit.into_iter().flat_map(|commit| commit.stored.events);
                events.any(|event| match event.kind {
                    EventKind::PhaseConfigured { phase, revision, .. } => {
                        key::config(id, &phase, revision) == key
                    }
                    _ => false,
                })
            }
            // A damaged commit is reported when the log is checked.
            Err(Fault::Refused(_)) => true,
            Err(broken) => return Err(broken),
        };
        if !is_told {
            let problem = "the campaign's log has no such config";
            self.report.find(&CONFIGS, key, problem);
        }
        Ok(())
    }

    pub(super) fn resources(&mut self) -> Result<(), Fault> {
        self.each(&RESOURCES, |this, key, value| {
            this.report.resources += 1;
            this.resource(&RESOURCES, key, value)
        })?;
        self.each(&REMOVED_RESOURCES, |this, key, value| {
            if this.txn.has(&RESOURCES, key)? {
                this.report
                    .find(&REMOVED_RESOURCES, key, "the resource is removed and yet there");
            }
            this.resource(&REMOVED_RESOURCES, key, value)
        })?;
        for key in mem::take(&mut self.told_of).into_keys() {
            self.report.find(
                &RESOURCES,
                &key,
                "the log tells of the resource, and it is missing",
            );
        }
        Ok(())
    }

    /// Compares a resource, or what remains of it, with what the log tells of it.
    fn resource(&mut self, spec: &'static TableSpec, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        let told = self.told_of.remove(key);
        let read = envelope::read(spec, key, value, stored::resource::read);
        let Some(found) = self.report.note(read)? else {
            return Ok(());
        };
        let is_removed = spec.name == REMOVED_RESOURCES.name;
        if found.document.is_none() != is_removed {
            self.report
                .find(spec, key, "it stands in the table of the others");
        }
        let expected = ToldOfResource {
            revision: found.revision,
            is_removed,
        };
        if told != Some(expected) {
            self.report
                .find(spec, key, "the log tells of another revision of it");
        }
        Ok(())
    }

    pub(super) fn idempotency_keys(&mut self) -> Result<(), Fault> {
        self.each(&IDEMPOTENCY, |this, key, value| {
            this.report.idempotency_keys += 1;
            let read = envelope::read(&IDEMPOTENCY, key, value, stored::key::read);
            let Some(entry) = this.report.note(read)? else {
                return Ok(());
            };
            if key::idempotency(entry.campaign, &entry.key) != key {
                this.report.find(&IDEMPOTENCY, key, "it is another key's");
            }
            let expiry = key::expiry(entry.expires_at, key);
            if !this.txn.has(&BY_EXPIRY, &expiry)? {
                this.report
                    .find(&BY_EXPIRY, &expiry, "the key is not in the index");
            }
            Ok(())
        })?;
        let same = self.len(&BY_EXPIRY)? == self.len(&IDEMPOTENCY)?;
        self.each(&BY_EXPIRY, |this, key, _| match same {
            true => Ok(()),
            false => this.stray_expiry(key),
        })
    }

    fn stray_expiry(&mut self, key: &[u8]) -> Result<(), Fault> {
        let entry = key.get(8..).unwrap_or_default();
        match lookup::idempotency(self.txn, entry) {
            Ok(Some(found)) if key::expiry(found.expires_at, entry) == key => {}
            // A damaged entry is reported above.
            Err(Fault::Refused(_)) => {}
            Err(broken) => return Err(broken),
            Ok(_) => self.report.find(&BY_EXPIRY, key, "no such key expires then"),
        }
        Ok(())
    }

    pub(super) fn cursors(&mut self) -> Result<(), Fault> {
        let last = lookup::last_number(self.txn)?;
        self.each(&CURSORS, |this, key, value| {
            let read = envelope::open_u64(&CURSORS, key, value);
            if let Some(number) = this.report.note(read)?
                && !(1..=last).contains(&number)
            {
                this.report
                    .find(&CURSORS, key, format!("the log has no event {number}"));
            }
            if !(1..=MAX_CURSOR_NAME_BYTES).contains(&key.len()) {
                this.report
                    .find(&CURSORS, key, "its name has an impossible length");
            }
            Ok(())
        })
    }
}
