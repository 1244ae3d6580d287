//! The states of the table.

use phasegate_core::Mode;

use super::activities::activities;
use super::circumstances::{changes, ends, retries, waits};
use super::skips::{runs, skips};
use crate::driver::Driver;

/// A state that a campaign can be in.
pub struct State {
    pub name: &'static str,
    /// The state that it is under other circumstances.
    pub like: Option<&'static str>,
    pub driver: Driver,
}

/// Every state in `mode`: each activity, then the same under other circumstances.
pub fn states(mode: Mode) -> Vec<State> {
    let mut states: Vec<State> = activities(mode)
        .into_iter()
        .map(|(name, driver)| State {
            name,
            like: None,
            driver,
        })
        .collect();
    let circumstances = [
        ends(mode),
        retries(mode),
        waits(mode),
        changes(mode),
        skips(mode),
        runs(mode),
    ];
    for (name, like, driver) in circumstances.into_iter().flatten() {
        states.push(State {
            name,
            like: Some(like),
            driver,
        });
    }
    states
}
