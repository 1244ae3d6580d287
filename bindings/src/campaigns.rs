//! Campaigns: their creation, their commands, and what is shown of them.

use std::collections::{BTreeMap, BTreeSet};

use phasegate::core::storage::{ActivityKind, CampaignFilter, CampaignQuery, IdempotencyKey, Order};
use phasegate::core::{Attributes, Campaign, Command, Run};
use phasegate::{Answer, CampaignId, EngineError, Mode, NewCampaign, Rejection, RetryPolicy, Ticket};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::HostEngine;
use crate::envelope::HostEnvelope;
use crate::error::HostError;
use crate::json::{array, read, write};
use crate::names::{campaign_id, phase_name};
use crate::runtime::within;
use crate::streams::Page;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CampaignCreation {
    name: String,
    pipeline: Option<String>,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    attributes: Attributes,
    #[serde(default)]
    configs: BTreeMap<String, Value>,
    #[serde(default)]
    retry: BTreeMap<String, RetryPolicy>,
    #[serde(default)]
    skips: BTreeSet<String>,
    idempotency_key: Option<String>,
}

fn creation(campaign: &str, envelope: HostEnvelope) -> Result<NewCampaign, HostError> {
    let CampaignCreation {
        name,
        pipeline,
        mode,
        attributes,
        configs,
        retry,
        skips,
        idempotency_key,
    } = read("campaign", campaign)?;
    let mut new = NewCampaign::new(name).mode(mode).envelope(envelope.read()?);
    if let Some(pipeline) = pipeline {
        new = new.pipeline(pipeline);
    }
    for (key, value) in attributes {
        new = new.attribute(key, value);
    }
    for (phase, config) in configs {
        new = new.config(phase, config);
    }
    for (phase, policy) in retry {
        new = new.retry(phase, policy);
    }
    for phase in skips {
        new = new.skip(phase);
    }
    if let Some(key) = idempotency_key {
        new = new.idempotency_key(key);
    }
    Ok(new)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CampaignListQuery {
    activity: Option<ActivityKind>,
    mode: Option<Mode>,
    position: Option<usize>,
    name: Option<String>,
    #[serde(default)]
    attributes: Attributes,
    #[serde(default)]
    newest_first: bool,
    after: Option<CampaignId>,
    limit: Option<usize>,
}

#[uniffi::export]
impl HostEngine {
    /// Creates a campaign of a JSON object with `name`, `pipeline`, `mode`, `attributes`, `configs`, `retry` (policies by phase),
    /// `skips` (phases), `idempotencyKey`; gives its id.
    pub async fn create(&self, campaign: String, envelope: HostEnvelope) -> Result<String, HostError> {
        let inner = self.inner()?;
        let created = inner.engine.create(creation(&campaign, envelope)?);
        Ok(within(inner.handle.clone(), created).await?.id().to_string())
    }

    /// Says what a creation would do, and does nothing: a JSON object with its `events`, and as `campaign` the view after them.
    pub async fn dry_run_creation(
        &self,
        campaign: String,
        envelope: HostEnvelope,
    ) -> Result<String, HostError> {
        let inner = self.inner()?;
        let would_be = inner.engine.dry_run_creation(creation(&campaign, envelope)?);
        write(&within(inner.handle.clone(), would_be).await?)
    }

    /// Carries out a command, a JSON object with `command` and its arguments, and gives a receipt: `campaignId`, `version`,
    /// `changed`. After a pause or stop the phase has come to rest.
    pub async fn command(
        &self,
        campaign: String,
        command: String,
        idempotency_key: Option<String>,
        envelope: HostEnvelope,
    ) -> Result<String, HostError> {
        let inner = self.inner()?;
        let id = campaign_id(&campaign)?;
        let command: Command = read("command", &command)?;
        let key = idempotency_key
            .map(IdempotencyKey::new)
            .transpose()
            .map_err(EngineError::from)?;
        let done = inner.engine.send(id, command, key, None, envelope.read()?);
        write(&within(inner.handle.clone(), done).await?)
    }

    /// Says what a command would do, and does nothing: a JSON object with its `events`, and as `campaign` the view after them,
    /// null after a deletion.
    pub async fn dry_run(
        &self,
        campaign: String,
        command: String,
        envelope: HostEnvelope,
    ) -> Result<String, HostError> {
        let inner = self.inner()?;
        let id = campaign_id(&campaign)?;
        let command: Command = read("command", &command)?;
        let would_be = inner.engine.dry_run(id, command, None, envelope.read()?);
        write(&within(inner.handle.clone(), would_be).await?)
    }

    /// The view of a campaign, with its preflight and the allowed commands.
    pub async fn view(&self, campaign: String) -> Result<String, HostError> {
        let inner = self.inner()?;
        let id = campaign_id(&campaign)?;
        let view = async { inner.engine.campaign(id).await?.view().await };
        write(&within(inner.handle.clone(), view).await?)
    }

    /// Waits until a campaign is at rest, and gives its view.
    pub async fn at_rest(&self, campaign: String) -> Result<String, HostError> {
        let inner = self.inner()?;
        let id = campaign_id(&campaign)?;
        let view = async { inner.engine.campaign(id).await?.at_rest().await };
        write(&within(inner.handle.clone(), view).await?)
    }

    /// The stored config of a phase.
    pub async fn config(&self, campaign: String, phase: String) -> Result<Option<String>, HostError> {
        let inner = self.inner()?;
        let id = campaign_id(&campaign)?;
        let config = async { inner.engine.campaign(id).await?.config(&phase).await };
        within(inner.handle.clone(), config)
            .await?
            .as_ref()
            .map(write)
            .transpose()
    }

    /// One page of campaigns: a JSON object with views as `items`, and as `next` the id of the campaign to continue after. The
    /// query has `activity`, `mode`, `position`, `name`, `attributes`, `newestFirst`, `after`, `limit` (1 to 1,000).
    pub async fn campaigns(&self, query: String) -> Result<String, HostError> {
        let inner = self.inner()?;
        let CampaignListQuery {
            activity,
            mode,
            position,
            name,
            attributes,
            newest_first,
            after,
            limit,
        } = read("query", &query)?;
        let query = CampaignQuery {
            filter: CampaignFilter {
                activity,
                mode,
                position,
                name,
                attributes,
            },
            order: if newest_first {
                Order::NewestFirst
            } else {
                Order::OldestFirst
            },
            after,
            limit: limit.unwrap_or(100),
        };
        let (items, next) = within(inner.handle.clone(), inner.engine.campaigns(query)).await?;
        write(&json!({ "items": items, "next": next }))
    }

    /// Looks a campaign up, without any check of it.
    pub async fn find(&self, campaign: String) -> Result<(), HostError> {
        self.snapshot(&campaign).await.map(drop)
    }

    /// The phase that a start is for: the first that is neither passed nor to be skipped, or the last one if there is none. Nothing
    /// of it is checked.
    pub async fn next_phase(&self, campaign: String) -> Result<String, HostError> {
        let snapshot = self.snapshot(&campaign).await?;
        let remaining = &snapshot.phases[snapshot.position()..];
        let next = remaining.iter().find(|slot| slot.mark.is_none());
        let slot = next.or(snapshot.phases.last());
        Ok(slot.map(|slot| slot.phase.to_string()).unwrap_or_default())
    }

    /// The run whose records are a phase's current view; 0 before its first. Nothing of it is checked.
    pub async fn current_run(&self, campaign: String, phase: String) -> Result<u32, HostError> {
        let phase = phase_name(&phase)?;
        let snapshot = self.snapshot(&campaign).await?;
        if snapshot.index_of(&phase).is_none() {
            let phases = snapshot.phases.iter().map(|slot| slot.phase.clone()).collect();
            return Err(EngineError::from(Rejection::UnknownPhase { phase, phases }).into());
        }
        Ok(snapshot.current_run(&phase).map_or(0, |run| run.run.0))
    }

    /// One page of a run's records from the index `from` on, at most `limit` (1 to 10,000).
    pub async fn records(
        &self,
        campaign: String,
        phase: String,
        run: u32,
        from: u64,
        limit: u32,
    ) -> Result<Page, HostError> {
        let inner = self.inner()?;
        let (id, phase) = (campaign_id(&campaign)?, phase_name(&phase)?);
        let page = inner.engine.records(id, &phase, Run(run), from, limit as usize);
        let page = within(inner.handle.clone(), page).await?;
        let records = array(page.records.iter().map(AsRef::as_ref));
        Ok(Page {
            from: page.from,
            next: page.next,
            records,
        })
    }

    /// How far the running phase of a campaign has come: a JSON object with `ticket`, `done`, `total`; none if nothing
    /// runs here.
    pub fn progress(&self, campaign: String) -> Result<Option<String>, HostError> {
        let found = self.inner()?.engine.progress(campaign_id(&campaign)?);
        let shown = found.map(|(ticket, progress)| {
            write(&json!({ "ticket": ticket, "done": progress.done, "total": progress.total }))
        });
        shown.transpose()
    }

    /// Reports how a deferred phase ended. The result is `recorded`, `already_recorded` or `stale`. The outcome is
    /// `{"completed": SUMMARY}` or `{"failed": {"code": .., "message": ..}}`.
    pub async fn report(
        &self,
        ticket: String,
        outcome: String,
        envelope: HostEnvelope,
    ) -> Result<String, HostError> {
        let inner = self.inner()?;
        let ticket: Ticket = read("ticket", &ticket)?;
        let answer: Answer = read("outcome", &outcome)?;
        let reported = inner
            .engine
            .report_with(&ticket, answer, Vec::new(), envelope.read()?);
        Ok(within(inner.handle.clone(), reported).await?.to_string())
    }
}

impl HostEngine {
    async fn snapshot(&self, campaign: &str) -> Result<Campaign, HostError> {
        let inner = self.inner()?;
        let id = campaign_id(campaign)?;
        let snapshot = async { inner.engine.campaign(id).await?.snapshot().await };
        Ok(within(inner.handle.clone(), snapshot).await?)
    }
}
