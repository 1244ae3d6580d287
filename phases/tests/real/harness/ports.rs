//! Ports of loopback that nobody has.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that systems give to clients, so that no connection of a test takes one before its server has it.
const FIRST: u16 = 12_000;
const COUNT: u16 = 18_000;

/// An address on loopback whose port is free for UDP and TCP, and isn't given out twice in this process.
pub fn free() -> SocketAddr {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    // Two processes begin at different places.
    let begin = u16::try_from(std::process::id() * 97 % u32::from(COUNT)).unwrap();
    for _ in 0..COUNT {
        let next = GIVEN.fetch_add(1, Ordering::Relaxed);
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + (begin + next % COUNT) % COUNT));
        if UdpSocket::bind(at).is_ok() && TcpListener::bind(at).is_ok() {
            return at;
        }
    }
    panic!("no port of loopback is free");
}
