//! What HTTP validation says of a domain, and of all of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ordered::Tally;
use crate::persona::counts;

phasegate::core::word_type! {
    /// How requesting a domain ended.
    #[non_exhaustive]
    pub enum Status {
        /// A page: a status of 200 to 299.
        Ok = "ok",
        /// An answer with another status, which `httpStatus` tells. Through an HTTP proxy it may be the proxy's, unless
        /// its answer says so (`Proxy-Status`, RFC 9209).
        HttpError = "http_error",
        /// A redirect led to a place where it had been already.
        RedirectLoop = "redirect_loop",
        /// There were more redirects than the persona follows.
        TooManyRedirects = "too_many_redirects",
        /// A redirect led to what is no usable HTTP address.
        InvalidRedirect = "invalid_redirect",
        /// A redirect led to a host without an address.
        RedirectUnresolved = "redirect_unresolved",
        /// There was no answer, or no end of it, in time.
        TimedOut = "timed_out",
        /// The connection was refused.
        ConnectionRefused = "connection_refused",
        /// The connection failed.
        ConnectionFailed = "connection_failed",
        /// TLS failed, such as for a certificate that nobody known vouches for.
        TlsError = "tls_error",
        /// The answer was no HTTP, ended early, or is encoded in a way that nobody asked for.
        InvalidResponse = "invalid_response",
        /// The address is private, loopback, link-local or reserved, and the persona doesn't allow those.
        ForbiddenAddress = "forbidden_address",
        /// The domain can't stand in a URL.
        InvalidUrl = "invalid_url",
    }
}

/// A domain that was requested.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The domain.
    pub domain: String,
    /// What was requested at first.
    pub url: String,
    /// What was requested at last, after redirects.
    pub final_url: String,
    /// How it ended.
    pub status: Status,
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
    /// What differs from run to run.
    pub measured: Measured,
}

/// What differs from run to run.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// How long all of it took, waiting for the rate included, in milliseconds.
    pub duration_ms: u64,
    /// How many requests were sent.
    pub requests: u64,
    /// The address that the last request went to, or null through a proxy or where it got no answer.
    pub address: Option<String>,
}

/// What is said of a completed run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Summary {
    /// How many domains were requested.
    pub domains: u64,
    /// How many domains were not, because they did not resolve.
    pub skipped: u64,
    /// How many bytes of pages were read.
    pub bytes: u64,
    /// How many of the requested domains ended how.
    pub by_status: BTreeMap<String, u64>,
}

impl Default for Summary {
    fn default() -> Self {
        Self {
            domains: 0,
            skipped: 0,
            bytes: 0,
            by_status: counts(Status::ALL),
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
            }
            None => self.skipped += 1,
        }
    }
}
