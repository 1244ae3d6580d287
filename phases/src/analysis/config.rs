//! The config of analysis.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{object_only, text_type};

text_type! {
    /// The text to look for. At least one character is neither white space nor one that never shows, such as a soft hyphen.
    ///
    /// The pattern knows those of the Basic Multilingual Plane, since not every reader of a schema can write others. The phase
    /// itself refuses a keyword of the rest.
    #[derive(Debug)]
    Keyword, 1 to 200 characters,
    pattern concat!(
        "[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u034f\\u061c\\u115f\\u1160\\u1680\\u17b4\\u17b5\\u180b-\\u180f\\u2000-\\u200f",
        "\\u2028-\\u202f\\u205f-\\u206f\\u3000\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufff8]"
    ),
    "a text to look for: it must not be blank, nor only of characters that don't show"
}

/// What analysis looks for in the pages.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schemars(title = "Analysis")]
pub struct Config {
    /// The word or phrase that is counted, in any letter case and however its characters are written: with soft hyphens or
    /// without, with straight apostrophes or curly ones, accented letters in one piece or two. White space around it is ignored,
    /// and white space inside it counts as one space.
    #[schemars(title = "Keyword", example = &"phasegate")]
    pub keyword: Keyword,
}

object_only!(Config);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::score;

    #[test]
    fn the_pattern_refuses_exactly_what_folds_to_nothing_and_leaves_other_planes_to_the_phase() {
        // Between these the planes are empty.
        for c in ('\0'..='\u{323af}').chain('\u{e0000}'..='\u{e0fff}') {
            let text = c.to_string();
            let folds_to_nothing = score::Keyword::new(&text).is_blank();
            let is_left = folds_to_nothing && c > '\u{ffff}';
            assert_eq!(
                Keyword::new(&text).is_none(),
                folds_to_nothing && !is_left,
                "U+{:04X}",
                c as u32
            );
        }
        assert!(Keyword::new("\u{200b} \u{ad}\n").is_none());
        assert!(Keyword::new("phase\u{ad}gate").is_some());
    }
}
