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
}

/// Returns the zone's answer for `name`. The name may have any letter case, and a dot at its end.
pub fn answer(name: &str) -> Answer {
    let name = canonical(name);
    if !is_ours(&name) {
        return Answer::NotOurs;
    }
    match Digest::of("zone", without_www(&name)).draw(0, 100) {
        0..63 => Answer::Address(SITE_ADDRESS),
        63..70 => Answer::Address(REFUSING_ADDRESS),
        70..95 => Answer::NoSuchName,
        95..98 => Answer::ServerFailure,
        _ => Answer::Silent,
    }
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
