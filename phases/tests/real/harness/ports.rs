//! Ports of loopback that nobody has.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Below the ports that systems give to clients, so that no connection of a test takes one before its server has it.
const FIRST: u16 = 12_000;
const COUNT: u16 = 18_000;

/// Waits until no port is being tried and no process is being started, and keeps it so. A process that begins has, for a moment,
/// the sockets of the one that starts it: a port that is tried then would not be free again at once.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An address on loopback whose port is free for UDP and TCP, and isn't given out twice in this process.
pub fn free() -> SocketAddr {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    // Two processes begin at different places.
    let begin = u16::try_from(std::process::id() * 97 % u32::from(COUNT)).unwrap();
    let _alone = alone();
    for _ in 0..COUNT {
        let next = GIVEN.fetch_add(1, Ordering::Relaxed);
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + (begin + next % COUNT) % COUNT));
        if UdpSocket::bind(at).is_ok() && TcpListener::bind(at).is_ok() {
            return at;
        }
    }
    panic!("no port of loopback is free");
}
