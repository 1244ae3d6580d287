//! Resources: named documents that configs refer to.

use phasegate_core::storage::{Expected, Resource, ResourceWrite};
use phasegate_core::{ConfigSchema, PhaseName, ResourceId, ResourceKind, ResourceRef, Revision};
use serde_json::Value;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::runner::FieldProblem;

impl Engine {
    /// Checks a resource's document under the schema of its kind.
    ///
    /// # Errors
    ///
    /// [`EngineError::UnknownResourceKind`], [`EngineError::InvalidName`], or [`EngineError::ResourceInvalid`] with every
    /// problem.
    pub fn check_resource(&self, kind: &str, id: &str, document: &Value) -> Result<ResourceRef, EngineError> {
        let (resource, schema) = self.resource_schema(kind, id)?;
        // Kinds and phases follow the same rule of names.
        let name = PhaseName::new(resource.kind.as_str())?;
        let problems = schema.problems(&name, document);
        if problems.is_empty() {
            return Ok(resource);
        }
        let problems = problems
            .items()
            .iter()
            .map(|problem| FieldProblem::new(&problem.pointer, &problem.keyword, &problem.message))
            .collect();
        Err(EngineError::ResourceInvalid { resource, problems })
    }

    /// Stores a resource and gives its revision.
    ///
    /// # Errors
    ///
    /// Those of [`check_resource`](Self::check_resource); a storage error when it is not as expected or is too large;
    /// [`EngineError::ShutDown`] once a shutdown has begun.
    pub async fn put_resource(
        &self,
        kind: &str,
        id: &str,
        document: Value,
        expected: Expected,
    ) -> Result<Revision, EngineError> {
        let resource = self.check_resource(kind, id, &document)?;
        let storage = self.inner.storage.clone();
        let write = ResourceWrite {
            resource,
            expected,
            document: Some(document),
        };
        let revision = self
            .inner
            .detached(async move { Ok(storage.write_resource(write).await?) })
            .await?;
        Ok(revision.unwrap_or_default())
    }

    /// Deletes a resource. Configs that refer to it have a problem from now on.
    ///
    /// # Errors
    ///
    /// [`EngineError::UnknownResourceKind`]; a storage error when it is not as expected; [`EngineError::ShutDown`] once a
    /// shutdown has begun.
    pub async fn delete_resource(&self, kind: &str, id: &str, expected: Expected) -> Result<(), EngineError> {
        let (resource, _) = self.resource_schema(kind, id)?;
        let storage = self.inner.storage.clone();
        let write = ResourceWrite {
            resource,
            expected,
            document: None,
        };
        self.inner
            .detached(async move { Ok(storage.write_resource(write).await?) })
            .await?;
        Ok(())
    }

    /// A resource, secrets included.
    ///
    /// # Errors
    ///
    /// [`EngineError::UnknownResourceKind`], or [`EngineError::Storage`].
    pub async fn resource(&self, kind: &str, id: &str) -> Result<Option<Resource>, EngineError> {
        let (resource, _) = self.resource_schema(kind, id)?;
        Ok(self.inner.storage.resource(&resource).await?)
    }

    /// One page of a kind's resources in the order of their ids, secrets included.
    ///
    /// # Errors
    ///
    /// [`EngineError::InvalidName`], or [`EngineError::Storage`].
    pub async fn resources(
        &self,
        kind: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Resource>, EngineError> {
        let kind = ResourceKind::new(kind)?;
        let after = after.map(ResourceId::new).transpose()?;
        Ok(self.inner.storage.resources(&kind, after.as_ref(), limit).await?)
    }

    fn resource_schema(&self, kind: &str, id: &str) -> Result<(ResourceRef, &ConfigSchema), EngineError> {
        let found = ResourceKind::new(kind).ok().and_then(|kind| {
            let schema = self
                .inner
                .pipelines
                .values()
                .find_map(|one| one.schemas().resource_schema(&kind))?;
            Some((kind, schema))
        });
        match found {
            Some((kind, schema)) => Ok((
                ResourceRef {
                    kind,
                    id: ResourceId::new(id)?,
                },
                schema,
            )),
            None => {
                let kinds = self
                    .inner
                    .pipelines
                    .values()
                    .flat_map(|one| &one.definition().resource_kinds);
                let known = kinds.map(|one| one.kind.clone()).collect();
                Err(EngineError::UnknownResourceKind {
                    kind: kind.to_owned(),
                    known,
                })
            }
        }
    }
}
