//! The creation of a campaign.

use super::digests::digest_configs;
use super::naming::{check_attributes, check_name};
use crate::campaign::Campaign;
use crate::command::CreateCampaign;
use crate::envelope::Envelope;
use crate::event::{Event, EventKind};
use crate::facts::Facts;
use crate::ids::{PhaseName, PipelineId, Revision, Version};
use crate::known::Known;
use crate::rejection::Rejection;
use crate::time::Timestamp;

pub(super) fn create(
    command: &CreateCampaign,
    pipeline: &PipelineId,
    facts: &Facts,
    envelope: &Envelope,
    now: Timestamp,
) -> Result<Vec<Event>, Rejection> {
    let Some(registered) = &facts.pipeline else {
        return Err(Rejection::UnknownPipeline {
            pipeline: pipeline.clone(),
        });
    };
    check_name(&command.name)?;
    check_attributes(&command.attributes)?;
    let phases: Vec<PhaseName> = registered.iter().map(|phase| phase.name.clone()).collect();
    let named = command
        .configs
        .keys()
        .chain(command.retry.keys())
        .chain(&command.skips);
    for phase in named {
        if !phases.contains(phase) {
            return Err(Rejection::UnknownPhase {
                phase: phase.clone(),
                phases,
            });
        }
    }
    let mut log = Log {
        envelope,
        now,
        events: Vec::new(),
    };
    log.push(EventKind::CampaignCreated {
        name: command.name.clone(),
        pipeline: pipeline.clone(),
        phases: phases.clone(),
        mode: command.mode,
        attributes: command.attributes.clone(),
    });
    let known = match Campaign::created(command.id, &log.events[0]) {
        Ok(created) => Known::new(&created, facts),
        Err(_) => {
            return Err(Rejection::UnknownPipeline {
                pipeline: pipeline.clone(),
            });
        }
    };
    let in_order = phases
        .iter()
        .filter_map(|phase| Some((phase, command.configs.get(phase)?)));
    for (phase, digest) in digest_configs(in_order.collect(), &known, Vec::new())? {
        let revision = Revision(Version(log.events.len() as u64).next().0);
        log.push(EventKind::PhaseConfigured {
            phase,
            revision,
            digest,
        });
    }
    for phase in &phases {
        let Some(policy) = command.retry.get(phase) else {
            continue;
        };
        if let Some(problem) = policy.problem() {
            return Err(Rejection::InvalidRetry {
                phase: phase.clone(),
                problem,
            });
        }
        log.push(EventKind::PhaseRetrySet {
            phase: phase.clone(),
            policy: Some(policy.clone()),
        });
    }
    for registered in registered.iter().filter(|one| command.skips.contains(&one.name)) {
        let phase = registered.name.clone();
        let Some(reads) = registered.options.on_skip.reads() else {
            return Err(Rejection::SkipForbidden { phase });
        };
        if command.skips.len() == phases.len() {
            return Err(Rejection::NothingLeft { phase });
        }
        log.push(EventKind::PhaseSkipPlanned { phase, reads });
    }
    Ok(log.events)
}

struct Log<'a> {
    envelope: &'a Envelope,
    now: Timestamp,
    events: Vec<Event>,
}

impl Log<'_> {
    fn push(&mut self, kind: EventKind) {
        self.events.push(Event {
            timestamp: self.now,
            envelope: self.envelope.clone(),
            kind,
        });
    }
}
