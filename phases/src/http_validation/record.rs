//! The records and the summary of HTTP validation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::detail::HttpDetail;
use crate::detail::{self, Detail};
use crate::ordered::Tally;
use crate::persona::counts;

phasegate::core::word_type! {
    /// How the requests of a domain ended.
    #[non_exhaustive]
    pub enum Status {
        /// A page: a status of 200 to 299.
        Ok = "ok",
        /// An answer with another status, given in `httpStatus`. Where it may be an HTTP proxy's own, the detail says so.
        HttpError = "http_error",
        /// A redirect led to a URL that was requested before.
        RedirectLoop = "redirect_loop",
        /// There were more redirects than the persona follows.
        TooManyRedirects = "too_many_redirects",
        /// A redirect led to an unusable URL.
        InvalidRedirect = "invalid_redirect",
        /// A redirect led to a host without an address, or one that the resolver says nothing of, as the detail tells.
        RedirectUnresolved = "redirect_unresolved",
        /// The answer did not come in time. Of one that began, what came is kept.
        TimedOut = "timed_out",
        /// The connection was refused.
        ConnectionRefused = "connection_refused",
        /// The connection failed.
        ConnectionFailed = "connection_failed",
        /// The proxy refuses to connect to the site, which claims nothing of the site.
        ProxyRefused = "proxy_refused",
        /// TLS failed, for example because of an untrusted certificate.
        TlsError = "tls_error",
        /// The answer was not HTTP, ended within its head, or has an encoding that was not asked for or is not the one that it names.
        InvalidResponse = "invalid_response",
        /// The address is private, loopback, link-local or reserved, and the persona doesn't allow such addresses.
        ForbiddenAddress = "forbidden_address",
        /// The domain makes no valid URL.
        InvalidUrl = "invalid_url",
    }
}

/// A domain with the result of its requests.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The domain.
    pub domain: String,
    /// The first requested URL.
    pub url: String,
    /// Where the redirects led last. Where the visit ended there without a request, the status says why.
    pub final_url: String,
    /// How it ended.
    pub status: Status,
    /// Why there is no page, or not all of it; null when there is a whole one.
    pub detail: Option<Detail<HttpDetail>>,
    /// The status of the last answer, or null when there was none.
    pub http_status: Option<u16>,
    /// The content type of the last answer, or null when it names none; at most 200 characters.
    pub content_type: Option<String>,
    /// The encoding that the page's text was read in, by its name in the Encoding standard, or null when there is no text. It is
    /// declared by the answer or the page, or else found out by the bytes.
    pub charset: Option<String>,
    /// How many redirects were followed.
    pub redirects: u64,
    /// The page's title, or null when it has none; at most 512 bytes.
    pub title: Option<String>,
    /// The page's visible text, white space joined; at most 16 KiB as JSON. Empty unless the status is `ok`. The rest of a longer
    /// text stands in the [`TextPart`]s behind this record.
    pub text: String,
    /// Whether there was more text than the record and its parts have.
    pub text_truncated: bool,
    /// How many bytes of the last answer's body were read, decompressed.
    pub bytes: u64,
    /// Whether there were more bytes than the persona reads.
    pub body_truncated: bool,
    /// The id of the persona that requested it.
    pub persona: String,
    /// The measurements, which differ from run to run.
    pub measured: Measured,
}

/// More of a page's text. The parts of a text come directly behind the domain's [`Record`], in their order: the record's text and
/// those of its parts, one after the other, are the page's text.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct TextPart {
    /// The domain.
    pub domain: String,
    /// 1, 2, and so on. The record itself has no such member.
    pub part: u64,
    /// At most 16 KiB as JSON, and never empty.
    pub text: String,
}

/// A record as it is committed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum HttpRecord {
    /// A domain.
    Domain(Box<Record>),
    /// More of its text.
    Part(TextPart),
}

/// How long the text of one record may be, as JSON in bytes. With all else a record is far below its own limit.
const MAX_RECORD_TEXT: usize = 16 * 1024;

impl Record {
    /// The record as it is committed, with the parts of a long text behind it.
    pub(super) fn in_parts(mut self) -> Vec<HttpRecord> {
        let text = std::mem::take(&mut self.text);
        let (first, mut rest) = text.split_at(cut(&text));
        first.clone_into(&mut self.text);
        let domain = self.domain.clone();
        let mut records = vec![HttpRecord::Domain(Box::new(self))];
        for part in 1.. {
            if rest.is_empty() {
                break;
            }
            let (text, after) = rest.split_at(cut(rest));
            rest = after;
            records.push(HttpRecord::Part(TextPart {
                domain: domain.clone(),
                part,
                text: text.to_owned(),
            }));
        }
        records
    }
}

