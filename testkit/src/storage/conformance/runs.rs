//! The runs of a phase, pruned runs, and the last batch of a run.
#![allow(missing_docs, reason = "the name of a case is its sentence")]
#![allow(clippy::unwrap_used, reason = "a case panics when the store does not pass")]

use phasegate_core::storage::{ExpectedBatch, RunInfo, RunOutput, RunPage, Storage, StorageError};
use phasegate_core::{BatchNumber, CampaignId, EventKind, Run, Version};
use serde_json::json;

use super::output::numbered;
use super::{Story, Subject, phase};

async fn runs(storage: &dyn Storage, story: &Story, after: u32, limit: usize) -> RunPage {
    let page = storage.runs(story.id, &phase("first"), Run(after), limit).await;
    page.unwrap()
}

async fn numbers(storage: &dyn Storage, story: &Story) -> Vec<u32> {
    let page = runs(storage, story, 0, 1_000).await;
    page.items.iter().map(|info| info.run.0).collect()
}

/// A campaign whose first phase was begun `count` times, each time with one record.
async fn with_runs(storage: &dyn Storage, id: u128, count: u32) -> Story {
    let mut story = Story::running(storage, id).await;
    for run in 1..=count {
        storage
            .append(story.output(1, numbered(run.into(), 1)))
            .await
            .unwrap();
        let mut next = vec![story.stop("first")];
        if run < count {
            next.push(story.restart("first"));
        }
        story.tell(storage, next).await;
    }
    story
}

pub async fn a_run_is_there_from_its_launch_on(storage: Subject) {
    let mut story = Story::created(&*storage, 1).await;
    assert_eq!(runs(&*storage, &story, 0, 10).await, RunPage::default());
    let output = storage.run_output(story.id, &phase("first"), Run(1)).await;
    assert_eq!(output, Ok(None), "there was no such launch");
    story.tell(&*storage, vec![story.start("first")]).await;
    let expected = RunInfo {
        run: Run(1),
        launched: Version(2),
        output: RunOutput::default(),
    };
    assert_eq!(runs(&*storage, &story, 0, 10).await.items, [expected]);
    let output = storage.run_output(story.id, &phase("first"), Run(1)).await;
    assert_eq!(output, Ok(Some(RunOutput::default())));
    let output = storage.run_output(story.id, &phase("first"), Run(2)).await;
    assert_eq!(output, Ok(None));
}

pub async fn a_run_names_the_event_that_launched_its_first_attempt(storage: Subject) {
    let mut story = Story::running(&*storage, 1).await;
    story.tell(&*storage, vec![story.stop("first")]).await;
    story.tell(&*storage, vec![story.start("first")]).await;
    let (stop, restart) = (story.stop("first"), story.restart("first"));
    story.tell(&*storage, vec![stop, restart]).await;
    story
        .tell(
            &*storage,
            vec![story.completion("first", json!(1)), story.auto_start("second")],
        )
        .await;
    let launched = |page: RunPage| -> Vec<_> {
        let items = page.items.iter();
        items.map(|info| (info.run.0, info.launched.0)).collect()
    };
    assert_eq!(launched(runs(&*storage, &story, 0, 10).await), [(1, 2), (2, 6)]);
    let second = storage.runs(story.id, &phase("second"), Run(0), 10).await;
    assert_eq!(launched(second.unwrap()), [(1, 8)]);
}

pub async fn runs_are_paged_from_the_oldest(storage: Subject) {
    let story = with_runs(&*storage, 1, 5).await;
    with_runs(&*storage, 2, 2).await;
    for limit in [1, 2, 5, 1_000] {
        let (mut all, mut after) = (Vec::new(), Some(Run(0)));
        while let Some(from) = after {
            let page = runs(&*storage, &story, from.0, limit).await;
            assert!(page.items.len() <= limit);
            all.extend(page.items.iter().map(|info| info.run.0));
            after = page.next;
        }
        assert_eq!(all, [1, 2, 3, 4, 5], "{limit} a page");
    }
    assert_eq!(
        runs(&*storage, &story, 0, 0).await.items.len(),
        1,
        "a limit of 0 is 1"
    );
    assert!(runs(&*storage, &story, 5, 10).await.items.is_empty());
    assert!(runs(&*storage, &story, u32::MAX, 10).await.items.is_empty());
}

