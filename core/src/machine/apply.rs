//! Folds events into the state, and decides nothing.

use crate::campaign::{Activity, Campaign, Completion, ConfigPin, Intent, PhaseSlot, RunState, Trigger};
use crate::event::{Event, EventKind, Launch, Misfit};
use crate::ids::{Attempt, CampaignId, PhaseName, Run, Version};
use crate::time::Timestamp;

impl Campaign {
    /// The campaign that a log begins with.
    ///
    /// # Errors
    ///
    /// [`Misfit`] when the event is not a creation.
    pub fn created(id: CampaignId, event: &Event) -> Result<Self, Misfit> {
        let EventKind::CampaignCreated {
            name,
            pipeline,
            phases,
            mode,
        } = &event.kind
        else {
            return Err(misfit(Version(1), event, "a log begins with campaign_created"));
        };
        Ok(Self {
            id,
            name: name.clone(),
            pipeline: pipeline.clone(),
            mode: *mode,
            phases: phases
                .iter()
                .map(|phase| PhaseSlot {
                    phase: phase.clone(),
                    config: None,
                    latest_run: Run(0),
                })
                .collect(),
            completed: Vec::new(),
            activity: Activity::Idle { held: false },
            version: Version(1),
            created_at: event.timestamp,
            changed_at: event.timestamp,
        })
    }

    /// The campaign that a whole log folds to; `None` for an empty log or one that ends in a deletion.
    ///
    /// # Errors
    ///
    /// [`Misfit`] names the first event that can't follow the events before it.
    pub fn fold<'a>(
        id: CampaignId,
        events: impl IntoIterator<Item = &'a Event>,
    ) -> Result<Option<Self>, Misfit> {
        let mut campaign: Option<Self> = None;
        for event in events {
            match &mut campaign {
                None => campaign = Some(Self::created(id, event)?),
                Some(_) if matches!(event.kind, EventKind::CampaignDeleted {}) => return Ok(None),
                Some(campaign) => campaign.apply(event)?,
            }
        }
        Ok(campaign)
    }

    /// Folds one event into the campaign.
    ///
    /// # Errors
    ///
    /// [`Misfit`], with the campaign unchanged, when the event can't follow this state. An event that `decide` made for this
    /// state always can, so a misfit shows a damaged log.
    pub fn apply(&mut self, event: &Event) -> Result<(), Misfit> {
        let version = self.version.next();
        self.fold_kind(&event.kind, event.timestamp)
            .map_err(|reason| misfit(version, event, reason))?;
        self.version = version;
        self.changed_at = event.timestamp;
        Ok(())
    }

    fn fold_kind(&mut self, kind: &EventKind, now: Timestamp) -> Result<(), &'static str> {
        match kind {
            EventKind::CampaignCreated { .. } => return Err("the campaign exists already"),
            EventKind::CampaignDeleted {} => return Err("a deletion ends the log"),
            EventKind::PhaseConfigured {
                phase,
                revision,
                digest,
            } => {
                let config = ConfigPin {
                    revision: *revision,
                    digest: digest.clone(),
                };
                self.slot(phase)?.config = Some(config);
            }
            EventKind::PhaseConfigRemoved { phase } => self.slot(phase)?.config = None,
            EventKind::ModeChanged { mode } => self.mode = *mode,
            EventKind::PhaseStarted(launch) => {
                self.expect_current(&launch.phase)?;
                match &self.activity {
                    Activity::Idle { .. } | Activity::Failed { .. } | Activity::Stopped { .. } => {}
                    _ => return Err("a phase can't start while it runs or is paused"),
                }
                self.launch(launch, Trigger::Start)?;
            }
            EventKind::PhaseAutoStarted(launch) => {
                self.expect_current(&launch.phase)?;
                if self.activity != (Activity::Idle { held: false }) {
                    return Err("an automatic start follows a completion");
                }
                self.launch(launch, Trigger::Auto)?;
            }
            EventKind::PhaseResumed(launch) => {
                self.expect_current(&launch.phase)?;
                if !matches!(self.activity, Activity::Paused { .. }) {
                    return Err("only a paused phase is resumed");
                }
                self.launch(launch, Trigger::Resume)?;
            }
            EventKind::PhaseRecovered(launch) => {
                self.running(&launch.phase)?;
                self.launch(launch, Trigger::Recovery)?;
            }
            EventKind::PhaseRestarted(launch) => self.restart(launch)?,
            EventKind::PhasePauseRequested { phase } => *self.running(phase)?.1 = Intent::Pause,
            EventKind::PhaseStopRequested { phase } => *self.running(phase)?.1 = Intent::Stop,
            EventKind::PhasePaused { phase } => {
                let run = self.running(phase)?.0;
                self.activity = Activity::Paused { run };
            }
            EventKind::PhaseStopped { phase, reason } => {
                self.expect_current(phase)?;
                let run = self
                    .activity
                    .run()
                    .cloned()
                    .ok_or("only a started phase is stopped")?;
                self.activity = Activity::Stopped { run, reason: *reason };
            }
            EventKind::PhaseCompleted {
                phase,
                run: number,
                summary,
            } => {
                let run = self.running(phase)?.0;
                if run.run != *number {
                    return Err("another run is running");
                }
                self.activity = Activity::Idle { held: false };
                self.completed.push(Completion {
                    run,
                    summary: summary.clone(),
                    completed_at: now,
                });
            }
            EventKind::PhaseFailed {
                phase,
                run: number,
                failure,
            } => {
                let run = self.running(phase)?.0;
                if run.run != *number {
                    return Err("another run is running");
                }
                self.activity = Activity::Failed {
                    run,
                    failure: failure.clone(),
                };
            }
            EventKind::CampaignHeld { phase } => {
                self.expect_current(phase)?;
                if self.activity != (Activity::Idle { held: false }) {
                    return Err("only an idle chain is held");
                }
                self.activity = Activity::Idle { held: true };
            }
            EventKind::CampaignReleased { phase } => {
                self.expect_current(phase)?;
                if self.activity != (Activity::Idle { held: true }) {
                    return Err("the chain is not held");
                }
                self.activity = Activity::Idle { held: false };
            }
            EventKind::CampaignCompleted {} => {
                if !self.is_completed() {
                    return Err("a phase is not completed");
                }
            }
        }
        Ok(())
    }

    fn slot(&mut self, phase: &PhaseName) -> Result<&mut PhaseSlot, &'static str> {
        self.phases
            .iter_mut()
            .find(|slot| slot.phase == *phase)
            .ok_or("the campaign has no such phase")
    }

    fn expect_current(&self, phase: &PhaseName) -> Result<(), &'static str> {
        match self.current() {
            Some(slot) if slot.phase == *phase => Ok(()),
            _ => Err("that phase is not the one at the position"),
        }
    }

    /// The running attempt of `phase`, and its intent for the caller to change.
    fn running(&mut self, phase: &PhaseName) -> Result<(RunState, &mut Intent), &'static str> {
        self.expect_current(phase)?;
        match &mut self.activity {
            Activity::Running { run, intent, .. } => Ok((run.clone(), intent)),
            _ => Err("that phase is not running"),
        }
    }

    fn restart(&mut self, launch: &Launch) -> Result<(), &'static str> {
        let index = self
            .index_of(&launch.phase)
            .ok_or("the campaign has no such phase")?;
        if matches!(self.activity, Activity::Running { .. }) || self.current_run(&launch.phase).is_none() {
            return Err("only a phase at rest that has run is restarted");
        }
        if launch.run != self.phases[index].latest_run.next() || launch.attempt != Attempt(1) {
            return Err("a restart begins the next run");
        }
        self.completed.truncate(index);
        self.activity = Activity::Idle { held: false };
        self.launch(launch, Trigger::Restart)
    }

    fn launch(&mut self, launch: &Launch, trigger: Trigger) -> Result<(), &'static str> {
        let latest = self.slot(&launch.phase)?.latest_run;
        let started_at = match self.activity.run() {
            Some(run) if launch.run == run.run => {
                if launch.attempt != run.attempt.next() {
                    return Err("attempts of a run follow each other");
                }
                run.started_at
            }
            _ if launch.run == latest.next() && launch.attempt == Attempt(1) => launch.started_at,
            _ => return Err("runs of a phase follow each other"),
        };
        self.slot(&launch.phase)?.latest_run = launch.run;
        let run = RunState {
            run: launch.run,
            attempt: launch.attempt,
            config: launch.config_revision,
            resources: launch.resources.clone(),
            started_at,
        };
        self.activity = Activity::Running {
            run,
            trigger,
            intent: Intent::None,
        };
        Ok(())
    }
}

