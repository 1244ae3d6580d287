//! Runners that are wrong in one thing, and the case that finds each.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use phasegate::core::{PhaseDefinition, PhaseName};
use phasegate::{Batch, PhaseRunner, Pipeline, RunContext, RunError, RunOutcome};
use phasegate_testkit::PhaseCase;
use phasegate_testkit::runner::conformance::{
    a_cancelled_run_comes_to_rest_in_time, after_a_kill_at_any_commit_the_records_are_the_same,
    after_a_kill_at_most_one_batch_is_done_again, after_a_pause_at_any_commit_the_records_are_the_same,
    two_undisturbed_runs_make_the_same_records,
};
use serde_json::{Value, json};

/// What a runner does wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wrong {
    Nothing,
    /// It begins at the beginning each time.
    ForgetsItsCheckpoint,
    /// It writes the records and the checkpoint that covers them one after the other.
    CommitsItsCheckpointLater,
    /// It reads everything again, and hands over only what is not durable.
    ReadsEverythingAgain,
    /// It does not look whether it is cancelled.
    HeedsNoCancellation,
    /// It puts something else into its records each time.
    MakesOtherRecords,
    /// It fails.
    Fails,
}

struct Copies {
    wrong: Wrong,
    made: AtomicU64,
}

#[async_trait]
impl PhaseRunner for Copies {
    async fn run(&self, ctx: RunContext) -> Result<RunOutcome, RunError> {
        if self.wrong == Wrong::Fails {
            return Err(RunError::failed("wrong", "it always fails"));
        }
        let checkpoint = ctx.checkpoint().and_then(Value::as_u64).unwrap_or(0);
        let begins = match self.wrong {
            Wrong::ForgetsItsCheckpoint | Wrong::ReadsEverythingAgain => 0,
            _ => checkpoint,
        };
        let mut upstream = ctx.upstream(begins);
        while let Some(record) = upstream.next().await? {
            if self.wrong == Wrong::ReadsEverythingAgain && record.index < checkpoint {
                continue;
            }
            if self.wrong != Wrong::HeedsNoCancellation {
                ctx.ensure_running()?;
            }
            tokio::time::sleep(Duration::from_millis(700)).await;
            let mut batch = Batch::new();
            match self.wrong {
                Wrong::MakesOtherRecords => batch.push(&self.made.fetch_add(1, Ordering::SeqCst))?,
                _ => batch.push(&record.json)?,
            }
            if self.wrong == Wrong::CommitsItsCheckpointLater {
                ctx.commit(std::mem::take(&mut batch)).await?;
            }
            batch.set_checkpoint(&(record.index + 1))?;
            ctx.commit(batch).await?;
        }
        Ok(RunOutcome::Completed(Value::Null))
    }
}

static MADE: AtomicU64 = AtomicU64::new(0);

fn copying(wrong: Wrong) -> PhaseCase {
    let name = PhaseName::new("copy").expect("a valid name");
    let runner = Copies {
        wrong,
        made: AtomicU64::new(MADE.fetch_add(1_000, Ordering::SeqCst)),
    };
    let definition = PhaseDefinition::new(name, json!({ "type": "object" }));
    let pipeline = Pipeline::builder("copies").runner(definition, runner).build();
    PhaseCase::of(pipeline.expect("a valid pipeline"), "copy").upstream(["a", "b", "c", "d"])
}

type Case = fn(&PhaseCase) -> Result<(), String>;

const CASES: [Case; 5] = [
    two_undisturbed_runs_make_the_same_records,
    after_a_kill_at_any_commit_the_records_are_the_same,
    after_a_kill_at_most_one_batch_is_done_again,
    a_cancelled_run_comes_to_rest_in_time,
    after_a_pause_at_any_commit_the_records_are_the_same,
];

/// Asserts that the case says so.
fn check(wrong: Wrong, case: Case, says: &str) {
    let broken = case(&copying(wrong)).expect_err("the case finds it");
    assert!(broken.contains(says), "{broken}");
}

#[test]
fn a_runner_that_does_nothing_wrong_passes() {
    for case in CASES {
        assert_eq!(case(&copying(Wrong::Nothing)), Ok(()));
    }
}

#[test]
fn a_forgotten_checkpoint_doubles_records() {
    check(
        Wrong::ForgetsItsCheckpoint,
        after_a_kill_at_any_commit_the_records_are_the_same,
        "after a kill at commit 1, record 1 of copy is \"a\", and was \"b\"",
    );
    check(
        Wrong::ForgetsItsCheckpoint,
        after_a_kill_at_most_one_batch_is_done_again,
        "1 of 4 records are durable, and 4 more are handed over",
    );
    check(
        Wrong::ForgetsItsCheckpoint,
        after_a_pause_at_any_commit_the_records_are_the_same,
        "record 1 of copy is \"a\", and was \"b\"",
    );
}

#[test]
fn a_checkpoint_beside_its_records_is_found_by_the_kill_between_them() {
    check(
        Wrong::CommitsItsCheckpointLater,
        after_a_kill_at_any_commit_the_records_are_the_same,
        "after a kill at commit 1, record 1",
    );
}

#[test]
fn work_that_is_done_again_is_found_although_its_records_are_right() {
    let again = copying(Wrong::ReadsEverythingAgain);
    assert_eq!(
        after_a_kill_at_any_commit_the_records_are_the_same(&again),
        Ok(())
    );
    check(
        Wrong::ReadsEverythingAgain,
        after_a_kill_at_most_one_batch_is_done_again,
        "all records of the phase before are read again",
    );
}

#[test]
fn a_cancellation_that_nobody_heeds_takes_too_long() {
    check(
        Wrong::HeedsNoCancellation,
        a_cancelled_run_comes_to_rest_in_time,
        "takes 2.8s to come to rest, and may take 1s",
    );
}

#[test]
fn other_records_each_time_are_told_before_anything_is_disturbed() {
    check(
        Wrong::MakesOtherRecords,
        two_undisturbed_runs_make_the_same_records,
        "the second time, record 0 of copy is",
    );
}

#[test]
fn a_run_that_fails_is_told_with_its_reason() {
    for case in CASES {
        let broken = case(&copying(Wrong::Fails)).expect_err("it doesn't complete");
        assert!(broken.contains("copy doesn't complete: it failed: "), "{broken}");
        assert!(broken.contains("it always fails"), "{broken}");
    }
}

#[test]
fn a_case_whose_run_commits_nothing_says_so() {
    let nothing = || copying(Wrong::Nothing).upstream::<&str>([]);
    let case = two_undisturbed_runs_make_the_same_records;
    let untested = case(&nothing()).expect_err("no commit is tested");
    assert!(untested.contains("commits nothing"), "{untested}");
    assert_eq!(case(&nothing().commits_nothing()), Ok(()));
    let wrong = case(&copying(Wrong::Nothing).commits_nothing()).expect_err("it commits");
    assert!(wrong.contains("after all"), "{wrong}");
}
