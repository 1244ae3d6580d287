//! The headers that a persona sets.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::value::text_type;

/// How many headers a persona may have.
const MOST: usize = 50;

/// The headers that belong to the connection, that the request sets itself, or that have a field of their own.
const RESERVED: [&str; 13] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

text_type! {
    /// The name of a header (RFC 9110, section 5.6.2).
    #[derive(Debug)]
    HeaderName, 1 to 100 characters, pattern "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
    "the name of a header: write letters, digits and hyphens, without a colon"
}

text_type! {
    /// The value of a header. It may be a key or a password, so its debug form is three dots, and logs never show it.
    HeaderValue, 0 to 4096 characters, pattern "^([!-~]([ -~]*[!-~])?)?$",
    "printable ASCII without a space at an edge"
}

impl fmt::Debug for HeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("...")
    }
}

/// Headers by name, in the order of their names as they are written.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Headers(BTreeMap<HeaderName, HeaderValue>);

impl Headers {
    /// Names and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let headers = BTreeMap::<HeaderName, HeaderValue>::deserialize(deserializer)?;
        if headers.len() > MOST {
            return Err(D::Error::custom(format!(
                "{} headers are more than {MOST}",
                headers.len()
            )));
        }
        match headers.keys().find(|name| is_reserved(name.as_str())) {
            Some(name) => Err(D::Error::custom(format!(
                "the header {} can't be set",
                name.as_str()
            ))),
            None => Ok(Self(headers)),
        }
    }
}

fn is_reserved(name: &str) -> bool {
    RESERVED
        .iter()
        .any(|reserved| name.eq_ignore_ascii_case(reserved))
}

impl JsonSchema for Headers {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Headers".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (name, value) = (
            generator.subschema_for::<HeaderName>(),
            generator.subschema_for::<HeaderValue>(),
        );
        let in_any_case = |name: &str| -> String {
            name.chars()
                .map(|letter| match letter {
                    '-' => "-".to_owned(),
                    letter => format!("[{}{letter}]", letter.to_ascii_uppercase()),
                })
                .collect()
        };
        let reserved: Vec<String> = RESERVED.iter().map(|name| in_any_case(name)).collect();
        json_schema!({
            "type": "object",
            "propertyNames": {"allOf": [name, {
                "not": {"pattern": format!("^({})$", reserved.join("|"))},
                "x-phasegate-expected": "a header that can be set: the request sets it itself, or a field of its own does",
            }]},
            "additionalProperties": value,
            "maxProperties": MOST,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::HttpPersona;

    #[test]
    fn the_debug_form_of_a_persona_names_its_headers_and_keeps_their_values() {
        let persona: HttpPersona = serde_json::from_value(serde_json::json!({
            "userAgent": "test",
            "headers": {"Authorization": "Bearer secret", "Cookie": "id=secret", "X-Api-Key": "secret"},
        }))
        .unwrap();
        let shown = format!("{persona:?} {persona:#?}");
        assert!(!shown.contains("secret"), "{shown}");
        assert!(
            ["Authorization", "Cookie", "X-Api-Key"]
                .iter()
                .all(|name| shown.contains(name))
        );
    }
}
