//! The config of analysis.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{object_only, text_type};

text_type! {
    /// The text to look for. At least one character is not white space.
    #[derive(Debug)]
    Keyword, 1 to 200 characters,
    pattern "[^\\u0000-\\u0020\\u007f-\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff]",
    "a text to look for: it must not be blank"
}

/// What analysis looks for in the pages.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schemars(title = "Analysis")]
pub struct Config {
    /// The word or phrase that is counted, in any letter case. White space around it is ignored, and white space inside it
    /// counts as one space.
    #[schemars(title = "Keyword", example = &"phasegate")]
    pub keyword: Keyword,
}

object_only!(Config);