pub async fn a_pruned_run_is_hidden_at_once(storage: Subject) {
    let mut story = with_runs(&*storage, 1, 4).await;
    let other = with_runs(&*storage, 2, 2).await;
    let prune = |run| EventKind::RunPruned {
        phase: phase("first"),
        run: Run(run),
    };
    for (last, left) in [(1, vec![2, 3, 4]), (3, vec![4])] {
        story.tell(&*storage, vec![prune(last)]).await;
        assert_eq!(numbers(&*storage, &story).await, left);
        assert!(
            runs(&*storage, &story, 0, 1)
                .await
                .items
                .iter()
                .all(|info| info.run.0 > last)
        );
        for run in (1..=last).map(Run) {
            let output = storage.run_output(story.id, &phase("first"), run).await;
            assert_eq!(output, Ok(None), "run {run}");
            let page = storage
                .records(story.id, &phase("first"), run, 0, 10)
                .await
                .unwrap();
            assert!(page.records.is_empty() && page.next.is_none(), "run {run}");
        }
    }
    let page = storage
        .records(story.id, &phase("first"), Run(4), 0, 10)
        .await
        .unwrap();
    assert_eq!(page.records.len(), 1);
    assert_eq!(numbers(&*storage, &other).await, [1, 2]);
    story.tell(&*storage, vec![story.restart("first")]).await;
    assert_eq!(numbers(&*storage, &story).await, [4, 5]);
}

pub async fn a_batch_is_progress_with_records_or_another_checkpoint(storage: Subject) {
    let story = Story::running(&*storage, 1).await;
    let mut batch = 0;
    for (records, checkpoint, expected) in [
        (0, None, 0),
        (0, Some(json!({"at": 1})), 2),
        (0, Some(json!({"at": 1})), 2),
        (1, Some(json!({"at": 1})), 4),
        (0, None, 4),
        (1, None, 6),
        (0, Some(json!({"at": 2})), 7),
    ] {
        batch += 1;
        let mut output = story.output(batch, numbered(batch, records));
        output.checkpoint = checkpoint;
        storage.append(output).await.unwrap();
        let known = storage
            .run_output(story.id, &phase("first"), Run(1))
            .await
            .unwrap();
        let known = known.expect("it is there");
        assert_eq!(known.batch, BatchNumber(batch));
        assert_eq!(known.progress_batch, BatchNumber(expected), "after batch {batch}");
    }
}

pub async fn a_commit_expects_its_batch(storage: Subject) {
    let mut story = Story::running(&*storage, 1).await;
    let expecting = |story: &Story, batch| {
        let mut transition = story.transition(vec![story.stop_request("first")]);
        transition.expected_batch = Some(ExpectedBatch {
            phase: phase("first"),
            run: Run(1),
            batch: BatchNumber(batch),
        });
        transition
    };
    let conflict = |actual| {
        Err(StorageError::BatchConflict {
            campaign: CampaignId::from_u128(1),
            phase: phase("first"),
            run: Run(1),
            actual: BatchNumber(actual),
        })
    };
    assert_eq!(storage.commit(expecting(&story, 1)).await, conflict(0));
    storage.append(story.output(1, numbered(0, 1))).await.unwrap();
    assert_eq!(storage.commit(expecting(&story, 0)).await, conflict(1));
    assert_eq!(storage.campaign(story.id).await.unwrap().campaign, story.campaign);
    story.commit(&*storage, expecting(&story, 1)).await;
}

