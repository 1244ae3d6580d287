//! Skipping: planned or at once, and what the phase after it reads.

use phasegate_core::{
    Activity, CampaignStatus, Command, Deferred, EventKind, Mode, OnSkip, Passed, PhaseStatus, Pins, Run,
    RunRef, SkipReads, Told, view,
};

use crate::driver::{Driver, name};

const FOUR: [&str; 4] = ["a", "b", "c", "d"];

/// Four phases; all may be skipped, `b` and `c` as `pass_through`.
fn fresh() -> Driver {
    Driver::new(Mode::FullSequence, &FOUR)
        .configured(&FOUR)
        .on_skip("a", OnSkip::Empty)
        .on_skip("b", OnSkip::PassThrough)
        .on_skip("c", OnSkip::PassThrough)
        .on_skip("d", OnSkip::Empty)
}

fn pins(driver: &Driver) -> Pins {
    driver.campaign.activity.run().expect("a run").pins.clone()
}

fn reads(driver: &Driver) -> Option<RunRef> {
    pins(driver).upstream
}

fn run_of(phase: &str, run: u32) -> RunRef {
    RunRef {
        phase: name(phase),
        run: Run(run),
    }
}

fn reason(driver: &Driver, phase: usize) -> Option<&str> {
    driver.campaign.phases[phase]
        .mark
        .as_ref()
        .and_then(|mark| mark.reason.as_deref())
}

#[test]
fn a_phase_reads_through_every_phase_that_passes_through_and_no_further() {
    let at_d = |skipped: &[&str]| {
        let mut driver = fresh();
        for phase in skipped {
            driver = driver.skip(phase);
        }
        while driver.campaign.position() < 3 {
            let next = driver.campaign.next_unmarked().expect("d is left");
            driver = match driver.campaign.ticket() {
                Some(_) => driver.complete(),
                None => {
                    let phase = driver.campaign.phases[next].phase.clone();
                    driver.start(phase.as_str())
                }
            };
        }
        driver
    };
    assert_eq!(reads(&at_d(&[])), Some(run_of("c", 1)));
    assert_eq!(reads(&at_d(&["c"])), Some(run_of("b", 1)));
    assert_eq!(reads(&at_d(&["b", "c"])), Some(run_of("a", 1)));
    assert_eq!(reads(&at_d(&["a", "b", "c"])), None, "a is skipped as empty");
    assert_eq!(reads(&at_d(&["a", "c"])), Some(run_of("b", 1)));
}

#[test]
fn the_records_of_a_skipped_run_are_never_read() {
    let failed = fresh().start("a").complete().progress().fail();
    let skipped = failed.skip("b");
    assert_eq!(reads(&skipped), Some(run_of("a", 1)));
    assert_eq!(skipped.campaign.current_run(&name("b")), None);
    let empty = fresh().start("a").progress().fail().skip("a");
    assert_eq!(reads(&empty), None);
}

#[test]
fn a_mark_pins_what_is_read_whatever_the_pipeline_says_later() {
    let marked = fresh().start("a").skip("b").on_skip("b", OnSkip::Empty);
    let passed = marked.complete();
    assert_eq!(reads(&passed), Some(run_of("a", 1)));
    assert!(matches!(
        &passed.campaign.passed[1],
        Passed::Skipped(skip) if skip.mark.reads == SkipReads::PassThrough
    ));
}

#[test]
fn a_restart_plans_later_skips_again_with_their_reason_and_drops_its_own_mark() {
    let skipped = fresh()
        .skip_because("b", "no time")
        .start("a")
        .complete()
        .fail()
        .skip_because("c", "it broke");
    assert_eq!(skipped.status(), CampaignStatus::Running, "d runs");
    let restarted = skipped.clone().stop().quiet().restart("a");
    assert_eq!(reason(&restarted, 1), Some("no time"));
    assert_eq!(reason(&restarted, 2), Some("it broke"));
    let again = restarted.complete();
    assert_eq!(again.campaign.position(), 3, "both are passed again");
    assert_eq!(reads(&again), Some(run_of("a", 2)));

    let of_b = skipped.stop().quiet().restart("b");
    assert_eq!(reason(&of_b, 1), None);
    assert_eq!(reason(&of_b, 2), Some("it broke"));
    assert_eq!(of_b.campaign.activity.run().map(|run| run.run), Some(Run(1)));
}

