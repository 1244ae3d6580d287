//! The sandbox as its users meet it: what is expected comes from the pure modules, what happens from the servers.

mod client;
mod dns;
mod http;
mod proxies;
mod shares;
mod start_and_stop;
