//! Reports: recorded once, known again, or stale.

use phasegate_core::limits::{MAX_FAILURE_CHARS, MAX_SUMMARY_BYTES};
use phasegate_core::{Deferred, Envelope, Failure, Mode, Outcome, Rejection, Signal, Ticket};
use serde_json::json;

use crate::driver::{Driver, policy};

fn fresh() -> Driver {
    Driver::new(Mode::FullSequence, &["a", "b", "c"]).configured(&["a", "b", "c"])
}

fn ticket(driver: &Driver) -> Ticket {
    driver.campaign.ticket().expect("a phase runs")
}

fn reports(driver: &Driver, ticket: &Ticket, outcome: &Outcome) -> String {
    driver.would(Signal::Report {
        ticket: ticket.clone(),
        outcome: outcome.clone(),
        last_batch: None,
        envelope: Envelope::none(),
    })
}

fn failed(code: &str) -> Outcome {
    Outcome::Failed(Failure::new(code, "it broke"))
}

#[test]
fn the_same_outcome_is_known_again_as_long_as_it_stands() {
    let running = fresh().start("a");
    let first = ticket(&running);
    let outcome = Outcome::Completed(json!({"one": 1, "two": 2}));
    let reordered = Outcome::Completed(json!({"two": 2, "one": 1}));
    let completed = running.report(outcome.clone());
    assert_eq!(reports(&completed, &first, &reordered), "no event");
    assert_eq!(
        reports(&completed, &first, &Outcome::Completed(json!({"one": 2}))),
        "stale_ticket"
    );
    let later = completed.complete().complete();
    assert_eq!(
        reports(&later, &first, &outcome),
        "no event",
        "b and c are passed too"
    );
    let restarted = later.restart("a");
    assert_eq!(reports(&restarted, &first, &outcome), "stale_ticket");
}

#[test]
fn a_failure_is_known_again_while_it_is_the_one_at_the_position() {
    let running = fresh().retries("a", policy(3)).start("a");
    let first = ticket(&running);
    let long = Outcome::Failed(Failure {
        message: "x".repeat(MAX_FAILURE_CHARS + 1),
        ..Failure::new("broken", "")
    });
    let retrying = running.report(long.clone());
    assert_eq!(reports(&retrying, &first, &long), "no event", "it was cut");
    assert_eq!(reports(&retrying, &first, &failed("other")), "stale_ticket");
    let given_up = retrying.clone().broken("a").wake();
    assert_eq!(
        reports(&given_up, &first, &long),
        "no event",
        "it was reported all the same"
    );
    let again = retrying.wake();
    assert_eq!(
        reports(&again, &first, &long),
        "stale_ticket",
        "a newer attempt runs"
    );
    let skipped = given_up.skip("a");
    assert_eq!(reports(&skipped, &first, &long), "stale_ticket");
}

#[test]
fn only_what_was_reported_is_known_again() {
    let running = fresh().start("a");
    let first = ticket(&running);
    assert_eq!(
        reports(&running.clone().quiet(), &first, &failed("interrupted")),
        "stale_ticket"
    );
    let overdue = running.clone().defer_for_a_minute().wake();
    assert_eq!(
        reports(&overdue, &first, &failed("deadline_passed")),
        "stale_ticket"
    );
    let looped = running.max_recoveries("a", 0);
    let looped = looped.recover(1);
    assert_eq!(reports(&looped, &first, &failed("crash_loop")), "stale_ticket");
}

#[test]
fn a_second_deferral_of_a_ticket_is_recorded_already_or_stale() {
    let running = fresh().start("a");
    let first = ticket(&running);
    let deferred = Outcome::Deferred(Deferred::default());
    let waiting = running.report(deferred.clone());
    assert_eq!(reports(&waiting, &first, &deferred), "no event");
    let paused = waiting.clone().pause();
    assert_eq!(reports(&paused, &first, &deferred), "no event");
    for after in [waiting.clone().complete(), waiting.clone().fail(), waiting.stop()] {
        assert_eq!(reports(&after, &first, &deferred), "stale_ticket");
    }
}

#[test]
fn a_report_that_is_refused_says_which_ticket_is_current() {
    let running = fresh().start("a").recover(1);
    let mut old = ticket(&running);
    old.attempt.0 = 1;
    let refused = running
        .decide(&running.question(Signal::Recover { ticket: old.clone() }))
        .expect_err("it is stale");
    assert_eq!(
        refused,
        Rejection::StaleTicket {
            ticket: old,
            current: running.campaign.ticket(),
        }
    );
}

#[test]
fn a_summary_within_its_limits_is_taken() {
    let running = fresh().start("a");
    let now = ticket(&running);
    let text = |length: usize| Outcome::Completed(json!("x".repeat(length - 2)));
    assert!(reports(&running, &now, &text(MAX_SUMMARY_BYTES)).starts_with("phase_completed"));
    assert_eq!(reports(&running, &now, &text(MAX_SUMMARY_BYTES + 1)), "too_large");
}

#[test]
fn a_ticket_of_another_campaign_is_stale() {
    let running = fresh().start("a");
    let mut other = ticket(&running);
    other.campaign = phasegate_core::CampaignId::from_u128(8);
    assert_eq!(reports(&running, &other, &failed("broken")), "stale_ticket");
    let completed = running.complete();
    assert_eq!(
        reports(&completed, &other, &Outcome::Completed(json!({"done": true}))),
        "stale_ticket"
    );
}
