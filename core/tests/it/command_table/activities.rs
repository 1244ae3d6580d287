//! The activities that a campaign can be in, each with all its rows.

use phasegate_core::{Deferred, Mode};

use super::places::{at_b, completed, fresh, retried, running_b, running_c};
use crate::driver::Driver;

/// Every activity in `mode`: `a` completed where that is possible, and the campaign at `b`.
pub fn activities(mode: Mode) -> Vec<(&'static str, Driver)> {
    let fresh = || fresh(mode);
    let at_b = || at_b(mode);
    let running = || running_b(mode);
    let finish = || completed(running_c(mode));
    let mut activities = vec![
        ("idle at the beginning", fresh()),
        ("idle at b", at_b()),
        ("running b", running()),
        ("pausing b", running().pause()),
        ("stopping b", running().stop()),
        ("paused at b", running().pause().quiet()),
        ("failed at b", running().fail()),
        ("stopped at b", running().stop().quiet()),
        ("completed", finish()),
        ("running b, pipeline changed", running().pipeline_changed()),
        ("idle at b, pipeline changed", at_b().pipeline_changed()),
        ("completed, pipeline changed", finish().pipeline_changed()),
        ("running b, pipeline unknown", running().pipeline_unknown()),
        (
            "pausing b, pipeline unknown",
            running().pause().pipeline_unknown(),
        ),
        ("running b, its config no longer valid", running().broken("b")),
        (
            "paused at b, its config no longer valid",
            running().pause().quiet().broken("b"),
        ),
        (
            "failed at b, its config changed since",
            running().fail().reconfigured("b"),
        ),
        (
            "failed at b, its config changed since, and the runner can go on",
            running().fail().reconfigured("b").agrees(),
        ),
        ("idle at b, c without a config", at_b().unconfigured("c")),
        ("running b, c without a config", running().unconfigured("c")),
        ("running b, c invalid", running().broken("c")),
    ];
    if mode == Mode::FullSequence {
        activities.push(("waiting for b", fresh().start("a").unconfigured("b").complete()));
        activities.push(("held before b", fresh().start("a").pause().complete()));
    }
    activities.extend([
        ("retrying b", retried(mode).fail()),
        ("waiting for a report of b", running().defer(Deferred::default())),
        (
            "paused while waiting for a report of b",
            running().defer(Deferred::default()).pause(),
        ),
    ]);
    activities
}
