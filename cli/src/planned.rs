//! Carrying out the parts of a plan.

use std::collections::BTreeMap;

use phasegate::core::{PreflightReport, ResourceRef, Revision};
use phasegate::storage::{Expected, Resource};
use phasegate::{CampaignHandle, Engine, Envelope, Mode, NewCampaign};
use serde_json::Value;

use crate::difference::plan_resources;
use crate::error::CliError;
use crate::plan::Plan;
use crate::sandbox::Addresses;

/// A plan's resources in the form in which they are stored.
pub type Resources = Vec<(ResourceRef, Value)>;

/// The plan's resources, pointed at a sandbox if there is one, each checked under the schema of its kind.
pub fn resources(engine: &Engine, plan: &Plan, sandbox: Option<Addresses>) -> Result<Resources, CliError> {
    let mut all = Vec::new();
    for (resource, document) in plan_resources(plan) {
        engine.check_resource(resource.kind.as_str(), resource.id.as_str(), document)?;
        let document = match sandbox {
            Some(sandbox) => sandbox.point(&resource.kind, document),
            None => document.clone(),
        };
        all.push((resource, document));
    }
    Ok(all)
}

/// Checks the plan's configs with its resources, without storing anything.
pub async fn preflight(
    engine: &Engine,
    plan: &Plan,
    resources: &Resources,
) -> Result<PreflightReport, CliError> {
    let assumed = resources.iter().map(|(resource, document)| Resource {
        resource: resource.clone(),
        revision: Revision::default(),
        document: document.clone(),
    });
    Ok(engine
        .preflight_plan(None, configs(plan), assumed.collect())
        .await?)
}

/// The problems of a report that keep the plan from running. In `full_sequence` all of them do. In `step_by_step` a later phase
/// may lack its config, but the present configs must be valid.
pub fn blockers(plan: &Plan, report: &PreflightReport) -> Option<PreflightReport> {
    let phases = report.phases().iter().enumerate();
    let blocking = phases.filter(|(index, phase)| {
        let may_wait = plan.mode == Mode::StepByStep && *index > 0 && !phase.configured;
        let need_not_be = plan.skips.contains(&phase.phase) && !phase.configured;
        !phase.is_clean() && !may_wait && !need_not_be
    });
    let blocking: Vec<_> = blocking.map(|(_, phase)| phase.clone()).collect();
    (!blocking.is_empty()).then(|| PreflightReport::new(blocking))
}

/// Stores the resources whose stored document differs or is missing.
pub async fn store_resources(
    engine: &Engine,
    resources: &Resources,
    envelope: &Envelope,
) -> Result<(), CliError> {
    for (resource, document) in to_store(engine, resources).await? {
        let (kind, id) = (resource.kind.as_str(), resource.id.as_str());
        engine
            .put_resource_with(kind, id, document.clone(), Expected::Any, envelope.clone())
            .await?;
    }
    Ok(())
}

/// The resources whose stored document differs or is missing.
pub async fn to_store<'a>(
    engine: &Engine,
    resources: &'a Resources,
) -> Result<Vec<&'a (ResourceRef, Value)>, CliError> {
    let mut differing = Vec::new();
    for one in resources {
        let (resource, document) = one;
        let stored = engine
            .resource(resource.kind.as_str(), resource.id.as_str())
            .await?;
        if stored.is_none_or(|stored| stored.document != *document) {
            differing.push(one);
        }
    }
    Ok(differing)
}

/// Creates the plan's campaign. Nothing is started.
pub async fn create(engine: &Engine, plan: &Plan, envelope: &Envelope) -> Result<CampaignHandle, CliError> {
    let mut campaign = NewCampaign::new(&plan.name)
        .mode(plan.mode)
        .envelope(envelope.clone());
    for (phase, config) in configs(plan) {
        campaign = campaign.config(phase, config);
    }
    for (key, value) in &plan.attributes {
        campaign = campaign.attribute(key, value);
    }
    for (phase, policy) in &plan.retry {
        campaign = campaign.retry(phase.as_str(), policy.clone());
    }
    for phase in &plan.skips {
        campaign = campaign.skip(phase.as_str());
    }
    Ok(engine.create(campaign).await?)
}

/// The plan's configs by the phases' names.
pub fn configs(plan: &Plan) -> BTreeMap<String, Value> {
    let named = |(phase, config): (&phasegate::PhaseName, &Value)| (phase.to_string(), config.clone());
    plan.configs.iter().map(named).collect()
}
