//! The walk along everything that the store has accepted, write by write.

use std::collections::BTreeMap;

use phasegate::core::storage::{Resource, Transition};
use phasegate::core::{
    Activity, Campaign, CampaignId, Event, EventKind, Launch, Mode, Passed, ResourcePin, ResourceRef,
    Revision, Timestamp, Version,
};
use serde_json::Value;

use super::history::History;
use crate::simulation::fleet::at_work::Begun;
use crate::simulation::fleet::plan::Plan;
use crate::simulation::fleet::witness::{Accepted, Written};

pub(super) struct Walk<'a> {
    plan: &'a Plan,
    pub(super) campaigns: BTreeMap<CampaignId, History>,
    /// Every revision of every resource; `None` for a removal.
    resources: BTreeMap<ResourceRef, BTreeMap<Revision, Option<Value>>>,
}

type Step = Result<(), String>;

impl<'a> Walk<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        Self {
            plan,
            campaigns: BTreeMap::new(),
            resources: BTreeMap::new(),
        }
    }

    pub(super) fn step(&mut self, written: &Written) -> Step {
        match &written.write {
            Accepted::Resource(write, revision) => {
                let revisions = self.resources.entry(write.resource.clone()).or_default();
                let latest = revisions.last_key_value().map(|(latest, _)| *latest);
                let revision = revision.or(latest.map(|latest| Revision(latest.0 + 1)));
                revisions.insert(revision.unwrap_or_default(), write.document.clone());
                Ok(())
            }
            Accepted::Append(output) => {
                let ticket = &output.ticket;
                let history = self.campaigns.entry(ticket.campaign).or_default();
                let working = history.campaign.as_ref().and_then(Campaign::working_ticket);
                if history.is_deleted || working.as_ref() != Some(ticket) {
                    return Err(format!(
                        "a stale attempt changes nothing, but a batch of {ticket} was taken while {working:?} works"
                    ));
                }
                history.write(output)
            }
            Accepted::Commit(transition) => self.commit(transition, written.by),
        }
    }

    fn commit(&mut self, transition: &Transition, by: Timestamp) -> Step {
        let id = transition.campaign;
        let mut history = self.campaigns.remove(&id).unwrap_or_default();
        let version = Version(history.events.len() as u64);
        if transition.expected_version != version || history.is_deleted {
            return Err(format!(
                "numbers are gapless, but a commit that follows {} came after {version}",
                transition.expected_version
            ));
        }
        if let Some(output) = &transition.output
            && !transition.events.is_empty()
        {
            let current = history.campaign.as_ref().and_then(Campaign::ticket);
            if current.as_ref() != Some(&output.ticket) {
                return Err(format!(
                    "only the current attempt ends with a batch, and not {}",
                    output.ticket
                ));
            }
            history.write(output)?;
        }
        for write in &transition.configs {
            let key = (write.phase.clone(), write.revision);
            history.configs.insert(key, write.config.clone());
        }
        for event in &transition.events {
            self.event(&history, event, by)?;
            history.apply(id, event)?;
        }
        self.campaigns.insert(id, history);
        Ok(())
    }

    fn event(&self, history: &History, event: &Event, by: Timestamp) -> Step {
        let broken = |what: &str| Err(format!("{what}: {event:?} by {by}"));
        if event.timestamp > by {
            return broken("nothing happens before its time by the store's clock");
        }
        if let EventKind::PhaseRetried(_) = &event.kind
            && let Some(Activity::Failed { retry_at, .. }) =
                history.campaign.as_ref().map(|campaign| &campaign.activity)
            && retry_at.is_none_or(|at| at > by)
        {
            return broken("a retry waits until it is due");
        }
        if let EventKind::PhaseFailed { failure, .. } = &event.kind
            && failure.code == "deadline_passed"
        {
            let deferral = history
                .campaign
                .as_ref()
                .and_then(|campaign| campaign.activity.deferral());
            let at = deferral.and_then(|deferral| deferral.deadline_at);
            if at.is_none_or(|at| at > by) {
                return broken("a deadline passes when it is due");
            }
        }
        match (event.kind.launch(), &history.campaign) {
            (Some(launch), Some(campaign)) => self
                .launch(history, campaign, event, launch)
                .or_else(|what| broken(&what)),
            (Some(_), None) => broken("only a campaign that exists starts a phase"),
            (None, _) => Ok(()),
        }
    }

    /// A launch uses a valid config and the resources that are in force at its commit.
    fn launch(&self, history: &History, campaign: &Campaign, event: &Event, launch: &Launch) -> Step {
        let index = campaign
            .index_of(&launch.phase)
            .ok_or("a phase of the pipeline is launched")?;
        self.valid(history, campaign, index)?;
        let pin = campaign.phases[index].config.as_ref().map(|pin| pin.revision);
        if pin != Some(launch.config_revision) {
            return Err("a launch uses the config in force".to_owned());
        }
        for pin in &launch.resources {
            let resource = ResourceRef {
                kind: pin.kind.clone(),
                id: pin.id.clone(),
            };
            let latest = self
                .resources
                .get(&resource)
                .and_then(|revisions| revisions.last_key_value());
            match latest {
                Some((revision, Some(document))) if *revision == pin.revision => {
                    let found = Resource {
                        resource,
                        revision: *revision,
                        document: document.clone(),
                    };
                    if !found.is_enabled() {
                        return Err("a disabled resource is not used".to_owned());
                    }
                }
                _ => return Err(format!("a launch uses the resources in force, and not {pin:?}")),
            }
        }
        let starts_a_chain = campaign.mode == Mode::FullSequence
            && matches!(
                event.kind,
                EventKind::PhaseStarted(_) | EventKind::PhaseRestarted(_)
            );
        if starts_a_chain {
            // A restart plans the later skips anew.
            let is_skipped = |later: usize| {
                campaign.phases[later].mark.is_some()
                    || matches!(campaign.passed.get(later), Some(Passed::Skipped(_)))
            };
            for later in index + 1..campaign.phases.len() {
                if !is_skipped(later) {
                    self.valid(history, campaign, later)?;
                }
            }
        }
        Ok(())
    }

    /// The document that a run uses.
    pub(super) fn document(&self, pin: &ResourcePin) -> Option<Value> {
        let resource = ResourceRef {
            kind: pin.kind.clone(),
            id: pin.id.clone(),
        };
        self.resources.get(&resource)?.get(&pin.revision)?.clone()
    }

    fn valid(&self, history: &History, campaign: &Campaign, index: usize) -> Step {
        let slot = &campaign.phases[index];
        let config = slot
            .config
            .as_ref()
            .and_then(|pin| history.configs.get(&(slot.phase.clone(), pin.revision)));
        match config {
            Some(config) if self.plan.is_valid(&slot.phase, config) => Ok(()),
            other => Err(format!(
                "nothing starts without a valid config of {}, and this is none: {other:?}",
                slot.phase
            )),
        }
    }

    /// Every attempt that a runner has begun was launched, and was given what its launch says.
    pub(super) fn check_begun(&self, begun: &[Begun]) -> Step {
        for Begun {
            ticket,
            config,
            resources,
        } in begun
        {
            let Some(history) = self.campaigns.get(&ticket.campaign) else {
                return Err(format!("{ticket} runs in a campaign that never was"));
            };
            let launch = history.events.iter().find_map(|event| {
                event.kind.launch().filter(|launch| {
                    launch.phase == ticket.phase
                        && (launch.run, launch.attempt) == (ticket.run, ticket.attempt)
                })
            });
            let Some(launch) = launch else {
                return Err(format!("{ticket} runs without a commit that launches it"));
            };
            let pinned = history
                .configs
                .get(&(ticket.phase.clone(), launch.config_revision));
            if pinned.is_none_or(|pinned| phasegate::core::Digest::of(pinned) != *config) {
                return Err(format!("{ticket} runs with another config than its launch names"));
            }
            let given: BTreeMap<_, _> = resources.iter().collect();
            for pin in &launch.resources {
                let resource = ResourceRef {
                    kind: pin.kind.clone(),
                    id: pin.id.clone(),
                };
                if given.get(&resource).map(|document| (*document).clone()) != self.document(pin) {
                    return Err(format!(
                        "{ticket} runs with another {resource} than its launch names"
                    ));
                }
            }
        }
        Ok(())
    }

    /// What somebody was told of is there.
    pub(super) fn check_acknowledged(&self, acknowledged: &BTreeMap<CampaignId, Version>) -> Step {
        for (campaign, version) in acknowledged {
            let there = self
                .campaigns
                .get(campaign)
                .map_or(0, |history| history.events.len() as u64);
            if there < version.0 {
                return Err(format!(
                    "version {version} of campaign {campaign} was acknowledged, but there are {there} events"
                ));
            }
        }
        Ok(())
    }
}
