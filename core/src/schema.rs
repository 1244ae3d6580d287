//! JSON Schemas of configs and resources: compiled once, checked often, and read for the resources they refer to.

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

use crate::ids::{InvalidName, PhaseName, ResourceId, ResourceKind, ResourcePin, ResourceRef, Revision};
use crate::limits::MAX_RESOURCES_PER_CONFIG;
use crate::measure::Part;
use crate::problem::{Problem, Problems};

/// The schema keyword that marks a string as the id of a resource of the named kind.
const RESOURCE_KEYWORD: &str = "x-phasegate-resource";

/// The schema keyword that says in words what a `pattern` or a `not` beside it asks for. It completes the sentence
/// "… is not …".
const EXPECTED_KEYWORD: &str = "x-phasegate-expected";

/// A use of a resource in a config.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct ResourceUse {
    /// The JSON Pointer to the field that holds the id.
    pub pointer: String,
    /// The resource.
    pub resource: ResourceRef,
}

/// The state of a resource that a config refers to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ResourceState {
    /// The store has no such resource.
    Missing,
    /// It exists, and its document says `"enabled": false`.
    Disabled(Revision),
    /// It exists and may be used.
    Enabled(Revision),
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

/// A compiled JSON Schema of draft 2020-12. It checks formats, fetches nothing, and matches patterns in linear time.
#[derive(Debug)]
pub struct ConfigSchema {
    validator: Validator,
    /// What the validator was compiled from: it tells a problem's place in the schema, and no words that stand there.
    schema: Value,
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
            })
            .map_err(|error| SchemaError {
                of: of.to_owned(),
                reason: format!("{error} (at {:?})", error.instance_path().as_str()),
            })
    }

    /// Checks `document` and lists its problems for `phase`, ordered by place.
    ///
    /// A missing member is reported at the place where it should stand, an unknown member where it stands. No message repeats
    /// a value whose schema says `"writeOnly": true`, such as a password. No message shows a regular expression: it says in
    /// the words of `x-phasegate-expected` what is asked for.
    pub fn problems(&self, phase: &PhaseName, document: &Value) -> Problems {
        // Every element of a huge list can be a problem of its own.
        if let Err(excess) = Part::Config(phase).measure(document) {
            return [Problem::new(phase.clone(), "", excess.code(), excess.to_string())]
                .into_iter()
                .collect();
        }
        let mut errors = self.validator.iter_errors(document).peekable();
        if errors.peek().is_none() {
            return Problems::none();
        }
        let secrets = self.secrets(document);
        let mut found: Vec<Problem> = errors
            .flat_map(|error| {
                let place = error.instance_path().as_str();
                let keyword = error.kind().keyword();
                let problem = |pointer, message| Problem::new(phase.clone(), pointer, keyword, message);
                // A message repeats the value at its place, with everything inside it.
                let is_secret = touches(&secrets, place);
                let message = self.message(&error, is_secret);
                match error.kind() {
                    ValidationErrorKind::Required { property } => {
                        let member = property.as_str().unwrap_or_default();
                        vec![problem(member_of(place, member), shorten(&message, MAX_MESSAGE))]
                    }
                    ValidationErrorKind::AdditionalProperties { unexpected }
                    | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected
                        .iter()
                        .map(|member| {
                            let message = format!("there is no member {member:?} here: remove it");
                            problem(member_of(place, member), shorten(&message, MAX_MESSAGE))
                        })
                        .collect(),
                    _ => vec![problem(place.to_owned(), shorten(&message, MAX_MESSAGE))],
                }
            })
            .collect();
        found.sort();
        found.into_iter().collect()
    }

    /// The message of an error, without the value that the error is about when it `is_secret`.
    fn message(&self, error: &ValidationError<'_>, is_secret: bool) -> String {
        let expectation = match error.kind() {
            // The wrong part is the name of a member of that value.
            ValidationErrorKind::PropertyNames { error } => return self.message(error, is_secret),
            // The validator would show the schema, with every pattern inside it.
            ValidationErrorKind::Not { .. } => true,
            kind => kind.keyword() == "pattern",
        };
        if !expectation {
            return if is_secret {
                error.masked_with("the value").to_string()
            } else {
                error.to_string()
            };
        }
        let value = if is_secret {
            "the value".to_owned()
        } else {
            // The words after it must stay in the message.
            shorten(&error.instance().to_string(), MAX_VALUE)
        };
        let place = error.schema_path().as_str();
        let beside = place
            .rsplit_once('/')
            .and_then(|(above, _)| self.schema.pointer(above));
        let words = |keyword| {
            beside
                .and_then(|schema| schema.get(keyword))
                .and_then(Value::as_str)
        };
        match (
            words(EXPECTED_KEYWORD),
            words("description").or_else(|| words("title")),
        ) {
            (Some(expected), _) => format!("{value} is not {expected}"),
            (None, Some(about)) => format!("{value} does not have the form that is asked for: {about}"),
            (None, None) => format!("{value} does not have the form that is asked for"),
        }
    }

    /// The places of `document`, as JSON Pointers, that the schema marks as `"writeOnly": true`. They are never shown. A
    /// place counts also where its value breaks the schema.
    pub fn secrets(&self, document: &Value) -> BTreeSet<String> {
        let evaluation = self.validator.evaluate(document);
        let mut secrets = BTreeSet::new();
        let mut open = vec![evaluation.root()];
        while let Some(unit) = open.pop() {
            let marks = [unit.annotations(), unit.dropped_annotations()];
            if marks
                .into_iter()
                .flatten()
                .any(|marks| marks.value().get("writeOnly") == Some(&Value::Bool(true)))
            {
                secrets.insert(unit.instance_location().as_str().to_owned());
            }
            open.extend(unit.children());
        }
        secrets
    }

    /// The resources that `document` refers to, ordered by place.
    ///
    /// `document` must be valid: the schema tells nothing about the fields of an invalid document. A text that can't be the
    /// id of a resource is left out here and reported by [`check_resources`](Self::check_resources).
    pub fn resources(&self, document: &Value) -> Vec<ResourceUse> {
        self.named(document)
            .into_iter()
            .filter_map(|(pointer, kind, id)| {
                let resource = ResourceRef { kind, id: id.ok()? };
                Some(ResourceUse { pointer, resource })
            })
            .collect()
    }

    /// Every field that holds the id of a resource by the schema, ordered by place, with its value.
    fn named(&self, document: &Value) -> Vec<(String, ResourceKind, Result<ResourceId, InvalidName>)> {
        let evaluation = self.validator.evaluate(document);
        let mut fields = Vec::new();
        for entry in evaluation.iter_annotations() {
            let Some(kind) = entry
                .annotations
                .value()
                .get(RESOURCE_KEYWORD)
                .and_then(Value::as_str)
            else {
                continue;
            };
            let pointer = entry.instance_location.as_str();
            let id = document.pointer(pointer).and_then(Value::as_str);
            if let (Ok(kind), Some(id)) = (ResourceKind::new(kind), id) {
                fields.push((pointer.to_owned(), kind, ResourceId::new(id)));
            }
        }
        fields.sort_by(|(one, of, _), (other, kind, _)| (one, of).cmp(&(other, kind)));
        fields.dedup();
        fields
    }

    /// Checks the resources that `document` refers to against their states in the store.
    ///
    /// Returns the pin of each resource that may be used, ordered and each once, and a problem for every other use.
    pub fn check_resources(
        &self,
        phase: &PhaseName,
        document: &Value,
        states: &BTreeMap<ResourceRef, ResourceState>,
    ) -> (Vec<ResourcePin>, Problems) {
        let fields = self.named(document);
        let mut problems = Problems::none();
        if fields.len() > MAX_RESOURCES_PER_CONFIG {
            let message = format!(
                "it refers to {} resources; at most {MAX_RESOURCES_PER_CONFIG} may be",
                fields.len()
            );
            problems.push(Problem::new(phase.clone(), "", "maxResources", message));
            return (Vec::new(), problems);
        }
        let mut pins = Vec::new();
        for (pointer, kind, id) in fields {
            let resource = match id {
                Ok(id) => ResourceRef { kind, id },
                Err(error) => {
                    let message = format!("there is no such {kind}: {error}");
                    problems.push(Problem::new(phase.clone(), pointer, "resource_missing", message));
                    continue;
                }
            };
            match states.get(&resource).copied().unwrap_or(ResourceState::Missing) {
                ResourceState::Enabled(revision) => {
                    pins.push(ResourcePin {
                        kind: resource.kind,
                        id: resource.id,
                        revision,
                    });
                }
                ResourceState::Missing => {
                    let message = format!("there is no {resource}: create it or name another");
                    problems.push(Problem::new(phase.clone(), pointer, "resource_missing", message));
                }
                ResourceState::Disabled(_) => {
                    let message = format!("{resource} is disabled: enable it or name another");
                    problems.push(Problem::new(phase.clone(), pointer, "resource_disabled", message));
                }
            }
        }
        pins.sort();
        pins.dedup();
        (pins, problems)
    }
}

