//! Preparing a decision: gather what it needs, decide, and fold. It changes nothing.

use std::sync::Arc;

use phasegate_core::storage::{ConfigWrite, ExpectedBatch, StorageError};
use phasegate_core::{
    Campaign, CampaignView, Event, EventKind, Facts, Input, Misfit, Rejection, Timestamp, Told, Version,
    try_decide, try_view,
};

use crate::error::EngineError;
use crate::gather::{Gathered, Gatherer};
use crate::state::EngineState;

/// A decision, with what it was decided on.
pub(crate) struct Prepared {
    pub(crate) before: Arc<Campaign>,
    /// The campaign after the events; `None` after a deletion.
    pub(crate) after: Option<Arc<Campaign>>,
    pub(crate) events: Vec<Event>,
    pub(crate) gathered: Gathered,
    pub(crate) expected_batch: Option<ExpectedBatch>,
}

impl EngineState {
    /// Gathers facts until the machine needs no more, and decides.
    ///
    /// The outer error is the engine's own; the inner one is the campaign's refusal.
    pub(crate) async fn prepare(
        &self,
        before: &Arc<Campaign>,
        input: &Input,
        now: Timestamp,
        facts: Facts,
    ) -> Result<Result<Box<Prepared>, Rejection>, EngineError> {
        let mut gatherer = Gatherer::of(self, before, facts);
        let decided = loop {
            match try_decide(before, gatherer.facts(), input, now) {
                Ok(decided) => break decided,
                Err(needs) => gatherer.fulfil(before, input, &needs).await?,
            }
        };
        let events = match decided {
            Ok(events) => events,
            Err(rejection) => return Ok(Err(rejection)),
        };
        let gathered = gatherer.finish();
        let after = fold(before, &events)?;
        let expected_batch = gathered.facts.output.and_then(|output| {
            Some(ExpectedBatch {
                phase: before.current()?.phase.clone(),
                run: before.activity.run()?.run,
                batch: output.batch,
            })
        });
        Ok(Ok(Box::new(Prepared {
            before: Arc::clone(before),
            after: after.map(Arc::new),
            events,
            gathered,
            expected_batch,
        })))
    }

    /// The view of a campaign, with the checks and the events that it shows something of.
    pub(crate) async fn view_of(&self, campaign: &Campaign) -> Result<CampaignView, EngineError> {
        self.view_with(campaign, &Unstored::default()).await
    }

    /// The view of a campaign some of whose events and configs no store holds yet.
    pub(crate) async fn view_with(
        &self,
        campaign: &Campaign,
        unstored: &Unstored<'_>,
    ) -> Result<CampaignView, EngineError> {
        let mut told = Told::default();
        for number in Told::by(campaign) {
            if let Some(event) = unstored.event(campaign.version, number) {
                told.add(number, event);
                continue;
            }
            match self.storage.event(campaign.id, number).await? {
                Some(logged) => told.add(number, &logged.event),
                // A deletion takes the events away as well; else the store itself says that one is missing.
                None => {
                    return Err(EngineError::NotFound {
                        campaign: campaign.id,
                    });
                }
            }
        }
        let mut gatherer = Gatherer::of(self, campaign, self.pipeline_facts(campaign));
        gatherer.assume_configs(&unstored.configs);
        loop {
            match try_view(campaign, gatherer.facts(), &told) {
                Ok(view) => return Ok(view),
                Err(needs) => gatherer.fulfil_view(campaign, &needs).await?,
            }
        }
    }
}

/// What a decision has made and no store holds yet.
#[derive(Default)]
pub(crate) struct Unstored<'a> {
    /// The latest events of a campaign.
    pub(crate) events: &'a [Event],
    pub(crate) configs: Vec<ConfigWrite>,
}

impl Unstored<'_> {
    /// The event with a number, if it is one of these. `latest` is the number of the last of them.
    fn event(&self, latest: Version, number: Version) -> Option<&Event> {
        let from_end = usize::try_from(latest.0.checked_sub(number.0)?).ok()?;
        self.events.iter().rev().nth(from_end)
    }
}

fn fold(before: &Campaign, events: &[Event]) -> Result<Option<Campaign>, EngineError> {
    let mut after = before.clone();
    for event in events {
        if matches!(event.kind, EventKind::CampaignDeleted {}) {
            return Ok(None);
        }
        after.apply(event).map_err(misfit)?;
    }
    Ok(Some(after))
}

/// A misfit here shows a damaged snapshot: `decide` made the event for it.
pub(crate) fn misfit(misfit: Misfit) -> EngineError {
    let key = misfit.version.to_string();
    StorageError::Damaged {
        table: "campaigns",
        key,
        reason: misfit.to_string(),
    }
    .into()
}
