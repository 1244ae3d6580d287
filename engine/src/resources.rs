//! Resources: named documents that configs refer to.

use std::collections::BTreeSet;

use phasegate_core::storage::{CampaignFilter, CampaignQuery, Expected, Resource, ResourceWrite};
use phasegate_core::{
    Campaign, CampaignId, Digest, Envelope, Part, PhaseName, ResourceId, ResourceKind, ResourceRef, Revision,
};
use phasegate_schema::ConfigSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::runner::FieldProblem;

/// A phase whose stored config refers to a resource.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceUser {
    /// Its campaign.
    pub campaign_id: CampaignId,
    /// The campaign's name.
    pub name: String,
    /// The phase.
    pub phase: PhaseName,
}

impl Engine {
    /// Checks a resource's document under the schema of its kind.
    ///
    /// # Errors
    ///
    /// [`EngineError::UnknownResourceKind`], [`EngineError::InvalidName`], a storage error when it is too large or too deep, or
    /// [`EngineError::ResourceInvalid`] with every problem.
    pub fn check_resource(&self, kind: &str, id: &str, document: &Value) -> Result<ResourceRef, EngineError> {
        let (resource, schema) = self.resource_schema(kind, id)?;
        Part::Resource(&resource).measure(document)?;
        let problems = field_problems(&resource.kind, schema, document)?;
        match problems.is_empty() {
            true => Ok(resource),
            false => Err(EngineError::ResourceInvalid { resource, problems }),
        }
    }

    /// Stores a resource and gives its revision.
    ///
    /// # Errors
    ///
    /// Those of [`check_resource`](Self::check_resource); a storage error when it is not as expected;
    /// [`EngineError::ShutDown`] once a shutdown has begun.
    pub async fn put_resource(
        &self,
        kind: &str,
        id: &str,
        document: Value,
        expected: Expected,
    ) -> Result<Revision, EngineError> {
        self.put_resource_with(kind, id, document, expected, Envelope::none())
            .await
    }

    /// Stores a resource as [`put_resource`](Self::put_resource) does, with who asks for it and why.
    ///
    /// # Errors
    ///
    /// Those of [`put_resource`](Self::put_resource).
    pub async fn put_resource_with(
        &self,
        kind: &str,
        id: &str,
        document: Value,
        expected: Expected,
        envelope: Envelope,
    ) -> Result<Revision, EngineError> {
        let resource = self.check_resource(kind, id, &document)?;
        let storage = self.inner.storage.clone();
        let mut shown = document.clone();
        self.conceal(kind, &mut shown, |_, _| None)?;
        let write = ResourceWrite {
            id: self.inner.ids.commit(),
            resource,
            expected,
            document: Some(document),
            digest: Digest::of(&shown),
            envelope,
        };
        let revision = self
            .inner
            .detached(async move { Ok(storage.write_resource(write).await?) })
            .await?;
        Ok(revision.unwrap_or_default())
    }

    /// Deletes a resource. Configs that refer to it then have a problem.
    ///
    /// # Errors
    ///
    /// [`EngineError::UnknownResourceKind`]; a storage error when it is not as expected; [`EngineError::ShutDown`] once a
    /// shutdown has begun.
    pub async fn delete_resource(&self, kind: &str, id: &str, expected: Expected) -> Result<(), EngineError> {
        self.delete_resource_with(kind, id, expected, Envelope::none())
            .await
    }

