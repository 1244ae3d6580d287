//! A phase whose runner leaves its outcome to somebody else.

use phasegate_core::limits::{MAX_FORM_BYTES, MAX_NOTE_CHARS};
use phasegate_core::{
    Activity, Attempt, CampaignStatus, Command, Deferred, Event, EventKind, Mode, Outcome, PhaseStatus,
    Signal, Told, Version, view,
};
use serde_json::{Value, json};

use crate::driver::{Driver, policy};

fn running() -> Driver {
    Driver::new(Mode::FullSequence, &["a", "b", "c"])
        .configured(&["a", "b", "c"])
        .start("a")
}

fn asks(driver: &Driver, deferred: Deferred) -> Vec<Event> {
    let ticket = driver.campaign.ticket().expect("a phase runs");
    let report = Signal::Report {
        ticket,
        outcome: Outcome::Deferred(deferred),
        last_batch: None,
        envelope: phasegate_core::Envelope::none(),
    };
    driver.decide(&driver.question(report)).expect("it is accepted")
}

fn token_attempt(driver: &Driver) -> Option<Attempt> {
    driver.campaign.activity.run().map(|run| run.token_attempt)
}

#[test]
fn a_note_is_cut_and_a_form_is_not() {
    let note = |chars: usize| Deferred {
        note: Some("ü".repeat(chars)),
        ..Deferred::default()
    };
    let told = |deferred| match &asks(&running(), deferred)[..] {
        [
            Event {
                kind: EventKind::PhaseDeferred { note, .. },
                ..
            },
        ] => note.clone().expect("a note"),
        other => panic!("{other:?}"),
    };
    assert_eq!(told(note(MAX_NOTE_CHARS)), "ü".repeat(MAX_NOTE_CHARS));
    let cut = told(note(MAX_NOTE_CHARS + 1));
    assert_eq!(cut.chars().count(), MAX_NOTE_CHARS);
    assert!(cut.ends_with('…'));

    let form = |bytes: usize| Deferred {
        form: Some(json!("x".repeat(bytes - 2))),
        ..Deferred::default()
    };
    let names = |deferred| {
        asks(&running(), deferred)
            .iter()
            .map(|event| event.kind.name())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(form(MAX_FORM_BYTES)), ["phase_deferred"]);
    assert_eq!(names(form(MAX_FORM_BYTES + 1)), ["phase_failed"]);
}

#[test]
fn a_deadline_is_counted_from_the_clock_of_the_store_and_never_ends_by_itself_otherwise() {
    let waiting = running().defer_for_a_minute();
    assert_eq!(waiting.campaign.due(), Some(waiting.now.plus_ms(60_000)));
    assert_eq!(running().defer(Deferred::default()).campaign.due(), None);
    let for_ever = Deferred {
        deadline_ms: Some(u64::MAX),
        ..Deferred::default()
    };
    let last = running().defer(for_ever).campaign.due().expect("a moment");
    assert_eq!(last.to_string(), "9999-12-31T23:59:59.999Z");
}

#[test]
fn a_deadline_goes_on_while_the_phase_is_paused_and_resumed() {
    let waiting = running().defer_for_a_minute();
    let due = waiting.campaign.due();
    let paused = waiting.pause();
    assert_eq!(paused.campaign.due(), due);
    let resumed = paused.clone().resume();
    assert_eq!(resumed.campaign.due(), due);
    for driver in [paused, resumed] {
        let Activity::Failed { failure, .. } = driver.wake().campaign.activity else {
            panic!("its time is over");
        };
        assert_eq!(failure.code, "deadline_passed");
    }
}

#[test]
fn lateness_alone_refuses_nothing() {
    let mut late = running().defer_for_a_minute();
    late.now = late.now.plus_ms(3_600_000);
    let reported = late.clone().complete();
    assert_eq!(reported.campaign.position(), 1, "the report came first");
    let ticket = late.campaign.ticket().expect("it waits");
    let woken = late.then(Signal::Wake);
    let report = Signal::Report {
        ticket,
        outcome: Outcome::Completed(json!({"done": true})),
        last_batch: None,
        envelope: phasegate_core::Envelope::none(),
    };
    assert_eq!(woken.would(report), "stale_ticket", "the wake came first");
}