/// Whether one of `places` is `place`, above it or below it.
fn touches(places: &BTreeSet<String>, place: &str) -> bool {
    let mut above = place.match_indices('/').map(|(end, _)| &place[..end]);
    let below = format!("{place}/");
    places.contains(place)
        || above.any(|outer| places.contains(outer))
        || places
            .range(below.clone()..)
            .next()
            .is_some_and(|first| first.starts_with(&below))
}

/// Every [`RESOURCE_KEYWORD`] in a schema: its JSON Pointer and its value.
pub(crate) fn resource_keywords(schema: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    // Each value, and whether it is a schema itself. An object of named schemas is not: its names are no keywords.
    let mut open = vec![(String::new(), schema, true)];
    while let Some((place, value, is_schema)) = open.pop() {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let place = member_of(&place, name);
                    match name.as_str() {
                        RESOURCE_KEYWORD if is_schema => found.push((place, member)),
                        // These hold plain values or names of members, and no schema.
                        "const" | "default" | "enum" | "examples" | "dependentRequired" if is_schema => {}
                        "properties" | "patternProperties" | "dependentSchemas" | "$defs" | "definitions"
                            if is_schema =>
                        {
                            open.push((place, member, false));
                        }
                        _ => open.push((place, member, true)),
                    }
                }
            }
            Value::Array(items) => {
                let schemas = items.iter().enumerate();
                open.extend(schemas.map(|(index, item)| (format!("{place}/{index}"), item, true)));
            }
            _ => {}
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}

