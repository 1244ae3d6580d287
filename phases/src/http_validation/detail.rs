//! Why a domain gave no page, or not all of it: stable words, with a sentence each.

use std::borrow::Cow;

use super::record::Status;
use crate::detail::Detail;
use crate::net::dns::LookupDetail;

phasegate::core::word_type! {
    /// Why a domain gave no page, or one without all that belongs to it.
    #[non_exhaustive]
    pub enum HttpDetail {
        /// The site answered with a status of 400 to 499.
        ClientError = "client_error",
        /// The site answered with a status of 500 to 599.
        ServerError = "server_error",
        /// The site answered with another status than one of 200 to 299.
        UnusualStatus = "unusual_status",
        /// The answer may be the proxy's own.
        ProxyOrSite = "proxy_or_site",
        /// A redirect led to a URL that was requested before.
        RedirectLoop = "redirect_loop",
        /// There were more redirects than the persona follows.
        TooManyRedirects = "too_many_redirects",
        /// A redirect led to an unusable URL.
        InvalidRedirect = "invalid_redirect",
        /// A redirect led to a host without an address.
        RedirectUnresolved = "redirect_unresolved",
        /// A redirect led to a host that the resolver gives no answer about.
        RedirectUnknown = "redirect_unknown",
        /// The connection was not made in time.
        ConnectTimeout = "connect_timeout",
        /// The answer did not come in time. Of one that began, what came is kept.
        AnswerTimeout = "answer_timeout",
        /// The proxy did not reach the site in time.
        ProxyTimeout = "proxy_timeout",
        /// The connection was refused.
        ConnectionRefused = "connection_refused",
        /// The connection failed.
        ConnectionFailed = "connection_failed",
        /// This machine has no route to any address of the site, and has one to others.
        NoRoute = "no_route",
        /// The connection through the proxy was closed before an answer.
        ClosedUnanswered = "closed_unanswered",
        /// The proxy can't connect to the site.
        ProxyCantConnect = "proxy_cant_connect",
        /// The proxy doesn't find the site's address.
        ProxyCantResolve = "proxy_cant_resolve",
        /// The proxy refuses to connect to the site.
        ProxyRefused = "proxy_refused",
        /// The proxy gave no usable answer for this site, and does for others.
        ProxyFailed = "proxy_failed",
        /// The site closed the connection before an answer.
        EmptyAnswer = "empty_answer",
        /// The site's certificate has expired.
        CertificateExpired = "certificate_expired",
        /// The site's certificate is not valid yet.
        CertificateNotYetValid = "certificate_not_yet_valid",
        /// The site's certificate is from an issuer that is not trusted, for example from itself.
        CertificateUntrusted = "certificate_untrusted",
        /// The site's certificate is for other names.
        CertificateWrongName = "certificate_wrong_name",
        /// The site's certificate is not accepted for another reason.
        CertificateRejected = "certificate_rejected",
        /// The site has no version of TLS that is still in use.
        TlsVersion = "tls_version",
        /// The site ended the encryption with an alert.
        TlsRefused = "tls_refused",
        /// TLS failed otherwise.
        TlsFailed = "tls_failed",
        /// The answer was not HTTP, or ended within its head.
        InvalidAnswer = "invalid_answer",
        /// The page has an encoding that was not asked for.
        UnknownCoding = "unknown_coding",
        /// The page doesn't have the encoding that the answer names.
        WrongCoding = "wrong_coding",
        /// The page ended early, or did not end in time. What came of it is kept.
        CutShort = "cut_short",
        /// The answer is of a kind without text.
        NoText = "no_text",
        /// The page asks the browser to go on to another address, which is not followed.
        Refresh = "refresh",
        /// The site sends bytes before it is asked.
        SpokeFirst = "spoke_first",
        /// The address is private, loopback, link-local or reserved.
        ForbiddenAddress = "forbidden_address",
        /// The domain makes no valid URL.
        InvalidUrl = "invalid_url",
    }
}

