//! The snapshot of a campaign.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use super::activity::Activity1;
use super::form::{Fault, Kind, Unreadable, decode};
use super::number::Numbered;
use super::part::{
    HashBytes, IdBytes, Names, Retry, after, digest, hash_bytes, id_bits, id_bytes, is_zero, moment, ms_after,
};
use crate::attributes::Attributes;
use crate::campaign::{Campaign, Completion, ConfigPin, Mark, Mode, Passed, PhaseSlot, Skip};
use crate::ids::{Attempt, CampaignId, PhaseName, PipelineId, Revision, Run, Version};
use crate::options::SkipReads;
use crate::time::Timestamp;

const KIND: Kind = Kind {
    what: "campaign",
    form: 1,
};

/// Writes a snapshot.
pub fn write(campaign: &Campaign) -> Vec<u8> {
    KIND.write(&Form1::new(campaign))
}

/// Reads a snapshot.
///
/// # Errors
///
/// [`Unreadable`].
pub fn read(bytes: &[u8]) -> Result<Campaign, Unreadable> {
    KIND.read(bytes, |form, body| match form {
        1 => decode::<Form1<'_>>(body)?.campaign(),
        _ => Err(Fault::Newer),
    })
}

/// Moments but the first are milliseconds after `created_at`; phases are indices into the names of `slots` and `other_names`.
#[derive(Encode, Decode)]
struct Form1<'b> {
    #[n(0)]
    id: IdBytes,
    #[b(1)]
    name: &'b str,
    #[b(2)]
    pipeline: &'b str,
    #[n(3)]
    mode: u8,
    #[n(4)]
    version: u64,
    #[n(5)]
    created_at: i64,
    #[n(6)]
    changed_at: i64,
    #[b(7)]
    slots: Vec<Slot1<'b>>,
    #[b(8)]
    passed: Vec<Passed1<'b>>,
    #[b(9)]
    activity: Activity1<'b>,
    #[b(10)]
    #[cbor(skip_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'b str, &'b str>,
    /// The names of phases that are none of the campaign's. A decided campaign has none.
    #[b(11)]
    #[cbor(skip_if = "Vec::is_empty")]
    other_names: Vec<&'b str>,
}

#[derive(Encode, Decode)]
struct Slot1<'b> {
    #[b(0)]
    phase: &'b str,
    #[n(1)]
    config: Option<Config1>,
    #[n(2)]
    #[cbor(skip_if = "is_zero")]
    latest_run: u32,
    #[n(3)]
    #[cbor(skip_if = "is_zero")]
    pruned: u32,
    #[b(4)]
    retry: Option<Retry<'b>>,
    #[b(5)]
    mark: Option<Mark1<'b>>,
}

#[derive(Encode, Decode)]
struct Config1 {
    #[n(0)]
    revision: u64,
    #[n(1)]
    digest: HashBytes,
}

#[derive(Encode, Decode)]
struct Mark1<'b> {
    #[n(0)]
    reads: u8,
    #[b(1)]
    reason: Option<&'b str>,
}

#[derive(Encode, Decode)]
#[cbor(flat)]
enum Passed1<'b> {
    #[n(0)]
    Completed {
        #[n(0)]
        run: u32,
        #[n(1)]
        attempt: u32,
        #[n(2)]
        records: u64,
        #[n(3)]
        outcome: HashBytes,
        #[n(4)]
        event: u64,
        #[n(5)]
        started_at: i64,
        #[n(6)]
        completed_at: i64,
    },
    #[n(1)]
    Skipped {
        #[n(0)]
        skipped_at: i64,
        #[b(1)]
        mark: Mark1<'b>,
    },
}

impl<'b> Form1<'b> {
    fn new(campaign: &'b Campaign) -> Self {
        let base = campaign.created_at;
        let mut names = Names::beginning_with(campaign.phases.iter().map(|slot| &slot.phase));
        let activity = Activity1::new(&campaign.activity, base, &mut names);
        Self {
            id: id_bytes(campaign.id.as_u128()),
            name: &campaign.name,
            pipeline: campaign.pipeline.as_str(),
            mode: campaign.mode.number(),
            version: campaign.version.0,
            created_at: base.as_unix_ms(),
            changed_at: ms_after(base, campaign.changed_at),
            slots: campaign.phases.iter().map(Slot1::new).collect(),
            passed: campaign
                .passed
                .iter()
                .map(|one| Passed1::new(one, base))
                .collect(),
            activity,
            attributes: campaign
                .attributes
                .iter()
                .map(|(key, value)| (&**key, &**value))
                .collect(),
            other_names: names.after(campaign.phases.len()),
        }
    }