/// The JSON Pointer of a member of the object at `place`.
fn member_of(place: &str, member: &str) -> String {
    format!("{place}/{}", escape(member))
}

/// Escapes one reference token of a JSON Pointer (RFC 6901, section 3).
fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

/// The most characters of a message.
const MAX_MESSAGE: usize = 300;
/// The most characters of a value that a message of a pattern repeats.
const MAX_VALUE: usize = 100;

/// Cuts a text that repeats a huge value after `most` characters.
fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{MAX_CONFIG_BYTES, MAX_JSON_DEPTH};
    use serde_json::json;

    fn phase() -> PhaseName {
        PhaseName::new("score").expect("a valid name")
    }

    fn schema() -> ConfigSchema {
        let schema = json!({
            "type": "object",
            "required": ["personaIds"],
            "properties": {
                "personaIds": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/persona"}},
                "proxyId": {"type": "string", "x-phasegate-resource": "proxy"},
                "site": {"type": "string", "format": "uri"}
            },
            "additionalProperties": false,
            "$defs": {"persona": {"type": "string", "x-phasegate-resource": "dns_persona"}}
        });
        ConfigSchema::compile("score", &schema).expect("it compiles")
    }

    #[test]
    fn references_are_found_through_lists_and_local_refs_and_checked_each() {
        let document = json!({"personaIds": ["a", "b", "a"], "proxyId": "p"});
        let schema = schema();
        let states: BTreeMap<_, _> = [
            ("a", ResourceState::Enabled(Revision(3))),
            ("b", ResourceState::Disabled(Revision(4))),
        ]
        .map(|(id, state)| {
            let kind = ResourceKind::new("dns_persona").expect("a valid kind");
            (
                ResourceRef {
                    kind,
                    id: ResourceId::new(id).expect("a valid id"),
                },
                state,
            )
        })
        .into();
        let (pins, problems) = schema.check_resources(&phase(), &document, &states);
        assert_eq!(pins.len(), 1, "one pin for two uses of one resource: {pins:?}");
        let found: Vec<_> = problems
            .items()
            .iter()
            .map(|p| (p.pointer.as_str(), p.keyword.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("/personaIds/1", "resource_disabled"),
                ("/proxyId", "resource_missing")
            ]
        );
    }

    #[test]
    fn members_that_are_missing_or_unknown_are_reported_at_their_place_and_formats_are_checked() {
        let problems = schema().problems(&phase(), &json!({"site": "not a uri", "extra~/": 1}));
        let found: Vec<_> = problems
            .items()
            .iter()
            .map(|p| (p.pointer.as_str(), p.keyword.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("/extra~0~1", "additionalProperties"),
                ("/personaIds", "required"),
                ("/site", "format")
            ]
        );
    }

    #[test]
    fn a_schema_that_refers_elsewhere_is_refused_and_not_fetched() {
        let error = ConfigSchema::compile("score", &json!({"$ref": "https://example.test/schema.json"}));
        assert!(matches!(error, Err(SchemaError { .. })), "{error:?}");
    }

    #[test]
    fn a_text_that_can_not_be_an_id_is_a_missing_resource_and_not_none() {
        let document = json!({"personaIds": ["no id!", ""], "proxyId": "../p"});
        let (pins, problems) = schema().check_resources(&phase(), &document, &BTreeMap::new());
        assert_eq!(pins, []);
        let found: Vec<_> = problems
            .items()
            .iter()
            .map(|p| (p.pointer.as_str(), p.keyword.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("/personaIds/0", "resource_missing"),
                ("/personaIds/1", "resource_missing"),
                ("/proxyId", "resource_missing")
            ]
        );
    }

    #[test]
    fn a_message_does_not_repeat_what_is_write_only_wherever_the_schema_says_so() {
        let secret = json!({"type": "string", "pattern": "^[a-z]+$", "maxLength": 8, "format": "email", "writeOnly": true});
        let schema = json!({
            "type": "object",
            "properties": {
                "plain": secret,
                "referred": {"$ref": "#/$defs/secret"},
                "beside": {"$ref": "#/$defs/word", "writeOnly": true},
                "split": {"allOf": [{"writeOnly": true}, {"pattern": "^[a-z]+$"}]},
                "either": {"anyOf": [{"type": "null"}, secret]},
                "list": {"type": "array", "items": secret, "maxItems": 0, "uniqueItems": true},
                "whole": {"type": "object", "writeOnly": true, "additionalProperties": {"type": "integer"},
                    "propertyNames": {"maxLength": 3}},
                "typed": {"type": "integer", "writeOnly": true},
                "chosen": {"enum": ["a"], "writeOnly": true},
                "shown": {"type": "string", "pattern": "^[a-z]+$"}
            },
            "minProperties": 99,
            "$defs": {"secret": secret, "word": {"type": "string", "pattern": "^[a-z]+$"}}
        });
        let schema = ConfigSchema::compile("score", &schema).expect("it compiles");
        let document = json!({
            "plain": "SECRET-0123", "referred": "SECRET-0123", "beside": "SECRET-0123", "split": "SECRET-0123",
            "either": "SECRET-0123", "list": ["SECRET-0123", "SECRET-0123"],
            "whole": {"SECRET-name": "SECRET-0123"}, "typed": "SECRET-0123", "chosen": "SECRET-0123",
            "shown": "SHOWN-0123"
        });
        let problems = schema.problems(&phase(), &document);
        for problem in problems.items() {
            assert!(!problem.message.contains("SECRET"), "{problem}");
        }
        let of = |pointer: &str, keyword: &str| {
            let found = |problem: &&Problem| problem.pointer == pointer && problem.keyword == keyword;
            problems
                .items()
                .iter()
                .find(found)
                .map(|one| one.message.as_str())
        };
        assert_eq!(
            of("/plain", "pattern"),
            Some("the value does not have the form that is asked for")
        );
        assert_eq!(
            of("/typed", "type"),
            Some(r#"the value is not of type "integer""#)
        );
        assert_eq!(
            of("/shown", "pattern"),
            Some(r#""SHOWN-0123" does not have the form that is asked for"#)
        );
        for pointer in [
            "",
            "/referred",
            "/beside",
            "/split",
            "/either",
            "/list",
            "/list/1",
            "/whole",
        ] {
            assert!(
                problems.items().iter().any(|one| one.pointer == pointer),
                "{pointer}"
            );
        }
    }

    /// The messages for `document`, by place.
    fn messages(schema: &Value, document: &Value) -> BTreeMap<String, String> {
        let schema = ConfigSchema::compile("score", schema).expect("it compiles");
        let problems = schema.problems(&phase(), document);
        let items = problems.items().iter();
        items
            .map(|one| (one.pointer.clone(), one.message.clone()))
            .collect()
    }

    #[test]
    fn a_broken_pattern_is_told_in_the_words_beside_it_and_never_shown() {
        let pattern = "^[a-z]+$";
        let schema = json!({
            "properties": {
                "expected": {"pattern": pattern, "x-phasegate-expected": "a word", "description": "Not this"},
                "referred": {"$ref": "#/$defs/word", "description": "Not this"},
                "described": {"pattern": pattern, "description": "The name of a dog", "title": "Name"},
                "titled": {"pattern": pattern, "title": "Name"},
                "bare": {"pattern": pattern},
                "secret": {"pattern": pattern, "x-phasegate-expected": "a word", "writeOnly": true},
                "listed": {"items": {"pattern": pattern, "x-phasegate-expected": "a word"}}
            },
            "$defs": {"word": {"pattern": pattern, "x-phasegate-expected": "a word"}}
        });
        let document = json!({
            "expected": "A1", "referred": "A1", "described": "A1", "titled": "A1", "bare": "A1", "secret": "A1",
            "listed": ["a", "A1"]
        });
        let found = messages(&schema, &document);
        let found: Vec<_> = found
            .iter()
            .map(|(place, text)| (place.as_str(), text.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("/bare", r#""A1" does not have the form that is asked for"#),
                (
                    "/described",
                    r#""A1" does not have the form that is asked for: The name of a dog"#
                ),
                ("/expected", r#""A1" is not a word"#),
                ("/listed/1", r#""A1" is not a word"#),
                ("/referred", r#""A1" is not a word"#),
                ("/secret", "the value is not a word"),
                (
                    "/titled",
                    r#""A1" does not have the form that is asked for: Name"#
                ),
            ]
        );
    }

    #[test]
    fn a_forbidden_value_and_a_wrong_name_of_a_member_do_not_show_the_pattern() {
        let schema = json!({
            "properties": {
                "not": {"not": {"pattern": "^x"}},
                "names": {"propertyNames": {"allOf": [
                    {"pattern": "^[a-z]+$", "x-phasegate-expected": "a word"},
                    {"not": {"pattern": "^host$"}, "x-phasegate-expected": "a name that is free"}
                ]}},
                "secret": {"writeOnly": true, "propertyNames": {"pattern": "^[a-z]+$", "x-phasegate-expected": "a word"}}
            }
        });
        let of = |document| messages(&schema, &document).into_values().collect::<Vec<_>>();
        assert_eq!(
            of(json!({"not": "xy"})),
            [r#""xy" does not have the form that is asked for"#]
        );
        assert_eq!(of(json!({"names": {"A1": 1}})), [r#""A1" is not a word"#]);
        assert_eq!(
            of(json!({"names": {"host": 1}})),
            [r#""host" is not a name that is free"#]
        );
        assert_eq!(of(json!({"secret": {"A1": 1}})), ["the value is not a word"]);
    }

    #[test]
    fn a_huge_value_does_not_push_what_is_expected_out_of_the_message() {
        let schema =
            json!({"properties": {"word": {"pattern": "^[a-z]+$", "x-phasegate-expected": "a word"}}});
        let found = messages(&schema, &json!({"word": "A".repeat(5_000)}));
        assert!(found["/word"].ends_with("… is not a word"), "{found:?}");
    }

    #[test]
    fn a_document_beyond_the_limit_is_one_problem_however_many_it_holds() {
        let document = json!({ "personaIds": vec![1; MAX_CONFIG_BYTES] });
        let problems = schema().problems(&phase(), &document);
        assert_eq!(
            (problems.total(), problems.items()[0].keyword.as_str()),
            (1, "too_large")
        );
    }

    #[test]
    fn a_document_nested_beyond_the_limit_is_a_problem_and_not_a_crash() {
        let mut deep = json!(1);
        for _ in 0..MAX_JSON_DEPTH + 1 {
            deep = json!([deep]);
        }
        assert_eq!(schema().problems(&phase(), &deep).items()[0].keyword, "too_deep");
    }
}
