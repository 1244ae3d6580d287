//! Texts that may be huge, in messages.

/// Cuts a text that repeats a huge value after `most` characters. A cut text ends with `…`.
pub fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
