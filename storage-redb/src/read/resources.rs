//! Resources, one or a page of a kind.

use std::ops::Bound;

use phasegate_core::storage::Resource;
use phasegate_core::stored::{self, StoredResource};
use phasegate_core::{ResourceId, ResourceKind, ResourceRef};
use redb::ReadableTable;

use crate::envelope::{self, damaged};
use crate::fault::Fault;
use crate::key;
use crate::lookup;
use crate::rows::{self, View};
use crate::tables::RESOURCES;

pub(crate) fn resource(txn: &View, resource: ResourceRef) -> Result<Option<Resource>, Fault> {
    let key = key::resource(&resource);
    match lookup::present_resource(txn, &key)? {
        Some(stored) => named(resource, stored, &key).map(Some),
        None => Ok(None),
    }
}

fn named(resource: ResourceRef, stored: StoredResource, key: &[u8]) -> Result<Resource, Fault> {
    match stored.document {
        Some(document) => Ok(Resource {
            resource,
            revision: stored.revision,
            document,
        }),
        None => Err(damaged(&RESOURCES, key, "it has no document").into()),
    }
}

pub(crate) fn resources(
    txn: &View,
    kind: &ResourceKind,
    after: Option<ResourceId>,
    limit: usize,
) -> Result<Vec<Resource>, Fault> {
    let prefix = key::resource_kind(kind);
    let end = key::after_prefix(&prefix);
    let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let after = after.map(|id| {
        key::resource(&ResourceRef {
            kind: kind.clone(),
            id,
        })
    });
    let start = after
        .as_deref()
        .map_or(Bound::Included(prefix.as_slice()), Bound::Excluded);
    let mut page = Vec::new();
    let table = rows::table(txn, &RESOURCES)?;
    for entry in ReadableTable::range::<&[u8]>(table, (start, end))?.take(limit.clamp(1, 1_000)) {
        let (key, value) = entry?;
        let (key, value) = (key.value(), value.value());
        let stored = envelope::read(&RESOURCES, key, value, stored::resource::read)?;
        let id = key
            .strip_prefix(prefix.as_slice())
            .and_then(|id| ResourceId::new(std::str::from_utf8(id).ok()?).ok())
            .ok_or_else(|| damaged(&RESOURCES, key, "its key is not a resource's"))?;
        let resource = ResourceRef {
            kind: kind.clone(),
            id,
        };
        page.push(named(resource, stored, key)?);
    }
    Ok(page)
}
