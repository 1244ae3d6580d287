//! Where a plan and an unfinished campaign differ.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use diffy::DiffOptions;
use phasegate::core::{ResourceId, ResourceKind, ResourceRef};
use phasegate::storage::Resource;
use phasegate::{CampaignHandle, CampaignView, Engine, Mode, PhaseName};
use serde_json::Value;

use crate::error::CliError;
use crate::plan::Plan;
use crate::sandbox::{Addresses, stored_resources};

/// Where a plan and an unfinished campaign differ.
#[derive(Clone, Debug, Default)]
pub struct Differences {
    /// The configs that both have, or the campaign alone, and that are not the same.
    pub configs: Vec<ConfigDifference>,
    /// The phases whose config the plan has and the campaign doesn't: never stored, or taken away.
    pub absent: Vec<PhaseName>,
    /// The resources that are stored with another document.
    pub resources: Vec<ResourceDifference>,
    /// The resources of the plan that are not stored.
    pub absent_resources: Vec<ResourceRef>,
    /// The campaign's mode, where it is not the plan's.
    pub mode: Option<Mode>,
}

/// A config that differs.
#[derive(Clone, Debug)]
pub struct ConfigDifference {
    /// The phase.
    pub phase: PhaseName,
    /// What is stored.
    pub stored: Value,
    /// What the plan says; nothing, if it has none.
    pub planned: Option<Value>,
}

/// A resource that differs.
#[derive(Clone, Debug)]
pub struct ResourceDifference {
    /// The resource.
    pub resource: ResourceRef,
    /// What is stored.
    pub stored: Value,
    /// What the plan says.
    pub planned: Value,
}

impl Differences {
    /// Compares a plan with a campaign and the store. `last` is where the sandbox was that the stored personas were
    /// pointed at, if this one is pointed at a sandbox too: another address of it is no difference.
    pub async fn find(
        engine: &Engine,
        campaign: &CampaignHandle,
        view: &CampaignView,
        plan: &Plan,
        last: Option<Addresses>,
    ) -> Result<Self, CliError> {
        let mut differences = Self {
            mode: (view.mode != plan.mode).then_some(view.mode),
            ..Self::default()
        };
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

    /// Whether somebody has to decide: something is stored that the plan doesn't say.
    pub fn need_a_decision(&self) -> bool {
        !(self.configs.is_empty() && self.resources.is_empty())
    }

    /// The differences as a unified diff, the stored side as the old one. Members that are written and never read back,
    /// such as a proxy's password, are hidden.
    pub fn to_diff(&self, engine: &Engine) -> String {
        let mut text = String::new();
        for one in &self.configs {
            add_diff(&mut text, one.phase.as_str(), &one.stored, one.planned.as_ref());
        }
        for one in &self.resources {
            let hidden = secrets(engine, &one.resource.kind);
            let (stored, planned) = hide(&one.stored, &one.planned, &hidden);
            add_diff(&mut text, &one.resource.to_string(), &stored, Some(&planned));
        }
        text
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

/// The members of a kind's documents that its schema marks as `writeOnly`.
fn secrets(engine: &Engine, kind: &ResourceKind) -> Vec<String> {
    let definitions = engine
        .pipelines()
        .flat_map(|pipeline| &pipeline.definition().resource_kinds);
    let Some(definition) = definitions.into_iter().find(|one| one.kind == *kind) else {
        return Vec::new();
    };
    let properties = definition.schema.get("properties").and_then(Value::as_object);
    let secret = |(name, schema): (&String, &Value)| {
        (schema.get("writeOnly") == Some(&Value::Bool(true))).then(|| name.clone())
    };
    properties.into_iter().flatten().filter_map(secret).collect()
}

fn hide(stored: &Value, planned: &Value, secrets: &[String]) -> (Value, Value) {
    let (mut shown_stored, mut shown_planned) = (stored.clone(), planned.clone());
    for secret in secrets {
        let differs = stored.get(secret) != planned.get(secret);
        for (shown, word) in [
            (&mut shown_stored, "(hidden)"),
            (&mut shown_planned, "(hidden, another)"),
        ] {
            if let Some(member) = shown.get_mut(secret) {
                *member = Value::from(if differs { word } else { "(hidden)" });
            }
        }
    }
    (shown_stored, shown_planned)
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