pub async fn a_commit_writes_the_last_batch_of_the_run_that_it_ends(storage: Subject) {
    let mut story = Story::running(&*storage, 1).await;
    storage.append(story.output(1, numbered(0, 2))).await.unwrap();
    let ending = |story: &Story, batch| {
        let mut transition = story.transition(vec![story.completion_with("first", 5, json!(1))]);
        let mut output = story.output(batch, numbered(2, 3));
        output.checkpoint = Some(json!("end"));
        transition.output = Some(output);
        transition
    };
    let ticket = story.ticket();
    let refused = Err(StorageError::BatchOutOfOrder {
        ticket: ticket.clone(),
        expected: BatchNumber(2),
        actual: BatchNumber(3),
    });
    assert_eq!(storage.commit(ending(&story, 3)).await, refused);
    let mut stale = ending(&story, 2);
    if let Some(output) = &mut stale.output {
        output.ticket.attempt = output.ticket.attempt.next();
    }
    let refused = storage.commit(stale).await;
    assert!(
        matches!(refused, Err(StorageError::StaleTicket { .. })),
        "{refused:?}"
    );
    assert_eq!(storage.campaign(story.id).await.unwrap().campaign, story.campaign);

    let last = ending(&story, 2);
    story.commit(&*storage, last.clone()).await;
    let output = storage
        .run_output(story.id, &phase("first"), Run(1))
        .await
        .unwrap();
    let output = output.expect("it is there");
    assert_eq!(
        (output.batch, output.progress_batch),
        (BatchNumber(2), BatchNumber(2))
    );
    assert_eq!((output.records, output.checkpoint), (5, Some(json!("end"))));
    let page = storage
        .records(story.id, &phase("first"), Run(1), 0, 10)
        .await
        .unwrap();
    let texts: Vec<_> = page
        .records
        .iter()
        .map(|record| record.get().to_owned())
        .collect();
    assert_eq!(texts, numbered(0, 5));
    let write = last.output.map(|output| output.write_ref()).unwrap();
    assert_eq!(storage.outcome(&write).await, Ok(true));
}

pub async fn a_last_batch_is_not_written_when_its_commit_conflicts(storage: Subject) {
    let mut story = Story::running(&*storage, 1).await;
    let mut late = story.transition(vec![story.completion_with("first", 1, json!(1))]);
    late.output = Some(story.output(1, numbered(0, 1)));
    story.tell(&*storage, vec![story.pause_request("first")]).await;
    let refused = storage.commit(late).await;
    assert!(
        matches!(refused, Err(StorageError::Conflict { .. })),
        "{refused:?}"
    );
    let output = storage.run_output(story.id, &phase("first"), Run(1)).await;
    assert_eq!(output, Ok(Some(RunOutput::default())));
}

pub async fn an_answer_brings_the_last_batch_of_a_run_that_waits_for_it(storage: Subject) {
    for (id, pauses) in [(1, false), (2, true)] {
        let mut story = Story::running(&*storage, id).await;
        story.tell(&*storage, vec![story.deferral("first", None)]).await;
        if pauses {
            story.tell(&*storage, vec![story.pause("first")]).await;
        }
        let mut answer = story.transition(vec![story.completion_with("first", 2, json!(1))]);
        answer.output = Some(story.output(1, numbered(0, 2)));
        story.commit(&*storage, answer).await;
        let page = storage
            .records(story.id, &phase("first"), Run(1), 0, 10)
            .await
            .unwrap();
        assert_eq!(page.records.len(), 2);
    }
}

pub async fn a_run_that_waits_for_a_report_takes_no_batch(storage: Subject) {
    let mut story = Story::running(&*storage, 1).await;
    let late = story.output(1, numbered(0, 1));
    story.tell(&*storage, vec![story.deferral("first", None)]).await;
    let ticket = late.ticket.clone();
    assert_eq!(
        storage.append(late).await,
        Err(StorageError::StaleTicket { ticket })
    );
    let output = storage.run_output(story.id, &phase("first"), Run(1)).await;
    assert_eq!(output, Ok(Some(RunOutput::default())));
}

pub async fn a_run_that_is_asked_to_pause_or_stop_takes_batches_still(storage: Subject) {
    for (id, ask) in (1..).zip([Story::pause_request, Story::stop_request]) {
        let mut story = Story::running(&*storage, id).await;
        story.tell(&*storage, vec![ask(&story, "first")]).await;
        storage.append(story.output(1, numbered(0, 1))).await.unwrap();
    }
}
