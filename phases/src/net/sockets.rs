//! The sockets that this machine has for a run, and whether it is the cause of a missing one.

use std::io;
use std::net::SocketAddr;

/// As many open files as a process needs: runs of many personas at once have fewer connections.
#[cfg(unix)]
const ENOUGH_FILES: u64 = 65_536;

/// Raises this process's soft limit of open files, once. Many systems start a process with a limit of 1,024 or 256, which is
/// less than the connections of one run, and let it raise that by itself.
pub(crate) fn make_room() {
    #[cfg(unix)]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(raise_limit);
    }
}

#[cfg(unix)]
fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(raised) = raised(current, maximum) else {
        return;
    };
    let limit = Rlimit {
        current: Some(raised),
        maximum,
    };
    // The run may still do with fewer, and fails with a clear error if not.
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, raised, "the limit of open files can't be raised");
    }
}

/// The soft limit to set, if it is more than `soft`. `None` in an argument is no limit.
#[cfg(unix)]
fn raised(soft: Option<u64>, hard: Option<u64>) -> Option<u64> {
    let soft = soft?;
    let raised = hard.map_or(ENOUGH_FILES, |hard| hard.min(ENOUGH_FILES));
    (raised > soft).then_some(raised)
}

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

    #[cfg(unix)]
    #[test]
    fn the_limit_of_open_files_is_raised_to_what_is_allowed_and_enough() {
        assert_eq!(raised(Some(1_024), Some(4_096)), Some(4_096));
        assert_eq!(raised(Some(1_024), Some(1_000_000)), Some(ENOUGH_FILES));
        assert_eq!(raised(Some(256), None), Some(ENOUGH_FILES));
        for (soft, hard) in [
            (Some(4_096), Some(4_096)),
            (Some(100_000), Some(1_000_000)),
            (None, None),
        ] {
            assert_eq!(raised(soft, hard), None, "{soft:?} {hard:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn making_room_takes_no_open_file_away() {
        use rustix::process::{Resource, getrlimit};
        let soft = || getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let before = soft();
        make_room();
        assert!(soft() >= before);
    }
}
