//! Folds events into the state, and decides nothing.

mod ends;
mod launches;

use crate::attributes;
use crate::campaign::{Activity, Campaign, ConfigPin, Doing, Intent, Mark, PhaseSlot, Trigger};
use crate::event::{Event, EventKind, Misfit, Resumed};
use crate::ids::{Attempt, CampaignId, PhaseName, Run, Version};
use crate::options::SkipReads;
use crate::run_state::{Count, RunState};

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
            attributes,
        } = &event.kind
        else {
            return Err(misfit(Version(1), event, "a log begins with campaign_created"));
        };
        Ok(Self {
            id,
            name: name.clone(),
            attributes: attributes.clone(),
            pipeline: pipeline.clone(),
            mode: *mode,
            phases: phases.iter().cloned().map(PhaseSlot::new).collect(),
            passed: Vec::new(),
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
        self.fold_kind(event, version)
            .map_err(|reason| misfit(version, event, reason))?;
        self.version = version;
        self.changed_at = event.timestamp;
        Ok(())
    }

    fn fold_kind(&mut self, event: &Event, version: Version) -> Result<(), &'static str> {
        match &event.kind {
            EventKind::CampaignCreated { .. } => return Err("the campaign exists already"),
            EventKind::CampaignDeleted {} => return Err("a deletion ends the log"),
            EventKind::ResourceStored { .. } | EventKind::ResourceRemoved { .. } => {
                return Err("a resource's event is of no campaign");
            }
            EventKind::CampaignDescribed { name, attributes } => {
                if let Some(name) = name {
                    self.name.clone_from(name);
                }
                attributes::change(&mut self.attributes, attributes);
            }
            EventKind::ModeChanged { mode } => self.mode = *mode,
            EventKind::PhaseConfigured {
                phase,
                revision,
                digest,
            } => {
                let config = ConfigPin {
                    revision: *revision,
                    digest: *digest,
                };
                self.slot(phase)?.config = Some(config);
            }
            EventKind::PhaseConfigRemoved { phase } => self.slot(phase)?.config = None,
            EventKind::PhaseRetrySet { phase, policy } => self.slot(phase)?.retry.clone_from(policy),
            EventKind::RunPruned { phase, run } => {
                let slot = self.slot(phase)?;
                if *run <= slot.pruned || *run > slot.latest_run {
                    return Err("only runs that are there are pruned");
                }
                slot.pruned = *run;
            }
            EventKind::PhaseStarted(launch) => {
                match &self.activity {
                    Activity::Idle { .. } | Activity::Failed { .. } | Activity::Stopped { .. } => {}
                    _ => return Err("a phase can't start while it runs or is paused"),
                }
                self.launch(launch, Trigger::Start)?;
            }
            EventKind::PhaseAutoStarted(launch) => {
                if self.activity != (Activity::Idle { held: false }) {
                    return Err("an automatic start follows a completion or a skip");
                }
                self.launch(launch, Trigger::Auto)?;
            }
            EventKind::PhaseResumed(Resumed::Launched(launch)) => {
                if !matches!(self.activity, Activity::Paused { deferral: None, .. }) {
                    return Err("only a paused phase is resumed");
                }
                self.launch(launch, Trigger::Resume)?;
            }
            EventKind::PhaseRetried(launch) => {
                if !matches!(
                    self.activity,
                    Activity::Failed {
                        retry_at: Some(_),
                        ..
                    }
                ) {
                    return Err("only a failed phase that waits for a retry is retried");
                }
                self.launch(launch, Trigger::Retry)?;
            }
            EventKind::PhaseRecovered {
                launch,
                recoveries,
                base_batch,
            } => {
                self.working(&launch.phase)?;
                let count = Count {
                    count: *recoveries,
                    base_batch: *base_batch,
                };
                self.recover(launch, count)?;
            }
            EventKind::PhaseRestarted(launch) => self.restart(launch)?,
            EventKind::PhaseResumed(Resumed::Waiting { phase, run, attempt }) => {
                let paused = self.attempt_of(phase, *run, *attempt)?.clone();
                match &self.activity {
                    Activity::Paused {
                        deferral: Some(deferral),
                        ..
                    } => {
                        self.activity = Activity::Running {
                            run: paused,
                            trigger: Trigger::Resume,
                            doing: Doing::Waiting {
                                deferral: deferral.clone(),
                            },
                        };
                    }
                    _ => return Err("only a paused phase that waits for a report waits on"),
                }
            }
            EventKind::PhasePauseRequested { phase, run, attempt } => {
                self.attempt_of(phase, *run, *attempt)?;
                *self.working(phase)?.1 = Intent::Pause;
            }
            EventKind::PhaseStopRequested { phase, run, attempt } => {
                self.attempt_of(phase, *run, *attempt)?;
                *self.working(phase)?.1 = Intent::Stop;
            }
            EventKind::PhasePaused { phase, run, attempt } => {
                let run = self.attempt_of(phase, *run, *attempt)?.clone();
                let deferral = match &self.activity {
                    Activity::Running {
                        doing: Doing::Waiting { deferral },
                        ..
                    } => Some(deferral.clone()),
                    Activity::Running { .. }
                    | Activity::Failed {
                        retry_at: Some(_), ..
                    } => None,
                    _ => return Err("only a running or retrying phase is paused"),
                };
                self.activity = Activity::Paused { run, deferral };
            }
            EventKind::PhaseStopped {
                phase,
                run,
                attempt,
                stop_reason,
            } => {
                let run = self.attempt_of(phase, *run, *attempt)?.clone();
                match &self.activity {
                    Activity::Running { .. }
                    | Activity::Paused { .. }
                    | Activity::Failed {
                        retry_at: Some(_), ..
                    } => {}
                    _ => return Err("only a phase that runs, retries or is paused is stopped"),
                }
                self.activity = Activity::Stopped {
                    run,
                    reason: *stop_reason,
                };
            }
            EventKind::PhaseDeferred {
                phase,
                run,
                attempt,
                form,
                deadline_at,
                ..
            } => self.defer(phase, *run, *attempt, version, form.is_some(), *deadline_at)?,
            EventKind::PhaseCompleted { .. } => self.complete(event, version)?,
            EventKind::PhaseFailed { .. } => self.fail(event)?,
            EventKind::PhaseSkipPlanned { phase, reads } => {
                let index = self.index_of(phase).ok_or("the campaign has no such phase")?;
                let is_ahead = index > self.position();
                let is_first =
                    index == 0 && index == self.position() && matches!(self.activity, Activity::Idle { .. });
                if !(is_ahead || is_first) || self.phases[index].mark.is_some() {
                    return Err("only a phase that is still to come is marked, once");
                }
                self.phases[index].mark = Some(Mark {
                    reads: *reads,
                    reason: event.envelope.reason().map(str::to_owned),
                });
            }
            EventKind::PhaseSkipWithdrawn { phase } => {
                if self.slot(phase)?.mark.take().is_none() {
                    return Err("the phase is not marked");
                }
            }
            EventKind::PhaseSkipped {
                phase,
                reads,
                upstream,
            } => {
                if self.upstream_through(*reads) != *upstream {
                    return Err("a skip passes on what the phase itself would have read");
                }
                self.skip(phase, *reads, event)?;
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
                    return Err("a phase is not passed");
                }
                self.activity = Activity::Idle { held: false };
            }
        }
        Ok(())
    }

    fn upstream_through(&self, reads: SkipReads) -> Option<crate::run_state::RunRef> {
        match reads {
            SkipReads::Empty => None,
            SkipReads::PassThrough => self.upstream_of(self.position()),
        }
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

    /// The run at the position, if its latest attempt is this one.
    fn attempt_of(&self, phase: &PhaseName, run: Run, attempt: Attempt) -> Result<&RunState, &'static str> {
        self.expect_current(phase)?;
        self.activity
            .run()
            .filter(|state| (state.run, state.attempt) == (run, attempt))
            .ok_or("that attempt is not the one at the position")
    }

    /// The attempt of `phase` that a runner works on, and its intent for the caller to change.
    fn working(&mut self, phase: &PhaseName) -> Result<(RunState, &mut Intent), &'static str> {
        self.expect_current(phase)?;
        match &mut self.activity {
            Activity::Running {
                run,
                doing: Doing::Working { intent },
                ..
            } => Ok((run.clone(), intent)),
            _ => Err("no runner works on that phase"),
        }
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
    use crate::attributes::Attributes;
    use crate::campaign::Mode;
    use crate::envelope::Envelope;
    use crate::event::Launch;
    use crate::ids::{PipelineId, Revision};
    use crate::json::Digest;
    use crate::time::Timestamp;
    use serde_json::json;

    fn event(kind: EventKind) -> Event {
        Event {
            timestamp: Timestamp::default(),
            envelope: Envelope::none(),
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
            upstream: None,
            started_at: Timestamp::default(),
        };
        let log = [
            event(EventKind::CampaignCreated {
                name: "spring".to_owned(),
                pipeline: PipelineId::new("press").expect("a valid id"),
                phases: vec![phase.clone()],
                mode: Mode::StepByStep,
                attributes: Attributes::new(),
            }),
            event(EventKind::PhaseStarted(launch(1, 1))),
            event(EventKind::PhaseCompleted {
                phase: phase.clone(),
                run: Run(1),
                attempt: Attempt(1),
                records: 0,
                summary: json!(null),
                digest: Digest::of(&json!(null)),
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
