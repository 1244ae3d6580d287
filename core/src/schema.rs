//! JSON Schemas of configs and resources: compiled once, checked often, and read for the resources they refer to.

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

use crate::ids::{InvalidName, PhaseName, ResourceId, ResourceKind, ResourcePin, ResourceRef, Revision};
use crate::limits::MAX_RESOURCES_PER_CONFIG;
use crate::measure::Part;
use crate::pointer::member_pointer;
use crate::problem::{Problem, Problems};
use crate::shorten::shorten;

/// The schema keyword that marks a string as the id of a resource of the named kind.
const RESOURCE_KEYWORD: &str = "x-phasegate-resource";

/// The schema keyword that says in words what a `pattern` or a `not` beside it asks for. It completes the sentence
/// "… is not …".
const EXPECTED_KEYWORD: &str = "x-phasegate-expected";

/// The schema keyword that is `true` beside the `pattern` of a domain name. For a name in another script the message then gives
/// the one in ASCII, in place of what the words of `x-phasegate-expected` say after their colon.
const DOMAIN_KEYWORD: &str = "x-phasegate-domain";

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
                        vec![problem(
                            member_pointer(place, member),
                            shorten(&message, MAX_MESSAGE),
                        )]
                    }
                    ValidationErrorKind::AdditionalProperties { unexpected }
                    | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected
                        .iter()
                        .map(|member| {
                            let message = format!("there is no member {member:?} here: remove it");
                            problem(member_pointer(place, member), shorten(&message, MAX_MESSAGE))
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
        let said = |keyword| beside.and_then(|schema| schema.get(keyword));
        let words = |keyword| said(keyword).and_then(Value::as_str);
        if said(DOMAIN_KEYWORD) == Some(&Value::Bool(true))
            && !is_secret
            && let Some(ascii) = domain_in_ascii(error.instance())
        {
            let what = words(EXPECTED_KEYWORD).and_then(|expected| expected.split(':').next());
            return format!(
                "{value} is not {} in ASCII: write it {ascii}",
                what.unwrap_or("a domain")
            );
        }
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
                    let place = member_pointer(&place, name);
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

/// A domain name of another script in its form for DNS, with A-labels (RFC 5891, section 4.4). It has no dot at its beginning.
fn domain_in_ascii(name: &Value) -> Option<String> {
    let name = name.as_str().filter(|name| !name.is_ascii())?;
    idna::domain_to_ascii_strict(name.strip_prefix('.').unwrap_or(name)).ok()
}

/// The most characters of a message.
const MAX_MESSAGE: usize = 300;
/// The most characters of a value that a message of a pattern repeats.
const MAX_VALUE: usize = 100;

#[cfg(test)]
mod tests;
