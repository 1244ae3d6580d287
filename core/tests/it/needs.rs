//! A decision gathers only what `needs` asks for.

use phasegate_core::{Facts, Input, Mode, Needs, decide, needs, try_decide};

use crate::command_table::{rows, states};
use crate::driver::{Driver, Question};

/// The facts that `missing` asks for until it asks for nothing, taken from all there are; and all that it asked for.
pub fn gathered(all: &Facts, missing: impl Fn(&Facts) -> Needs) -> (Facts, Needs) {
    let mut facts = Facts {
        pipeline: all.pipeline.clone(),
        ..Facts::default()
    };
    let mut asked = Needs::default();
    for _ in 0..5 {
        let missing = missing(&facts);
        if missing.is_empty() {
            return (facts, asked);
        }
        for phase in &missing.stored {
            facts.stored.insert(phase.clone(), all.stored[phase].clone());
        }
        for phase in &missing.proposed {
            facts.proposed.insert(phase.clone(), all.proposed[phase].clone());
        }
        if missing.form {
            facts.form = Some(all.form.clone().expect("a form is brought"));
        }
        if missing.answer {
            facts.answer = Some(all.answer.clone().expect("an answer is brought"));
        }
        if missing.can_continue {
            facts.can_continue = all.can_continue;
        }
        if missing.output {
            facts.output = all.output;
        }
        if missing.released {
            facts.released = all.released;
        }
        asked.stored.extend(missing.stored);
        asked.output |= missing.output;
    }
    panic!("it asks for more facts each time: {asked:?}");
}

/// Checks that the needed facts decide as all facts do, and that absent facts launch nothing.
pub fn check(driver: &Driver, label: &str, question: &Question) {
    let Driver { campaign, .. } = driver;
    let Question { input, now, .. } = question;
    let all = driver.facts(question);
    let (needed, asked) = gathered(&all, |facts| needs(campaign, facts, input));
    let with_all = decide(campaign, &all, input, *now);
    assert_eq!(
        decide(campaign, &needed, input, *now),
        with_all,
        "{label} in {campaign:?}"
    );
    // Deciding itself asks for what it lacks, too.
    let (needed, _) = gathered(&all, |facts| {
        let tried = try_decide(campaign, facts, input, *now);
        tried.err().unwrap_or_default()
    });
    let tried = try_decide(campaign, &needed, input, *now);
    assert_eq!(tried, Ok(with_all), "{label} in {campaign:?}");
    if let Input::Command { .. } = input {
        assert!(
            !asked.output,
            "{label}: a busy runner's appends hold up no command"
        );
    }
    let nothing_but_the_pipeline = Facts {
        pipeline: all.pipeline,
        ..Facts::default()
    };
    for facts in [nothing_but_the_pipeline, Facts::default()] {
        let launched = decide(campaign, &facts, input, *now)
            .unwrap_or_default()
            .into_iter()
            .find(|event| event.kind.launch().is_some());
        assert_eq!(launched, None, "{label}: nothing was checked");
    }
}

#[test]
fn deciding_with_the_needed_facts_equals_deciding_with_all_and_without_facts_nothing_is_launched() {
    for mode in [Mode::StepByStep, Mode::FullSequence] {
        for state in states(mode) {
            for (label, question) in rows(&state.driver) {
                check(&state.driver, &format!("{}: {label}", state.name), &question);
            }
        }
    }
}

#[test]
fn the_batch_is_asked_for_where_an_attempt_ends_or_goes_on_by_itself() {
    let asks = |mode: Mode, name: &str| -> Vec<String> {
        let state = states(mode).into_iter().find(|state| state.name == name);
        let driver = state.expect("a state of the table").driver;
        rows(&driver)
            .into_iter()
            .filter(|(_, question)| {
                let all = driver.facts(question);
                gathered(&all, |facts| needs(&driver.campaign, facts, &question.input))
                    .1
                    .output
            })
            .map(|(label, _)| label)
            .collect()
    };
    assert_eq!(
        asks(Mode::FullSequence, "running b"),
        [
            "report completed",
            "report failed",
            "report completed with 3 records",
            "report failed with 3 records",
            "report failed for good",
            "report failed, to try after 7 s",
            "report failed, to try after 10 min",
            "report completed with a wrong answer",
            "report deferred with form and deadline",
            "report deferred with a bad form",
            "runner is quiet",
            "recover",
            "recover after a release",
        ]
    );
    assert_eq!(
        asks(
            Mode::FullSequence,
            "waiting for a report of b, with a deadline, pipeline unknown"
        ),
        [
            "report failed",
            "report failed with 3 records",
            "report failed for good",
            "report failed, to try after 7 s",
            "report failed, to try after 10 min",
            "wake before its time",
            "wake at its time",
        ]
    );
}
