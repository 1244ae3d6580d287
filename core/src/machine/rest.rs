//! Pausing, resuming and stopping.

use super::gates::Barrier;
use super::{Decided, Decision};
use crate::campaign::{Activity, Doing, Intent, StopReason};
use crate::event::{EventKind, Resumed};
use crate::ids::PhaseName;
use crate::rejection::Rejection;
use crate::run_state::RunState;
use crate::status::CampaignStatus;

impl Decision<'_> {
    fn not_running(&self) -> Rejection {
        Rejection::NotRunning {
            status: CampaignStatus::known(self.campaign, self.known),
        }
    }

    pub(super) fn pause(&self) -> Decided {
        let Some(phase) = self.current() else {
            return Err(self.not_running());
        };
        match &self.campaign.activity {
            Activity::Running {
                run,
                doing: Doing::Working { intent: Intent::None },
                ..
            } => self.one(EventKind::PhasePauseRequested {
                phase,
                run: run.run,
                attempt: run.attempt,
            }),
            Activity::Running {
                run,
                doing: Doing::Waiting { .. },
                ..
            }
            | Activity::Failed {
                run,
                retry_at: Some(_),
                ..
            } => self.one(EventKind::PhasePaused {
                phase,
                run: run.run,
                attempt: run.attempt,
            }),
            Activity::Running {
                doing: Doing::Working {
                    intent: Intent::Pause,
                },
                ..
            }
            | Activity::Paused { .. }
            | Activity::Idle { held: true } => self.nothing(),
            _ => Err(self.not_running()),
        }
    }

    pub(super) fn resume(&self) -> Decided {
        let not_paused = || Rejection::NotPaused {
            status: CampaignStatus::known(self.campaign, self.known),
        };
        let Some(phase) = self.current() else {
            return Err(not_paused());
        };
        match &self.campaign.activity {
            Activity::Paused { run, deferral } => {
                if deferral.is_some() {
                    return self.one(EventKind::PhaseResumed(Resumed::Waiting {
                        phase,
                        run: run.run,
                        attempt: run.attempt,
                    }));
                }
                self.same_pipeline()?;
                match self.barrier(run) {
                    None => {}
                    Some(Barrier::Config(report)) => {
                        let problems = report.problems();
                        return Err(Rejection::ConfigInvalid { problems });
                    }
                    Some(Barrier::Input) => return Err(Rejection::InputChanged { phase }),
                }
                let mut draft = self.draft();
                let launch = self.launch_next_attempt(&mut draft, run);
                draft.push(EventKind::PhaseResumed(Resumed::Launched(launch)));
                Ok(draft.events())
            }
            Activity::Idle { held: true } => self.start(&phase),
            Activity::Running { doing, .. } => match doing {
                Doing::Working {
                    intent: Intent::Pause,
                } => Err(Rejection::Pausing { phase }),
                Doing::Working { intent: Intent::Stop } => Err(Rejection::Stopping { phase }),
                Doing::Working { intent: Intent::None } | Doing::Waiting { .. } => self.nothing(),
            },
            Activity::Idle { held: false } | Activity::Failed { .. } | Activity::Stopped { .. } => {
                Err(not_paused())
            }
        }
    }

    pub(super) fn stop(&self) -> Decided {
        let Some(phase) = self.current() else {
            return Err(self.not_running());
        };
        match &self.campaign.activity {
            Activity::Running {
                run,
                doing:
                    Doing::Working {
                        intent: Intent::None | Intent::Pause,
                    },
                ..
            } => self.one(EventKind::PhaseStopRequested {
                phase,
                run: run.run,
                attempt: run.attempt,
            }),
            Activity::Running {
                run,
                doing: Doing::Waiting { .. },
                ..
            }
            | Activity::Paused { run, .. }
            | Activity::Failed {
                run,
                retry_at: Some(_),
                ..
            } => self.one(stopped(phase, run, StopReason::Requested)),
            Activity::Idle { held: true } => self.one(EventKind::CampaignReleased { phase }),
            Activity::Running {
                doing: Doing::Working { intent: Intent::Stop },
                ..
            }
            | Activity::Stopped { .. } => self.nothing(),
            Activity::Idle { held: false } | Activity::Failed { retry_at: None, .. } => {
                Err(self.not_running())
            }
        }
    }
}

pub(super) fn stopped(phase: PhaseName, run: &RunState, stop_reason: StopReason) -> EventKind {
    EventKind::PhaseStopped {
        phase,
        run: run.run,
        attempt: run.attempt,
        stop_reason,
    }
}
