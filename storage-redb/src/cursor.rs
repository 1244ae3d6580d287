//! Cursors: the places in the store-wide log as others know them.

use phasegate_core::storage::{Cursor, StorageError};

/// The cursor of a place in the store-wide log: `r` and its number in 16 hexadecimal digits.
pub(crate) fn cursor(number: u64) -> Cursor {
    Cursor::from_text(format!("r{number:016x}"))
}

/// The place that a cursor names, at most `last`; 0 without a cursor.
pub(crate) fn place(after: Option<&Cursor>, last: u64) -> Result<u64, StorageError> {
    let Some(given) = after else { return Ok(0) };
    given
        .as_str()
        .strip_prefix('r')
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .filter(|number| (1..=last).contains(number) && cursor(*number) == *given)
        .ok_or_else(|| invalid(given))
}

/// The error for a cursor that this store did not make.
pub(crate) fn invalid(cursor: &Cursor) -> StorageError {
    StorageError::InvalidCursor {
        cursor: cursor.as_str().chars().take(80).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_text_of_a_place_in_the_log_is_a_cursor() {
        assert_eq!(place(Some(&cursor(0x2a)), 42), Ok(42));
        assert_eq!(place(None, 42), Ok(0));
        for text in [
            "",
            "r",
            "r2a",
            "r000000000000002A",
            "r+00000000000002a",
            "r000000000000002b",
        ] {
            assert!(place(Some(&Cursor::from_text(text)), 42).is_err(), "{text}");
        }
        assert!(place(Some(&cursor(0)), 42).is_err());
    }
}
