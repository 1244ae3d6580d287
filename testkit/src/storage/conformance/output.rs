//! The output of runs.
#![allow(missing_docs, reason = "the name of a case is its sentence")]
#![allow(clippy::unwrap_used, reason = "a case panics when the store does not pass")]

use phasegate_core::limits::MAX_PAGE_BYTES;
use phasegate_core::storage::{Appended, Progress, RunOutput, Storage, StorageError};
use phasegate_core::{Attempt, BatchNumber, CampaignId, Run};
use serde_json::json;

use super::{Story, Subject, phase};

pub(super) fn numbered(from: u64, count: u64) -> Vec<String> {
    (from..from + count).map(|n| format!("{{\"n\": {n}}}")).collect()
}

async fn texts(storage: &dyn Storage, story: &Story, from: u64, limit: usize) -> (Vec<String>, Option<u64>) {
    let page = storage
        .records(story.id, &phase("first"), Run(1), from, limit)
        .await
        .unwrap();
    assert_eq!(page.from, from);
    (
        page.records
            .iter()
            .map(|record| record.get().to_owned())
            .collect(),
        page.next,
    )
}

pub async fn a_batch_is_stored_with_its_checkpoint_and_progress(storage: Subject) {
    let story = Story::running(&*storage, 1).await;
    let before = storage
        .run_output(story.id, &phase("first"), Run(1))
        .await
        .unwrap();
    assert_eq!(before, Some(RunOutput::default()));
    let mut output = story.output(1, numbered(0, 3));
    output.checkpoint = Some(json!({"at": 3}));
    let progress = Progress {
        done: 3,
        total: Some(9),
    };
    output.progress = Some(progress);
    let batch = BatchNumber(1);
    assert_eq!(storage.append(output).await, Ok(Appended { batch, records: 3 }));

    let stored = storage
        .run_output(story.id, &phase("first"), Run(1))
        .await
        .unwrap()
        .expect("it is there");
    assert_eq!((stored.batch, stored.records), (batch, 3));
    assert_eq!(stored.checkpoint, Some(json!({"at": 3})));
    assert_eq!(stored.progress, Some(progress));
    assert_eq!(texts(&*storage, &story, 0, 10).await, (numbered(0, 3), None));
}

pub async fn a_batch_without_checkpoint_keeps_the_one_before(storage: Subject) {
    let story = Story::running(&*storage, 1).await;
    let mut output = story.output(1, numbered(0, 1));
    output.checkpoint = Some(json!(null));
    output.progress = Some(Progress { done: 1, total: None });
    storage.append(output).await.unwrap();
    storage.append(story.output(2, vec![])).await.unwrap();

    let stored = storage
        .run_output(story.id, &phase("first"), Run(1))
        .await
        .unwrap()
        .expect("it is there");
    assert_eq!((stored.batch, stored.records), (BatchNumber(2), 1));
    assert_eq!(stored.progress, Some(Progress { done: 1, total: None }));
}

pub async fn the_latest_batch_is_acknowledged_again_and_not_written_twice(storage: Subject) {
    let story = Story::running(&*storage, 1).await;
    storage.append(story.output(1, numbered(0, 2))).await.unwrap();
    let first = storage.append(story.output(2, numbered(2, 3))).await;
    let again = storage.append(story.output(2, numbered(2, 3))).await;
    assert_eq!(again, first);
    assert_eq!(texts(&*storage, &story, 0, 100).await, (numbered(0, 5), None));
}

pub async fn a_batch_that_is_not_the_next_is_refused(storage: Subject) {
    let story = Story::running(&*storage, 1).await;
    let refused = |batch, expected| StorageError::BatchOutOfOrder {
        ticket: story.output(batch, vec![]).ticket,
        expected: BatchNumber(expected),
        actual: BatchNumber(batch),
    };
    for batch in [0, 2, u64::MAX] {
        assert_eq!(
            storage.append(story.output(batch, numbered(0, 1))).await,
            Err(refused(batch, 1))
        );
    }
    storage.append(story.output(1, numbered(0, 1))).await.unwrap();
    storage.append(story.output(2, numbered(1, 1))).await.unwrap();
    for batch in [0, 1, 4] {
        assert_eq!(
            storage.append(story.output(batch, numbered(0, 1))).await,
            Err(refused(batch, 3))
        );
    }
    assert_eq!(texts(&*storage, &story, 0, 100).await, (numbered(0, 2), None));
}

pub async fn a_ticket_that_is_not_running_is_refused(storage: Subject) {
    let mut story = Story::running(&*storage, 1).await;
    let good = story.output(1, numbered(0, 1));
    let mut wrong = vec![good.clone(), good.clone(), good.clone(), good.clone()];
    wrong[0].ticket.attempt = Attempt(2);
    wrong[1].ticket.run = Run(2);
    wrong[2].ticket.phase = phase("second");
    wrong[3].ticket.campaign = CampaignId::from_u128(2);
    for output in wrong {
        let ticket = output.ticket.clone();
        assert_eq!(
            storage.append(output).await,
            Err(StorageError::StaleTicket { ticket })
        );
    }
    storage.append(good.clone()).await.unwrap();

    story.tell(&*storage, vec![story.stop("first")]).await;
    let ticket = good.ticket.clone();
    let stale = Err(StorageError::StaleTicket { ticket });
    assert_eq!(storage.append(good.clone()).await, stale, "nothing runs");
    story.tell(&*storage, vec![story.start("first")]).await;
    assert_eq!(storage.append(good).await, stale, "the next attempt runs");
    storage.append(story.output(2, numbered(1, 1))).await.unwrap();
    assert_eq!(texts(&*storage, &story, 0, 10).await, (numbered(0, 2), None));
}

