//! The byte before each value, and how reading fails.

use minicbor::{Decode, Decoder, Encode};

/// Why a stored value can't be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unreadable {
    /// A newer release wrote it.
    #[error("the {what} has form {found}, and this release reads up to {newest}: use a newer release")]
    Newer {
        /// What it is, such as `campaign`.
        what: &'static str,
        /// The number of its form.
        found: u8,
        /// The newest form that this release reads.
        newest: u8,
    },
    /// Its bytes are no such value.
    #[error("the {what} is damaged: {reason}")]
    Damaged {
        /// What it is, such as `campaign`.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// A kind of stored value.
pub(super) struct Kind {
    /// What it is.
    pub(super) what: &'static str,
    /// The form that is written, the newest.
    pub(super) form: u8,
}

impl Kind {
    /// The bytes of a value whose body is in the newest form.
    pub(super) fn write(&self, body: &impl Encode<()>) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        bytes.push(self.form);
        minicbor::encode(body, &mut bytes).expect("a Vec takes every byte");
        bytes
    }

    /// Reads a value: `of_form` gets the number of its form, and its body.
    pub(super) fn read<'b, T>(
        &self,
        bytes: &'b [u8],
        of_form: impl FnOnce(u8, &'b [u8]) -> Result<T, Fault>,
    ) -> Result<T, Unreadable> {
        let damaged = |reason| Unreadable::Damaged {
            what: self.what,
            reason,
        };
        match bytes.split_first() {
            None | Some((0, _)) => Err(damaged("it has no form".to_owned())),
            Some((form, body)) => of_form(*form, body).map_err(|fault| match fault {
                Fault::Newer => Unreadable::Newer {
                    what: self.what,
                    found: *form,
                    newest: self.form,
                },
                Fault::Damaged(reason) => damaged(reason),
            }),
        }
    }
}

/// Why a body can't be read.
#[derive(Debug)]
pub(super) enum Fault {
    /// Its form is none of those that this release knows.
    Newer,
    /// What is wrong with it.
    Damaged(String),
}

impl Fault {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self::Damaged(reason.into())
    }
}

impl<E: std::error::Error> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// Decodes a body, to its last byte. What it allocates is bounded by the length of the body.
pub(super) fn decode<'b, T: Decode<'b, ()>>(body: &'b [u8]) -> Result<T, Fault> {
    let mut decoder = Decoder::new(body);
    let value = decoder.decode()?;
    if decoder.position() == body.len() {
        Ok(value)
    } else {
        Err(Fault::new("bytes are left over"))
    }
}
