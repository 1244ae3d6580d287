//! Retries and recoveries: what counts, since when, and who begins a new count.

use phasegate_core::{
    Activity, Campaign, Command, Count, Failure, MAX_RETRY_DELAY_MS, Mode, Outcome, RetryPolicy, Run,
    Timestamp, Trigger,
};

use crate::driver::{Driver, name, policy};

fn fresh() -> Driver {
    Driver::new(Mode::FullSequence, &["a", "b", "c"]).configured(&["a", "b", "c"])
}

fn running() -> Driver {
    fresh().retries("a", policy(3)).start("a")
}

fn fails_with(driver: &Driver, failure: Failure) -> Option<u64> {
    let failed = driver.clone().report(Outcome::Failed(failure));
    let due = failed.campaign.due()?;
    Some((due.as_unix_ms() - driver.now.as_unix_ms()) as u64)
}

fn counts(campaign: &Campaign) -> (Count, Count) {
    let run = campaign.activity.run().expect("a run");
    (run.tries, run.recoveries)
}

fn code(driver: &Driver) -> String {
    match &driver.campaign.activity {
        Activity::Failed { failure, .. } => failure.code.clone(),
        other => format!("{other:?}"),
    }
}

#[test]
fn the_failures_that_a_retry_would_only_meet_again_ask_no_policy() {
    let of_code = |code: &str| fails_with(&running(), Failure::new(code, "it broke"));
    for last in [
        "config_invalid",
        "pipeline_changed",
        "input_changed",
        "form_invalid",
        "deadline_passed",
        "crash_loop",
    ] {
        assert_eq!(of_code(last), None, "{last}");
    }
    for again in ["timed_out", "interrupted", "panicked", "any_other"] {
        assert_eq!(of_code(again), Some(1_000), "{again}");
    }
}

#[test]
fn a_failure_says_when_it_is_tried_again_within_the_longest_delay() {
    let failure = || Failure::new("broken", "it broke");
    assert_eq!(fails_with(&running(), failure().retry_after_ms(0)), Some(0));
    assert_eq!(fails_with(&running(), failure().retry_after_ms(7)), Some(7));
    assert_eq!(
        fails_with(&running(), failure().retry_after_ms(u64::MAX)),
        Some(60_000)
    );
    assert_eq!(
        fails_with(&running(), failure().finally().retry_after_ms(7)),
        None
    );
    assert_eq!(
        fails_with(&fresh().start("a"), failure().retry_after_ms(7)),
        None,
        "without a policy there is no retry"
    );
}

#[test]
fn a_policy_is_within_its_ranges() {
    let fresh = fresh();
    let answer = |policy: RetryPolicy| {
        fresh.would(Command::SetRetry {
            phase: name("a"),
            policy: Some(policy),
        })
    };
    for good in [
        policy(1_000),
        RetryPolicy {
            factor: 10.0,
            initial_delay_ms: MAX_RETRY_DELAY_MS,
            max_delay_ms: MAX_RETRY_DELAY_MS,
            ..policy(1)
        },
    ] {
        assert!(answer(good).starts_with("phase_retry_set"));
    }
    for bad in [
        policy(0),
        policy(1_001),
        RetryPolicy {
            factor: 10.5,
            ..policy(1)
        },
        RetryPolicy {
            factor: 0.9,
            ..policy(1)
        },
        RetryPolicy {
            max_delay_ms: MAX_RETRY_DELAY_MS + 1,
            ..policy(1)
        },
    ] {
        assert_eq!(answer(bad), "invalid_retry");
    }
}

#[test]
fn another_policy_counts_from_the_next_failure() {
    let retrying = running().fail();
    let due = retrying.campaign.due();
    let against = retrying.set_retry("a", Some(policy(1)));
    assert_eq!(against.campaign.due(), due, "what is scheduled stays");
    let again = against.wake();
    assert_eq!(again.clone().fail().campaign.due(), None);
    assert!(again.set_retry("a", None).fail().campaign.due().is_some());
}

#[test]
fn a_policy_of_the_campaign_is_kept_over_the_end_of_its_phase() {
    let passed = running().set_retry("a", Some(policy(2))).complete();
    let set = Command::SetRetry {
        phase: name("a"),
        policy: None,
    };
    assert_eq!(passed.would(set.clone()), "phase_locked");
    let again = passed.stop().quiet().restart("a");
    assert!(
        again.clone().fail().campaign.due().is_some(),
        "it is in force again"
    );
    assert_eq!(again.fail().wake().fail().campaign.due(), None, "for two tries");
}

