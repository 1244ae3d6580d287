//! Random histories: what holds of every campaign, whatever happened to it.

use phasegate_core::{Campaign, Mode, OnSkip, PipelineMatch, Rejection, Signal, Timestamp};
use proptest::prelude::*;

use crate::command_table::rows;
use crate::driver::{Driver, Question, name, policy};
use crate::needs;

/// One turn of a history.
#[derive(Clone, Debug)]
enum Turn {
    /// Any input of the table.
    Any(prop::sample::Index),
    /// One of the inputs that lead on.
    Move(&'static str),
    /// The phase at the position is started.
    StartNext,
    /// Time passes.
    Later(u64),
    Broken(&'static str),
    Pipeline(PipelineMatch),
    CanContinue(bool),
    ResourceChanged(&'static str),
    Progress,
    OnSkip(&'static str, OnSkip),
    Retries(&'static str, u32),
    MaxRecoveries(&'static str, u32),
}

const MOVES: [&str; 16] = [
    "report completed",
    "report failed",
    "report failed with 3 records",
    "report deferred",
    "report deferred with form and deadline",
    "wake at its time",
    "runner is quiet",
    "recover",
    "recover after a release",
    "pause",
    "resume",
    "stop",
    "set mode full_sequence",
    "set mode step_by_step",
    "restart a",
    "skip b",
];

fn turn() -> impl Strategy<Value = Turn> {
    let phase = || prop::sample::select(vec!["a", "b", "c"]);
    prop_oneof![
        10 => any::<prop::sample::Index>().prop_map(Turn::Any),
        20 => prop::sample::select(MOVES.to_vec()).prop_map(Turn::Move),
        8 => Just(Turn::StartNext),
        2 => (0..100_000_u64).prop_map(Turn::Later),
        1 => phase().prop_map(Turn::Broken),
        1 => prop::sample::select(vec![PipelineMatch::Same, PipelineMatch::Changed, PipelineMatch::Unknown])
            .prop_map(Turn::Pipeline),
        1 => any::<bool>().prop_map(Turn::CanContinue),
        1 => phase().prop_map(Turn::ResourceChanged),
        2 => Just(Turn::Progress),
        1 => (phase(), prop::sample::select(vec![OnSkip::Forbidden, OnSkip::Empty, OnSkip::PassThrough]))
            .prop_map(|(phase, on_skip)| Turn::OnSkip(phase, on_skip)),
        1 => (phase(), 1..4_u32).prop_map(|(phase, tries)| Turn::Retries(phase, tries)),
        1 => (phase(), 0..3_u32).prop_map(|(phase, most)| Turn::MaxRecoveries(phase, most)),
    ]
}

fn row(driver: &Driver, label: &str) -> Question {
    let row = rows(driver).into_iter().find(|(name, _)| name == label);
    row.expect("a row of the table").1
}

/// Takes a turn; a refusal leaves the campaign as it was.
fn take(mut driver: Driver, turn: &Turn) -> Driver {
    let question = match turn {
        Turn::Any(index) => index.get(&rows(&driver)).1.clone(),
        Turn::Move(label) => row(&driver, label),
        Turn::StartNext => match driver.campaign.next_unmarked() {
            Some(next) => row(&driver, &format!("start {}", driver.campaign.phases[next].phase)),
            None => return driver,
        },
        Turn::Later(ms) => {
            driver.now = driver.now.plus_ms(*ms);
            return driver;
        }
        Turn::Broken(phase) => {
            let broken = &mut driver.around.broken;
            if !broken.remove(&name(phase)) {
                broken.insert(name(phase));
            }
            return driver;
        }
        Turn::Pipeline(pipeline) => {
            driver.around.pipeline = *pipeline;
            return driver;
        }
        Turn::CanContinue(agrees) => {
            driver.around.can_continue = *agrees;
            return driver;
        }
        Turn::ResourceChanged(phase) => return driver.resource_changed(phase),
        Turn::Progress if driver.campaign.working_ticket().is_some() => return driver.progress(),
        Turn::Progress => return driver,
        Turn::OnSkip(phase, on_skip) => return driver.on_skip(phase, *on_skip),
        Turn::Retries(phase, tries) => return driver.retries(phase, policy(*tries)),
        Turn::MaxRecoveries(phase, most) => return driver.max_recoveries(phase, *most),
    };
    let is_deletion = matches!(
        &question.input,
        phasegate_core::Input::Command {
            command: phasegate_core::Command::Delete {},
            ..
        }
    );
    if !is_deletion {
        let before = driver.campaign.clone();
        if driver.take(&question).is_err() {
            assert_eq!(driver.campaign, before);
        }
    }
    driver
}

fn woken(driver: &Driver, now: Timestamp) -> (Result<usize, Rejection>, Driver) {
    let mut woken = driver.clone();
    let mut question = driver.question(Signal::Wake);
    question.now = now;
    let answer = woken.take(&question).map(|events| events.len());
    (answer, woken)
}

/// A campaign is due exactly when a wake does something, and then no more.
fn check_due(driver: &Driver) {
    let Some(due) = driver.campaign.due() else {
        let (answer, _) = woken(driver, Timestamp::from_unix_ms(i64::MAX));
        assert_eq!(answer, Ok(0), "nothing is due");
        return;
    };
    let (early, _) = woken(driver, Timestamp::from_unix_ms(due.as_unix_ms() - 1));
    assert_eq!(early, Ok(0), "a spurious wake is harmless");
    match woken(driver, due) {
        (Err(Rejection::UnknownPipeline { .. }), _) => {
            assert!(
                driver.campaign.activity.deferral().is_none(),
                "a deadline passes anywhere"
            );
        }
        (Err(other), _) => panic!("{other}"),
        (Ok(events), after) => {
            assert!(events > 0, "a wake at its time makes an event");
            assert!(after.campaign.due().is_none_or(|next| next > due));
        }
    }
}

fn check(driver: &Driver) {
    for (label, question) in rows(driver) {
        if let Ok(events) = driver.decide(&question) {
            for event in &events {
                assert!(
                    event.timestamp >= driver.campaign.changed_at,
                    "a log goes forward in time"
                );
            }
        }
        // It also applies what was decided, and looks at it.
        driver.answer(&question);
        needs::check(driver, &label, &question);
    }
    check_due(driver);
    driver.look();
    let folded = Campaign::fold(driver.campaign.id, &driver.log).expect("the log fits");
    assert_eq!(
        folded.as_ref(),
        Some(&driver.campaign),
        "the snapshot is the fold of the log"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happened_every_input_is_decided_and_applied_and_the_campaign_is_due_when_it_says_so(
        full_sequence in any::<bool>(),
        turns in prop::collection::vec(turn(), 1..40),
    ) {
        let mode = if full_sequence { Mode::FullSequence } else { Mode::StepByStep };
        let mut driver = Driver::new(mode, &["a", "b", "c"])
            .configured(&["a", "b", "c"])
            .retries("b", policy(3));
        for turn in &turns {
            driver = take(driver, turn);
            check(&driver);
        }
    }
}
