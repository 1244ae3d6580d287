//! The places that a campaign comes by on its way.

use phasegate_core::Mode;

use crate::driver::{Driver, policy};

/// Three phases with their configs; `a` may be skipped as `empty`, `b` as `pass_through`, `c` not.
pub fn fresh(mode: Mode) -> Driver {
    Driver::new(mode, &["a", "b", "c"]).configured(&["a", "b", "c"])
}

/// At `b`, which nothing has run of, with `a` completed.
pub fn at_b(mode: Mode) -> Driver {
    match mode {
        Mode::StepByStep => fresh(mode).start("a").complete(),
        // In a full sequence the chain comes to rest before `b` only where `b` was not ready.
        Mode::FullSequence => fresh(mode)
            .start("a")
            .unconfigured("b")
            .complete()
            .configured(&["b"]),
    }
}

pub fn running_b(mode: Mode) -> Driver {
    at_b(mode).start("b")
}

pub fn running_c(mode: Mode) -> Driver {
    let after_b = running_b(mode).complete();
    if after_b.campaign.ticket().is_some() {
        after_b
    } else {
        after_b.start("c")
    }
}

/// `b` is running for the first time, and its pipeline tries it three times.
pub fn retried(mode: Mode) -> Driver {
    at_b(mode).retries("b", policy(3)).start("b")
}

pub fn restarted(mode: Mode) -> Driver {
    running_c(mode).complete().restart("a")
}

pub fn completed(driver: Driver) -> Driver {
    driver.complete()
}
