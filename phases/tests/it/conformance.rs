//! The suite of runners over the two phases that need no network.

mod domain_generation {
    use phasegate_phases::pipeline;
    use phasegate_testkit::PhaseCase;
    use serde_json::json;

    fn generating() -> PhaseCase {
        PhaseCase::of(pipeline().expect("a valid pipeline"), "domain_generation")
            .config(json!({
                "pattern_type": "prefix", "variable_length": 3, "character_set": "abcdef", "tld": "test",
                "num_domains": 100, "batch_size": 9, "offset_start": 5,
            }))
            .same_summary()
    }

    phasegate_testkit::runner_conformance!(generating);
}

mod analysis {
    use phasegate_phases::pipeline;
    use phasegate_testkit::PhaseCase;
    use serde_json::{Value, json};

    /// Pages of several batches: every seventh is none, and every fifth has more text in a record of its own.
    fn pages() -> impl Iterator<Item = Value> {
        (0..3_500).flat_map(|number| {
            let domain = format!("site-{number}.test");
            let more = (number % 5 == 0)
                .then(|| json!({ "domain": domain, "part": 1, "text": "a phase, and then a gate" }));
            let page = json!({
                "domain": domain, "finalUrl": format!("http://{domain}/"),
                "status": if number % 7 == 0 { "connection_refused" } else { "ok" },
                "title": format!("Phase {}", number % 3),
                "text": "phase ".repeat(number % 4),
            });
            std::iter::once(page).chain(more)
        })
    }

    fn analysing() -> PhaseCase {
        PhaseCase::of(pipeline().expect("a valid pipeline"), "analysis")
            .config(json!({ "keyword": "phase" }))
            .upstream(pages())
            .same_summary()
    }

    phasegate_testkit::runner_conformance!(analysing);
}