#[test]
fn the_mode_touches_no_retry() {
    let retrying = running().fail();
    let due = retrying.campaign.due();
    let other = retrying.then(Command::SetMode {
        mode: Mode::StepByStep,
    });
    assert_eq!(other.campaign.due(), due);
    assert_eq!(
        other.wake().campaign.activity.run().map(|run| run.attempt.0),
        Some(2)
    );
}

#[test]
fn tries_count_since_progress_and_a_person_begins_a_new_count() {
    let twice = running().fail().wake().fail().wake();
    assert_eq!(counts(&twice.campaign).0.count, 2);
    assert_eq!(
        counts(&twice.clone().recover(1).campaign).0.count,
        2,
        "a recovery is no new count"
    );
    let resumed = twice.clone().pause().quiet().resume();
    assert_eq!(counts(&resumed.campaign), (Count::default(), Count::default()));
    let started = twice.clone().fail().start("a");
    assert_eq!(counts(&started.campaign), (Count::default(), Count::default()));
    let restarted = twice.clone().fail().restart("a");
    assert_eq!(counts(&restarted.campaign), (Count::default(), Count::default()));
    // So a long run isn't ended by its fifth hiccup.
    let mut driver = running();
    for _ in 0..5 {
        driver = driver.progress().fail().wake();
    }
    assert_eq!(counts(&driver.campaign).0.count, 1);
}

#[test]
fn recoveries_count_since_progress_over_retries_too() {
    let thrice = running().recover(3);
    assert_eq!(counts(&thrice.campaign).1.count, 3);
    let retried = thrice.clone().fail().wake();
    assert_eq!(counts(&retried.campaign).1.count, 3, "a retry is nobody's");
    assert_eq!(code(&retried.recover(3)), "crash_loop");
    let with_progress = thrice.clone().recover(2).progress().recover(5);
    assert_eq!(counts(&with_progress.campaign).1.count, 5);
    assert_eq!(code(&with_progress.recover(1)), "crash_loop");
    let resumed = thrice.pause().quiet().resume();
    assert_eq!(counts(&resumed.campaign).1.count, 0);
}

#[test]
fn a_recovery_after_an_orderly_release_does_not_count() {
    let five = fresh().start("a").recover(5);
    let released = five.clone().recover_released().recover_released();
    assert_eq!(counts(&released.campaign).1.count, 5);
    assert_eq!(code(&released.recover(1)), "crash_loop");
    let after_progress = five.clone().progress().recover_released();
    assert_eq!(
        counts(&after_progress.campaign).1.count,
        0,
        "it made progress since it was counted"
    );
    let fewer_by_now = five.max_recoveries("a", 1).recover_released();
    assert!(
        fewer_by_now.campaign.working_ticket().is_some(),
        "only a counted one is one too many"
    );
}

#[test]
fn a_retry_takes_the_gate_of_its_own_phase_alone() {
    let retrying = running().fail();
    let other_is_broken = retrying.clone().broken("c").wake();
    assert!(matches!(
        other_is_broken.campaign.activity,
        Activity::Running {
            trigger: Trigger::Retry,
            ..
        }
    ));
    for (driver, failure) in [
        (retrying.clone().broken("a"), "config_invalid"),
        (retrying.clone().reconfigured("a"), "input_changed"),
        (retrying.clone().pipeline_changed(), "pipeline_changed"),
    ] {
        let ended = driver.wake();
        assert_eq!((code(&ended), ended.campaign.due()), (failure.to_owned(), None));
    }
    let afresh = retrying.reconfigured("a").wake().start("a");
    assert_eq!(
        afresh.campaign.activity.run().map(|run| run.run),
        Some(Run(2)),
        "only a person begins it afresh"
    );
}

#[test]
fn the_moment_of_a_retry_follows_the_clock_of_the_store_and_the_log_goes_forward() {
    let mut driver = running();
    // The clock goes backward: an event never does, a moment to come is counted from the clock.
    driver.now = Timestamp::from_unix_ms(500_000);
    let failed = driver.fail();
    assert_eq!(failed.campaign.changed_at, Timestamp::from_unix_ms(1_000_000));
    assert_eq!(failed.campaign.due(), Some(Timestamp::from_unix_ms(501_000)));
}
