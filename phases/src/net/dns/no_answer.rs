//! Why a server gave no answer.

use std::io;
use std::net::SocketAddr;

use crate::net::dial::DialError;
use crate::net::fatal_error::FatalError;
use crate::net::proxy::Proxy;
use crate::net::sockets;

/// Why a server gave no answer. Neither says anything of the name that was asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum NoAnswer {
    /// It was silent for as long as a query may take.
    Silent,
    /// It can't be reached, for this reason.
    Unreachable(String),
    /// The proxy doesn't lead to it.
    Proxy(FatalError),
    /// No query at all can be sent.
    Fatal(FatalError),
}

impl NoAnswer {
    /// What a failed socket to `server` says.
    pub(super) fn of_socket(error: &io::Error, server: SocketAddr) -> Self {
        match sockets::are_used_up(error, &[server]) {
            true => Self::Fatal(FatalError::OutOfSockets(error.to_string())),
            false => Self::Unreachable(error.to_string()),
        }
    }

    /// The reason, for people.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Silent => "it is silent".to_owned(),
            Self::Unreachable(reason) => reason.clone(),
            Self::Proxy(error) | Self::Fatal(error) => error.to_string(),
        }
    }

    /// What a failed connection through a proxy to `host` says.
    pub(super) fn through(proxy: &Proxy, host: &str, port: u16, error: DialError) -> Self {
        match error {
            DialError::Fatal(fatal @ FatalError::OutOfSockets(_)) => Self::Fatal(fatal),
            DialError::Fatal(fatal) => Self::Proxy(fatal),
            DialError::Forbidden(reason) => Self::Proxy(proxy.refuses(host, port, reason).into()),
            DialError::HungUp(reason) => Self::Proxy(proxy.broken(reason).into()),
            DialError::TimedOut => Self::Silent,
            DialError::Refused | DialError::SpokeFirst | DialError::Failed(_) => {
                Self::Unreachable(error.to_string())
            }
        }
    }
}
