//! Texts that people give: names, actors, reasons and the values of attributes.

/// What is wrong with a text, as the end of a sentence about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LabelProblem {
    /// It is longer than it may be.
    TooLong,
    /// It has a control character, or one that overrides the direction of the text around it.
    Forbidden(char),
}

/// Checks that a text has at most `most` characters and none that could disguise what stands around it.
///
/// The directional controls are those of Unicode Standard Annex 9, sections 2.1 to 2.5, but for the implicit marks.
pub(crate) fn check(text: &str, most: usize) -> Result<(), LabelProblem> {
    if let Some(forbidden) = text.chars().find(|c| is_forbidden(*c)) {
        return Err(LabelProblem::Forbidden(forbidden));
    }
    match text.chars().nth(most) {
        Some(_) => Err(LabelProblem::TooLong),
        None => Ok(()),
    }
}

fn is_forbidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// A character by its number, such as `U+202E`: the character itself may not be visible.
pub(crate) fn number(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}
