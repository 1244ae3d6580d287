//! The limits of `phasegate_core::limits`.
#![allow(missing_docs, reason = "the name of a case is its sentence")]
#![allow(clippy::unwrap_used, reason = "a case panics when the store does not pass")]

use phasegate_core::limits::{
    MAX_BATCH_BYTES, MAX_CHECKPOINT_BYTES, MAX_CONFIG_BYTES, MAX_EVENT_BYTES, MAX_FORM_BYTES, MAX_JSON_DEPTH,
    MAX_RECORD_BYTES, MAX_RESOURCE_BYTES, MAX_SUMMARY_BYTES,
};
use phasegate_core::storage::{Expected, RunOutput, StorageError};
use phasegate_core::{EventKind, Excess, Mode, Run};
use serde_json::{Value, json};

use super::resources::{resource, write};
use super::{Story, Subject, phase};

/// A document of `bytes` bytes of JSON.
fn document(bytes: usize) -> Value {
    Value::String("x".repeat(bytes - 2))
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(Value::Null, |inner, _| json!([inner]))
}

fn is_too_large<T: std::fmt::Debug>(result: Result<T, StorageError>, bytes: usize) {
    match result {
        Err(StorageError::Excess(Excess::TooLarge { size, limit, .. })) => {
            assert!(size > limit && limit == bytes)
        }
        other => panic!("{other:?}"),
    }
}

pub async fn a_config_beyond_its_limit_is_refused(storage: Subject) {
    let mut story = Story::created(&*storage, 1).await;
    let large = story.configuration("first", document(MAX_CONFIG_BYTES + 1));
    is_too_large(storage.commit(large).await, MAX_CONFIG_BYTES);
    assert_eq!(storage.campaign(story.id).await.unwrap().campaign, story.campaign);
    let fits = story.configuration("first", document(MAX_CONFIG_BYTES));
    story.commit(&*storage, fits).await;
}

pub async fn an_event_summary_or_form_beyond_its_limit_is_refused(storage: Subject) {
    let name = "x".repeat(MAX_EVENT_BYTES);
    let large = Story::new(2).transition(vec![Story::creation(&name, Mode::StepByStep)]);
    is_too_large(storage.commit(large).await, MAX_EVENT_BYTES);

    let mut story = Story::running(&*storage, 1).await;
    let large = story.transition(vec![story.completion("first", document(MAX_SUMMARY_BYTES + 1))]);
    is_too_large(storage.commit(large).await, MAX_SUMMARY_BYTES);
    story
        .tell(
            &*storage,
            vec![story.completion("first", document(MAX_SUMMARY_BYTES))],
        )
        .await;
    assert_eq!(storage.campaign(story.id).await.unwrap().campaign, story.campaign);

    let mut story = Story::running(&*storage, 3).await;
    let deferred = |bytes| {
        let mut deferral = story.deferral("first", None);
        if let EventKind::PhaseDeferred { form, .. } = &mut deferral {
            *form = Some(document(bytes));
        }
        vec![deferral]
    };
    let (large, fits) = (deferred(MAX_FORM_BYTES + 1), deferred(MAX_FORM_BYTES));
    is_too_large(storage.commit(story.transition(large)).await, MAX_FORM_BYTES);
    story.tell(&*storage, fits).await;
}

pub async fn a_record_batch_or_checkpoint_beyond_its_limit_is_refused(storage: Subject) {
    let story = Story::running(&*storage, 1).await;
    let record = |bytes| document(bytes).to_string();
    let large = story.output(1, [record(10), record(MAX_RECORD_BYTES + 1)]);
    is_too_large(storage.append(large).await, MAX_RECORD_BYTES);
    let large = story.output(1, (0..257).map(|_| record(MAX_RECORD_BYTES)));
    is_too_large(storage.append(large).await, MAX_BATCH_BYTES);
    let mut large = story.output(1, [record(10)]);
    large.checkpoint = Some(document(MAX_CHECKPOINT_BYTES + 1));
    is_too_large(storage.append(large.clone()).await, MAX_CHECKPOINT_BYTES);
    let mut last = story.transition(vec![story.completion_with("first", 1, Value::Null)]);
    last.output = Some(large);
    is_too_large(storage.commit(last).await, MAX_CHECKPOINT_BYTES);
    assert_eq!(storage.campaign(story.id).await.unwrap().campaign, story.campaign);
    let output = storage.run_output(story.id, &phase("first"), Run(1)).await;
    assert_eq!(output, Ok(Some(RunOutput::default())));
}

pub async fn a_resource_beyond_its_limit_is_refused(storage: Subject) {
    let proxy = resource("proxy", "one");
    let write = |bytes| write(&proxy, Expected::Any, Some(document(bytes)));
    is_too_large(
        storage.write_resource(write(MAX_RESOURCE_BYTES + 1)).await,
        MAX_RESOURCE_BYTES,
    );
    storage.write_resource(write(MAX_RESOURCE_BYTES)).await.unwrap();
}

pub async fn what_is_nested_too_deeply_is_refused(storage: Subject) {
    let mut story = Story::running(&*storage, 1).await;
    let deep = nested(MAX_JSON_DEPTH + 1);
    let mut checkpointed = story.output(1, vec![]);
    checkpointed.checkpoint = Some(deep.clone());
    let record = story.output(1, [format!("{}{}", "[".repeat(5_000), "]".repeat(5_000))]);
    let resource = write(&resource("proxy", "one"), Expected::Any, Some(deep.clone()));
    let summary = story.transition(vec![story.completion("first", deep.clone())]);
    let too_deep = [
        storage.commit(story.configuration("first", deep)).await.err(),
        storage.commit(summary).await.err(),
        storage.append(checkpointed).await.err(),
        storage.append(record).await.err(),
        storage.write_resource(resource).await.err(),
    ];
    for error in too_deep {
        assert!(
            matches!(error, Some(StorageError::Excess(Excess::TooDeep { .. }))),
            "{error:?}"
        );
    }
    let mut fits = story.output(1, [nested(MAX_JSON_DEPTH).to_string()]);
    fits.checkpoint = Some(nested(MAX_JSON_DEPTH));
    storage.append(fits).await.unwrap();
    story
        .tell(
            &*storage,
            vec![story.completion_with("first", 1, nested(MAX_JSON_DEPTH))],
        )
        .await;
    assert_eq!(storage.campaign(story.id).await.unwrap().campaign, story.campaign);
    let scope = phasegate_core::storage::EventScope::Campaign(story.id);
    assert_eq!(storage.events(scope, None, 10).await.unwrap().items.len(), 3);
    let output = storage
        .run_output(story.id, &phase("first"), Run(1))
        .await
        .unwrap();
    assert_eq!(
        output.and_then(|output| output.checkpoint),
        Some(nested(MAX_JSON_DEPTH))
    );
}

pub async fn the_largest_batch_is_taken(storage: Subject) {
    let story = Story::running(&*storage, 1).await;
    let records = (0..256).map(|_| document(MAX_RECORD_BYTES).to_string());
    let appended = storage.append(story.output(1, records)).await.unwrap();
    assert_eq!(appended.records, 256);
    let page = storage
        .records(story.id, &phase("first"), Run(1), 0, 10_000)
        .await
        .unwrap();
    assert_eq!((page.records.len(), page.next), (256, None));
}