    fn campaign(self) -> Result<Campaign, Fault> {
        let base = moment(self.created_at)?;
        let phases = self.slots.iter().map(Slot1::slot);
        let phases = phases.collect::<Result<Vec<_>, _>>()?;
        let mut names: Vec<PhaseName> = phases.iter().map(|slot| slot.phase.clone()).collect();
        for name in self.other_names {
            names.push(PhaseName::new(name)?);
        }
        let passed = self.passed.iter().map(|one| one.passed(base));
        let attributes = self.attributes.into_iter();
        Ok(Campaign {
            id: CampaignId::from_u128(id_bits(self.id)),
            name: self.name.to_owned(),
            attributes: attributes
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect::<Attributes>(),
            pipeline: PipelineId::new(self.pipeline)?,
            mode: Mode::of_number(self.mode)?,
            passed: passed.collect::<Result<_, _>>()?,
            activity: self.activity.activity(base, &names)?,
            phases,
            version: Version(self.version),
            created_at: base,
            changed_at: after(base, self.changed_at)?,
        })
    }
}

impl<'b> Slot1<'b> {
    fn new(slot: &'b PhaseSlot) -> Self {
        Self {
            phase: slot.phase.as_str(),
            config: slot.config.as_ref().map(|pin| Config1 {
                revision: pin.revision.0,
                digest: hash_bytes(&pin.digest),
            }),
            latest_run: slot.latest_run.0,
            pruned: slot.pruned.0,
            retry: slot.retry.as_ref().map(Retry::new),
            mark: slot.mark.as_ref().map(Mark1::new),
        }
    }

    fn slot(&self) -> Result<PhaseSlot, Fault> {
        Ok(PhaseSlot {
            phase: PhaseName::new(self.phase)?,
            config: self.config.as_ref().map(|config| ConfigPin {
                revision: Revision(config.revision),
                digest: digest(config.digest),
            }),
            latest_run: Run(self.latest_run),
            pruned: Run(self.pruned),
            retry: self.retry.as_ref().map(Retry::policy).transpose()?,
            mark: self.mark.as_ref().map(Mark1::mark).transpose()?,
        })
    }
}

impl<'b> Mark1<'b> {
    fn new(mark: &'b Mark) -> Self {
        Self {
            reads: mark.reads.number(),
            reason: mark.reason.as_deref(),
        }
    }

    fn mark(&self) -> Result<Mark, Fault> {
        Ok(Mark {
            reads: SkipReads::of_number(self.reads)?,
            reason: self.reason.map(str::to_owned),
        })
    }
}

impl<'b> Passed1<'b> {
    fn new(passed: &'b Passed, base: Timestamp) -> Self {
        match passed {
            Passed::Completed(completion) => Self::Completed {
                run: completion.run.0,
                attempt: completion.attempt.0,
                records: completion.records,
                outcome: hash_bytes(&completion.outcome),
                event: completion.event.0,
                started_at: ms_after(base, completion.started_at),
                completed_at: ms_after(base, completion.completed_at),
            },
            Passed::Skipped(skip) => Self::Skipped {
                skipped_at: ms_after(base, skip.skipped_at),
                mark: Mark1::new(&skip.mark),
            },
        }
    }

    fn passed(&self, base: Timestamp) -> Result<Passed, Fault> {
        Ok(match self {
            Self::Completed {
                run,
                attempt,
                records,
                outcome,
                event,
                started_at,
                completed_at,
            } => Passed::Completed(Completion {
                run: Run(*run),
                attempt: Attempt(*attempt),
                records: *records,
                outcome: digest(*outcome),
                event: Version(*event),
                started_at: after(base, *started_at)?,
                completed_at: after(base, *completed_at)?,
            }),
            Self::Skipped { skipped_at, mark } => Passed::Skipped(Skip {
                mark: mark.mark()?,
                skipped_at: after(base, *skipped_at)?,
            }),
        })
    }
}
