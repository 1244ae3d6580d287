//! What a campaign may be called, and what its attributes may say.

use crate::attributes::Attributes;
use crate::label::{self, LabelProblem};
use crate::limits::{MAX_ATTRIBUTE_KEY_CHARS, MAX_ATTRIBUTE_VALUE_CHARS, MAX_ATTRIBUTES, MAX_NAME_CHARS};
use crate::rejection::Rejection;

pub(super) fn check_name(name: &str) -> Result<(), Rejection> {
    let chars = name.chars().count();
    let refused = |character| Err(Rejection::InvalidName { chars, character });
    if name.trim().is_empty() {
        return refused(None);
    }
    match label::check(name, MAX_NAME_CHARS) {
        Ok(()) => Ok(()),
        Err(LabelProblem::TooLong) => refused(None),
        Err(LabelProblem::Forbidden(c)) => refused(Some(label::number(c))),
    }
}

/// Checks the keys and the values, and that there are not too many.
pub(super) fn check_attributes(attributes: &Attributes) -> Result<(), Rejection> {
    for (key, value) in attributes {
        check_key(key)?;
        let problem = match label::check(value, MAX_ATTRIBUTE_VALUE_CHARS) {
            Ok(()) => continue,
            Err(LabelProblem::TooLong) => {
                format!("its value has more than {MAX_ATTRIBUTE_VALUE_CHARS} characters")
            }
            Err(LabelProblem::Forbidden(c)) => {
                format!(
                    "its value has the character {}, which could disguise other text",
                    label::number(c)
                )
            }
        };
        return Err(refusal(key, problem));
    }
    match attributes.keys().nth(MAX_ATTRIBUTES) {
        Some(key) => Err(refusal(
            key,
            format!("a campaign has at most {MAX_ATTRIBUTES} attributes"),
        )),
        None => Ok(()),
    }
}

fn check_key(key: &str) -> Result<(), Rejection> {
    let of_form = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-');
    if (1..=MAX_ATTRIBUTE_KEY_CHARS).contains(&key.len()) && key.bytes().all(of_form) {
        return Ok(());
    }
    let problem = format!(
        "a key has 1 to {MAX_ATTRIBUTE_KEY_CHARS} of the characters a to z, 0 to 9, '_', '.' and '-'"
    );
    Err(refusal(key, problem))
}

fn refusal(key: &str, problem: String) -> Rejection {
    let key = key.chars().take(MAX_ATTRIBUTE_KEY_CHARS).collect();
    Rejection::InvalidAttribute { key, problem }
}
