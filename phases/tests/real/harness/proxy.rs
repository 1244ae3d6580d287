//! Proxies as resources.

use std::net::SocketAddr;

use serde_json::{Value, json};

pub fn http(at: SocketAddr) -> Value {
    document("http", at)
}

pub fn socks5(at: SocketAddr) -> Value {
    document("socks5", at)
}

/// The same proxy with a user and a password.
pub fn with_password(mut proxy: Value, user: &str, password: &str) -> Value {
    proxy["username"] = json!(user);
    proxy["password"] = json!(password);
    proxy
}

fn document(protocol: &str, at: SocketAddr) -> Value {
    json!({"protocol": protocol, "host": at.ip().to_string(), "port": at.port()})
}
