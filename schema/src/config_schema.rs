//! A JSON Schema, compiled once and checked often.

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use crate::resources::RESOURCE_KEYWORD;

/// A compiled JSON Schema of draft 2020-12. It checks formats, fetches nothing, and matches patterns in linear time.
#[derive(Debug)]
pub struct ConfigSchema {
    pub(crate) validator: Validator,
    /// What the validator was compiled from: it tells a problem's place in the schema, and no words that stand there.
    pub(crate) schema: Value,
    /// Whether it may mark a member as the id of a resource. Most don't, and then no document is searched for any.
    pub(crate) names_resources: bool,
}

impl ConfigSchema {
    /// Compiles `schema`; `of` names it in the error.
    ///
    /// # Errors
    ///
    /// [`SchemaError`] when it is not a valid schema, or refers to another document.
    pub fn compile(of: &str, schema: &Value) -> Result<Self, SchemaError> {
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .with_pattern_options(PatternOptions::regex())
            .build(schema)
            .map(|validator| Self {
                validator,
                schema: schema.clone(),
                names_resources: mentions(schema, RESOURCE_KEYWORD),
            })
            .map_err(|error| SchemaError {
                of: of.to_owned(),
                reason: format!("{error} (at {:?})", error.instance_path().as_str()),
            })
    }
}

/// Whether an object anywhere in `document` has a member of this name.
fn mentions(document: &Value, name: &str) -> bool {
    match document {
        Value::Object(members) => members
            .iter()
            .any(|(member, value)| member == name || mentions(value, name)),
        Value::Array(items) => items.iter().any(|item| mentions(item, name)),
        _ => false,
    }
}

/// Why a JSON Schema can't be used: it is not valid, or it refers to another document.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the schema of {of} can't be used: {reason}")]
pub struct SchemaError {
    /// The phase, the resource kind, or the probe of one.
    pub of: String,
    /// What is wrong with it, and where.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_that_refers_elsewhere_is_refused_and_not_fetched() {
        let error = ConfigSchema::compile("score", &json!({"$ref": "https://example.test/schema.json"}));
        assert!(matches!(error, Err(SchemaError { .. })), "{error:?}");
    }
}
