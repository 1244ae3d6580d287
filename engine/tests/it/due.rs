//! What the engine does by itself: retries, deadlines, and what waits for a report over the end of a process.

use std::sync::Arc;
use std::time::Duration;

use phasegate::core::{EventKind, OnSkip};
use phasegate::storage::{ChangeScope, EventScope, Storage};
use phasegate::{
    Answer, CampaignHandle, CampaignStatus, Deferred, Engine, Envelope, Failure, NewCampaign, Reported,
    RetryPolicy, RunContext, RunOutcome, Ticket,
};
use phasegate_testkit::{MemoryStorage, Stage};
use serde_json::json;

use crate::support::{Doing, builder, definition, started};

const DELAY: Duration = Duration::from_secs(5);

fn engine(storage: &Arc<MemoryStorage>, stage: &Stage) -> Engine {
    let retry = RetryPolicy {
        initial_delay_ms: 5_000,
        jitter: 0.0,
        ..RetryPolicy::new(2)
    };
    let definition = definition("collect")
        .retry(retry)
        .max_recoveries(1)
        .on_skip(OnSkip::Empty);
    let pipeline = builder("press").runner(definition, stage.runner());
    Engine::builder()
        .shared_storage(Arc::clone(storage) as Arc<dyn Storage>)
        .pipeline(pipeline.build().expect("a valid pipeline"))
        .build()
        .expect("an engine")
}

async fn running(engine: &Engine) -> (CampaignHandle, Ticket) {
    let new = NewCampaign::new("spring").config("collect", json!({"value": 1}));
    let campaign = engine.create(new).await.expect("it is created");
    campaign.start("collect").await.expect("it starts");
    let ticket = ticket(engine, &campaign).await;
    (campaign, ticket)
}

async fn ticket(engine: &Engine, campaign: &CampaignHandle) -> Ticket {
    let read = engine.storage().campaign(campaign.id()).await.expect("a read");
    read.campaign
        .and_then(|campaign| campaign.ticket())
        .expect("a phase runs")
}

