//! The phases that a log has passed, those that it is to skip, and what each run reads.

use std::collections::BTreeMap;

use phasegate_core::{PhaseName, Run, RunRef, SkipReads};

/// How a phase was passed.
enum Passing {
    Completed(Run),
    Skipped(SkipReads),
}

/// The passed phases of a log, in order, and the plans to skip later ones.
#[derive(Default)]
pub(super) struct PassedPhases {
    pub(super) order: Vec<PhaseName>,
    passed: Vec<Passing>,
    plans: BTreeMap<PhaseName, SkipReads>,
}

impl PassedPhases {
    /// The phase that is next, or `None` when all are passed.
    pub(super) fn next(&self) -> Option<&PhaseName> {
        self.order.get(self.passed.len())
    }

    pub(super) fn is_last(&self, phase: &PhaseName) -> bool {
        self.passed
            .len()
            .checked_sub(1)
            .is_some_and(|last| self.order[last] == *phase)
    }

    pub(super) fn is_planned(&self, phase: &PhaseName) -> bool {
        self.plans.contains_key(phase)
    }

    /// The run that the next phase reads.
    pub(super) fn upstream(&self) -> Option<RunRef> {
        let reads = |passing: &&Passing| !matches!(passing, Passing::Skipped(SkipReads::PassThrough));
        let last = self.passed.iter().rposition(|passing| reads(&passing))?;
        match &self.passed[last] {
            Passing::Completed(run) => Some(RunRef {
                phase: self.order[last].clone(),
                run: *run,
            }),
            Passing::Skipped(_) => None,
        }
    }

    /// The current run of each completed phase.
    pub(super) fn current_runs(&self) -> impl Iterator<Item = (&PhaseName, Run)> {
        self.order
            .iter()
            .zip(&self.passed)
            .filter_map(|(phase, passing)| match passing {
                Passing::Completed(run) => Some((phase, *run)),
                Passing::Skipped(_) => None,
            })
    }

    pub(super) fn plan(&mut self, phase: &PhaseName, reads: SkipReads) -> Result<(), &'static str> {
        let index = self.order.iter().position(|one| one == phase);
        // A phase that the campaign has come to is skipped at once, unless nothing has begun.
        let is_to_come = index.is_some_and(|index| index > self.passed.len() || self.passed.is_empty());
        if !is_to_come || self.plans.insert(phase.clone(), reads).is_some() {
            return Err("only a phase that is still to come is planned to be skipped, once");
        }
        Ok(())
    }

    pub(super) fn withdraw(&mut self, phase: &PhaseName) -> Result<(), &'static str> {
        self.plans
            .remove(phase)
            .map(drop)
            .ok_or("only a plan to skip is withdrawn")
    }

    pub(super) fn complete(&mut self, run: Run) {
        self.passed.push(Passing::Completed(run));
    }

    pub(super) fn skip(
        &mut self,
        phase: &PhaseName,
        reads: SkipReads,
        upstream: Option<&RunRef>,
    ) -> Result<(), &'static str> {
        if self.next() != Some(phase) {
            return Err("phases are passed in their order");
        }
        if self.plans.remove(phase).is_some_and(|planned| planned != reads) {
            return Err("a plan to skip pins what is read");
        }
        let through = match reads {
            SkipReads::Empty => None,
            SkipReads::PassThrough => self.upstream(),
        };
        if through.as_ref() != upstream {
            return Err("a skip carries what is read then");
        }
        self.passed.push(Passing::Skipped(reads));
        Ok(())
    }

    /// A restart undoes the phase and all later ones. What was skipped later is planned to be skipped again.
    pub(super) fn undo_from(&mut self, phase: &PhaseName) {
        let index = self.order.iter().position(|one| one == phase).unwrap_or_default();
        let undone = self.passed.split_off(index.min(self.passed.len()));
        for (later, passing) in self.order.iter().skip(index).zip(undone) {
            if let Passing::Skipped(reads) = passing
                && later != phase
            {
                self.plans.insert(later.clone(), reads);
            }
        }
    }
}
