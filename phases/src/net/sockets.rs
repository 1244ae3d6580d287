//! Tells whether this machine is the cause of a missing socket.

use std::io;
use std::net::SocketAddr;

/// Whether this machine has no room for one more connection to any of `peers`.
pub(crate) fn are_used_up(error: &io::Error, peers: &[SocketAddr]) -> bool {
    let no_file = match error.raw_os_error() {
        Some(code) if cfg!(unix) => matches!(code, 23 | 24), // ENFILE, EMFILE
        Some(code) => code == 10_024,                        // WSAEMFILE
        None => false,
    };
    match error.kind() {
        _ if no_file => true,
        // No port is asked for here, so all are in use.
        io::ErrorKind::AddrInUse => true,
        // It is also the error for IPv6 where that is switched off, and on some systems for port 0.
        io::ErrorKind::AddrNotAvailable => {
            !peers.is_empty() && peers.iter().all(|peer| peer.is_ipv4() && peer.port() != 0)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_can_t_make_this_machine_seem_to_have_no_sockets() {
        let peers =
            |peers: &[&str]| -> Vec<SocketAddr> { peers.iter().map(|peer| peer.parse().unwrap()).collect() };
        let unavailable = io::Error::from(io::ErrorKind::AddrNotAvailable);
        assert!(are_used_up(
            &unavailable,
            &peers(&["192.0.2.1:80", "192.0.2.2:80"])
        ));
        for blameless in [
            &[][..],
            &["[2001:db8::1]:80"],
            &["192.0.2.1:80", "[2001:db8::1]:80"],
            &["192.0.2.1:0"],
        ] {
            assert!(!are_used_up(&unavailable, &peers(blameless)), "{blameless:?}");
        }
        for kind in [
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::NetworkUnreachable,
        ] {
            assert!(!are_used_up(&kind.into(), &peers(&["192.0.2.1:80"])), "{kind:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn too_many_open_files_are_this_machine_s_whoever_the_peer_is() {
        for code in [23, 24] {
            assert!(are_used_up(&io::Error::from_raw_os_error(code), &[]), "{code}");
        }
    }
}
