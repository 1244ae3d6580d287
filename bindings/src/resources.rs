//! Resources: the documents that configs refer to.

use phasegate::core::Revision;
use phasegate::core::storage::{Expected, Resource};
use serde_json::{Value, json};

use crate::engine::HostEngine;
use crate::envelope::HostEnvelope;
use crate::error::HostError;
use crate::json::{read, write};
use crate::runtime::within;

#[uniffi::export]
impl HostEngine {
    /// Stores a resource and gives its revision. `expected` is the revision that it replaces, 0 for none.
    pub async fn put_resource(
        &self,
        kind: String,
        id: String,
        document: String,
        revision: Option<u64>,
        envelope: HostEnvelope,
    ) -> Result<u64, HostError> {
        let inner = self.inner()?;
        let (document, envelope) = (read("document", &document)?, envelope.read()?);
        let stored = inner
            .engine
            .put_resource_with(&kind, &id, document, expected(revision), envelope);
        Ok(within(inner.handle.clone(), stored).await?.0)
    }

    /// Deletes a resource. Configs that refer to it then have a problem.
    pub async fn delete_resource(
        &self,
        kind: String,
        id: String,
        revision: Option<u64>,
        envelope: HostEnvelope,
    ) -> Result<(), HostError> {
        let inner = self.inner()?;
        let deleted = inner
            .engine
            .delete_resource_with(&kind, &id, expected(revision), envelope.read()?);
        Ok(within(inner.handle.clone(), deleted).await?)
    }

    /// A resource, secrets included: a JSON object with `kind`, `id`, `revision`, `document`.
    pub async fn resource(&self, kind: String, id: String) -> Result<Option<String>, HostError> {
        let inner = self.inner()?;
        let found = within(inner.handle.clone(), inner.engine.resource(&kind, &id)).await?;
        found.map(|one| write(&shown(&one))).transpose()
    }

    /// One page of a kind's resources, after an id, at most `limit` (1 to 1,000): a JSON array.
    pub async fn resources(
        &self,
        kind: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<String, HostError> {
        let inner = self.inner()?;
        let page = inner.engine.resources(&kind, after.as_deref(), limit as usize);
        let page = within(inner.handle.clone(), page).await?;
        write(&page.iter().map(shown).collect::<Vec<_>>())
    }
}

fn expected(revision: Option<u64>) -> Expected {
    match revision {
        None => Expected::Any,
        Some(0) => Expected::Absent,
        Some(revision) => Expected::Revision(Revision(revision)),
    }
}

fn shown(resource: &Resource) -> Value {
    let Resource {
        resource,
        revision,
        document,
    } = resource;
    json!({ "kind": resource.kind, "id": resource.id, "revision": revision, "document": document })
}
