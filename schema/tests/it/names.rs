//! Names: their rule in Rust and their schema.

use phasegate_core::{PhaseName, PipelineId};
use phasegate_schema::ConfigSchema;
use schemars::{JsonSchema, schema_for};

/// Whether the schema of `T` accepts a text.
fn by_schema<T: JsonSchema>(text: &str) -> bool {
    let schema = schema_for!(T).to_value();
    let schema = ConfigSchema::compile("name", &schema).expect("it compiles");
    let phase = PhaseName::new("any").expect("a valid name");
    schema.problems(&phase, &text.into()).is_empty()
}

#[test]
fn a_name_follows_its_rule_and_its_schema_alike() {
    let texts = [
        "",
        "a",
        "a_1",
        "1a",
        "_a",
        "A",
        "a-b",
        ".a",
        "a.b",
        "-a",
        "a b",
        "a\n",
        "ä",
        &"a".repeat(63),
        &"a".repeat(64),
        &"a".repeat(128),
        &"a".repeat(129),
    ];
    for text in texts {
        assert_eq!(
            by_schema::<PhaseName>(text),
            PhaseName::new(text).is_ok(),
            "{text:?}"
        );
        assert_eq!(
            by_schema::<PipelineId>(text),
            PipelineId::new(text).is_ok(),
            "{text:?}"
        );
    }
}
