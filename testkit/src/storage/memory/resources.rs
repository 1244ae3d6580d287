//! Resources and their revisions.

use std::collections::BTreeMap;

use phasegate_core::storage::{Expected, ExpectedResource, Resource, ResourceWrite, StorageError};
use phasegate_core::{CommitId, EventKind, ResourceId, ResourceKind, ResourceRef, Revision};
use serde_json::Value;

/// The resources.
#[derive(Default)]
pub(super) struct Resources {
    /// Every resource that was ever there.
    slots: BTreeMap<ResourceRef, Slot>,
}

struct Slot {
    revision: Revision,
    /// The write that made it so.
    write: CommitId,
    document: Option<Value>,
}

impl Resources {
    /// A resource that is there.
    pub(super) fn get(&self, resource: &ResourceRef) -> Option<Resource> {
        self.slots.get(resource)?.read(resource)
    }

    /// Its revision, if it is there.
    fn revision(&self, resource: &ResourceRef) -> Option<Revision> {
        let slot = self.slots.get(resource)?;
        slot.document.as_ref().map(|_| slot.revision)
    }

    /// Whether a write is the latest one of its resource.
    pub(super) fn has_write(&self, resource: &ResourceRef, id: CommitId) -> bool {
        self.slots.get(resource).is_some_and(|slot| slot.write == id)
    }

    /// One page of a kind.
    pub(super) fn page(
        &self,
        kind: &ResourceKind,
        after: Option<&ResourceId>,
        limit: usize,
    ) -> Vec<Resource> {
        let of_kind = self
            .slots
            .iter()
            .filter(|(resource, _)| resource.kind == *kind && after.is_none_or(|after| resource.id > *after));
        let there = of_kind.filter_map(|(resource, slot)| slot.read(resource));
        there.take(limit.clamp(1, 1_000)).collect()
    }

    /// Checks what a decision relied on.
    pub(super) fn check(&self, expected: &[ExpectedResource]) -> Result<(), StorageError> {
        for expected in expected {
            let actual = self.revision(&expected.resource);
            if actual != expected.revision {
                let resource = expected.resource.clone();
                return Err(StorageError::ResourceConflict { resource, actual });
            }
        }
        Ok(())
    }

    /// Writes a resource; gives its new revision, and the event that tells of it.
    pub(super) fn write(
        &mut self,
        write: ResourceWrite,
    ) -> Result<(Option<Revision>, Option<EventKind>), StorageError> {
        let actual = self.revision(&write.resource);
        let as_expected = match write.expected {
            Expected::Any => true,
            Expected::Absent => actual.is_none(),
            Expected::Revision(revision) => actual == Some(revision),
        };
        let ResourceWrite { resource, .. } = write;
        if !as_expected {
            return Err(StorageError::ResourceConflict { resource, actual });
        }
        let ResourceRef { kind, id } = resource.clone();
        let event = match (&write.document, actual) {
            (None, None) => return Ok((None, None)),
            (None, Some(revision)) => EventKind::ResourceRemoved { kind, id, revision },
            (Some(_), _) => EventKind::ResourceStored {
                kind,
                id,
                revision: self
                    .slots
                    .get(&resource)
                    .map_or(Revision(0), |slot| slot.revision)
                    .next(),
                digest: write.digest,
            },
        };
        let (EventKind::ResourceStored { revision, .. } | EventKind::ResourceRemoved { revision, .. }) =
            event
        else {
            return Ok((None, None));
        };
        let given = write.document.is_some().then_some(revision);
        let slot = Slot {
            revision,
            write: write.id,
            document: write.document,
        };
        self.slots.insert(resource, slot);
        Ok((given, Some(event)))
    }
}

impl Slot {
    fn read(&self, resource: &ResourceRef) -> Option<Resource> {
        Some(Resource {
            resource: resource.clone(),
            revision: self.revision,
            document: self.document.clone()?,
        })
    }
}