    /// Deletes a resource as [`delete_resource`](Self::delete_resource) does, with who asks for it and why.
    ///
    /// # Errors
    ///
    /// Those of [`delete_resource`](Self::delete_resource).
    pub async fn delete_resource_with(
        &self,
        kind: &str,
        id: &str,
        expected: Expected,
        envelope: Envelope,
    ) -> Result<(), EngineError> {
        let (resource, _) = self.resource_schema(kind, id)?;
        let storage = self.inner.storage.clone();
        let write = ResourceWrite {
            id: self.inner.ids.commit(),
            resource,
            expected,
            document: None,
            digest: Digest::of(&Value::Null),
            envelope,
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

    /// The places in a document of this kind, as JSON Pointers, that hold secrets. The kind's schema marks them as `writeOnly`.
    ///
    /// # Errors
    ///
    /// [`EngineError::UnknownResourceKind`].
    pub fn secrets(&self, kind: &str, document: &Value) -> Result<BTreeSet<String>, EngineError> {
        Ok(self.schema_of_kind(kind)?.1.secrets(document))
    }

    /// Takes the secrets out of a document of this kind, and gives their places as JSON Pointers. What `shown_instead` gives for
    /// a secret takes its place; without that a member goes, and an item of a list, or a whole document, becomes null.
    ///
    /// # Errors
    ///
    /// [`EngineError::UnknownResourceKind`].
    pub fn conceal(
        &self,
        kind: &str,
        document: &mut Value,
        mut shown_instead: impl FnMut(&str, &Value) -> Option<Value>,
    ) -> Result<Vec<String>, EngineError> {
        let mut places = Vec::new();
        for place in self.secrets(kind, document)? {
            let Some(secret) = document.pointer_mut(&place) else {
                continue;
            };
            match shown_instead(&place, secret) {
                Some(shown) => *secret = shown,
                None => take(document, &place),
            }
            places.push(place);
        }
        Ok(places)
    }

    /// The phases that still need a resource, at most `limit` (1 or more) of them. Such a phase is not completed, and its stored
    /// config refers to the resource.
    ///
    /// The search reads every campaign that is not completed, so its time grows with their number.
    ///
    /// # Errors
    ///
    /// [`EngineError::UnknownResourceKind`], [`EngineError::InvalidName`], or [`EngineError::Storage`].
    pub async fn resource_users(
        &self,
        kind: &str,
        id: &str,
        limit: usize,
    ) -> Result<Vec<ResourceUser>, EngineError> {
        let (resource, _) = self.resource_schema(kind, id)?;
        let mut users = Vec::new();
        let most = self.pipelines().map(|one| one.phases().len()).max().unwrap_or(0);
        // By position: completed campaigns, the most numerous in the long run, need not be read.
        for position in 0..most {
            let mut query = CampaignQuery {
                filter: CampaignFilter {
                    position: Some(position),
                    ..CampaignFilter::default()
                },
                limit: 1_000,
                ..CampaignQuery::default()
            };
            loop {
                let page = self.inner.storage.campaigns(query.clone()).await?;
                for campaign in &page.items {
                    self.users_in(campaign, &resource, &mut users).await?;
                    if users.len() >= limit {
                        users.truncate(limit);
                        return Ok(users);
                    }
                }
                match page.next {
                    Some(next) => query.after = Some(next),
                    None => break,
                }
            }
        }
        Ok(users)
    }

    async fn users_in(
        &self,
        campaign: &Campaign,
        resource: &ResourceRef,
        users: &mut Vec<ResourceUser>,
    ) -> Result<(), EngineError> {
        let Some(pipeline) = self.inner.pipeline_of(campaign) else {
            return Ok(());
        };
        for slot in campaign.phases.iter().skip(campaign.position()) {
            let (Some(pin), Some(schema)) = (&slot.config, pipeline.schemas().config_schema(&slot.phase))
            else {
                continue;
            };
            let config = self
                .inner
                .storage
                .config(campaign.id, &slot.phase, pin.revision)
                .await?;
            let uses = config.map(|config| schema.resources(&config)).unwrap_or_default();
            if uses.iter().any(|one| one.resource == *resource) {
                users.push(ResourceUser {
                    campaign_id: campaign.id,
                    name: campaign.name.clone(),
                    phase: slot.phase.clone(),
                });
            }
        }
        Ok(())
    }

    pub(crate) fn resource_schema(
        &self,
        kind: &str,
        id: &str,
    ) -> Result<(ResourceRef, &ConfigSchema), EngineError> {
        let (kind, schema) = self.schema_of_kind(kind)?;
        let id = ResourceId::new(id)?;
        Ok((ResourceRef { kind, id }, schema))
    }

    fn schema_of_kind(&self, kind: &str) -> Result<(ResourceKind, &ConfigSchema), EngineError> {
        let found = ResourceKind::new(kind).ok().and_then(|kind| {
            let schema = self
                .inner
                .pipelines
                .values()
                .find_map(|one| one.schemas().resource_schema(&kind))?;
            Some((kind, schema))
        });
        match found {
            Some(found) => Ok(found),
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

/// Takes away the value at a JSON Pointer.
fn take(document: &mut Value, pointer: &str) {
    let parent = pointer.rsplit_once('/').and_then(|(parent, member)| {
        let members = document.pointer_mut(parent)?.as_object_mut()?;
        Some((members, member))
    });
    match parent {
        Some((members, member)) => {
            members.remove(&member.replace("~1", "/").replace("~0", "~"));
        }
        None => {
            if let Some(value) = document.pointer_mut(pointer) {
                *value = Value::Null;
            }
        }
    }
}

/// The problems of a document of a kind of resource.
pub(crate) fn field_problems(
    kind: &ResourceKind,
    schema: &ConfigSchema,
    document: &Value,
) -> Result<Vec<FieldProblem>, EngineError> {
    // Kinds and phases follow the same rule of names.
    let name = PhaseName::new(kind.as_str())?;
    let problems = schema.problems(&name, document);
    Ok(problems
        .items()
        .iter()
        .map(|problem| FieldProblem::new(&problem.pointer, &problem.keyword, &problem.message))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_taken_away_wherever_it_stands() {
        let mut document = json!({"a": [{"b/c": "s"}, "t"]});
        for (place, left) in [
            ("/x/y", json!({"a": [{"b/c": "s"}, "t"]})),
            ("/a/0/b~1c", json!({"a": [{}, "t"]})),
            ("/a/1", json!({"a": [{}, null]})),
            ("", json!(null)),
        ] {
            take(&mut document, place);
            assert_eq!(document, left, "{place}");
        }
    }
}
