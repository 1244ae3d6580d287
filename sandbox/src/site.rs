//! The behaviour of the HTTP site: a pure function of the host name.
//!
//! | share of the names that resolve | behaviour |
//! |---|---|
//! | 55 % | a page |
//! | 15 % | a redirect: 7 % to `/home`, 6 % to `www.NAME`, 2 % in a circle |
//! | 5 % | a page after [`SLOW_DELAY_MS`] |
//! | 8 % | an error status: 4 % 404, 2 % 500, 2 % 503 |
//! | 7 % | broken: 3 % a body cut short, 2 % bytes that aren't HTTP, 2 % closed without an answer |
//! | 10 % | the connection is refused |
//!
//! Half of all pages contain [`KEYWORD`], one to nine times. A `www.` name has a page if its parent resolves to the
//! site.
//!
//! Pages are at the paths `/` and [`HOME_PATH`]; a host that redirects to itself has its page only at the latter. Other
//! paths of these hosts are a 404. All other behaviours apply to every path of a host.

use crate::digest::Digest;
use crate::page;
use crate::zone::{self, Answer};

/// The word to look for in pages. It occurs only in visible text, in lower case, as a word of its own.
pub const KEYWORD: &str = "phasegate";

/// How long a slow host waits before it sends its page, in milliseconds.
pub const SLOW_DELAY_MS: u64 = 300;

/// The path of the page of a host that redirects to itself.
pub const HOME_PATH: &str = "/home";

/// What happens to a client that asks a host for `/`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Behaviour {
    /// Status 200 and a page that contains [`KEYWORD`] `mentions` times.
    Page {
        /// 0 to 9.
        mentions: u32,
    },
    /// Status 301 or 302.
    Redirect(Redirect),
    /// As [`Page`](Self::Page), after `delay_ms` milliseconds.
    Slow {
        /// Milliseconds before the first byte of the answer.
        delay_ms: u64,
        /// 0 to 9.
        mentions: u32,
    },
    /// A status other than 200, with a short text that doesn't contain [`KEYWORD`].
    Error {
        /// 404, 500 or 503.
        status: u16,
    },
    /// An answer that is not valid HTTP.
    Broken(Breakage),
    /// No connection: nothing listens at the name's address.
    Refused,
    /// The name has no address. The site itself answers 421 for it.
    Unknown,
}

/// Where a redirect leads.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Redirect {
    /// 302 to a page at [`HOME_PATH`] on the same host.
    Home {
        /// How often the page there contains [`KEYWORD`], 0 to 9.
        mentions: u32,
    },
    /// 301 to a page at `http://www.NAME/`, with the port of the request.
    Www {
        /// How often the page there contains [`KEYWORD`], 0 to 9.
        mentions: u32,
    },
    /// 302 from `/` to [`HOME_PATH`], and from there back to `/`.
    Circle,
}

/// How an answer is broken. In each case the connection is closed afterwards.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Breakage {
    /// A head with status 200 and `Content-Length`, then the first half of that many bytes.
    CutShort,
    /// Bytes that don't begin an HTTP response.
    Garbage,
    /// No byte at all.
    Empty,
}

/// Returns what happens to a client that asks `name` for `/`. The name may have any letter case, and a dot at its end.
pub fn behaviour(name: &str) -> Behaviour {
    let name = zone::canonical(name);
    match zone::answer(&name) {
        Answer::Address(zone::SITE_ADDRESS) | Answer::Throttled => {}
        Answer::Address(_) => return Behaviour::Refused,
        _ => return Behaviour::Unknown,
    }
    let digest = Digest::of("site", &name);
    let mentions = match digest.draw(1, 2) {
        0 => 0,
        _ => 1 + digest.draw(2, 9) as u32,
    };
    if zone::is_www(&name) {
        return Behaviour::Page { mentions };
    }
    // Of 90 and not of 100: the zone has dealt the ten that refuse.
    match digest.draw(0, 90) {
        0..55 => Behaviour::Page { mentions },
        55..62 => Behaviour::Redirect(Redirect::Home { mentions }),
        62..68 => Behaviour::Redirect(www_redirect(&name)),
        68..70 => Behaviour::Redirect(Redirect::Circle),
        70..75 => Behaviour::Slow {
            delay_ms: SLOW_DELAY_MS,
            mentions,
        },
        75..79 => Behaviour::Error { status: 404 },
        79..81 => Behaviour::Error { status: 500 },
        81..83 => Behaviour::Error { status: 503 },
        83..86 => Behaviour::Broken(Breakage::CutShort),
        86..88 => Behaviour::Broken(Breakage::Garbage),
        _ => Behaviour::Broken(Breakage::Empty),
    }
}

/// Returns how often [`KEYWORD`] occurs in the page that a client reaches when it asks `name` for `/` and follows
/// redirects; `None` if it reaches no page with status 200.
pub fn mentions(name: &str) -> Option<u32> {
    match behaviour(name) {
        Behaviour::Page { mentions }
        | Behaviour::Slow { mentions, .. }
        | Behaviour::Redirect(Redirect::Home { mentions } | Redirect::Www { mentions }) => Some(mentions),
        Behaviour::Redirect(Redirect::Circle)
        | Behaviour::Error { .. }
        | Behaviour::Broken(_)
        | Behaviour::Refused
        | Behaviour::Unknown => None,
    }
}

/// Returns the page of the host `name`: an HTML document of 0.5 to 4 KiB. It never contains the host's name.
///
/// For a name without a page this is the text it would have, without [`KEYWORD`]. The same holds for a name that redirects to
/// `www.NAME`: the page with the mentions is `page("www.NAME")`.
pub fn page(name: &str) -> String {
    let name = zone::canonical(name);
    let mentions = match behaviour(&name) {
        Behaviour::Redirect(Redirect::Www { .. }) => 0,
        _ => mentions(&name).unwrap_or(0),
    };
    page::render(&name, mentions)
}

fn www_redirect(name: &str) -> Redirect {
    let mentions =
        mentions(&www(name)).expect("a www name has a page wherever its parent resolves to the site");
    Redirect::Www { mentions }
}

/// Returns the canonical `name` with `www.` before it.
pub(crate) fn www(name: &str) -> String {
    format!("www.{name}")
}
