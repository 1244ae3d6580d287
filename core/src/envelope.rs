//! Who asked for something, and why.

use serde::{Deserialize, Serialize};

use crate::label::{self, LabelProblem};
use crate::limits::{MAX_ACTOR_CHARS, MAX_REASON_CHARS};

/// Who asks for something, why, and within which trace. It stands in every event that the request makes.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct Envelope {
    /// Who asks: at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    /// Why: at most 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The W3C `traceparent` of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
}

/// A member of an envelope can't be taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the {member} {problem}")]
pub struct EnvelopeError {
    /// The member: `actor` or `reason`.
    pub member: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl Envelope {
    /// Nobody in particular, for no stated reason.
    pub const fn none() -> Self {
        Self {
            actor: None,
            reason: None,
            traceparent: None,
        }
    }

    /// Names who asks. An empty text is nobody.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError`] for a text of more than 200 characters, or with a control or direction-override character.
    pub fn by(self, actor: impl Into<String>) -> Result<Self, EnvelopeError> {
        let actor = member("actor", actor.into(), MAX_ACTOR_CHARS)?;
        Ok(Self { actor, ..self })
    }

    /// Says why. An empty text is no reason.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError`] for a text of more than 1,000 characters, or with a control or direction-override character.
    pub fn because(self, reason: impl Into<String>) -> Result<Self, EnvelopeError> {
        let reason = member("reason", reason.into(), MAX_REASON_CHARS)?;
        Ok(Self { reason, ..self })
    }

    /// Places it within a trace. A text that is no [`traceparent`](https://www.w3.org/TR/trace-context/#traceparent-header)
    /// header is dropped, as the standard asks.
    #[must_use]
    pub fn within(self, traceparent: &str) -> Self {
        let traceparent = is_traceparent(traceparent).then(|| traceparent.to_owned());
        Self { traceparent, ..self }
    }

    /// An envelope as it was stored.
    pub(crate) fn stored(actor: Option<&str>, reason: Option<&str>, traceparent: Option<&str>) -> Self {
        Self {
            actor: actor.map(str::to_owned),
            reason: reason.map(str::to_owned),
            traceparent: traceparent.map(str::to_owned),
        }
    }

    /// Who asks.
    pub fn actor(&self) -> Option<&str> {
        self.actor.as_deref()
    }

    /// Why.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The trace.
    pub fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }

    /// Whether it says nothing.
    pub fn is_none(&self) -> bool {
        *self == Self::none()
    }
}

fn member(name: &'static str, text: String, most: usize) -> Result<Option<String>, EnvelopeError> {
    let problem = match label::check(&text, most) {
        Ok(()) => return Ok(Some(text).filter(|text| !text.is_empty())),
        Err(LabelProblem::TooLong) => format!("has more than {most} characters: shorten it"),
        Err(LabelProblem::Forbidden(c)) => {
            format!(
                "has the character {}, which could disguise other text: leave it out",
                label::number(c)
            )
        }
    };
    Err(EnvelopeError {
        member: name,
        problem,
    })
}

/// Whether `text` is a `traceparent`: of version 00, or of a later one that begins in the same form.
fn is_traceparent(text: &str) -> bool {
    let hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_zero = |part: &str| part.bytes().all(|b| b == b'0');
    let mut parts = text.splitn(5, '-');
    let (Some(version), Some(trace), Some(parent), Some(flags)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let known_end = version != "00" || parts.next().is_none();
    hex(version, 2)
        && version != "ff"
        && hex(trace, 32)
        && !is_zero(trace)
        && hex(parent, 16)
        && !is_zero(parent)
        && hex(flags, 2)
        && known_end
        && text.len() <= 128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_could_disguise_others_or_is_too_long_is_refused() {
        let long = "é".repeat(MAX_ACTOR_CHARS);
        assert_eq!(Envelope::none().by(&long).expect("it fits").actor(), Some(&*long));
        assert!(Envelope::none().by(format!("{long}x")).is_err());
        for text in ["a\nb", "a\u{202E}b", "a\u{2066}b", "\u{7f}"] {
            assert!(Envelope::none().by(text).is_err(), "{text:?}");
            assert!(Envelope::none().because(text).is_err(), "{text:?}");
        }
        let marks = Envelope::none()
            .because("\u{200F}שלום\u{200F}")
            .expect("implicit marks are text");
        assert!(marks.reason().is_some());
        assert_eq!(Envelope::none().by("").expect("nobody"), Envelope::none());
    }

    #[test]
    fn only_a_well_formed_traceparent_is_kept() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for (text, kept) in [
            (good, true),
            (
                "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later",
                true,
            ),
            (
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later",
                false,
            ),
            ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
            ("00-00000000000000000000000000000000-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false),
            ("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", false),
            ("", false),
        ] {
            let envelope = Envelope::none().within(text);
            assert_eq!(envelope.traceparent(), kept.then_some(text), "{text}");
        }
    }
}
