//! What is stored for a phase: its config, and the campaign's own retry policy.

use std::collections::BTreeMap;

use serde_json::Value;

use super::digests::digest_configs;
use super::{Decided, Decision};
use crate::event::EventKind;
use crate::ids::PhaseName;
use crate::json::Digest;
use crate::rejection::Rejection;
use crate::retry::RetryPolicy;
use crate::status::PhaseStatus;

impl Decision<'_> {
    /// Whether a phase's config may be stored now.
    pub(crate) fn configurable(&self, phase: &PhaseName) -> Result<(), Rejection> {
        self.same_pipeline()?;
        let status = PhaseStatus::of(self.campaign, self.index(phase)?);
        match status {
            PhaseStatus::NotStarted | PhaseStatus::Failed | PhaseStatus::Retrying | PhaseStatus::Stopped => {
                Ok(())
            }
            PhaseStatus::Running
            | PhaseStatus::WaitingForReport
            | PhaseStatus::Paused
            | PhaseStatus::Completed
            | PhaseStatus::Skipped => Err(Rejection::PhaseLocked {
                phase: phase.clone(),
                status,
            }),
        }
    }

    /// Whether a phase's config may be taken away now.
    pub(crate) fn unconfigurable(&self, phase: &PhaseName) -> Result<(), Rejection> {
        match PhaseStatus::of(self.campaign, self.index(phase)?) {
            PhaseStatus::NotStarted => Ok(()),
            status => Err(Rejection::PhaseStarted {
                phase: phase.clone(),
                status,
            }),
        }
    }

    /// Whether the campaign's own retry policy for a phase may be set now.
    pub(crate) fn retry_settable(&self, phase: &PhaseName) -> Result<(), Rejection> {
        match PhaseStatus::of(self.campaign, self.index(phase)?) {
            status @ (PhaseStatus::Completed | PhaseStatus::Skipped) => Err(Rejection::PhaseLocked {
                phase: phase.clone(),
                status,
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn configure(&self, configs: &BTreeMap<PhaseName, Value>) -> Decided {
        let mut locked = Vec::new();
        for phase in configs.keys() {
            match self.configurable(phase) {
                Ok(()) => {}
                Err(rejection @ Rejection::PhaseLocked { .. }) => locked.push((phase.clone(), rejection)),
                Err(rejection) => return Err(rejection),
            }
        }
        let open = self.campaign.phases.iter().filter_map(|slot| {
            let config = configs.get(&slot.phase)?;
            (!locked.iter().any(|(phase, _)| *phase == slot.phase)).then_some((&slot.phase, config))
        });
        let digests = digest_configs(open.collect(), self.known, locked)?;
        let mut draft = self.draft();
        for (phase, digest) in digests {
            if !self.stores(&phase, &digest) {
                draft.configure(phase, digest);
            }
        }
        Ok(draft.events())
    }

    /// Whether this config is stored already.
    pub(super) fn stores(&self, phase: &PhaseName, digest: &Digest) -> bool {
        let slot = self.campaign.phases.iter().find(|slot| slot.phase == *phase);
        slot.and_then(|slot| slot.config.as_ref())
            .is_some_and(|pin| pin.digest == *digest)
    }

    pub(super) fn unconfigure(&self, phase: &PhaseName) -> Decided {
        self.unconfigurable(phase)?;
        let index = self.index(phase)?;
        match self.campaign.phases[index].config {
            None => self.nothing(),
            Some(_) => self.one(EventKind::PhaseConfigRemoved { phase: phase.clone() }),
        }
    }

    pub(super) fn set_retry(&self, phase: &PhaseName, policy: Option<&RetryPolicy>) -> Decided {
        self.retry_settable(phase)?;
        if let Some(problem) = policy.and_then(RetryPolicy::problem) {
            return Err(Rejection::InvalidRetry {
                phase: phase.clone(),
                problem,
            });
        }
        let index = self.index(phase)?;
        if self.campaign.phases[index].retry.as_ref() == policy {
            return self.nothing();
        }
        self.one(EventKind::PhaseRetrySet {
            phase: phase.clone(),
            policy: policy.cloned(),
        })
    }
}
