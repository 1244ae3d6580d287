//! Starting a phase, and beginning one afresh.

use serde_json::Value;

use super::digests::digest_configs;
use super::{Decided, Decision};
use crate::campaign::{Activity, Doing, Intent};
use crate::event::EventKind;
use crate::ids::PhaseName;
use crate::rejection::Rejection;
use crate::status::PhaseStatus;

impl Decision<'_> {
    pub(super) fn start(&self, phase: &PhaseName) -> Decided {
        let index = self.index(phase)?;
        let next = self.campaign.next_unmarked();
        if next != Some(index) {
            return Err(Rejection::OutOfOrder {
                phase: phase.clone(),
                status: PhaseStatus::of(self.campaign, index),
                expected: next.map(|next| self.campaign.phases[next].phase.clone()),
            });
        }
        match &self.campaign.activity {
            Activity::Running { doing, .. } => return Err(self.why_not_started(phase, doing)),
            Activity::Paused { .. } => return Err(Rejection::Paused { phase: phase.clone() }),
            Activity::Idle { .. } | Activity::Failed { .. } | Activity::Stopped { .. } => {}
        }
        self.same_pipeline()?;
        let mut draft = self.draft();
        self.pass_marks(&mut draft);
        self.preflight(draft.campaign())?;
        let launch = match self.campaign.activity.run() {
            Some(run) if self.continues(run) => self.launch_next_attempt(&mut draft, run),
            _ => self.launch_afresh(&mut draft, index),
        };
        draft.push(EventKind::PhaseStarted(launch));
        Ok(draft.events())
    }

    fn why_not_started(&self, phase: &PhaseName, doing: &Doing) -> Rejection {
        let phase = phase.clone();
        match doing {
            Doing::Working {
                intent: Intent::Pause,
            } => Rejection::Pausing { phase },
            Doing::Working { intent: Intent::Stop } => Rejection::Stopping { phase },
            Doing::Working { intent: Intent::None } | Doing::Waiting { .. } => {
                Rejection::AlreadyRunning { phase }
            }
        }
    }

    pub(super) fn restart(&self, phase: &PhaseName, config: Option<&Value>) -> Decided {
        let index = self.index(phase)?;
        if let (Activity::Running { .. }, Some(running)) = (&self.campaign.activity, self.current()) {
            return Err(self.already_running(&running));
        }
        let position = self.campaign.position();
        if index > position || (index == position && self.campaign.activity.run().is_none()) {
            return Err(Rejection::NotStarted { phase: phase.clone() });
        }
        self.same_pipeline()?;
        let mut draft = self.draft();
        let proposed = config.map(|config| (phase, config)).into_iter().collect();
        for (phase, digest) in digest_configs(proposed, self.known, Vec::new())? {
            if !self.stores(&phase, &digest) {
                draft.configure(phase, digest);
            }
        }
        let mut undone = draft.campaign().clone();
        undone.undo_from(index);
        self.preflight(&undone)?;
        let launch = self.launch_afresh(&mut draft, index);
        draft.push(EventKind::PhaseRestarted(launch));
        Ok(draft.events())
    }
}