pub async fn an_append_leaves_the_campaign_as_it_is(storage: Subject) {
    let story = Story::running(&*storage, 1).await;
    let latest = storage.latest().await.unwrap();
    storage.append(story.output(1, numbered(0, 5))).await.unwrap();
    assert_eq!(storage.campaign(story.id).await.unwrap().campaign, story.campaign);
    assert_eq!(storage.latest().await.unwrap(), latest);
}

pub async fn records_are_paged_from_any_index(storage: Subject) {
    let story = Story::running(&*storage, 1).await;
    let mut total = 0;
    for (batch, size) in [1, 1_000, 0, 17, 1].into_iter().enumerate() {
        storage
            .append(story.output(batch as u64 + 1, numbered(total, size)))
            .await
            .unwrap();
        total += size;
    }
    for from in [0, 1, 2, 500, 1_000, 1_001, 1_017, 1_018] {
        for limit in [1, 10, 10_000] {
            let count = (total - from).min(limit as u64);
            let next = (from + count < total).then_some(from + count);
            let expected = (numbered(from, count), next);
            assert_eq!(
                texts(&*storage, &story, from, limit).await,
                expected,
                "{limit} from {from}"
            );
        }
    }
    for from in [total, total + 1, u64::MAX] {
        assert_eq!(texts(&*storage, &story, from, 10).await, (vec![], None));
    }
    assert_eq!(
        texts(&*storage, &story, 0, 0).await,
        (numbered(0, 1), Some(1)),
        "a limit of 0 is 1"
    );
    let none = storage
        .records(story.id, &phase("second"), Run(1), 0, 10)
        .await
        .unwrap();
    assert!(none.records.is_empty() && none.next.is_none());
}

pub async fn a_page_of_records_ends_before_16_mib(storage: Subject) {
    let story = Story::running(&*storage, 1).await;
    let large = |n: u64| format!("\"{n:060000}\"");
    for batch in 0..3 {
        let records = (0..200).map(|n| large(batch * 200 + n));
        storage.append(story.output(batch + 1, records)).await.unwrap();
    }
    let (mut all, mut next) = (Vec::new(), Some(0));
    let mut pages = 0;
    while let Some(from) = next {
        let (records, after) = texts(&*storage, &story, from, 10_000).await;
        assert!(records.iter().map(String::len).sum::<usize>() <= MAX_PAGE_BYTES);
        all.extend(records);
        next = after;
        pages += 1;
    }
    assert_eq!(pages, 3);
    assert!(all.into_iter().eq((0..600).map(large)));
}

pub async fn runs_keep_their_own_records(storage: Subject) {
    let mut story = Story::running(&*storage, 1).await;
    storage.append(story.output(1, numbered(0, 2))).await.unwrap();
    story
        .tell(&*storage, vec![story.stop("first"), story.restart("first")])
        .await;
    storage.append(story.output(1, numbered(10, 3))).await.unwrap();

    assert_eq!(texts(&*storage, &story, 0, 10).await, (numbered(0, 2), None));
    let second = storage
        .records(story.id, &phase("first"), Run(2), 0, 10)
        .await
        .unwrap();
    let second: Vec<_> = second
        .records
        .iter()
        .map(|record| record.get().to_owned())
        .collect();
    assert_eq!(second, numbered(10, 3));
}

pub async fn the_latest_batch_with_other_content_is_out_of_order(storage: Subject) {
    let story = Story::running(&*storage, 1).await;
    let mut first = story.output(1, numbered(0, 2));
    first.checkpoint = Some(json!({"a": 1, "b": 2}));
    storage.append(first.clone()).await.unwrap();
    let mut others = vec![first.clone(); 4];
    others[0].checkpoint = Some(json!({"a": 1, "b": 3}));
    others[1].checkpoint = None;
    others[2].progress = Some(Progress { done: 1, total: None });
    others[3].records.truncate(1);
    for other in others {
        let refused = storage.append(other).await;
        let expected = StorageError::BatchOutOfOrder {
            ticket: story.ticket(),
            expected: BatchNumber(2),
            actual: BatchNumber(1),
        };
        assert_eq!(refused, Err(expected));
    }
    let appended = storage.append(first).await.unwrap();
    assert_eq!(appended.records, 2);
    assert_eq!(texts(&*storage, &story, 0, 10).await, (numbered(0, 2), None));
}

pub async fn the_latest_batch_of_another_attempt_is_out_of_order(storage: Subject) {
    let mut story = Story::running(&*storage, 1).await;
    storage.append(story.output(1, numbered(0, 2))).await.unwrap();
    story.tell(&*storage, vec![story.recovery("first")]).await;
    let refused = storage.append(story.output(1, numbered(0, 2))).await;
    let expected = StorageError::BatchOutOfOrder {
        ticket: story.ticket(),
        expected: BatchNumber(2),
        actual: BatchNumber(1),
    };
    assert_eq!(refused, Err(expected));
    storage.append(story.output(2, numbered(2, 1))).await.unwrap();
    assert_eq!(texts(&*storage, &story, 0, 10).await, (numbered(0, 3), None));
}
