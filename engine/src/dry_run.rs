//! Dry runs: what a command would do, decided as the command itself is and not committed.

use phasegate_core::{Campaign, CampaignId, CampaignView, Command, Envelope, Event, Input};
use serde::{Deserialize, Serialize};

use crate::campaign::CampaignHandle;
use crate::commit::config_writes;
use crate::create::NewCampaign;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::fresh_ids::FreshIds;
use crate::gather::Gathered;
use crate::precondition::Precondition;
use crate::prepare::Unstored;
use crate::state::EngineState;

/// What a command would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DryRun {
    /// The events that it would make. A command whose effect is there already makes none.
    pub events: Vec<Event>,
    /// The campaign after them; `None` after a deletion.
    pub campaign: Option<CampaignView>,
}

impl Engine {
    /// Says what a command would do now, and does nothing: no event, no key, no line in the log. A pause or a stop is shown as the
    /// request that it is, and not as the rest that it leads to.
    ///
    /// # Errors
    ///
    /// Those that the command itself would get: see [`command_if`](Self::command_if).
    pub async fn dry_run(
        &self,
        campaign: CampaignId,
        command: Command,
        precondition: Option<Precondition>,
        envelope: Envelope,
    ) -> Result<DryRun, EngineError> {
        let inner = &self.inner;
        let read = inner.storage.campaign(campaign).await?;
        let before = read.campaign.ok_or(EngineError::NotFound { campaign })?;
        if let Some(precondition) = &precondition {
            precondition.check(&before)?;
        }
        let facts = inner.pipeline_facts(&before);
        let input = Input::Command { command, envelope };
        let prepared = inner.prepare(&before, &input, read.now, facts).await??;
        inner
            .would_be(prepared.after.as_deref(), prepared.events, prepared.gathered)
            .await
    }

    /// Says what a creation would do now, and does nothing. The id that it shows is not that of a later creation, and an idempotency key
    /// is not looked at.
    ///
    /// # Errors
    ///
    /// Those that [`create`](Self::create) itself would get of the campaign.
    pub async fn dry_run_creation(&self, campaign: NewCampaign) -> Result<DryRun, EngineError> {
        let creation = self.creation(campaign)?;
        // An id of its own: those that are drawn from a seed are for what is done.
        let ids = FreshIds::new(None);
        let decided = self.inner.decide_creation(&creation, &ids).await??;
        self.inner
            .would_be(decided.campaign.as_ref(), decided.events, decided.gathered)
            .await
    }
}

impl CampaignHandle {
    /// Says what a command would do now, and does nothing: see [`Engine::dry_run`].
    ///
    /// # Errors
    ///
    /// Those that the command itself would get.
    pub async fn dry_run(&self, command: Command) -> Result<DryRun, EngineError> {
        let envelope = self.envelope().clone();
        self.engine().dry_run(self.id(), command, None, envelope).await
    }
}

impl EngineState {
    async fn would_be(
        &self,
        campaign: Option<&Campaign>,
        events: Vec<Event>,
        mut gathered: Gathered,
    ) -> Result<DryRun, EngineError> {
        let unstored = Unstored {
            events: &events,
            configs: config_writes(&events, &mut gathered, None),
        };
        let campaign = match campaign {
            Some(campaign) => Some(self.view_with(campaign, &unstored).await?),
            None => None,
        };
        Ok(DryRun { events, campaign })
    }
}
