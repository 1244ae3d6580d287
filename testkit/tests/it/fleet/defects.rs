//! The simulation finds defects: with each of these stores, some history of a few breaks a promise.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use async_trait::async_trait;
use phasegate::core::{Campaign, CampaignId, OwnerId, PhaseName, PipelineId, Revision, Ticket, Timestamp};
use phasegate::storage::{
    Appended, CampaignQuery, CampaignRead, Committed, Cursor, Due, DueItem, EventPage, EventScope, Output,
    Renewal, Storage, StorageError, Transition,
};
use phasegate_testkit::storage::{Interposed, Interposer};

use serde_json::Value;

use super::press::{press_with, simulation, simulation_of};

/// Asserts that one of the first `seeds` histories breaks the promise, with `defect` between each engine and the store.
fn check<I: Interposer>(seeds: u64, promise: &str, defect: fn(Arc<dyn Storage>) -> I) {
    let simulation = simulation().interpose(move |store| Arc::new(Interposed(defect(store))));
    let counterexample = simulation
        .explore(0..seeds)
        .expect_err("a history breaks a promise");
    let text = counterexample.to_string();
    assert!(text.contains(promise), "{text}");
    // The shortest history has three steps.
    assert!(
        counterexample.steps.len() < counterexample.length || counterexample.length == 3,
        "it is shortened: {text}"
    );
    let seed = counterexample.seed;
    assert!(
        text.contains(&format!("PHASEGATE_SEEDS={seed}..{}", seed + 1)),
        "{text}"
    );
}

/// Looks at no lease: each attempt is given to whoever asks, and may be taken over at any time.
struct KnowsNoLeases(Arc<dyn Storage>);

#[async_trait]
impl Interposer for KnowsNoLeases {
    fn inner(&self) -> &dyn Storage {
        &*self.0
    }

    async fn commit(&self, mut transition: Transition) -> Result<Committed, StorageError> {
        transition.lease.if_over = false;
        self.0.commit(transition).await
    }

    async fn due(
        &self,
        owner: OwnerId,
        pipelines: &[PipelineId],
        ttl: Duration,
        limit: usize,
    ) -> Result<Due, StorageError> {
        let mut due = self.0.due(owner, pipelines, ttl, limit).await?;
        let page = self.0.campaigns(CampaignQuery::default()).await?;
        for ticket in page.items.iter().filter_map(Campaign::working_ticket) {
            let is_there =
                |item: &DueItem| matches!(item, DueItem::Attempt { ticket: there, .. } if *there == ticket);
            if !due.items.iter().any(is_there) && due.items.len() < limit {
                let released = false;
                due.items.push(DueItem::Attempt { ticket, released });
            }
        }
        Ok(due)
    }
}

#[test]
fn without_leases_two_engines_work_on_one_campaign() {
    check(50, "one engine at most works on a campaign", KnowsNoLeases);
}

/// Takes an attempt over although its lease is not over at the commit.
struct TakesOverHeldLeases(Arc<dyn Storage>);

#[async_trait]
impl Interposer for TakesOverHeldLeases {
    fn inner(&self) -> &dyn Storage {
        &*self.0
    }

    async fn commit(&self, mut transition: Transition) -> Result<Committed, StorageError> {
        transition.lease.if_over = false;
        self.0.commit(transition).await
    }
}

#[test]
fn without_the_check_of_the_lease_in_a_commit_two_engines_work_on_one_campaign() {
    check(
        2_000,
        "one engine at most works on a campaign",
        TakesOverHeldLeases,
    );
}

/// Says that leases are renewed, and renews none.
struct RenewsNothing(Arc<dyn Storage>);

#[async_trait]
impl Interposer for RenewsNothing {
    fn inner(&self) -> &dyn Storage {
        &*self.0
    }

    async fn renew(&self, _: OwnerId, _: Duration, _: &[Ticket]) -> Result<Renewal, StorageError> {
        Ok(Renewal::default())
    }
}

#[test]
fn an_engine_that_holds_leases_for_renewed_works_beside_another() {
    check(100, "one engine at most works on a campaign", RenewsNothing);
}

/// Says that a moment has come an hour before it does, and that it is an hour later, too.
struct WakesEarly(Arc<dyn Storage>);

const EARLY_MS: u64 = 60 * 60 * 1_000;

#[async_trait]
impl Interposer for WakesEarly {
    fn inner(&self) -> &dyn Storage {
        &*self.0
    }

    async fn due(
        &self,
        owner: OwnerId,
        pipelines: &[PipelineId],
        ttl: Duration,
        limit: usize,
    ) -> Result<Due, StorageError> {
        let mut due = self.0.due(owner, pipelines, ttl, limit).await?;
        let page = self.0.campaigns(CampaignQuery::default()).await?;
        for campaign in page.items {
            let item = DueItem::Moment {
                campaign: campaign.id,
            };
            if campaign.due().is_some() && !due.items.contains(&item) && due.items.len() < limit {
                due.items.push(item);
            }
        }
        Ok(due)
    }

    async fn campaign(&self, id: CampaignId) -> Result<CampaignRead, StorageError> {
        let read = self.0.campaign(id).await?;
        let early = |campaign: &Arc<Campaign>| campaign.due().is_some();
        Ok(CampaignRead {
            now: match read.campaign.as_ref().is_some_and(early) {
                true => Timestamp::plus_ms(read.now, EARLY_MS),
                false => read.now,
            },
            campaign: read.campaign,
        })
    }
}

