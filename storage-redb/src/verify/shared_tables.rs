//! Verifying configs, resources, idempotency keys and cursors.

use phasegate_core::{CampaignId, EventKind, Version, stored};

use super::Verifier;
use crate::commits;
use crate::envelope;
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::rows::Rows;
use crate::tables::{BY_EXPIRY, CONFIGS, CURSORS, IDEMPOTENCY, REMOVED_RESOURCES, RESOURCES};

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
            let read = envelope::read(&RESOURCES, key, value, stored::resource::read);
            if this
                .report
                .note(read)?
                .is_some_and(|found| found.document.is_none())
            {
                this.report.find(&RESOURCES, key, "it has no document");
            }
            Ok(())
        })?;
        self.each(&REMOVED_RESOURCES, |this, key, value| {
            let read = envelope::read(&REMOVED_RESOURCES, key, value, stored::resource::read);
            if this
                .report
                .note(read)?
                .is_some_and(|found| found.document.is_some())
            {
                this.report
                    .find(&REMOVED_RESOURCES, key, "it is removed, and has a document");
            }
            if this.txn.has(&RESOURCES, key)? {
                this.report
                    .find(&REMOVED_RESOURCES, key, "the resource is removed and yet there");
            }
            Ok(())
        })
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
            Ok(())
        })
    }
}
