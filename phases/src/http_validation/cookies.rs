//! The cookies of one visit. Some sites answer only who comes back with the one that they have set.

use cookie_store::CookieStore;
use url::Url;

/// How many cookies a visit keeps, and how long each may be, in bytes (RFC 6265, section 6.1).
const MOST: usize = 50;
const MAX_COOKIE: usize = 4_096;

/// The cookies that the answers of a visit have set.
#[derive(Debug, Default)]
pub(super) struct Cookies {
    store: CookieStore,
}

impl Cookies {
    /// Keeps what an answer from `url` has set. What `url` may not set is passed over.
    pub(super) fn learn(&mut self, said: &[String], url: &Url) {
        for cookie in said {
            if cookie.len() <= MAX_COOKIE && self.store.iter_any().count() < MOST {
                // A cookie that can't be read is none.
                let _ = self.store.parse(cookie, url);
            }
        }
    }

    /// The value of the header for a request of `url`; `None` if there is nothing to say.
    pub(super) fn of(&self, url: &Url) -> Option<String> {
        let mut pairs: Vec<_> = self
            .store
            .get_request_values(url)
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.sort();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(set: &[&str], from: &str, to: &str) -> Option<String> {
        let mut cookies = Cookies::default();
        let set: Vec<_> = set.iter().map(|cookie| (*cookie).to_owned()).collect();
        cookies.learn(&set, &from.parse().unwrap());
        cookies.of(&to.parse().unwrap())
    }

    #[test]
    fn a_cookie_goes_to_whom_it_is_for() {
        let site = "http://a.test/";
        assert_eq!(
            sent(&["b=2", "a=1; Path=/"], site, site).as_deref(),
            Some("a=1; b=2")
        );
        assert_eq!(
            sent(&["a=1; Domain=a.test"], "http://a.test/", "http://www.a.test/x").as_deref(),
            Some("a=1")
        );
        for (set, from, to) in [
            ("a=1", "http://a.test/", "http://b.test/"),
            ("a=1", "http://a.test/", "http://www.a.test/"),
            ("a=1; Path=/shop", "http://a.test/shop", "http://a.test/"),
            ("a=1; Secure", "https://a.test/", "http://a.test/"),
            ("a=1; Domain=b.test", "http://a.test/", "http://b.test/"),
            ("a=1; Max-Age=0", "http://a.test/", "http://a.test/"),
            ("nothing", "http://a.test/", "http://a.test/"),
        ] {
            assert_eq!(sent(&[set], from, to), None, "{set} from {from} to {to}");
        }
    }

    #[test]
    fn the_cookies_of_a_visit_are_bounded() {
        let many: Vec<_> = (0..1_000).map(|n| format!("c{n}=1")).collect();
        let url = "http://a.test/".parse().unwrap();
        let mut cookies = Cookies::default();
        cookies.learn(&many, &url);
        cookies.learn(&[format!("long={}", "x".repeat(MAX_COOKIE))], &url);
        assert_eq!(cookies.of(&url).unwrap().split("; ").count(), MOST);
    }
}
