//! Every command and every signal in every activity, in both modes: its events, `no event`, or the code of its refusal.
//!
//! The answers stand in `command_table.txt`, a row for each input in each state. Where a state is another one under other
//! circumstances, only the rows that differ stand there. A time is shown as the milliseconds from the input, and what a phase
//! reads only where that isn't the run of the phase before. After a deliberate change,
//! `UPDATE_EXPECT=1 cargo test -p phasegate-core --test it command_table` writes it anew.

mod activities;
mod circumstances;
mod places;
mod rows;
mod skips;
mod states;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use phasegate_core::Mode;

use crate::driver::Driver;
pub use rows::rows;
pub use states::{State, states};

fn answers(driver: &Driver) -> Vec<(String, String)> {
    rows(driver)
        .into_iter()
        .map(|(label, question)| (label, driver.answer(&question)))
        .collect()
}

#[test]
fn every_input_in_every_activity_gives_its_events_or_nothing_or_a_code() {
    let mut table = String::new();
    for mode in [Mode::StepByStep, Mode::FullSequence] {
        let mut all = BTreeMap::new();
        for state in states(mode) {
            let status = state.driver.status().as_str();
            let like = state
                .like
                .map(|like| format!(", else as {like}"))
                .unwrap_or_default();
            writeln!(table, "{mode}, {} (status {status}){like}", state.name).expect("text");
            let answers = answers(&state.driver);
            let usual: Option<&Vec<(String, String)>> = state.like.map(|like| &all[like]);
            for (row, (label, answer)) in answers.iter().enumerate() {
                if usual.is_none_or(|usual| usual[row].1 != *answer) {
                    writeln!(table, "    {label:<40} {answer}").expect("text");
                }
            }
            table.push('\n');
            assert!(
                all.insert(state.name, answers).is_none(),
                "{} is there twice",
                state.name
            );
        }
    }
    expect_test::expect_file!["../../command_table.txt"].assert_eq(&table);
}
