//! The attributes of a campaign: short texts by which its host finds it again.

use std::collections::BTreeMap;

use crate::label::{self, LabelProblem};
use crate::limits::{MAX_ATTRIBUTE_KEY_CHARS, MAX_ATTRIBUTE_VALUE_CHARS, MAX_ATTRIBUTES};
use crate::rejection::Rejection;

/// The attributes of a campaign by key.
pub type Attributes = BTreeMap<String, String>;

/// Changes of attributes: a new value by key, or `None` to remove it. Keys that are not named stay as they are.
pub type AttributeChanges = BTreeMap<String, Option<String>>;

/// Checks the keys and the values, and that there are not too many.
pub(crate) fn check(attributes: &Attributes) -> Result<(), Rejection> {
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

/// Makes the changes; gives those that change anything.
pub(crate) fn change(attributes: &mut Attributes, changes: &AttributeChanges) -> AttributeChanges {
    let mut effective = AttributeChanges::new();
    for (key, value) in changes {
        let before = match value {
            Some(value) => attributes.insert(key.clone(), value.clone()),
            None => attributes.remove(key),
        };
        if before != *value {
            effective.insert(key.clone(), value.clone());
        }
    }
    effective
}
