//! What analysis reads: the pages of HTTP validation, each with the parts of its text.

use serde::Deserialize;

use crate::http_validation::Status;

/// A record of HTTP validation.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Members")]
pub enum Input {
    /// A domain, with as much of its text as was joined.
    Page(Page),
    /// More of a domain's text.
    Part(Part),
}

/// The part of a domain's record that analysis reads.
#[derive(Clone, Debug)]
pub struct Page {
    /// The domain.
    pub domain: String,
    /// The last requested URL.
    pub final_url: String,
    /// How it ended.
    pub status: Status,
    /// The page's title.
    pub title: Option<String>,
    /// The page's text.
    pub text: String,
    /// How many parts were joined to the text.
    pub parts: u64,
    /// Whether there was more text than that of all records.
    pub text_truncated: bool,
}

/// More of a domain's text.
#[derive(Clone, Debug)]
pub struct Part {
    /// The domain.
    pub domain: String,
    /// 1, 2, and so on.
    pub part: u64,
    /// The text.
    pub text: String,
}

impl Input {
    /// Joins `next` to a page's text, or gives it back because it does not continue the text.
    pub(super) fn join(&mut self, next: Self) -> Option<Self> {
        match (self, next) {
            (Self::Page(page), Self::Part(part))
                if page.domain == part.domain && page.parts + 1 == part.part =>
            {
                page.text.push_str(&part.text);
                page.parts = part.part;
                None
            }
            (_, next) => Some(next),
        }
    }
}

/// The members of either form.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    domain: String,
    part: Option<u64>,
    text: String,
    final_url: Option<String>,
    status: Option<Status>,
    title: Option<String>,
    #[serde(default)]
    text_truncated: bool,
}

impl TryFrom<Members> for Input {
    type Error = &'static str;

    fn try_from(members: Members) -> Result<Self, Self::Error> {
        let Members { domain, text, .. } = members;
        if let Some(part) = members.part {
            return Ok(Self::Part(Part { domain, part, text }));
        }
        Ok(Self::Page(Page {
            domain,
            final_url: members.final_url.ok_or("missing field `finalUrl`")?,
            status: members.status.ok_or("missing field `status`")?,
            title: members.title,
            text,
            parts: 0,
            text_truncated: members.text_truncated,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(record: Value) -> Input {
        serde_json::from_value(record).unwrap()
    }

    fn part(domain: &str, part: u64, text: &str) -> Input {
        read(json!({"domain": domain, "part": part, "text": text}))
    }

    fn page(text: &str) -> Input {
        read(json!({"domain": "d.test", "finalUrl": "u", "status": "ok", "title": null, "text": text}))
    }

    #[test]
    fn a_text_is_the_same_wherever_it_was_cut() {
        let text = "a keyword \u{20ac} is here";
        let ends: Vec<usize> = (0..=text.len())
            .filter(|end| text.is_char_boundary(*end))
            .collect();
        for (place, first) in ends.iter().enumerate() {
            for second in &ends[place..] {
                let mut joined = page(&text[..*first]);
                assert!(joined.join(part("d.test", 1, &text[*first..*second])).is_none());
                assert!(joined.join(part("d.test", 2, &text[*second..])).is_none());
                let Input::Page(joined) = joined else {
                    panic!("a page stays one")
                };
                assert_eq!(joined.text, text);
            }
        }
    }

    #[test]
    fn what_does_not_continue_a_text_is_not_joined() {
        for next in [
            page("b"),
            part("e.test", 1, "b"),
            part("d.test", 2, "b"),
            part("d.test", 0, "b"),
        ] {
            assert!(page("a").join(next.clone()).is_some(), "{next:?}");
            assert!(part("d.test", 0, "a").join(next).is_some());
        }
    }

    #[test]
    fn a_record_that_is_neither_is_refused_by_what_it_lacks() {
        for (record, lack) in [
            (
                json!({"domain": "d.test", "text": "", "status": "ok"}),
                "finalUrl",
            ),
            (json!({"domain": "d.test", "text": "", "finalUrl": "u"}), "status"),
            (json!({"domain": "d.test", "part": 1}), "text"),
        ] {
            let error = serde_json::from_value::<Input>(record).unwrap_err();
            assert!(error.to_string().contains(lack), "{error}");
        }
    }
}
