//! Activities with skipped phases or with phases to be skipped, and with several runs of a phase.

use phasegate_core::{Mode, OnSkip};

use super::circumstances::Circumstances;
use super::places::{at_b, fresh, restarted, running_b};
use crate::driver::Driver;

pub fn skips(mode: Mode) -> Circumstances {
    let fresh = || fresh(mode);
    let all_may = |driver: Driver| driver.on_skip("c", OnSkip::Empty);
    let running_c_marked = || all_may(running_b(mode)).skip("c");
    // With `b` skipped, and come to rest before `c`.
    let at_c = || {
        let before_c = at_b(mode).unconfigured("c").skip("b");
        before_c.configured(&["c"])
    };
    let mut skips = vec![
        (
            "idle at the beginning, a to be skipped",
            "idle at the beginning",
            fresh().skip("a"),
        ),
        (
            "idle at the beginning, a and b to be skipped",
            "idle at the beginning",
            fresh().skip("a").skip("b"),
        ),
        (
            "idle at the beginning, b and c to be skipped",
            "idle at the beginning",
            all_may(fresh()).skip("b").skip("c"),
        ),
        (
            "idle at the beginning, a to be skipped and without a config",
            "idle at the beginning",
            fresh().skip("a").unconfigured("a"),
        ),
        (
            "running a, b and c to be skipped",
            "running b",
            all_may(fresh()).skip("b").skip("c").start("a"),
        ),
        (
            "failed at a, b to be skipped",
            "failed at b",
            fresh().skip("b").start("a").fail(),
        ),
        (
            "idle at b, a skipped as empty",
            "idle at b",
            fresh()
                .start("a")
                .fail()
                .unconfigured("b")
                .skip("a")
                .configured(&["b"]),
        ),
        ("idle at c, b skipped as pass_through", "idle at b", at_c()),
        (
            "running c, a skipped as empty and b as pass_through",
            "running b",
            fresh().skip("a").skip("b").start("c"),
        ),
        ("running b, c to be skipped", "running b", running_c_marked()),
        (
            "pausing b, c to be skipped",
            "pausing b",
            running_c_marked().pause(),
        ),
        (
            "stopping b, c to be skipped",
            "stopping b",
            running_c_marked().stop(),
        ),
        (
            "running b, c to be skipped and without a config",
            "running b",
            running_c_marked().unconfigured("c"),
        ),
        (
            "running b, c to be skipped, which its pipeline forbids by now",
            "running b",
            running_c_marked().on_skip("c", OnSkip::Forbidden),
        ),
        (
            "running b, c to be skipped, pipeline changed",
            "running b",
            running_c_marked().pipeline_changed(),
        ),
        (
            "failed at b, c to be skipped",
            "failed at b",
            running_c_marked().fail(),
        ),
        (
            "failed at b, c to be skipped and without a config",
            "failed at b",
            running_c_marked().unconfigured("c").fail(),
        ),
        (
            "paused at b, c to be skipped",
            "paused at b",
            running_c_marked().pause().quiet(),
        ),
        (
            "failed at b, which can't be skipped",
            "failed at b",
            running_b(mode).fail().on_skip("b", OnSkip::Forbidden),
        ),
        (
            "failed at b, pipeline changed",
            "failed at b",
            running_b(mode).fail().pipeline_changed(),
        ),
        (
            "completed, b and c skipped",
            "completed",
            all_may(at_b(mode)).skip("c").skip("b"),
        ),
    ];
    if mode == Mode::FullSequence {
        let held = || fresh().start("a").pause().complete();
        skips.push((
            "held before b, c to be skipped",
            "held before b",
            all_may(held()).skip("c"),
        ));
        skips.push(("held before b, b invalid", "held before b", held().broken("b")));
        skips.push(("held before c, b skipped", "held before b", held().skip("b")));
    }
    skips
}

pub fn runs(mode: Mode) -> Circumstances {
    let again_at_b = || {
        let after_a = restarted(mode).complete();
        if after_a.campaign.ticket().is_some() {
            after_a
        } else {
            after_a.start("b")
        }
    };
    vec![
        ("running b in its second run", "running b", again_at_b()),
        (
            "failed at a in its second run, after a completion",
            "failed at b",
            restarted(mode).fail(),
        ),
    ]
}
