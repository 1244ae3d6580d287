//! The records and the summary of HTTP validation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::detail::HttpDetail;
use crate::detail::{self, Detail};
use crate::ordered::Tally;
use crate::persona::counts;

/// The most text of a record, in bytes.
const MAX_TEXT: usize = 16 * 1024;

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
        /// The answer did not come, or did not end, in time.
        TimedOut = "timed_out",
        /// The connection was refused.
        ConnectionRefused = "connection_refused",
        /// The connection failed.
        ConnectionFailed = "connection_failed",
        /// The proxy refuses to connect to the site, which claims nothing of the site.
        ProxyRefused = "proxy_refused",
        /// TLS failed, for example because of an untrusted certificate.
        TlsError = "tls_error",
        /// The answer was not HTTP, ended early, or has an encoding that was not asked for.
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
    /// The last requested URL, after redirects.
    pub final_url: String,
    /// How it ended.
    pub status: Status,
    /// Why there is no page, or null when there is one.
    pub detail: Option<Detail<HttpDetail>>,
    /// The status of the last answer, or null when there was none.
    pub http_status: Option<u16>,
    /// How many redirects were followed.
    pub redirects: u64,
    /// The page's title, or null when it has none; at most 512 bytes.
    pub title: Option<String>,
    /// The page's visible text, white space joined; at most 16 KiB. Empty unless the status is `ok`.
    pub text: String,
    /// Whether there was more text.
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

impl Tally<Record> for Summary {
    fn count(&mut self, record: Option<&Record>) {
        match record {
            Some(record) => {
                self.domains += 1;
                self.bytes = self.bytes.saturating_add(record.bytes);
                *self.by_status.entry(record.status.to_string()).or_default() += 1;
                detail::count(&mut self.by_detail, record.detail.as_ref());
            }
            None => self.skipped += 1,
        }
    }
}

/// Cuts a text to what a record may have, at a character, and tells whether there was more.
pub(super) fn cut(text: &mut String) -> bool {
    let is_long = text.len() > MAX_TEXT;
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    is_long
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_s_text_is_cut_at_a_character() {
        let mut short = "a".repeat(MAX_TEXT);
        assert!(!cut(&mut short) && short.len() == MAX_TEXT);
        let mut long = "\u{20ac}".repeat(MAX_TEXT);
        assert!(cut(&mut long));
        assert_eq!(long.len(), MAX_TEXT / 3 * 3);
    }
}
