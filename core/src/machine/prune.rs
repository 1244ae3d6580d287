//! Hiding older runs.

use super::{Decided, Decision};
use crate::campaign::PhaseSlot;
use crate::event::EventKind;
use crate::ids::{PhaseName, Run};

impl Decision<'_> {
    pub(super) fn prune(&self, keep_runs: u32, phase: Option<&PhaseName>) -> Decided {
        if let Some(phase) = phase {
            self.index(phase)?;
        }
        let mut draft = self.draft();
        let named = |slot: &&PhaseSlot| phase.is_none_or(|phase| slot.phase == *phase);
        for slot in self.campaign.phases.iter().filter(named) {
            // A current run is always the latest of its phase, and what a launch reads from is a current run.
            let current = u32::from(self.campaign.current_run(&slot.phase).is_some());
            let last = slot.latest_run.0.saturating_sub(keep_runs.max(current));
            if last > slot.pruned.0 {
                draft.push(EventKind::RunPruned {
                    phase: slot.phase.clone(),
                    run: Run(last),
                });
            }
        }
        Ok(draft.events())
    }
}
