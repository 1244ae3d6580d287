//! The problems of a config or a resource, each told in words.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use phasegate_core::{Part, PhaseName, Problem, Problems, member_pointer, shorten};
use serde_json::Value;

use crate::config_schema::ConfigSchema;
use crate::secrets::touches;

/// The schema keyword that says in words what a `pattern` or a `not` beside it asks for. It completes the sentence
/// "… is not …".
const EXPECTED_KEYWORD: &str = "x-phasegate-expected";

/// The schema keyword that is `true` beside the `pattern` of a domain name. For a name in another script the message then gives
/// the one in ASCII, in place of what the words of `x-phasegate-expected` say after their colon.
const DOMAIN_KEYWORD: &str = "x-phasegate-domain";

/// The most characters of a message.
const MAX_MESSAGE: usize = 300;
/// The most characters of a value that a message of a pattern repeats.
const MAX_VALUE: usize = 100;

impl ConfigSchema {
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
}

/// A domain name of another script in its form for DNS, with A-labels (RFC 5891, section 4.4). It has no dot at its beginning.
fn domain_in_ascii(name: &Value) -> Option<String> {
    let name = name.as_str().filter(|name| !name.is_ascii())?;
    idna::domain_to_ascii_strict(name.strip_prefix('.').unwrap_or(name)).ok()
}

#[cfg(test)]
mod tests;
