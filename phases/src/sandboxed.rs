//! Pointing personas at a sandbox.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::dns_validation::DNS_PERSONA;
use crate::http_validation::HTTP_PERSONA;

/// Points a persona's document at a sandbox's DNS server and HTTP site. Other documents, and those that are not objects, are
/// returned unchanged.
///
/// A DNS persona then asks only that server. An HTTP persona requests `http` at the site's port, may connect to loopback
/// addresses, and looks up the hosts of redirects at that server. Everything else in the document stays.
#[must_use]
pub fn sandboxed(kind: &str, document: &Value, dns: SocketAddr, http: SocketAddr) -> Value {
    let mut document = document.clone();
    let Some(members) = document.as_object_mut() else {
        return document;
    };
    let resolvers = json!([dns.to_string()]);
    if kind == DNS_PERSONA {
        members.insert("resolvers".to_owned(), resolvers);
    } else if kind == HTTP_PERSONA {
        members.insert("scheme".to_owned(), json!("http"));
        members.insert("port".to_owned(), json!(http.port()));
        members.insert("allowPrivateAddresses".to_owned(), json!(true));
        members.insert("resolvers".to_owned(), resolvers);
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personas_are_pointed_at_the_sandbox_and_all_else_is_kept() {
        let (dns, http) = (
            SocketAddr::from(([127, 0, 0, 1], 53)),
            SocketAddr::from(([127, 0, 0, 1], 80)),
        );
        let document = json!({"resolvers": ["1.1.1.1:53"], "timeoutMs": 5});
        let expected = json!({"resolvers": ["127.0.0.1:53"], "timeoutMs": 5});
        assert_eq!(sandboxed("dns_persona", &document, dns, http), expected);
        let document = json!({"userAgent": "a", "scheme": "https"});
        let expected = json!({
            "userAgent": "a", "scheme": "http", "port": 80, "allowPrivateAddresses": true,
            "resolvers": ["127.0.0.1:53"],
        });
        assert_eq!(sandboxed("http_persona", &document, dns, http), expected);
        let proxy = json!({"host": "proxy.example"});
        assert_eq!(sandboxed("proxy", &proxy, dns, http), proxy);
        assert_eq!(sandboxed("dns_persona", &json!([1]), dns, http), json!([1]));
    }
}