/// Waits until the campaign has this status.
async fn status(storage: &MemoryStorage, campaign: &CampaignHandle, wanted: CampaignStatus) {
    let has_it = async {
        loop {
            let latest = storage.latest().await.expect("a read");
            if campaign.view().await.expect("a view").status == wanted {
                return;
            }
            let scope = ChangeScope::Campaign(campaign.id());
            let changed = storage.changed(scope, latest, Duration::from_secs(60)).await;
            changed.expect("a store");
        }
    };
    tokio::time::timeout(Duration::from_secs(3600), has_it)
        .await
        .unwrap_or_else(|_| panic!("it is {wanted} in the end"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_phase_is_tried_again_by_itself_as_often_as_its_policy_says() {
    let (storage, stage) = (Arc::new(MemoryStorage::new()), Stage::default());
    let engine = engine(&storage, &stage);
    engine.recover().await.expect("nothing is due");
    let (campaign, first) = running(&engine).await;
    stage.fail(&first, Failure::new("flaky", "flaky")).await;
    status(&storage, &campaign, CampaignStatus::Retrying).await;
    storage.clock().advance(DELAY);
    status(&storage, &campaign, CampaignStatus::Running).await;
    let second = ticket(&engine, &campaign).await;
    assert_eq!((second.run.0, second.attempt.0), (1, 2));
    stage.fail(&second, Failure::new("flaky", "flaky")).await;
    status(&storage, &campaign, CampaignStatus::Failed).await;
    assert_eq!(campaign.view().await.expect("a view").due_at, None);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_is_due_while_nobody_is_there_is_made_by_the_next_engine() {
    let (storage, stage) = (Arc::new(MemoryStorage::new()), Stage::default());
    let engine_before = engine(&storage, &stage);
    let (campaign, first) = running(&engine_before).await;
    stage.fail(&first, Failure::new("flaky", "flaky")).await;
    status(&storage, &campaign, CampaignStatus::Retrying).await;
    engine_before.shutdown().await.expect("it shuts down in order");
    storage.clock().advance(DELAY);
    storage.reopen();
    let engine = engine(&storage, &stage);
    let recovery = engine.recover().await.expect("it recovers");
    assert_eq!(recovery.resumed, [campaign.id()]);
    assert_eq!(ticket(&engine, &campaign).await.attempt.0, 2);
}

#[tokio::test(start_paused = true)]
async fn a_phase_that_waits_for_a_report_waits_over_the_end_of_its_process_with_the_same_ticket() {
    let (storage, stage) = (Arc::new(MemoryStorage::new()), Stage::default());
    let engine_before = engine(&storage, &stage);
    let (campaign, asked) = running(&engine_before).await;
    let deferred = Deferred {
        note: Some("may it go out?".to_owned()),
        form: Some(json!({"type": "object", "required": ["by"]})),
        deadline_ms: Some(60_000),
    };
    stage.defer_with(&asked, deferred).await;
    status(&storage, &campaign, CampaignStatus::WaitingForReport).await;
    assert_eq!(engine_before.running_phases(), 0, "nobody works on it");
    engine_before.shutdown().await.expect("it shuts down in order");
    storage.reopen();

    let engine = engine(&storage, &stage);
    assert_eq!(engine.recover().await.expect("it recovers").resumed, []);
    let campaign = engine.campaign(campaign.id()).await.expect("it is there");
    let view = campaign.view().await.expect("a view");
    let waits = view.phases[0].waits_for.clone().expect("it waits");
    assert_eq!(waits.note.as_deref(), Some("may it go out?"));
    let refused = engine.report(&asked, Answer::Completed(json!({}))).await;
    assert_eq!(refused.expect_err("it doesn't fit").code(), "answer_invalid");
    let by_ada = Envelope::none().by("ada").expect("a short name");
    let answer = Answer::Completed(json!({"by": "ada"}));
    let reported = engine
        .report_with(&asked, answer.clone(), Vec::new(), by_ada)
        .await;
    assert_eq!(reported.expect("an answer"), Reported::Recorded);
    let again = engine.report(&asked, answer).await;
    assert_eq!(again.expect("an answer"), Reported::AlreadyRecorded);
    let page = storage
        .events(EventScope::Campaign(campaign.id()), None, 100)
        .await
        .expect("a read");
    let completed = page
        .items
        .iter()
        .find(|logged| matches!(logged.event.kind, EventKind::PhaseCompleted { .. }))
        .expect("it is completed");
    assert_eq!(completed.event.envelope.actor(), Some("ada"));
}

#[tokio::test(start_paused = true)]
async fn a_report_that_comes_too_late_is_the_end_of_the_phase() {
    let (storage, stage) = (Arc::new(MemoryStorage::new()), Stage::default());
    let engine = engine(&storage, &stage);
    engine.recover().await.expect("nothing is due");
    let (campaign, asked) = running(&engine).await;
    let deferred = Deferred {
        deadline_ms: Some(60_000),
        ..Deferred::default()
    };
    stage.defer_with(&asked, deferred).await;
    status(&storage, &campaign, CampaignStatus::WaitingForReport).await;
    storage.clock().advance(Duration::from_secs(60));
    status(&storage, &campaign, CampaignStatus::Failed).await;
    let view = campaign.view().await.expect("a view");
    assert_eq!(
        view.phases[0].failure.clone().expect("why").code,
        "deadline_passed"
    );
    let late = engine.report(&asked, Answer::Completed(json!({}))).await;
    assert_eq!(late.expect("an answer"), Reported::Stale);
}

#[tokio::test(start_paused = true)]
async fn a_phase_whose_process_keeps_ending_fails_as_a_crash_loop_and_orderly_ends_do_not_count() {
    let (storage, stage) = (Arc::new(MemoryStorage::new()), Stage::default());
    let mut handle = Arc::new(storage.connect());
    let mut now = engine(&handle, &stage);
    let (campaign, _) = running(&now).await;
    for in_order in [true, false, true, true, false] {
        if in_order {
            let on_stage = stage.on_stage();
            let (left, ()) = tokio::join!(now.shutdown(), async {
                for ticket in &on_stage {
                    stage.rest(ticket).await;
                }
            });
            left.expect("it shuts down in order");
        } else {
            // Its process is gone without a word, and its leases run out.
            handle.close().await.expect("it can always be closed");
            storage.end_leases();
        }
        handle = Arc::new(storage.connect());
        now = engine(&handle, &stage);
        let recovery = now.recover().await.expect("it recovers");
        assert_eq!(recovery.failed.len(), 0, "{recovery:?}");
    }
    let campaign = now.campaign(campaign.id()).await.expect("it is there");
    let view = campaign.view().await.expect("a view");
    let failure = view.phases[0]
        .failure
        .clone()
        .expect("the second recovery that counts is one too many");
    assert_eq!(
        (
            failure.code.as_str(),
            view.phases[0].attempt.map(|attempt| attempt.0)
        ),
        ("crash_loop", Some(5))
    );
}

#[tokio::test]
async fn the_last_batch_comes_with_the_outcome_in_one_commit() {
    let writes = Doing(|ctx: RunContext| async move {
        let mut batch = phasegate::Batch::new();
        batch.push(&json!({"number": 0}))?;
        batch.set_checkpoint(&json!({"records": 1}))?;
        ctx.commit_with_outcome(batch).await?;
        assert_eq!(ctx.records_written().await, 1);
        Ok(RunOutcome::Completed(json!({})))
    });
    let (engine, campaign) = started(writes, None).await;
    let view = campaign.at_rest().await.expect("a view");
    let run = view.phases[0].run.expect("it ran");
    let phase = view.phases[0].phase.clone();
    let output = engine
        .storage()
        .run_output(campaign.id(), &phase, run)
        .await
        .expect("a read")
        .expect("it has output");
    assert_eq!((output.batch.0, output.records), (1, 1));
    let page = engine
        .storage()
        .events(EventScope::Campaign(campaign.id()), None, 100)
        .await
        .expect("a read");
    let records = page.items.iter().find_map(|logged| match logged.event.kind {
        EventKind::PhaseCompleted { records, .. } => Some(records),
        _ => None,
    });
    assert_eq!(records, Some(1), "the completion says how many there are");
}
