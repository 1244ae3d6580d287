//! The attempts of a log: launched once, ended once, and counted.

use std::collections::{BTreeMap, BTreeSet};

use phasegate_core::{Attempt, BatchNumber, EventKind, Launch, PhaseName, Run, Timestamp};

/// What the attempt at the position does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Doing {
    Works,
    /// Somebody will report it, before this moment if there is one.
    Waits(Option<Timestamp>),
    PausedWaiting(Option<Timestamp>),
    /// It is tried again at this moment.
    Retries(Timestamp),
    /// It is paused, failed or stopped.
    Rests,
}

/// The attempt at the position.
#[derive(Clone, Debug)]
pub(super) struct Current {
    pub(super) phase: PhaseName,
    pub(super) run: Run,
    pub(super) attempt: Attempt,
    pub(super) doing: Doing,
    tries: (u32, BatchNumber),
    recoveries: (u32, BatchNumber),
}

/// All attempts of a log.
#[derive(Default)]
pub(super) struct Attempts {
    pub(super) current: Option<Current>,
    launched: BTreeMap<(PhaseName, Run), u32>,
    runs: BTreeMap<PhaseName, u32>,
    completed: BTreeSet<(PhaseName, Run)>,
}

impl Attempts {
    /// What the attempt at the position does, if it is this one.
    pub(super) fn doing(&self, phase: &PhaseName, run: Run, attempt: Attempt) -> Option<Doing> {
        let current = self.current.as_ref()?;
        (current.phase == *phase && (current.run, current.attempt) == (run, attempt)).then_some(current.doing)
    }

    pub(super) fn now(&mut self, doing: Doing) {
        if let Some(current) = &mut self.current {
            current.doing = doing;
        }
    }

    /// How many runs of a phase there are.
    pub(super) fn runs(&self, phase: &PhaseName) -> Run {
        Run(self.runs.get(phase).copied().unwrap_or_default())
    }

    pub(super) fn launch(&mut self, kind: &EventKind, launch: &Launch) -> Result<(), &'static str> {
        let before = self
            .current
            .take()
            .filter(|current| current.phase == launch.phase && current.run == launch.run);
        let doing = before.as_ref().map(|before| before.doing);
        let follows = match kind {
            EventKind::PhaseRecovered { .. } => doing == Some(Doing::Works),
            EventKind::PhaseRetried(_) => matches!(doing, Some(Doing::Retries(_))),
            EventKind::PhaseResumed(_) => doing == Some(Doing::Rests),
            EventKind::PhaseStarted(_) => matches!(doing, None | Some(Doing::Rests | Doing::Retries(_))),
            _ => doing.is_none(),
        };
        if !follows {
            return Err("an attempt follows one that its event can follow");
        }
        let attempts = self
            .launched
            .entry((launch.phase.clone(), launch.run))
            .or_default();
        *attempts += 1;
        if *attempts != launch.attempt.0 {
            return Err("attempts of a run are numbered from 1 and launched once");
        }
        let runs = self.runs.entry(launch.phase.clone()).or_default();
        if launch.attempt.0 == 1 {
            *runs += 1;
        }
        if *runs != launch.run.0 {
            return Err("runs of a phase are numbered from 1, and only the latest goes on");
        }
        let none = (0, BatchNumber(0));
        let counts = |current: Current| (current.tries, current.recoveries);
        let (tries, recoveries) = match kind {
            EventKind::PhaseRecovered {
                recoveries,
                base_batch,
                ..
            } => {
                let (tries, before) = before.map_or((none, none), counts);
                let now = (*recoveries, *base_batch);
                if !(counts_on(before, now) || now == before || (now.0 == 0 && now.1 >= before.1)) {
                    return Err("recoveries are counted since the latest progress");
                }
                (tries, now)
            }
            EventKind::PhaseRetried(_) => before.map_or((none, none), counts),
            _ => (none, none),
        };
        self.current = Some(Current {
            phase: launch.phase.clone(),
            run: launch.run,
            attempt: launch.attempt,
            doing: Doing::Works,
            tries,
            recoveries,
        });
        Ok(())
    }

    pub(super) fn complete(&mut self, phase: &PhaseName, run: Run) -> Result<(), &'static str> {
        self.current = None;
        if self.completed.insert((phase.clone(), run)) {
            Ok(())
        } else {
            Err("a run is completed at most once")
        }
    }

    /// A failure with its count. The end of the wait for a retry is no failed try.
    pub(super) fn fail(
        &mut self,
        counted: (u32, BatchNumber),
        retry_at: Option<Timestamp>,
    ) -> Result<(), &'static str> {
        let Some(current) = &mut self.current else {
            return Err("only an attempt fails");
        };
        let is_right = match current.doing {
            Doing::Retries(_) => counted == current.tries && retry_at.is_none(),
            Doing::Rests => false,
            Doing::Works => counts_on(current.tries, counted),
            // The answer of a gate is final, and so is its deadline.
            Doing::Waits(_) | Doing::PausedWaiting(_) => {
                counts_on(current.tries, counted) && retry_at.is_none()
            }
        };
        if !is_right {
            return Err("an attempt fails once, and its tries are counted since the latest progress");
        }
        current.tries = counted;
        current.doing = retry_at.map_or(Doing::Rests, Doing::Retries);
        Ok(())
    }
}

/// Whether a count goes on by one, or begins anew after progress.
fn counts_on(before: (u32, BatchNumber), now: (u32, BatchNumber)) -> bool {
    let (count, base) = before;
    if count == 0 {
        now.0 == 1 && now.1 >= base
    } else {
        now == (count + 1, base) || (now.0 == 1 && now.1 > base)
    }
}
