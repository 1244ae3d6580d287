//! From an event to its stored form, and back.

use super::event::{Fact1, Launch1, Tried1};
use super::form::Fault;
use super::number::Numbered;
use super::part::{
    Failed, Json, Names, Pin, Retry, RunOf, after, digest, hash_bytes, ms_after, name_at, pins, resource_pins,
};
use crate::campaign::{Mode, StopReason};
use crate::event::{EventKind, Launch, Resumed};
use crate::ids::{Attempt, BatchNumber, PhaseName, PipelineId, ResourcePin, Revision, Run};
use crate::options::SkipReads;
use crate::time::Timestamp;

impl<'b> Fact1<'b> {
    #[expect(clippy::too_many_lines, reason = "it is a table of every event")]
    pub(super) fn new(kind: &'b EventKind, at: Timestamp, names: &mut Names<'b>) -> Self {
        match kind {
            EventKind::CampaignCreated {
                name,
                pipeline,
                phases,
                mode,
                attributes,
            } => Self::CampaignCreated {
                name,
                pipeline: pipeline.as_str(),
                phases: phases.iter().map(|phase| names.index(phase)).collect(),
                mode: mode.number(),
                attributes: attributes.iter().map(|(key, value)| (&**key, &**value)).collect(),
            },
            EventKind::CampaignDescribed { name, attributes } => Self::CampaignDescribed {
                name: name.as_deref(),
                attributes: attributes
                    .iter()
                    .map(|(key, value)| (&**key, value.as_deref()))
                    .collect(),
            },
            EventKind::PhaseConfigured {
                phase,
                revision,
                digest,
            } => Self::PhaseConfigured {
                phase: names.index(phase),
                revision: revision.0,
                digest: hash_bytes(digest),
            },
            EventKind::PhaseConfigRemoved { phase } => Self::PhaseConfigRemoved {
                phase: names.index(phase),
            },
            EventKind::PhaseRetrySet { phase, policy } => Self::PhaseRetrySet {
                phase: names.index(phase),
                policy: policy.as_ref().map(Retry::new),
            },
            EventKind::ModeChanged { mode } => Self::ModeChanged { mode: mode.number() },
            EventKind::PhaseStarted(launch) => Self::PhaseStarted(Launch1::new(launch, at, names)),
            EventKind::PhaseAutoStarted(launch) => Self::PhaseAutoStarted(Launch1::new(launch, at, names)),
            EventKind::PhasePauseRequested { phase, run, attempt } => {
                Self::PhasePauseRequested(Tried1::new(phase, *run, *attempt, names))
            }
            EventKind::PhasePaused { phase, run, attempt } => {
                Self::PhasePaused(Tried1::new(phase, *run, *attempt, names))
            }
            EventKind::PhaseResumed(Resumed::Launched(launch)) => {
                Self::PhaseResumed(Launch1::new(launch, at, names))
            }
            EventKind::PhaseResumed(Resumed::Waiting { phase, run, attempt }) => {
                Self::WaitResumed(Tried1::new(phase, *run, *attempt, names))
            }
            EventKind::PhaseRecovered {
                launch,
                recoveries,
                base_batch,
            } => Self::PhaseRecovered {
                launch: Launch1::new(launch, at, names),
                recoveries: *recoveries,
                base_batch: base_batch.0,
            },
            EventKind::PhaseStopRequested { phase, run, attempt } => {
                Self::PhaseStopRequested(Tried1::new(phase, *run, *attempt, names))
            }
            EventKind::PhaseStopped {
                phase,
                run,
                attempt,
                stop_reason,
            } => Self::PhaseStopped {
                tried: Tried1::new(phase, *run, *attempt, names),
                reason: stop_reason.number(),
            },
            EventKind::PhaseCompleted {
                phase,
                run,
                attempt,
                records,
                summary,
                digest,
            } => Self::PhaseCompleted {
                tried: Tried1::new(phase, *run, *attempt, names),
                records: *records,
                digest: hash_bytes(digest),
                summary: Json::new(summary),
            },
            EventKind::PhaseFailed {
                phase,
                run,
                attempt,
                failure,
                tries,
                base_batch,
                retry_at,
                digest,
            } => Self::PhaseFailed {
                tried: Tried1::new(phase, *run, *attempt, names),
                failure: Failed::new(failure),
                tries: *tries,
                base_batch: base_batch.0,
                digest: digest.as_ref().map(hash_bytes),
                retry_after: retry_at.map(|moment| ms_after(at, moment)),
            },
            EventKind::PhaseRetried(launch) => Self::PhaseRetried(Launch1::new(launch, at, names)),
            EventKind::PhaseDeferred {
                phase,
                run,
                attempt,
                note,
                form,
                deadline_at,
            } => Self::PhaseDeferred {
                tried: Tried1::new(phase, *run, *attempt, names),
                note: note.as_deref(),
                form: form.as_ref().map(Json::new),
                deadline_after: deadline_at.map(|moment| ms_after(at, moment)),
            },
            EventKind::PhaseRestarted(launch) => Self::PhaseRestarted(Launch1::new(launch, at, names)),
            EventKind::PhaseSkipPlanned { phase, reads } => Self::PhaseSkipPlanned {
                phase: names.index(phase),
                reads: reads.number(),
            },
            EventKind::PhaseSkipWithdrawn { phase } => Self::PhaseSkipWithdrawn {
                phase: names.index(phase),
            },
            EventKind::PhaseSkipped {
                phase,
                reads,
                upstream,
            } => Self::PhaseSkipped {
                phase: names.index(phase),
                reads: reads.number(),
                upstream: upstream.as_ref().map(|run| RunOf::new(run, names)),
            },
            EventKind::CampaignHeld { phase } => Self::CampaignHeld {
                phase: names.index(phase),
            },
            EventKind::CampaignReleased { phase } => Self::CampaignReleased {
                phase: names.index(phase),
            },
            EventKind::CampaignCompleted {} => Self::CampaignCompleted {},
            EventKind::CampaignDeleted {} => Self::CampaignDeleted {},
            EventKind::RunPruned { phase, run } => Self::RunPruned {
                phase: names.index(phase),
                run: run.0,
            },
            EventKind::ResourceStored {
                kind,
                id,
                revision,
                digest,
            } => Self::ResourceStored {
                resource: Pin::new(kind, id, *revision),
                digest: hash_bytes(digest),
            },
            EventKind::ResourceRemoved { kind, id, revision } => Self::ResourceRemoved {
                resource: Pin::new(kind, id, *revision),
            },
        }
    }

