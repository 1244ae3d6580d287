//! What follows when a phase is passed.

use super::{Decision, Draft};
use crate::campaign::{Activity, Intent, Mode};
use crate::event::EventKind;

impl Decision<'_> {
    /// Passes the phases from the position on that are marked to be skipped.
    pub(super) fn pass_marks(&self, draft: &mut Draft<'_>) {
        while let Some(slot) = draft.campaign().current()
            && let Some(mark) = &slot.mark
        {
            let (phase, reads) = (slot.phase.clone(), mark.reads);
            self.pass(draft, phase, reads);
        }
    }

    /// Goes on after a phase was passed: over marked phases, to the end or to the next phase, as mode and `intent` say.
    pub(super) fn go_on(&self, draft: &mut Draft<'_>, intent: Intent) {
        self.pass_marks(draft);
        let campaign = draft.campaign();
        let Some(next) = campaign.current() else {
            draft.push(EventKind::CampaignCompleted {});
            return;
        };
        let phase = next.phase.clone();
        let is_held = campaign.activity == (Activity::Idle { held: true });
        match (campaign.mode, intent) {
            (Mode::StepByStep, _) | (Mode::FullSequence, Intent::Stop) => {}
            (Mode::FullSequence, _) if is_held => {}
            (Mode::FullSequence, Intent::Pause) => draft.push(EventKind::CampaignHeld { phase }),
            (Mode::FullSequence, Intent::None) => {
                let index = draft.campaign().position();
                if self.is_ready(draft.campaign(), index) {
                    let launch = self.launch_afresh(draft, index);
                    draft.push(EventKind::PhaseAutoStarted(launch));
                }
            }
        }
    }
}
