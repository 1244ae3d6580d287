//! The config of domain generation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{MAX_SAFE, Whole, object_only, pattern, present, text_type};

phasegate::core::word_type! {
    /// The places of the variable parts in a label.
    #[non_exhaustive]
    pub enum PatternType {
        /// `V` + constant.
        Prefix = "prefix",
        /// Constant + `V`.
        Suffix = "suffix",
        /// `V1` + constant + `V2`.
        Both = "both",
    }
}

text_type! {
    /// The characters of the variable parts, in the order of their values.
    #[derive(Debug)]
    CharacterSet, 1 to 255 characters, pattern "^[A-Za-z0-9]+$",
    "a list of characters: write the letters a to z and digits one after another, without spaces, commas and hyphens"
}

text_type! {
    /// The fixed part of a label.
    #[derive(Debug)]
    ConstantString, 0 to 63 characters, pattern "^[A-Za-z0-9-]*$",
    "part of a label: write at most 63 letters a to z, digits and hyphens, without dots and spaces; labels in another \
     script can't be generated"
}

text_type! {
    /// A top-level domain, or more than one level of it, such as `com` or `co.uk`.
    #[derive(Debug)]
    Tld, 1 to 254 characters,
    pattern format!("^[.]?({0}[.])*[A-Za-z]([A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?$", pattern::LABEL),
    "a top-level domain: write letters, digits and hyphens, such as com or co.uk, without a dot at the end",
    with {"x-phasegate-domain": true}
}

/// Which domains are generated. Each domain is a label and the top-level domain.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schemars(title = "Domain generation")]
pub struct Config {
    /// The places of the variable parts: prefix is V + constant, suffix is constant + V, both is V1 + constant + V2.
    #[schemars(title = "Pattern", example = &"prefix")]
    pub pattern_type: PatternType,
    /// The length of each variable part, in characters. The pattern both has two such parts. A whole label has at most 63
    /// characters.
    #[schemars(title = "Variable length", example = 3)]
    pub variable_length: Whole<1, 63>,
    /// The letters and digits of the variable parts, in the order of their values. Upper case counts as lower case, and
    /// a repeated character counts once. A hyphen is not allowed, because a variable part always stands at an edge of the
    /// label.
    #[schemars(title = "Character set", example = &"abcdefghijklmnopqrstuvwxyz")]
    pub character_set: CharacterSet,
    /// The fixed part of every label: letters, digits and hyphens. Without it labels have variable parts only.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(title = "Constant", with = "ConstantString", example = &"shop")]
    pub constant_string: Option<ConstantString>,
    /// The top-level domain, with or without a dot before it. One in another script is written as its A-label, such as
    /// xn--p1ai.
    #[schemars(title = "Top-level domain", example = &"com")]
    pub tld: Tld,
    /// How many domains are generated. The first offset and this number together may not exceed the pattern's capacity.
    #[schemars(title = "Number of domains", example = 1000)]
    pub num_domains: Whole<1, MAX_SAFE>,
    /// How many domains are committed at once: more is faster, fewer repeat less work after a crash.
    #[serde(default = "default_batch_size")]
    #[schemars(title = "Batch size")]
    pub batch_size: Whole<1, 10_000>,
    /// The offset of the first domain. Domain i has the offset offset_start + i, which is written into the variable
    /// parts as a number in base N, N being the size of the character set.
    #[serde(default = "default_offset_start")]
    #[schemars(title = "First offset")]
    pub offset_start: Whole<0, MAX_SAFE>,
}

object_only!(Config);

fn default_batch_size() -> Whole<1, 10_000> {
    Whole::of(1_000)
}

fn default_offset_start() -> Whole<0, MAX_SAFE> {
    Whole::of(0)
}
