//! Texts that follow a pattern.

use std::sync::OnceLock;

use regex::Regex;

/// Whether `text` has `min` to `max` characters and matches the pattern `source`, as the JSON Schema requires.
///
/// Patterns use only the syntax that ECMA-262 and the crate `regex` share.
pub(crate) fn matches(
    source: &str,
    compiled: &OnceLock<Option<Regex>>,
    text: &str,
    min: usize,
    max: usize,
) -> bool {
    (min..=max).contains(&text.chars().count())
        && compiled
            .get_or_init(|| Regex::new(source).ok())
            .as_ref()
            .is_some_and(|regex| regex.is_match(text))
}

/// Patterns that more than one kind of text uses.
pub(crate) mod pattern {
    /// One label of a DNS name: letters, digits and hyphens, none of them at an edge (RFC 1123, section 2.1).
    pub(crate) const LABEL: &str = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
    /// The number of a port, 1 to 65,535.
    pub(crate) const PORT: &str =
        "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
}

/// Defines a text type with its pattern, its length in characters, and its schema. The last text says in words what is
/// asked for: it ends the sentence "… is not …", because no message shows the pattern.
macro_rules! text_type {
    (
        $(#[$doc:meta])*
        $name:ident, $min:literal to $max:literal characters, pattern $pattern:expr, $what:literal
        $(, with { $($key:literal: $value:expr),+ $(,)? })?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Eq, PartialEq, Ord, PartialOrd, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Checks and takes `text`.
            pub(crate) fn new(text: &str) -> Option<Self> {
                static COMPILED: std::sync::OnceLock<Option<regex::Regex>> = std::sync::OnceLock::new();
                static PATTERN: std::sync::OnceLock<String> = std::sync::OnceLock::new();
                let source = PATTERN.get_or_init(|| $pattern.to_string());
                $crate::value::text::matches(source, &COMPILED, text, $min, $max).then(|| Self(text.to_owned()))
            }

            /// The text of it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(&text).ok_or_else(|| serde::de::Error::custom(concat!("the text is not ", $what)))
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "minLength": $min,
                    "maxLength": $max,
                    "pattern": $pattern.to_string(),
                    "x-phasegate-expected": $what,
                    $($($key: $value),+)?
                })
            }
        }
    };
}
pub(crate) use text_type;
