//! Tells a machine that has no network from a site that can't be reached.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::fatal_error::FatalError;

/// How long a run waits for a network.
const MAX_OUTAGE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(500);
/// Addresses of no host (RFC 5737, RFC 3849), which only a route to everywhere leads to.
const ELSEWHERE: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];

/// The ways of this machine to others.
#[derive(Debug)]
pub(crate) struct Uplink {
    reached: Mutex<Option<Instant>>,
    has_route: fn(SocketAddr) -> bool,
}

/// Why no connection could be made, as the routes tell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unreached {
    /// There is a way, so it is a matter of the site or of the network between.
    OfTheSite,
    /// This machine has no way to the site, and has one to others.
    NoRoute,
    /// This machine had no network, and has one again.
    Again,
}

impl Default for Uplink {
    fn default() -> Self {
        Self {
            reached: Mutex::new(None),
            has_route,
        }
    }
}

impl Uplink {
    /// Takes note that a site was reached.
    pub(crate) fn reached(&self) {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn was_reached_since(&self, time: Instant) -> bool {
        let reached = *self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        reached.is_some_and(|reached| reached > time)
    }

    /// Finds out why none of the addresses was reached; waits while this machine has no network, and fails if that lasts.
    pub(crate) async fn judge(&self, addresses: &[SocketAddr]) -> Result<Unreached, FatalError> {
        let is_routed = || addresses.iter().copied().any(self.has_route);
        if is_routed() {
            return Ok(Unreached::OfTheSite);
        }
        let begun = Instant::now();
        while begun.elapsed() < MAX_OUTAGE {
            let elsewhere = |address| (self.has_route)(SocketAddr::new(address, 80));
            // One without a way to everywhere may still have one to some.
            if ELSEWHERE.into_iter().any(elsewhere) || self.was_reached_since(begun) {
                return Ok(Unreached::NoRoute);
            }
            sleep(PAUSE).await;
            if is_routed() {
                return Ok(Unreached::Again);
            }
        }
        Err(FatalError::NoNetwork)
    }
}

/// Whether the system has a route to an address. Connecting a UDP socket looks for one, and sends nothing.
fn has_route(address: SocketAddr) -> bool {
    let any = match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let connected = UdpSocket::bind(any).and_then(|socket| socket.connect(address));
    !connected.is_err_and(|error| is_unrouted(&error))
}

/// Whether an error says that there is no route, or that this machine doesn't have the kind of address.
fn is_unrouted(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::Unsupported
    ) || matches!(error.raw_os_error(), Some(97 | 47 | 10_047)) // EAFNOSUPPORT
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn site(address: &str) -> [SocketAddr; 1] {
        [address.parse().unwrap()]
    }

    fn uplink(has_route: fn(SocketAddr) -> bool) -> Uplink {
        Uplink {
            reached: Mutex::default(),
            has_route,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_site_that_there_is_a_way_to_is_the_cause_itself() {
        let judged = uplink(|_| true).judge(&site("198.51.100.1:80")).await;
        assert_eq!(judged, Ok(Unreached::OfTheSite));
        let judged = Uplink::default().judge(&site("127.0.0.1:80")).await;
        assert_eq!(judged, Ok(Unreached::OfTheSite));
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_with_one_kind_of_addresses_lacks_no_network() {
        let (old, new) = (uplink(|to| to.is_ipv4()), uplink(|to| to.is_ipv6()));
        let begun = Instant::now();
        let judged = old.judge(&site("[2001:db8::7]:80")).await;
        assert_eq!(judged, Ok(Unreached::NoRoute));
        let judged = new.judge(&site("198.51.100.1:80")).await;
        assert_eq!(judged, Ok(Unreached::NoRoute));
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_without_a_network_waits_and_fails_the_run() {
        let begun = Instant::now();
        let judged = uplink(|_| false).judge(&site("198.51.100.1:80")).await;
        assert_eq!(judged, Err(FatalError::NoNetwork));
        assert!(begun.elapsed() >= MAX_OUTAGE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_that_comes_back_is_used_again() {
        static ASKED: AtomicU32 = AtomicU32::new(0);
        let uplink = uplink(|address| {
            let is_site = address.ip() == IpAddr::from([198, 51, 100, 1]);
            is_site && ASKED.fetch_add(1, Ordering::Relaxed) > 5
        });
        let judged = uplink.judge(&site("198.51.100.1:80")).await;
        assert_eq!(judged, Ok(Unreached::Again));
    }

    #[tokio::test(start_paused = true)]
    async fn where_others_are_reached_meanwhile_the_site_has_no_route() {
        let uplink = uplink(|_| false);
        let reached = async {
            sleep(Duration::from_secs(3)).await;
            uplink.reached();
        };
        let judged = async { uplink.judge(&site("198.51.100.1:80")).await };
        assert_eq!(tokio::join!(judged, reached).0, Ok(Unreached::NoRoute));
    }
}
