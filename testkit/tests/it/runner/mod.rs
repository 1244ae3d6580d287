//! The suite of runners, over runners that are right, and over such that are wrong in one thing.

mod wrong;

/// A phase that makes records of nothing, and commits the last of them with its outcome.
mod collects {
    use phasegate_testkit::PhaseCase;
    use serde_json::json;

    use crate::fleet::press::press;

    fn collecting() -> PhaseCase {
        PhaseCase::of(press(), "a_collect")
            .resource("press", "first", json!({ "size": 1 }))
            .config(json!({ "count": 7, "pressId": "first" }))
            .same_summary()
    }

    phasegate_testkit::runner_conformance!(collecting);
}

/// A phase that reads what another has made, one record a batch, and fails now and then.
mod doubles {
    use phasegate_testkit::PhaseCase;
    use serde_json::json;

    use crate::fleet::press::press;

    fn doubling() -> PhaseCase {
        let records = (0..6).map(|number| json!({ "number": number }));
        PhaseCase::of(press(), "b_double")
            .config(json!({ "count": 1 }))
            .upstream(records)
    }

    phasegate_testkit::runner_conformance!(doubling);
}

/// A phase that leaves its outcome to somebody else.
mod defers {
    use phasegate_testkit::PhaseCase;
    use serde_json::json;

    use crate::fleet::press::press;

    fn deferring() -> PhaseCase {
        PhaseCase::of(press(), "c_approve")
            .config(json!({ "count": 1 }))
            .commits_nothing()
    }

    phasegate_testkit::runner_conformance!(deferring);
}
