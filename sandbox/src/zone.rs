//! The answers of the DNS server: a pure function of the name.
//!
//! | share of names | answer |
//! |---|---|
//! | 63 % | [`SITE_ADDRESS`], where the site listens |
//! | 7 % | [`REFUSING_ADDRESS`], where nothing listens |
//! | 25 % | no such name |
//! | 3 % | server failure |
//! | 2 % | silence: the query times out |
//!
//! `www.NAME` is answered as `NAME`. All other names are independent of each other, `a.b.test` of `b.test` for example.
//!
//! Names below `SITUATION.situation.test` meet a resolver that is not itself, of a kind that is hard to set up elsewhere:
//!
//! | situation | answer |
//! |---|---|
//! | `forged` | [`SITE_ADDRESS`], marked as forged (RFC 8914, code 4) |
//! | `censored`, `filtered` | no such name, marked as censored (code 16) or filtered (code 17) |
//! | `prohibited` | a refusal of this client (code 18) |
//! | `sink` | 0.0.0.0 |
//! | `referral` | the servers to be asked instead |
//! | `throttled` | [`SITE_ADDRESS`], for [`THROTTLED_PER_SECOND`] queries a second; a refusal of all others |

use std::net::Ipv4Addr;

use crate::digest::Digest;

/// The reserved top-level domain (RFC 2606) that the zone answers for.
pub const TOP_LEVEL_DOMAIN: &str = "test";

/// How long a client may keep an answer, in seconds.
pub const TTL_SECONDS: u32 = 60;

/// The address of every name whose HTTP site exists.
pub const SITE_ADDRESS: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// The address of every name that refuses HTTP connections: loopback, with no listener on the site's port.
pub const REFUSING_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// How many queries for throttled names the server answers in a second.
pub const THROTTLED_PER_SECOND: u32 = 20;

/// Where the names of the situations are: a label of its own before [`TOP_LEVEL_DOMAIN`].
const SITUATION: &str = "situation";

/// What the DNS server does with a query for a name's address.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Answer {
    /// One A record. The name has no records of other types.
    Address(Ipv4Addr),
    /// `NXDOMAIN`.
    NoSuchName,
    /// `SERVFAIL`.
    ServerFailure,
    /// No answer: the client runs into its timeout.
    Silent,
    /// `REFUSED`: the name is not under [`TOP_LEVEL_DOMAIN`].
    NotOurs,
    /// [`SITE_ADDRESS`] with an extended error of RFC 8914, by which the server says that it made the answer up.
    Forged,
    /// `NXDOMAIN` with this extended error of RFC 8914, by which the server says that it blocks the name.
    Blocked(u16),
    /// `REFUSED` with an extended error of RFC 8914, by which the server says that it doesn't serve this client.
    Prohibited,
    /// The address 0.0.0.0.
    Sink,
    /// The servers of the name's zone, and no answer.
    Referral,
    /// [`SITE_ADDRESS`] for [`THROTTLED_PER_SECOND`] queries a second, and `REFUSED` for all others.
    Throttled,
}

/// Returns the zone's answer for `name`. The name may have any letter case, and a dot at its end.
pub fn answer(name: &str) -> Answer {
    let name = canonical(name);
    if !is_ours(&name) {
        return Answer::NotOurs;
    }
    if let Some(answer) = situation(&name) {
        return answer;
    }
    match Digest::of("zone", without_www(&name)).draw(0, 100) {
        0..63 => Answer::Address(SITE_ADDRESS),
        63..70 => Answer::Address(REFUSING_ADDRESS),
        70..95 => Answer::NoSuchName,
        95..98 => Answer::ServerFailure,
        _ => Answer::Silent,
    }
}

/// The answer for a name below a situation.
fn situation(name: &str) -> Option<Answer> {
    let below = name.strip_suffix(TOP_LEVEL_DOMAIN)?.strip_suffix('.')?;
    let below = below.strip_suffix(SITUATION)?.strip_suffix('.')?;
    let (_, situation) = below.rsplit_once('.')?;
    Some(match situation {
        "forged" => Answer::Forged,
        "censored" => Answer::Blocked(16),
        "filtered" => Answer::Blocked(17),
        "prohibited" => Answer::Prohibited,
        "sink" => Answer::Sink,
        "referral" => Answer::Referral,
        "throttled" => Answer::Throttled,
        _ => return None,
    })
}

/// Returns `name` in lower case and without the dot at its end: all spellings of a name are one name.
pub(crate) fn canonical(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Whether the canonical `name` is `www.` before another name of the zone.
pub(crate) fn is_www(name: &str) -> bool {
    name.strip_prefix("www.").is_some_and(is_ours)
}

fn without_www(mut name: &str) -> &str {
    while let Some(parent) = name.strip_prefix("www.").filter(|parent| is_ours(parent)) {
        name = parent;
    }
    name
}

fn is_ours(name: &str) -> bool {
    name.strip_suffix(TOP_LEVEL_DOMAIN)
        .and_then(|rest| rest.strip_suffix('.'))
        .is_some_and(|labels| labels.split('.').all(|label| !label.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_answered_alike_in_every_spelling() {
        for index in 0..200 {
            let name = format!("name{index}.test");
            assert_eq!(answer(&name), answer(&name.to_uppercase()));
            assert_eq!(answer(&name), answer(&format!("{name}.")));
        }
    }

    #[test]
    fn a_www_name_is_answered_as_its_parent() {
        for index in 0..200 {
            let name = format!("name{index}.test");
            assert_eq!(answer(&format!("www.{name}")), answer(&name));
            assert_eq!(answer(&format!("WWW.www.{name}")), answer(&name));
        }
    }

    #[test]
    fn a_situation_holds_for_every_name_below_it() {
        for (situation, expected) in [
            ("forged", Answer::Forged),
            ("censored", Answer::Blocked(16)),
            ("filtered", Answer::Blocked(17)),
            ("prohibited", Answer::Prohibited),
            ("sink", Answer::Sink),
            ("referral", Answer::Referral),
            ("throttled", Answer::Throttled),
        ] {
            assert_eq!(answer(&format!("shop.{situation}.situation.test")), expected);
            assert_eq!(
                answer(&format!("WWW.a.shop.{situation}.Situation.test.")),
                expected
            );
        }
        for plain in [
            "shop.unknown.situation.test",
            "sink.situation.test",
            "shop.sink.test",
        ] {
            assert_ne!(answer(plain), Answer::Sink, "{plain}");
        }
    }

    #[test]
    fn only_names_under_the_top_level_domain_are_ours() {
        for name in [
            "",
            ".",
            "test",
            "test.",
            ".test",
            "a..test",
            "example.com",
            "a.test.com",
            "contest",
            "a-test",
        ] {
            assert_eq!(answer(name), Answer::NotOurs, "{name:?}");
        }
        assert_ne!(answer("www.test"), Answer::NotOurs);
        assert_ne!(answer("a.b.c.test"), Answer::NotOurs);
    }
}
