//! How a run begins, and goes on.

use crate::campaign::{Activity, Campaign, Doing, Intent, Trigger};
use crate::event::Launch;
use crate::ids::Attempt;
use crate::run_state::{Count, Pins, RunState};

impl Campaign {
    pub(super) fn restart(&mut self, launch: &Launch) -> Result<(), &'static str> {
        let index = self
            .index_of(&launch.phase)
            .ok_or("the campaign has no such phase")?;
        let has_run = index < self.position() || (index == self.position() && self.activity.run().is_some());
        if matches!(self.activity, Activity::Running { .. }) || !has_run {
            return Err("only a phase at rest that has run or was skipped is restarted");
        }
        let mut undone = self.clone();
        undone.undo_from(index);
        undone.launch(launch, Trigger::Restart)?;
        *self = undone;
        Ok(())
    }

    /// Launches an attempt of the phase at the position: the next of its run, or the first of the next run.
    pub(super) fn launch(&mut self, launch: &Launch, trigger: Trigger) -> Result<(), &'static str> {
        self.expect_current(&launch.phase)?;
        let before = self.activity.run().filter(|run| run.run == launch.run).cloned();
        let mut run = self.launched(launch, before.as_ref())?;
        run.token_attempt = launch.attempt;
        if trigger == Trigger::Retry
            && let Some(before) = before
        {
            (run.tries, run.recoveries) = (before.tries, before.recoveries);
        }
        self.run(run, trigger)
    }

    pub(super) fn recover(&mut self, launch: &Launch, recoveries: Count) -> Result<(), &'static str> {
        let before = self.activity.run().filter(|run| run.run == launch.run).cloned();
        let before = before.ok_or("a recovery continues the run")?;
        let mut run = self.launched(launch, Some(&before))?;
        (run.token_attempt, run.tries, run.recoveries) = (before.token_attempt, before.tries, recoveries);
        self.run(run, Trigger::Recovery)
    }

    fn launched(&self, launch: &Launch, before: Option<&RunState>) -> Result<RunState, &'static str> {
        let slot = self.current().ok_or("every phase is passed")?;
        if slot.mark.is_some() {
            return Err("a phase that is to be skipped is not launched");
        }
        let follows = match before {
            Some(before) => launch.attempt == before.attempt.next(),
            None => launch.run == slot.latest_run.next() && launch.attempt == Attempt(1),
        };
        if !follows {
            return Err("runs of a phase follow each other, and attempts of a run");
        }
        if launch.upstream != self.upstream_of(self.position()) {
            return Err("a run reads from the phase before");
        }
        Ok(RunState {
            run: launch.run,
            attempt: launch.attempt,
            token_attempt: launch.attempt,
            pins: Pins {
                config: launch.config_revision,
                resources: launch.resources.clone(),
                upstream: launch.upstream.clone(),
            },
            started_at: before.map_or(launch.started_at, |before| before.started_at),
            tries: Count::default(),
            recoveries: Count::default(),
        })
    }

    fn run(&mut self, run: RunState, trigger: Trigger) -> Result<(), &'static str> {
        let index = self.position();
        let slot = self.phases.get_mut(index).ok_or("every phase is passed")?;
        slot.latest_run = run.run;
        self.activity = Activity::Running {
            run,
            trigger,
            doing: Doing::Working { intent: Intent::None },
        };
        Ok(())
    }
}