#[test]
fn a_waiting_phase_runs_but_nobody_works_on_it() {
    let waiting = running().defer_for_a_minute();
    assert!(waiting.campaign.ticket().is_some());
    assert_eq!(waiting.campaign.working_ticket(), None);
    assert_eq!(waiting.status(), CampaignStatus::WaitingForReport);
    let paused = waiting.clone().pause();
    assert_eq!(
        paused.campaign.ticket(),
        waiting.campaign.ticket(),
        "the ticket stays good"
    );
    assert_eq!(paused.campaign.working_ticket(), None);
    assert_eq!(paused.status(), CampaignStatus::Paused);
    let resumed = paused.resume();
    assert_eq!(resumed.campaign.ticket(), waiting.campaign.ticket());
    assert_eq!(resumed.log.last().and_then(|event| event.kind.launch()), None);
}

#[test]
fn a_recovered_attempt_has_the_same_token_and_any_other_launch_another() {
    let recovered = running().retries("a", policy(3)).recover(2);
    assert_eq!(token_attempt(&recovered), Some(Attempt(1)));
    assert_eq!(
        token_attempt(&recovered.clone().defer_for_a_minute()),
        Some(Attempt(1))
    );
    let paused = recovered.clone().defer_for_a_minute().pause();
    assert_eq!(token_attempt(&paused), Some(Attempt(1)));
    assert_eq!(token_attempt(&paused.resume()), Some(Attempt(1)));
    let retried = recovered.clone().fail().wake();
    assert_eq!(token_attempt(&retried), Some(Attempt(4)));
    assert_eq!(token_attempt(&retried.clone().recover(1)), Some(Attempt(4)));
    let started = recovered.clone().stop().quiet().start("a");
    assert_eq!(token_attempt(&started), Some(Attempt(4)));
    let resumed = recovered.pause().quiet().resume();
    assert_eq!(token_attempt(&resumed), Some(Attempt(4)));
}

#[test]
fn a_form_that_fails_keeps_to_the_intent() {
    let wrong = || Deferred {
        form: Some(json!({"wrong": true})),
        ..Deferred::default()
    };
    let pausing = running().retries("a", policy(3)).pause();
    let failed = pausing.defer(wrong());
    assert_eq!(failed.status(), CampaignStatus::Failed);
    assert_eq!(failed.campaign.due(), None);
    let stopping = running().stop();
    assert_eq!(stopping.defer(wrong()).status(), CampaignStatus::Stopped);
}

#[test]
fn the_mode_touches_no_deferral_and_decides_at_the_end() {
    let waiting = running().defer_for_a_minute();
    let by_hand = waiting.clone().then(Command::SetMode {
        mode: Mode::StepByStep,
    });
    assert_eq!(by_hand.campaign.activity, waiting.campaign.activity);
    assert_eq!(by_hand.complete().status(), CampaignStatus::Idle);
    assert_eq!(waiting.complete().status(), CampaignStatus::Running);
}

#[test]
fn the_view_shows_what_a_phase_waits_for() {
    let form: Value = json!({"type": "object"});
    let waiting = running().defer(Deferred {
        note: Some("sign it".to_owned()),
        form: Some(form.clone()),
        deadline_ms: Some(60_000),
    });
    for driver in [waiting.clone(), waiting.pause()] {
        let mut told = Told::default();
        for number in Told::by(&driver.campaign) {
            let Version(seq) = number;
            told.add(number, &driver.log[usize::try_from(seq).expect("small") - 1]);
        }
        let shown = view(
            &driver.campaign,
            &driver.around.facts(&driver.campaign, None),
            &told,
        );
        let waits_for = shown.phases[0].waits_for.clone().expect("it waits");
        assert_eq!(waits_for.note.as_deref(), Some("sign it"));
        assert_eq!(waits_for.form.as_ref(), Some(&form));
        assert_eq!(waits_for.deadline_at, driver.campaign.due());
        assert_eq!(shown.due_at, driver.campaign.due());
        assert!(matches!(
            shown.phases[0].status,
            PhaseStatus::WaitingForReport | PhaseStatus::Paused
        ));
    }
}