fn misfit(version: Version, event: &Event, reason: &'static str) -> Misfit {
    Misfit {
        version,
        event: event.kind.name(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::Mode;
    use crate::ids::{PipelineId, Revision};
    use serde_json::json;

    fn event(kind: EventKind) -> Event {
        Event {
            timestamp: Timestamp::default(),
            kind,
        }
    }

    #[test]
    fn a_restart_that_does_not_fit_leaves_the_campaign_as_it_was() {
        let phase = PhaseName::new("collect").expect("a valid name");
        let launch = |run, attempt| Launch {
            phase: phase.clone(),
            run: Run(run),
            attempt: Attempt(attempt),
            config_revision: Revision(2),
            resources: Vec::new(),
            started_at: Timestamp::default(),
        };
        let log = [
            event(EventKind::CampaignCreated {
                name: "spring".to_owned(),
                pipeline: PipelineId::new("press").expect("a valid id"),
                phases: vec![phase.clone()],
                mode: Mode::StepByStep,
            }),
            event(EventKind::PhaseStarted(launch(1, 1))),
            event(EventKind::PhaseCompleted {
                phase: phase.clone(),
                run: Run(1),
                summary: json!(null),
            }),
        ];
        let before = Campaign::fold(CampaignId::from_u128(1), &log)
            .expect("the log fits")
            .expect("a campaign");
        let mut campaign = before.clone();
        assert!(
            campaign
                .apply(&event(EventKind::PhaseRestarted(launch(2, 7))))
                .is_err()
        );
        assert_eq!(campaign, before);
    }
}