#[test]
fn a_restart_ends_the_retry_the_hold_or_the_deferral_beyond_it() {
    let retrying = fresh()
        .retries("b", crate::driver::policy(3))
        .start("a")
        .complete()
        .fail();
    assert!(retrying.campaign.due().is_some());
    let deferred = fresh().start("a").complete().defer_for_a_minute().pause();
    let held = fresh().start("a").pause().complete();
    for driver in [retrying, deferred, held] {
        let restarted = driver.restart("a");
        assert_eq!(restarted.campaign.due(), None);
        assert_eq!(restarted.status(), CampaignStatus::Running);
        assert_eq!(restarted.campaign.position(), 0);
        assert_eq!(restarted.campaign.current_run(&name("b")), None);
    }
}

#[test]
fn a_skip_at_once_keeps_its_reason() {
    let skipped = fresh().start("a").fail().skip_because("a", "it broke");
    let shown = view(
        &skipped.campaign,
        &skipped.around.facts(&skipped.campaign, None),
        &Told::default(),
    );
    assert_eq!(shown.phases[0].status, PhaseStatus::Skipped);
    let skip = shown.phases[0].skip.clone().expect("it is skipped");
    assert_eq!(skip.reason.as_deref(), Some("it broke"));
    let marked = fresh().skip_because("c", "no time");
    let shown = view(
        &marked.campaign,
        &marked.around.facts(&marked.campaign, None),
        &Told::default(),
    );
    assert_eq!(shown.phases[2].status, PhaseStatus::NotStarted);
    let skip = shown.phases[2].skip.clone().expect("it is to be skipped");
    assert_eq!(skip.reason.as_deref(), Some("no time"));
}

#[test]
fn a_marked_phase_needs_no_config() {
    let marked = fresh().unconfigured("b").skip("b");
    let started = marked.start("a");
    assert_eq!(started.status(), CampaignStatus::Running);
    let passed = started.complete();
    assert_eq!(reads(&passed), Some(run_of("a", 1)), "c runs");
    let without = fresh().unconfigured("b");
    assert_eq!(
        without.would(Command::Start { phase: name("a") }),
        "preflight_failed"
    );
}

#[test]
fn the_chain_is_held_where_a_paused_phase_is_skipped_and_goes_on_with_a_resume() {
    let paused = fresh().start("a").complete().pause().quiet();
    let deferred = fresh().start("a").complete().defer(Deferred::default()).pause();
    for driver in [paused, deferred] {
        let held = driver.skip("b");
        assert_eq!(held.campaign.activity, Activity::Idle { held: true });
        let further = held.clone().skip("c");
        assert_eq!(further.campaign.activity, Activity::Idle { held: true });
        let resumed = further.resume();
        assert_eq!(reads(&resumed), Some(run_of("a", 1)));
        let released = held.stop();
        assert_eq!(released.campaign.activity, Activity::Idle { held: false });
    }
}

#[test]
fn a_skip_that_leaves_nothing_completes_the_campaign_in_its_commit() {
    let held = fresh().start("a").skip("c").skip("d").pause().complete();
    assert_eq!(held.campaign.activity, Activity::Idle { held: true });
    let completed = held.skip("b");
    assert_eq!(completed.status(), CampaignStatus::Completed);
    assert!(matches!(
        completed.log.last().map(|event| &event.kind),
        Some(EventKind::CampaignCompleted {})
    ));
    // At position 0, too, where the only phase that ran is passed.
    let all_marked = fresh().start("a").skip("b").skip("c").skip("d").fail();
    assert_eq!(all_marked.skip("a").status(), CampaignStatus::Completed);
}

#[test]
fn a_phase_that_waits_for_a_report_is_running_and_can_t_be_skipped() {
    let waiting = fresh().start("a").defer_for_a_minute();
    assert_eq!(
        waiting.would(Command::Skip { phase: name("a") }),
        "already_running"
    );
}

#[test]
fn nothing_skips_or_launches_a_phase_without_its_pipeline_but_a_mark_is_withdrawn() {
    let marked = fresh().start("a").skip("b");
    for driver in [marked.clone().pipeline_changed(), marked.pipeline_unknown()] {
        let code = driver.would(Command::Skip { phase: name("c") });
        assert!(
            matches!(&*code, "pipeline_changed" | "unknown_pipeline"),
            "{code}"
        );
        assert_eq!(driver.would(Command::Skip { phase: name("b") }), "no event");
        assert_eq!(
            driver.would(Command::Unskip { phase: name("b") }),
            "phase_skip_withdrawn b"
        );
    }
}