#[test]
fn with_early_wakes_something_happens_before_its_time() {
    check(200, "nothing happens before its time", WakesEarly);
}

/// Takes the batches of attempts that work no more, and says that they are written.
struct AcknowledgesStaleBatches(Arc<dyn Storage>);

#[async_trait]
impl Interposer for AcknowledgesStaleBatches {
    fn inner(&self) -> &dyn Storage {
        &*self.0
    }

    async fn append(&self, output: Output) -> Result<Appended, StorageError> {
        let (batch, records) = (output.batch, output.records.len() as u64);
        match self.0.append(output).await {
            Err(StorageError::StaleTicket { .. }) => Ok(Appended { batch, records }),
            appended => appended,
        }
    }
}

#[test]
fn a_batch_of_a_stale_attempt_is_seen() {
    check(400, "a stale attempt changes nothing", AcknowledgesStaleBatches);
}

/// Loses the last record of each batch of two.
struct LosesRecords(Arc<dyn Storage>);

#[async_trait]
impl Interposer for LosesRecords {
    fn inner(&self) -> &dyn Storage {
        &*self.0
    }

    async fn append(&self, mut output: Output) -> Result<Appended, StorageError> {
        output.records.truncate(1);
        self.0.append(output).await
    }
}

#[test]
fn a_lost_record_is_missed() {
    check(50, "each record is there exactly once", LosesRecords);
}

/// Tells of no lease that is over, so that nobody takes anything up.
struct GivesNothingUp(Arc<dyn Storage>);

#[async_trait]
impl Interposer for GivesNothingUp {
    fn inner(&self) -> &dyn Storage {
        &*self.0
    }

    async fn due(
        &self,
        owner: OwnerId,
        pipelines: &[PipelineId],
        ttl: Duration,
        limit: usize,
    ) -> Result<Due, StorageError> {
        let mut due = self.0.due(owner, pipelines, ttl, limit).await?;
        due.items.retain(|item| !matches!(item, DueItem::Attempt { .. }));
        Ok(due)
    }
}

#[test]
fn an_attempt_that_nobody_takes_up_never_comes_to_rest() {
    check(100, "are not at rest", GivesNothingUp);
}

/// Skips an event at the end of each full page.
struct SkipsEvents(Arc<dyn Storage>);

#[async_trait]
impl Interposer for SkipsEvents {
    fn inner(&self) -> &dyn Storage {
        &*self.0
    }

    async fn events(
        &self,
        scope: EventScope,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<EventPage, StorageError> {
        let mut page = self.0.events(scope, after, limit).await?;
        if page.items.len() == limit {
            page.items.remove(0);
        }
        Ok(page)
    }
}

#[test]
fn a_subscriber_that_is_not_told_of_an_event_is_seen() {
    check(50, "a subscriber is told every event in order", SkipsEvents);
}

/// Forgets idempotency keys.
struct ForgetsKeys(Arc<dyn Storage>);

#[async_trait]
impl Interposer for ForgetsKeys {
    fn inner(&self) -> &dyn Storage {
        &*self.0
    }

    async fn commit(&self, mut transition: Transition) -> Result<Committed, StorageError> {
        transition.idempotency = None;
        self.0.commit(transition).await
    }
}

#[test]
fn a_request_that_is_carried_out_twice_is_seen() {
    check(100, "a request with a key is carried out once", ForgetsKeys);
}

/// Gives the first revision of each config.
struct GivesOldConfigs(Arc<dyn Storage>);

#[async_trait]
impl Interposer for GivesOldConfigs {
    fn inner(&self) -> &dyn Storage {
        &*self.0
    }

    async fn config(
        &self,
        campaign: CampaignId,
        phase: &PhaseName,
        revision: Revision,
    ) -> Result<Option<Value>, StorageError> {
        for earlier in 1..revision.0 {
            if let Some(config) = self.0.config(campaign, phase, Revision(earlier)).await? {
                return Ok(Some(config));
            }
        }
        self.0.config(campaign, phase, revision).await
    }
}

#[test]
fn a_runner_with_another_config_than_was_stored_is_seen() {
    check(
        300,
        "runs with another config than its launch names",
        GivesOldConfigs,
    );
}

/// Lets each commit through, whatever resources it was decided on.
struct IgnoresResources(Arc<dyn Storage>);

#[async_trait]
impl Interposer for IgnoresResources {
    fn inner(&self) -> &dyn Storage {
        &*self.0
    }

    async fn commit(&self, mut transition: Transition) -> Result<Committed, StorageError> {
        transition.expected_resources.clear();
        self.0.commit(transition).await
    }
}

#[test]
fn a_launch_with_a_resource_that_was_changed_meanwhile_is_seen() {
    check(1_000, "a launch uses the resources in force", IgnoresResources);
}

#[test]
fn a_phase_that_makes_other_records_each_time_is_no_phase_of_the_same_records() {
    let made = Arc::new(AtomicU64::new(0));
    let pipeline = move || press_with(Arc::clone(&made));
    let counterexample = simulation_of(pipeline)
        .explore(0..20)
        .expect_err("the records differ");
    let text = counterexample.to_string();
    assert!(text.contains("each record is made exactly once"), "{text}");
}
