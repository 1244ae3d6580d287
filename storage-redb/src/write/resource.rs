//! The write or deletion of a resource.

use phasegate_core::storage::{Expected, ResourceWrite, StorageError};
use phasegate_core::{Revision, Timestamp};

use super::{BASE_WEIGHT, Tables, Write, json_bytes};
use crate::envelope::{seal, seal_json};
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::metrics::WriteKind;
use crate::tables;
use crate::values::StoredResource;

impl Write for ResourceWrite {
    type Done = Option<Revision>;
    const KIND: WriteKind = WriteKind::Resource;

    fn apply(&self, tables: &mut Tables<'_>, _now: Timestamp) -> Result<Option<Revision>, Fault> {
        let key = key::resource(&self.resource);
        let actual = lookup::resource(&tables.resources, &key)?.map(|stored| stored.revision);
        let as_expected = match self.expected {
            Expected::Any => true,
            Expected::Absent => actual.is_none(),
            Expected::Revision(revision) => actual == Some(revision),
        };
        if !as_expected {
            return Err(Fault::Refused(StorageError::ResourceConflict {
                resource: self.resource.clone(),
                actual,
            }));
        }
        let Some(document) = &self.document else {
            if actual.is_some() {
                tables.changed = true;
                tables.resources.remove(key.as_slice())?;
            }
            return Ok(None);
        };
        let revision = lookup::highest_revision(&tables.resource_revisions, &key)?.next();
        let stored = StoredResource {
            revision,
            document: document.clone(),
        };
        let sealed = seal_json(&tables::RESOURCES, &key, &stored)?;
        let mark = seal(&tables::RESOURCE_REVISIONS, &key, &revision.0.to_be_bytes());

        tables.changed = true;
        tables.resources.insert(key.as_slice(), sealed.as_slice())?;
        tables
            .resource_revisions
            .insert(key.as_slice(), mark.as_slice())?;
        Ok(Some(revision))
    }

    fn weight(&self) -> usize {
        BASE_WEIGHT + json_bytes(&self.document)
    }
}