    #[expect(clippy::too_many_lines, reason = "it is a table of every event")]
    pub(super) fn kind(self, at: Timestamp, names: &[PhaseName]) -> Result<EventKind, Fault> {
        let name = |index| name_at(names, index);
        Ok(match self {
            Self::CampaignCreated {
                name: text,
                pipeline,
                phases,
                mode,
                attributes,
            } => EventKind::CampaignCreated {
                name: text.to_owned(),
                pipeline: PipelineId::new(pipeline)?,
                phases: phases.into_iter().map(name).collect::<Result<_, _>>()?,
                mode: Mode::of_number(mode)?,
                attributes: attributes
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .collect(),
            },
            Self::CampaignDescribed {
                name: text,
                attributes,
            } => EventKind::CampaignDescribed {
                name: text.map(str::to_owned),
                attributes: attributes
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value.map(str::to_owned)))
                    .collect(),
            },
            Self::PhaseConfigured {
                phase,
                revision,
                digest: hash,
            } => EventKind::PhaseConfigured {
                phase: name(phase)?,
                revision: Revision(revision),
                digest: digest(hash),
            },
            Self::PhaseConfigRemoved { phase } => EventKind::PhaseConfigRemoved { phase: name(phase)? },
            Self::PhaseRetrySet { phase, policy } => EventKind::PhaseRetrySet {
                phase: name(phase)?,
                policy: policy.as_ref().map(Retry::policy).transpose()?,
            },
            Self::ModeChanged { mode } => EventKind::ModeChanged {
                mode: Mode::of_number(mode)?,
            },
            Self::PhaseStarted(launch) => EventKind::PhaseStarted(launch.launch(at, names)?),
            Self::PhaseAutoStarted(launch) => EventKind::PhaseAutoStarted(launch.launch(at, names)?),
            Self::PhasePauseRequested(tried) => {
                let (phase, run, attempt) = tried.parts(names)?;
                EventKind::PhasePauseRequested { phase, run, attempt }
            }
            Self::PhasePaused(tried) => {
                let (phase, run, attempt) = tried.parts(names)?;
                EventKind::PhasePaused { phase, run, attempt }
            }
            Self::PhaseResumed(launch) => {
                EventKind::PhaseResumed(Resumed::Launched(launch.launch(at, names)?))
            }
            Self::WaitResumed(tried) => {
                let (phase, run, attempt) = tried.parts(names)?;
                EventKind::PhaseResumed(Resumed::Waiting { phase, run, attempt })
            }
            Self::PhaseRecovered {
                launch,
                recoveries,
                base_batch,
            } => EventKind::PhaseRecovered {
                launch: launch.launch(at, names)?,
                recoveries,
                base_batch: BatchNumber(base_batch),
            },
            Self::PhaseStopRequested(tried) => {
                let (phase, run, attempt) = tried.parts(names)?;
                EventKind::PhaseStopRequested { phase, run, attempt }
            }
            Self::PhaseStopped { tried, reason } => {
                let (phase, run, attempt) = tried.parts(names)?;
                EventKind::PhaseStopped {
                    phase,
                    run,
                    attempt,
                    stop_reason: StopReason::of_number(reason)?,
                }
            }
            Self::PhaseCompleted {
                tried,
                records,
                digest: hash,
                summary,
            } => {
                let (phase, run, attempt) = tried.parts(names)?;
                EventKind::PhaseCompleted {
                    phase,
                    run,
                    attempt,
                    records,
                    summary: summary.document()?,
                    digest: digest(hash),
                }
            }
            Self::PhaseFailed {
                tried,
                failure,
                tries,
                base_batch,
                digest: hash,
                retry_after,
            } => {
                let (phase, run, attempt) = tried.parts(names)?;
                EventKind::PhaseFailed {
                    phase,
                    run,
                    attempt,
                    failure: failure.failure(),
                    tries,
                    base_batch: BatchNumber(base_batch),
                    retry_at: retry_after.map(|ms| after(at, ms)).transpose()?,
                    digest: hash.map(digest),
                }
            }
            Self::PhaseRetried(launch) => EventKind::PhaseRetried(launch.launch(at, names)?),
            Self::PhaseDeferred {
                tried,
                note,
                form,
                deadline_after,
            } => {
                let (phase, run, attempt) = tried.parts(names)?;
                EventKind::PhaseDeferred {
                    phase,
                    run,
                    attempt,
                    note: note.map(str::to_owned),
                    form: form.as_ref().map(Json::document).transpose()?,
                    deadline_at: deadline_after.map(|ms| after(at, ms)).transpose()?,
                }
            }
            Self::PhaseRestarted(launch) => EventKind::PhaseRestarted(launch.launch(at, names)?),
            Self::PhaseSkipPlanned { phase, reads } => EventKind::PhaseSkipPlanned {
                phase: name(phase)?,
                reads: SkipReads::of_number(reads)?,
            },
            Self::PhaseSkipWithdrawn { phase } => EventKind::PhaseSkipWithdrawn { phase: name(phase)? },
            Self::PhaseSkipped {
                phase,
                reads,
                upstream,
            } => EventKind::PhaseSkipped {
                phase: name(phase)?,
                reads: SkipReads::of_number(reads)?,
                upstream: upstream.map(|run| run.run_ref(names)).transpose()?,
            },
            Self::CampaignHeld { phase } => EventKind::CampaignHeld { phase: name(phase)? },
            Self::CampaignReleased { phase } => EventKind::CampaignReleased { phase: name(phase)? },
            Self::CampaignCompleted {} => EventKind::CampaignCompleted {},
            Self::CampaignDeleted {} => EventKind::CampaignDeleted {},
            Self::RunPruned { phase, run } => EventKind::RunPruned {
                phase: name(phase)?,
                run: Run(run),
            },
            Self::ResourceStored {
                resource,
                digest: hash,
            } => {
                let ResourcePin { kind, id, revision } = resource.pin()?;
                EventKind::ResourceStored {
                    kind,
                    id,
                    revision,
                    digest: digest(hash),
                }
            }
            Self::ResourceRemoved { resource } => {
                let ResourcePin { kind, id, revision } = resource.pin()?;
                EventKind::ResourceRemoved { kind, id, revision }
            }
        })
    }
}