impl HttpDetail {
    /// The word in a sentence for people.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::ClientError => "The site refuses the request",
            Self::ServerError => "The site failed",
            Self::UnusualStatus => "The site answers with neither a page nor an error",
            Self::ProxyOrSite => {
                "The answer may be the proxy's own and not the site's: it can't be told apart"
            }
            Self::RedirectLoop => "The redirects of the site form a circle",
            Self::TooManyRedirects => "There are more redirects than the persona follows",
            Self::InvalidRedirect => "A redirect leads to an unusable URL",
            Self::RedirectUnresolved => "A redirect leads to a host without an address",
            Self::RedirectUnknown => "A redirect leads to a host that nothing was learned about",
            Self::ConnectTimeout => "The connection was not made in time",
            Self::AnswerTimeout => "The answer did not come in time",
            Self::ProxyTimeout => "The proxy did not reach the site in time",
            Self::ConnectionRefused => "The site refuses the connection",
            Self::ConnectionFailed => "The connection to the site failed",
            Self::NoRoute => {
                "This machine has no route to the addresses of the site, such as IPv6 ones, so nothing is known of it"
            }
            Self::ClosedUnanswered => "The connection through the proxy was closed before an answer",
            Self::ProxyCantConnect => "The proxy can't connect to the site",
            Self::ProxyCantResolve => "The proxy doesn't find the site's address",
            Self::ProxyRefused => "The proxy refuses to connect to the site, so nothing is known of it",
            Self::ProxyFailed => "The proxy ends the connection for this site, so nothing is known of it",
            Self::EmptyAnswer => "The site closes the connection without an answer",
            Self::CertificateExpired => "The site's certificate has expired",
            Self::CertificateNotYetValid => "The site's certificate is not valid yet",
            Self::CertificateUntrusted => {
                "The site's certificate is from an issuer that is not trusted, for example from itself"
            }
            Self::CertificateWrongName => "The site's certificate is for other names",
            Self::TlsVersion => "The site has no version of TLS that is still in use: 1.2 or 1.3",
            Self::TlsRefused => "The site refuses the encryption with an alert",
            Self::CertificateRejected => "The site's certificate is not accepted",
            Self::TlsFailed => "The encryption of the connection failed",
            Self::InvalidAnswer => "The answer is not HTTP, or ended within its head",
            Self::UnknownCoding => "The page has an encoding that was not asked for",
            Self::WrongCoding => "The page doesn't have the encoding that the answer names",
            Self::CutShort => "The page was cut short, and what came of it is kept",
            Self::NoText => "The answer is of a kind without text",
            Self::Refresh => "The page asks to go on to another address, which is not followed",
            Self::SpokeFirst => "The site sends bytes before it is asked",
            Self::ForbiddenAddress => {
                "The address is not of the public Internet, and the persona doesn't allow such addresses"
            }
            Self::InvalidUrl => "The domain makes no valid URL",
        }
    }

    /// The reason for an answer without a page.
    pub(super) fn of_status(status: u16) -> Self {
        match status {
            400..=499 => Self::ClientError,
            500..=599 => Self::ServerError,
            _ => Self::UnusualStatus,
        }
    }

    /// Whether it is a matter of the proxy and not of the site.
    pub(super) fn is_of_the_proxy(self) -> bool {
        matches!(
            self,
            Self::ProxyOrSite
                | Self::ProxyTimeout
                | Self::ProxyCantConnect
                | Self::ProxyCantResolve
                | Self::ProxyRefused
                | Self::ProxyFailed
                | Self::ClosedUnanswered
        )
    }

    /// Whether it is known before any request is sent.
    pub(super) fn is_without_request(self) -> bool {
        matches!(
            self,
            Self::ForbiddenAddress | Self::InvalidUrl | Self::RedirectUnresolved | Self::RedirectUnknown
        )
    }

    /// Whether it may be a matter of the means where every site is said to have it.
    pub(super) fn need_not_be_the_site_s(self) -> bool {
        self.is_of_the_proxy()
            || matches!(
                self,
                Self::ConnectTimeout
                    | Self::AnswerTimeout
                    | Self::ConnectionRefused
                    | Self::ConnectionFailed
                    | Self::NoRoute
                    | Self::RedirectUnknown
                    | Self::EmptyAnswer
                    | Self::CertificateExpired
                    | Self::CertificateNotYetValid
                    | Self::CertificateUntrusted
                    | Self::CertificateWrongName
                    | Self::CertificateRejected
                    | Self::TlsVersion
                    | Self::TlsRefused
                    | Self::TlsFailed
                    | Self::InvalidAnswer
                    | Self::ForbiddenAddress
            )
    }

    /// The word with its sentence.
    pub(super) fn detail(self) -> Detail<Self> {
        Detail {
            code: self,
            message: Cow::Borrowed(self.sentence()),
        }
    }

    /// The word with its sentence, and what the system, the proxy or the site says of it.
    pub(super) fn with(self, said: impl std::fmt::Display) -> Detail<Self> {
        let said = said.to_string();
        let short: String = said
            .chars()
            .filter(|letter| !letter.is_control())
            .take(200)
            .collect();
        Detail {
            code: self,
            message: Cow::Owned(format!("{}: {short}", self.sentence())),
        }
    }
}

