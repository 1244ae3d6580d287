//! The write or removal of a resource, with its event.

use phasegate_core::storage::{Expected, ResourceWrite, StorageError, WriteRef};
use phasegate_core::stored::{self, StoredResource};
use phasegate_core::{Event, EventKind, Measure, Revision};

use super::group::{BASE_WEIGHT, Group, Write};
use crate::envelope::seal;
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::metrics::WriteKind;
use crate::tables::{LOG, REMOVED_RESOURCES, RESOURCES};

/// The write of a resource.
pub(crate) struct WriteResource {
    write: ResourceWrite,
    document_bytes: usize,
}

impl WriteResource {
    pub(crate) fn new(write: ResourceWrite) -> Self {
        let document = write.document.as_ref();
        Self {
            document_bytes: document.map_or(0, |document| Measure::of(document).bytes),
            write,
        }
    }
}

impl Write for WriteResource {
    type Done = Option<Revision>;
    const KIND: WriteKind = WriteKind::Resource;

    fn apply(&mut self, group: &mut Group<'_>) -> Result<Option<Revision>, Fault> {
        let write = &mut self.write;
        let key = key::resource(&write.resource);
        let before = lookup::resource(group, &key)?;
        let present = before.as_ref().filter(|before| before.document.is_some());
        let actual = present.map(|present| present.revision);
        let as_expected = match write.expected {
            Expected::Any => true,
            Expected::Absent => actual.is_none(),
            Expected::Revision(revision) => actual == Some(revision),
        };
        if !as_expected {
            return Err(Fault::Refused(StorageError::ResourceConflict {
                resource: write.resource.clone(),
                actual,
            }));
        }
        let (kind, id) = (write.resource.kind.clone(), write.resource.id.clone());
        let latest = before.as_ref().map_or(Revision(0), |before| before.revision);
        let (done, revision, kind) = match (&write.document, actual) {
            (Some(_), _) => {
                let (revision, digest) = (latest.next(), write.digest);
                let kind = EventKind::ResourceStored {
                    kind,
                    id,
                    revision,
                    digest,
                };
                (Some(revision), revision, kind)
            }
            (None, Some(revision)) => (None, revision, EventKind::ResourceRemoved { kind, id, revision }),
            (None, None) => return Ok(None),
        };
        let after = StoredResource {
            revision,
            id: write.id,
            document: write.document.take(),
        };
        let (to, from) = match after.document {
            Some(_) => (&RESOURCES, &REMOVED_RESOURCES),
            None => (&REMOVED_RESOURCES, &RESOURCES),
        };
        if before.is_some_and(|before| before.document.is_some() != after.document.is_some()) {
            group.remove(from, key.clone());
        }
        let value = seal(to, &key, &stored::resource::write(&after));
        group.put(to, key, value);
        let event = Event {
            timestamp: group.now,
            envelope: write.envelope.clone(),
            kind,
        };
        group.last += 1;
        let key = key::log(group.last);
        let value = seal(
            &LOG,
            &key,
            &stored::commit::write_parts(None, None, write.id, &[event]),
        );
        group.put(&LOG, key, value);
        Ok(done)
    }

    fn weight(&self) -> usize {
        BASE_WEIGHT + self.document_bytes
    }

    fn write_ref(&self) -> WriteRef {
        self.write.write_ref()
    }
}