/// How much of a text fits in one record, up to the end of a character.
fn cut(text: &str) -> usize {
    let mut left = MAX_RECORD_TEXT;
    let over = text.char_indices().find(|(_, c)| {
        let bytes = match c {
            '"' | '\\' => 2,
            // As \u and four digits, at the longest.
            '\0'..' ' => 6,
            _ => c.len_utf8(),
        };
        let fits = bytes <= left;
        left = left.saturating_sub(bytes);
        !fits
    });
    over.map_or(text.len(), |(place, _)| place)
}

/// The measurements, which differ from run to run.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// How long the requests took, waiting for the rate included, in milliseconds.
    pub duration_ms: u64,
    /// How many requests were sent.
    pub requests: u64,
    /// The address of the last request, or null through a proxy or without an answer.
    pub address: Option<String>,
}

/// The summary of a completed run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Summary {
    /// How many domains were requested.
    pub domains: u64,
    /// How many domains were skipped, because they did not resolve.
    pub skipped: u64,
    /// How many bytes of pages were read.
    pub bytes: u64,
    /// The number of requested domains by status.
    pub by_status: BTreeMap<String, u64>,
    /// The number of requested domains by detail, without those that are 0.
    #[serde(default)]
    pub by_detail: BTreeMap<String, u64>,
    /// What a person should look at: all domains ended for one reason, which may lie with the proxy or this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

impl Summary {
    /// Warns if all domains ended for one reason that need not lie with them.
    pub(super) fn warn(&mut self) {
        let shared = detail::shared(HttpDetail::ALL, &self.by_detail, self.domains);
        self.warning = shared
            .filter(|detail| detail.need_not_be_the_site_s())
            .map(|detail| {
                let sentence = detail.sentence();
                let advice = match detail.is_of_the_proxy() {
                    true => "Look at the proxy",
                    false => "Look at the HTTP persona and at this machine's connection",
                };
                format!("All {} domains ended alike. {sentence}. {advice}", self.domains)
            });
    }
}

impl Default for Summary {
    fn default() -> Self {
        Self {
            domains: 0,
            skipped: 0,
            bytes: 0,
            by_status: counts(Status::ALL),
            by_detail: BTreeMap::new(),
            warning: None,
        }
    }
}

impl Tally<HttpRecord> for Summary {
    fn count(&mut self, record: Option<&HttpRecord>) {
        match record {
            Some(HttpRecord::Domain(record)) => {
                self.domains += 1;
                self.bytes = self.bytes.saturating_add(record.bytes);
                *self.by_status.entry(record.status.to_string()).or_default() += 1;
                detail::count(&mut self.by_detail, record.detail.as_ref());
            }
            // It counts with its domain.
            Some(HttpRecord::Part(_)) => {}
            None => self.skipped += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phasegate::core::limits::MAX_RECORD_BYTES;

    fn record(text: String) -> Record {
        Record {
            domain: "d.test".to_owned(),
            url: String::new(),
            final_url: String::new(),
            status: Status::Ok,
            detail: None,
            http_status: Some(200),
            content_type: None,
            charset: None,
            redirects: 0,
            title: None,
            text,
            text_truncated: false,
            bytes: 0,
            body_truncated: false,
            persona: String::new(),
            measured: Measured::default(),
        }
    }

    #[test]
    fn a_text_of_any_characters_is_cut_into_records_within_their_limit_and_joins_to_itself() {
        for unit in [
            "a",
            "\"",
            "\\",
            "\u{1}",
            "\u{7f}",
            "\u{20ac}",
            "\u{1f600}",
            "a\u{e9}\"\u{1f600}",
        ] {
            for bytes in [0, 1, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 256 * 1024] {
                let text = unit.repeat(bytes / unit.len());
                let mut joined = String::new();
                for (index, record) in record(text.clone()).in_parts().into_iter().enumerate() {
                    let json = serde_json::to_string(&record).unwrap();
                    assert!(json.len() < MAX_RECORD_BYTES / 2, "{unit:?}: {}", json.len());
                    match record {
                        HttpRecord::Domain(record) => {
                            assert_eq!(index, 0);
                            assert!(!json.contains("\"part\""));
                            joined += &record.text;
                        }
                        HttpRecord::Part(part) => {
                            assert_eq!((part.part, part.domain.as_str()), (index as u64, "d.test"));
                            assert!(!part.text.is_empty());
                            joined += &part.text;
                        }
                    }
                }
                assert!(joined == text, "{unit:?} {bytes}");
            }
        }
    }
}
