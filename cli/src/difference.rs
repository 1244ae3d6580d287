//! The differences between a plan and an unfinished campaign.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use diffy::DiffOptions;
use phasegate::core::{AttributeChanges, ResourceId, ResourceKind, ResourceRef};
use phasegate::storage::Resource;
use phasegate::{CampaignHandle, CampaignView, Engine, Mode, PhaseName};
use serde_json::Value;

use crate::error::CliError;
use crate::plan::Plan;
use crate::sandbox::{Addresses, stored_resources};

/// The differences between a plan and an unfinished campaign.
#[derive(Clone, Debug, Default)]
pub struct Differences {
    /// The stored configs that the plan has differently, or not at all.
    pub configs: Vec<ConfigDifference>,
    /// The phases whose config only the plan has: it was never stored, or was removed.
    pub absent: Vec<PhaseName>,
    /// The resources that are stored with another document.
    pub resources: Vec<ResourceDifference>,
    /// The resources of the plan that are not stored.
    pub absent_resources: Vec<ResourceRef>,
    /// The campaign's mode, if it differs from the plan's.
    pub mode: Option<Mode>,
    /// The attributes that the plan has, and the campaign has not or differently.
    pub attributes: AttributeChanges,
    /// The phases for which the plan has another retry policy.
    pub retry: Vec<PhaseName>,
    /// The phases that the plan skips, and the campaign doesn't.
    pub skips: Vec<PhaseName>,
}

/// A config that differs.
#[derive(Clone, Debug)]
pub struct ConfigDifference {
    /// The phase.
    pub phase: PhaseName,
    /// The stored config.
    pub stored: Value,
    /// The plan's config, if it has one.
    pub planned: Option<Value>,
}

/// A resource that differs.
#[derive(Clone, Debug)]
pub struct ResourceDifference {
    /// The resource.
    pub resource: ResourceRef,
    /// The stored document.
    pub stored: Value,
    /// The plan's document.
    pub planned: Value,
}

impl Differences {
    /// Compares a plan with a campaign and the store. `last` are the addresses of the sandbox that the stored personas were
    /// pointed at, if this run has a sandbox too: other addresses of a sandbox are not a difference.
    pub async fn find(
        engine: &Engine,
        campaign: &CampaignHandle,
        view: &CampaignView,
        plan: &Plan,
        last: Option<Addresses>,
    ) -> Result<Self, CliError> {
        let mut differences = Self {
            mode: (view.mode != plan.mode).then_some(view.mode),
            attributes: plan
                .attributes
                .iter()
                .filter(|(key, value)| view.attributes.get(*key) != Some(*value))
                .map(|(key, value)| (key.clone(), Some(value.clone())))
                .collect(),
            ..Self::default()
        };
        for phase in &view.phases {
            let policy = plan.retry.get(&phase.phase);
            if policy.is_some() && policy != phase.retry.as_ref() {
                differences.retry.push(phase.phase.clone());
            }
            if plan.skips.contains(&phase.phase) && phase.skip.is_none() {
                differences.skips.push(phase.phase.clone());
            }
        }
        for phase in view.phases.iter().map(|phase| &phase.phase) {
            let stored = campaign.config(phase.as_str()).await?;
            match (stored, plan.configs.get(phase)) {
                (Some(stored), planned) if planned != Some(&stored) => {
                    differences.configs.push(ConfigDifference {
                        phase: phase.clone(),
                        stored,
                        planned: planned.cloned(),
                    });
                }
                (None, Some(_)) => differences.absent.push(phase.clone()),
                _ => {}
            }
        }
        let stored = by_ref(stored_resources(engine).await?);
        for (resource, document) in plan_resources(plan) {
            let planned = last.map_or_else(|| document.clone(), |last| last.point(&resource.kind, document));
            match stored.get(&resource) {
                Some(stored) if *stored != planned => differences.resources.push(ResourceDifference {
                    resource,
                    stored: stored.clone(),
                    planned,
                }),
                Some(_) => {}
                None => differences.absent_resources.push(resource),
            }
        }
        Ok(differences)
    }

    /// Whether a person has to decide, since the store has something else than the plan.
    pub fn need_a_decision(&self) -> bool {
        !(self.configs.is_empty() && self.resources.is_empty())
    }

