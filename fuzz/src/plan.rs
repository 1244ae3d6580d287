//! Bytes as a plan.

use std::sync::LazyLock;

use phasegate::core::{PhaseName, read_json};
use phasegate::schema::ConfigSchema;
use phasegate_cli::Plan;

static SCHEMA: LazyLock<ConfigSchema> =
    LazyLock::new(|| ConfigSchema::compile("plan", &Plan::schema()).expect("the schema of a plan is one"));

/// Reads the bytes as a plan: it is refused with a reason, or it is what its schema describes.
///
/// # Panics
///
/// When neither is so: that is the finding.
pub fn plan(bytes: &[u8]) {
    match Plan::from_json(bytes) {
        Ok(plan) => {
            let document = read_json(bytes).expect("a plan is JSON");
            let any = PhaseName::new("plan").expect("a valid name");
            let problems = SCHEMA.problems(&any, &document);
            assert!(problems.is_empty(), "{problems:?} of {plan:?}");
        }
        Err(refused) => assert!(refused.to_string().starts_with("the plan is ")),
    }
}
