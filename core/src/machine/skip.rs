//! Skipping a phase: at once where the campaign has come to it, else as a plan.

use super::{Decided, Decision, Draft};
use crate::campaign::{Activity, Intent};
use crate::event::EventKind;
use crate::ids::PhaseName;
use crate::options::SkipReads;
use crate::rejection::Rejection;
use crate::status::PhaseStatus;

impl Decision<'_> {
    pub(super) fn skip(&self, phase: &PhaseName) -> Decided {
        let index = self.index(phase)?;
        let position = self.campaign.position();
        if index < position {
            return Err(Rejection::PhaseLocked {
                phase: phase.clone(),
                status: PhaseStatus::of(self.campaign, index),
            });
        }
        let at_position = index == position;
        if at_position && matches!(self.campaign.activity, Activity::Running { .. }) {
            return Err(self.already_running(phase));
        }
        if self.campaign.phases[index].mark.is_some() {
            return self.nothing();
        }
        self.same_pipeline()?;
        let on_skip = self.known.options(phase).map(|options| options.on_skip);
        let Some(reads) = on_skip.unwrap_or_default().reads() else {
            return Err(Rejection::SkipForbidden { phase: phase.clone() });
        };
        let is_idle = matches!(self.campaign.activity, Activity::Idle { .. });
        let mut draft = self.draft();
        if at_position && (position > 0 || !is_idle) {
            let intent = match self.campaign.activity {
                Activity::Paused { .. } => Intent::Pause,
                _ => Intent::None,
            };
            self.pass(&mut draft, phase.clone(), reads);
            self.go_on(&mut draft, intent);
        } else {
            let others = (position..self.campaign.phases.len())
                .filter(|other| *other != index && self.campaign.phases[*other].mark.is_none());
            if position == 0 && is_idle && others.count() == 0 {
                return Err(Rejection::NothingLeft { phase: phase.clone() });
            }
            draft.push(EventKind::PhaseSkipPlanned {
                phase: phase.clone(),
                reads,
            });
        }
        Ok(draft.events())
    }

    /// Passes the phase at the position without a run.
    pub(super) fn pass(&self, draft: &mut Draft<'_>, phase: PhaseName, reads: SkipReads) {
        let upstream = match reads {
            SkipReads::Empty => None,
            SkipReads::PassThrough => {
                let campaign = draft.campaign();
                campaign.upstream_of(campaign.position())
            }
        };
        draft.push(EventKind::PhaseSkipped {
            phase,
            reads,
            upstream,
        });
    }

    pub(super) fn unskip(&self, phase: &PhaseName) -> Decided {
        let index = self.index(phase)?;
        if index < self.campaign.position() {
            return Err(Rejection::PhaseLocked {
                phase: phase.clone(),
                status: PhaseStatus::of(self.campaign, index),
            });
        }
        match self.campaign.phases[index].mark {
            None => self.nothing(),
            Some(_) => self.one(EventKind::PhaseSkipWithdrawn { phase: phase.clone() }),
        }
    }
}
