//! Preparing a decision: gather what it needs, decide, and fold. It changes nothing.

use phasegate_core::storage::ExpectedBatch;
use phasegate_core::{
    Campaign, CampaignView, CommandKind, Event, EventKind, Facts, Input, Misfit, Rejection, Timestamp, Told,
    decide, needs, view, view_needs,
};

use crate::error::EngineError;
use crate::gather::{Gathered, Gatherer};
use crate::state::EngineState;
use phasegate_core::storage::StorageError;

/// A decision, with what it was decided on.
pub(crate) struct Prepared {
    pub(crate) before: Campaign,
    /// The campaign after the events; `None` after a deletion.
    pub(crate) after: Option<Campaign>,
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
        before: Campaign,
        input: &Input,
        now: Timestamp,
        facts: Facts,
    ) -> Result<Result<Prepared, Rejection>, EngineError> {
        let mut gatherer = Gatherer::of(self, &before, facts);
        loop {
            let needs = needs(&before, gatherer.facts(), input);
            if needs.is_empty() {
                break;
            }
            gatherer.fulfil(&before, input, &needs).await?;
        }
        let gathered = gatherer.finish();
        let events = match decide(&before, &gathered.facts, input, now) {
            Ok(events) => events,
            Err(rejection) => {
                log_refusal(&before, input, &rejection);
                return Ok(Err(rejection));
            }
        };
        let after = fold(&before, &events)?;
        let expected_batch = gathered.facts.output.and_then(|output| {
            Some(ExpectedBatch {
                phase: before.current()?.phase.clone(),
                run: before.activity.run()?.run,
                batch: output.batch,
            })
        });
        Ok(Ok(Prepared {
            before,
            after,
            events,
            gathered,
            expected_batch,
        }))
    }

    /// The view of a campaign, with the checks and the events that it shows something of.
    pub(crate) async fn view_of(&self, campaign: &Campaign) -> Result<CampaignView, EngineError> {
        let facts = self.view_facts(campaign).await?;
        let mut told = Told::default();
        for number in Told::by(campaign) {
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
        Ok(view(campaign, &facts, &told))
    }

    /// The facts that the view of a campaign needs.
    pub(crate) async fn view_facts(&self, campaign: &Campaign) -> Result<Facts, EngineError> {
        let mut gatherer = Gatherer::of(self, campaign, self.pipeline_facts(campaign));
        loop {
            let needs = view_needs(campaign, gatherer.facts());
            if needs.is_empty() {
                return Ok(gatherer.finish().facts);
            }
            gatherer.fulfil_view(campaign, &needs).await?;
        }
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

fn log_refusal(campaign: &Campaign, input: &Input, rejection: &Rejection) {
    if let (Rejection::PreflightFailed { report }, Input::Command { command, .. }) = (rejection, input) {
        let missing = crate::names::names(&report.missing_phases());
        let command: CommandKind = command.kind();
        tracing::info!(campaign = %campaign.id, command = command.as_str(), missing_phases = missing, "start refused");
    }
}