impl Tried1 {
    fn new<'b>(phase: &'b PhaseName, run: Run, attempt: Attempt, names: &mut Names<'b>) -> Self {
        Self {
            phase: names.index(phase),
            run: run.0,
            attempt: attempt.0,
        }
    }

    fn parts(&self, names: &[PhaseName]) -> Result<(PhaseName, Run, Attempt), Fault> {
        Ok((name_at(names, self.phase)?, Run(self.run), Attempt(self.attempt)))
    }
}

impl<'b> Launch1<'b> {
    fn new(launch: &'b Launch, at: Timestamp, names: &mut Names<'b>) -> Self {
        let started_after = ms_after(at, launch.started_at);
        Self {
            tried: Tried1::new(&launch.phase, launch.run, launch.attempt, names),
            config: launch.config_revision.0,
            upstream: launch.upstream.as_ref().map(|run| RunOf::new(run, names)),
            resources: pins(&launch.resources),
            started_after: (started_after != 0).then_some(started_after),
        }
    }

    fn launch(self, at: Timestamp, names: &[PhaseName]) -> Result<Launch, Fault> {
        let (phase, run, attempt) = self.tried.parts(names)?;
        Ok(Launch {
            phase,
            run,
            attempt,
            config_revision: Revision(self.config),
            resources: resource_pins(&self.resources)?,
            upstream: self.upstream.map(|run| run.run_ref(names)).transpose()?,
            started_at: after(at, self.started_after.unwrap_or(0))?,
        })
    }
}