/// How the request of a site failed.
#[derive(Clone, Debug)]
pub(crate) struct SiteFailure {
    pub(crate) status: Status,
    pub(crate) detail: Detail<HttpDetail>,
}

impl From<HttpDetail> for SiteFailure {
    fn from(detail: HttpDetail) -> Self {
        Self {
            status: detail.status(),
            detail: detail.detail(),
        }
    }
}

impl HttpDetail {
    /// The failure for this reason, with what the system, the proxy or the site says of it.
    pub(super) fn failure(self, said: impl std::fmt::Display) -> SiteFailure {
        SiteFailure {
            status: self.status(),
            detail: self.with(said),
        }
    }

    /// The status of a domain for this reason.
    pub(super) fn status(self) -> Status {
        match self {
            Self::ClientError | Self::ServerError | Self::UnusualStatus | Self::ProxyOrSite => {
                Status::HttpError
            }
            Self::RedirectLoop => Status::RedirectLoop,
            Self::TooManyRedirects => Status::TooManyRedirects,
            Self::InvalidRedirect => Status::InvalidRedirect,
            Self::RedirectUnresolved | Self::RedirectUnknown => Status::RedirectUnresolved,
            Self::ConnectTimeout | Self::AnswerTimeout | Self::ProxyTimeout => Status::TimedOut,
            Self::ConnectionRefused => Status::ConnectionRefused,
            Self::ConnectionFailed
            | Self::NoRoute
            | Self::ClosedUnanswered
            | Self::ProxyCantConnect
            | Self::ProxyCantResolve
            | Self::SpokeFirst => Status::ConnectionFailed,
            Self::ProxyRefused | Self::ProxyFailed => Status::ProxyRefused,
            Self::CertificateExpired
            | Self::CertificateNotYetValid
            | Self::CertificateUntrusted
            | Self::CertificateWrongName
            | Self::CertificateRejected
            | Self::TlsVersion
            | Self::TlsRefused
            | Self::TlsFailed => Status::TlsError,
            Self::InvalidAnswer | Self::EmptyAnswer | Self::UnknownCoding | Self::WrongCoding => {
                Status::InvalidResponse
            }
            Self::CutShort | Self::NoText | Self::Refresh => Status::Ok,
            Self::ForbiddenAddress => Status::ForbiddenAddress,
            Self::InvalidUrl => Status::InvalidUrl,
        }
    }

    /// The failure of a redirect whose host has no address for this reason.
    pub(super) fn of_redirect(lookup: LookupDetail) -> SiteFailure {
        match lookup.is_decisive() {
            true => Self::RedirectUnresolved.failure(lookup.sentence()),
            false => Self::RedirectUnknown.failure(lookup.sentence()),
        }
    }
}