    /// The differences as a unified diff, with the stored side as the old one. The secrets of resources are hidden.
    ///
    /// # Errors
    ///
    /// When the engine doesn't have the kind of a resource, so that its secrets are unknown.
    pub fn to_diff(&self, engine: &Engine) -> Result<String, CliError> {
        let mut text = String::new();
        for one in &self.configs {
            add_diff(&mut text, one.phase.as_str(), &one.stored, one.planned.as_ref());
        }
        for one in &self.resources {
            let (mut stored, mut planned) = (one.stored.clone(), one.planned.clone());
            let kind = one.resource.kind.as_str();
            engine.conceal(kind, &mut stored, |_, _| Some(Value::from("(hidden)")))?;
            engine.conceal(kind, &mut planned, |place, secret| {
                let is_stored = one.stored.pointer(place) == Some(secret);
                Some(Value::from(if is_stored {
                    "(hidden)"
                } else {
                    "(hidden, another)"
                }))
            })?;
            add_diff(&mut text, &one.resource.to_string(), &stored, Some(&planned));
        }
        Ok(text)
    }
}

/// The resources of a plan by reference, with their documents.
pub fn plan_resources(plan: &Plan) -> impl Iterator<Item = (ResourceRef, &Value)> {
    let of_kind = |(kind, all): (&ResourceKind, _)| {
        let kind = kind.clone();
        let all: &BTreeMap<ResourceId, Value> = all;
        let each = all.iter().map(move |(id, document)| {
            let resource = ResourceRef {
                kind: kind.clone(),
                id: id.clone(),
            };
            (resource, document)
        });
        each.collect::<Vec<_>>()
    };
    plan.resources.iter().flat_map(of_kind)
}

fn by_ref(resources: Vec<Resource>) -> BTreeMap<ResourceRef, Value> {
    resources
        .into_iter()
        .map(|resource| (resource.resource, resource.document))
        .collect()
}

fn add_diff(text: &mut String, title: &str, stored: &Value, planned: Option<&Value>) {
    let old = format!("{stored:#}\n");
    let new = planned.map_or_else(String::new, |planned| format!("{planned:#}\n"));
    let mut options = DiffOptions::new();
    options
        .set_context_len(2)
        .set_original_filename(format!("{title} (stored)"))
        .set_modified_filename(format!("{title} (plan)"));
    write!(text, "{}", options.create_patch(&old, &new)).expect("a String takes all text");
}

#[cfg(test)]
mod tests {
    use super::*;
    use phasegate::Pipeline;
    use phasegate_phases::analysis::Analysis;
    use phasegate_storage_redb::RedbStorage;
    use serde_json::json;

    /// A kind whose schema marks secrets in a list, behind a reference, in a branch and as whole objects.
    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "accounts": {"type": "array", "items": {"$ref": "#/$defs/account"}},
                "keys": {"type": "array", "items": {"type": "string", "writeOnly": true}},
                "certificate": {"type": "object", "writeOnly": true},
                "token": {"anyOf": [{"type": "null"}, {"type": "string", "writeOnly": true}]}
            },
            "patternProperties": {"^x-": {"writeOnly": true}},
            "$defs": {"account": {"properties": {"user": {}, "pass/word": {"type": "string", "writeOnly": true}}}}
        })
    }

    #[tokio::test]
    async fn no_secret_is_in_a_difference_wherever_its_schema_has_the_mark() {
        let pipeline = Pipeline::builder("p")
            .phase(Analysis)
            .resource_kind("vault", "Vault", schema());
        let engine = Engine::builder()
            .storage(RedbStorage::in_memory().await.expect("a store in memory"))
            .pipeline(pipeline.build().expect("a pipeline"))
            .build()
            .expect("an engine");
        let document = |secret: &str, port: u16| {
            json!({
                "port": port,
                "accounts": [{"user": "ada", "pass/word": secret}, {"user": "grace", "pass/word": "secret-same"}],
                "keys": [secret],
                "certificate": {"private": secret},
                "token": secret,
                "x-more": [secret]
            })
        };
        let resource = ResourceRef {
            kind: ResourceKind::new("vault").expect("a kind"),
            id: ResourceId::new("one").expect("an id"),
        };
        let differences = Differences {
            resources: vec![ResourceDifference {
                resource,
                stored: document("secret-stored", 1),
                planned: document("secret-planned", 2),
            }],
            ..Differences::default()
        };
        let shown = differences.to_diff(&engine).expect("the kind is known");
        assert!(!shown.contains("secret-"), "{shown}");
        assert_eq!(shown.matches("(hidden, another)").count(), 5, "{shown}");
        assert!(
            shown.contains("ada") && shown.contains("+  \"port\": 2"),
            "{shown}"
        );
    }
}
