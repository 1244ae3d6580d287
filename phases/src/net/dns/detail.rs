//! Why a look-up gave no address: stable words, with a sentence each.

use std::borrow::Cow;

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use serde::{Deserialize, Serialize};

use crate::detail::Detail;

/// The option code of an extended error (RFC 8914, section 2).
const EXTENDED_ERROR: u16 = 15;
/// How many extended errors of an answer are kept, and how many characters of each one's text.
const MAX_ERRORS: usize = 4;
const MAX_TEXT: usize = 200;

phasegate::core::word_type! {
    /// Why a look-up gave no address, or not every address.
    #[non_exhaustive]
    pub enum LookupDetail {
        /// The server says that the name doesn't exist.
        NoSuchName = "no_such_name",
        /// The name exists, and has no address of the types that were asked for.
        NoData = "no_data",
        /// The domain is an alias of a name that doesn't exist.
        AliasToNoSuchName = "alias_to_no_such_name",
        /// The aliases of the domain lead back to one of them.
        AliasLoop = "alias_loop",
        /// The only addresses are of the network 0.0.0.0/8 or `::`, which lead nowhere.
        SinkAddress = "sink_address",
        /// The server forged its answer by a policy (RFC 8914, code 4).
        ForgedAnswer = "forged_answer",
        /// The server's operator blocks the name (RFC 8914, code 15).
        Blocked = "blocked",
        /// An authority demands that the server blocks the name (RFC 8914, code 16).
        Censored = "censored",
        /// The client itself has asked for the name to be blocked (RFC 8914, code 17).
        Filtered = "filtered",
        /// The server only names the servers to be asked instead.
        Referral = "referral",
        /// The server neither answers by its own authority nor resolves names for others.
        EmptyAnswer = "empty_answer",
        /// The server refuses to answer.
        Refused = "refused",
        /// The server refuses to answer this client (RFC 8914, code 18).
        Prohibited = "prohibited",
        /// The server failed.
        ServerFailure = "server_failure",
        /// The domain's signatures can't be validated (RFC 8914, codes 6 to 12).
        DnssecBogus = "dnssec_bogus",
        /// The server reaches none of the domain's own servers (RFC 8914, code 22).
        NoReachableAuthority = "no_reachable_authority",
        /// No server answered in time.
        TimedOut = "timed_out",
        /// More aliases follow each other than are followed.
        AliasChainTooLong = "alias_chain_too_long",
        /// No server can be reached.
        Unreachable = "unreachable",
        /// The server's answer can't be read.
        UnusableAnswer = "unusable_answer",
    }
}

impl LookupDetail {
    /// The word with its sentence.
    pub(crate) fn detail(self) -> Detail<Self> {
        Detail {
            code: self,
            message: Cow::Borrowed(self.sentence()),
        }
    }

    /// The word in a sentence for people.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::NoSuchName => "The domain doesn't exist",
            Self::NoData => "The domain exists and has no address of the types that were asked for",
            Self::AliasToNoSuchName => "The domain is an alias of a name that doesn't exist",
            Self::AliasLoop => "The aliases of the domain form a circle",
            Self::SinkAddress => "The only addresses are 0.0.0.0 or ::, which lead nowhere",
            Self::ForgedAnswer => {
                "The resolver forged its answer by a policy, so nothing is known of the domain"
            }
            Self::Blocked => "The resolver blocks the domain by a policy, so nothing is known of the domain",
            Self::Censored => {
                "The resolver blocks the domain because an authority demands it, so nothing is known of the domain"
            }
            Self::Filtered => {
                "The resolver blocks the domain as its client asked for, so nothing is known of the domain"
            }
            Self::Referral => {
                "The resolver refers to other servers instead of answering: it doesn't resolve names for others"
            }
            Self::EmptyAnswer => "The resolver's answer is empty and of no authority",
            Self::Refused => "The resolver refuses to answer",
            Self::Prohibited => "The resolver refuses to answer this client",
            Self::ServerFailure => "The resolver failed to find out",
            Self::DnssecBogus => "The DNSSEC signatures of the domain are broken",
            Self::NoReachableAuthority => "The resolver reaches none of the domain's own servers",
            Self::TimedOut => "No resolver answered in time",
            Self::AliasChainTooLong => "The chain of aliases is longer than is followed",
            Self::Unreachable => "No resolver can be reached",
            Self::UnusableAnswer => "The resolver's answer can't be read",
        }
    }
}

/// An extended error of an answer (RFC 8914).
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ExtendedError {
    /// The code, as the registry of RFC 8914 lists it.
    pub code: u16,
    /// The server's own words, without control characters; at most 200 characters.
    pub text: String,
}

/// The extended errors of an answer, in its order; at most four.
pub(super) fn extended_errors(answer: &Message) -> Vec<ExtendedError> {
    let Some(edns) = &answer.edns else {
        return Vec::new();
    };
    edns.options()
        .get_all(EdnsCode::from(EXTENDED_ERROR))
        .into_iter()
        .filter_map(|option| match option {
            EdnsOption::Unknown(_, bytes) => extended_error(bytes),
            _ => None,
        })
        .take(MAX_ERRORS)
        .collect()
}

fn extended_error(bytes: &[u8]) -> Option<ExtendedError> {
    let (code, text) = bytes.split_first_chunk()?;
    let text = String::from_utf8_lossy(text);
    Some(ExtendedError {
        code: u16::from_be_bytes(*code),
        text: text
            .chars()
            .filter(|letter| !letter.is_control())
            .take(MAX_TEXT)
            .collect(),
    })
}
