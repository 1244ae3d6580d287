//! Activities under other circumstances: with retries, while waiting, and with changed inputs.

use phasegate_core::{Deferred, Mode, RetryPolicy};
use serde_json::json;

use super::places::{at_b, retried, running_b, running_c};
use crate::driver::{Driver, policy};

/// A state, the one that it is under other circumstances, and the campaign in it.
pub type Circumstances = Vec<(&'static str, &'static str, Driver)>;

pub fn ends(mode: Mode) -> Circumstances {
    let running = || running_c(mode);
    vec![
        ("running c, the last", "running b", running()),
        ("pausing c, the last", "pausing b", running().pause()),
        ("stopping c, the last", "stopping b", running().stop()),
        (
            "paused while waiting for a report of c, the last",
            "paused while waiting for a report of b",
            running().defer(Deferred::default()).pause(),
        ),
    ]
}

pub fn retries(mode: Mode) -> Circumstances {
    let first = || retried(mode);
    let retrying = || first().fail();
    let third = || retrying().wake().fail().wake();
    vec![
        ("running b, for the first of three tries", "running b", first()),
        (
            "pausing b, for the first of three tries",
            "pausing b",
            first().pause(),
        ),
        (
            "running b, for the second of three tries",
            "running b",
            retrying().wake(),
        ),
        ("running b, for the third of three tries", "running b", third()),
        (
            "running b, for the third of three tries, with progress since",
            "running b",
            third().progress(),
        ),
        (
            "running b, for the third of three tries, recovered",
            "running b",
            third().recover(1),
        ),
        (
            "running b, for the first try after a start by hand",
            "running b",
            third().fail().start("b"),
        ),
        (
            "running b, for the third of three tries, paused and resumed",
            "running b",
            third().pause().quiet().resume(),
        ),
        (
            "running b, the campaign with a policy of its own",
            "running b",
            first().set_retry("b", Some(policy(2))),
        ),
        (
            "running b, the campaign with a policy against any retry",
            "running b",
            first().set_retry("b", Some(policy(1))),
        ),
        (
            "running b, whose failures are final by their code",
            "running b",
            at_b(mode)
                .retries(
                    "b",
                    RetryPolicy {
                        final_codes: vec!["broken".to_owned()],
                        ..policy(3)
                    },
                )
                .start("b"),
        ),
        (
            "retrying b, its config changed since",
            "retrying b",
            retrying().reconfigured("b"),
        ),
        (
            "retrying b, its config changed since, and the runner can go on",
            "retrying b",
            retrying().reconfigured("b").agrees(),
        ),
        (
            "retrying b, its config no longer valid",
            "retrying b",
            retrying().broken("b"),
        ),
        ("retrying b, c invalid", "retrying b", retrying().broken("c")),
        (
            "retrying b, pipeline changed",
            "retrying b",
            retrying().pipeline_changed(),
        ),
        (
            "retrying b, pipeline unknown",
            "retrying b",
            retrying().pipeline_unknown(),
        ),
        (
            "retrying b, the campaign with another policy since",
            "retrying b",
            retrying().set_retry("b", Some(policy(1))),
        ),
        (
            "paused at b, its retry given up",
            "paused at b",
            retrying().pause(),
        ),
        (
            "stopped at b, its retry given up",
            "stopped at b",
            retrying().stop(),
        ),
    ]
}

pub fn waits(mode: Mode) -> Circumstances {
    let running = || running_b(mode);
    let waiting = || running().defer(Deferred::default());
    let with_form = || {
        running().defer(Deferred {
            form: Some(json!({})),
            ..Deferred::default()
        })
    };
    let like = "waiting for a report of b";
    let like_paused = "paused while waiting for a report of b";
    vec![
        ("waiting for a report of b, with a form", like, with_form()),
        (
            "waiting for a report of b, with a deadline",
            like,
            running().defer_for_a_minute(),
        ),
        (
            "waiting for a report of b, with a deadline, pipeline unknown",
            like,
            running().defer_for_a_minute().pipeline_unknown(),
        ),
        (
            "waiting for a report of b, pipeline changed",
            like,
            waiting().pipeline_changed(),
        ),
        (
            "waiting for a report of b, its config no longer valid",
            like,
            waiting().broken("b"),
        ),
        (
            "waiting for a report of b, with a retry policy",
            like,
            retried(mode).defer(Deferred::default()),
        ),
        (
            "waiting for a report of b, resumed",
            like,
            waiting().pause().resume(),
        ),
        (
            "paused while waiting for a report of b, with a form",
            like_paused,
            with_form().pause(),
        ),
        (
            "paused while waiting for a report of b, with a deadline",
            like_paused,
            running().defer_for_a_minute().pause(),
        ),
        (
            "paused while waiting for a report of b, its config no longer valid",
            like_paused,
            waiting().pause().broken("b"),
        ),
        (
            "paused while waiting for a report of b, deferred while pausing",
            like_paused,
            running().pause().defer(Deferred::default()),
        ),
        ("failed at b, rejected", "failed at b", waiting().fail()),
        (
            "stopped at b, deferred while stopping",
            "stopped at b",
            running().stop().defer(Deferred::default()),
        ),
    ]
}

pub fn changes(mode: Mode) -> Circumstances {
    let running = || running_b(mode);
    let paused = || running().pause().quiet();
    vec![
        (
            "running b, a resource changed since",
            "running b",
            running().resource_changed("b"),
        ),
        (
            "running b, a resource changed since, and the runner can go on",
            "running b",
            running().resource_changed("b").agrees(),
        ),
        (
            "paused at b, a resource changed since",
            "paused at b",
            paused().resource_changed("b"),
        ),
        (
            "paused at b, a resource changed since, and the runner can go on",
            "paused at b",
            paused().resource_changed("b").agrees(),
        ),
        ("paused at b, c invalid", "paused at b", paused().broken("c")),
        (
            "paused at b, pipeline changed",
            "paused at b",
            paused().pipeline_changed(),
        ),
        (
            "failed at b, c invalid",
            "failed at b",
            running().fail().broken("c"),
        ),
        ("running b, recovered twice", "running b", running().recover(2)),
        (
            "running b, recovered five times",
            "running b",
            running().recover(5),
        ),
        (
            "running b, recovered five times, with progress since",
            "running b",
            running().recover(5).progress(),
        ),
        (
            "running b, recovered five times, then after a release",
            "running b",
            running().recover(5).recover_released(),
        ),
        (
            "running b, recovered five times, paused and resumed",
            "running b",
            running().recover(5).pause().quiet().resume(),
        ),
        (
            "running b, recovered once, which is all its phase allows",
            "running b",
            running().max_recoveries("b", 1).recover(1),
        ),
        (
            "running b, recovered five times, which are more than its phase allows by now",
            "running b",
            running().recover(5).max_recoveries("b", 1),
        ),
    ]
}
