//! The errors that fail a phase, whichever item meets them.

use phasegate::RunError;

use super::proxy::ProxyError;

/// An error that fails the phase, since no other item can be worked on as the config says either.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum FatalError {
    /// The proxy can't be used.
    #[error("{0}. Nothing was sent directly instead")]
    Proxy(#[from] ProxyError),
    /// A persona names a DNS server that can't be found.
    #[error("a resolver of {persona} has no address: {reason}")]
    Resolver { persona: String, reason: String },
    /// None of a persona's DNS servers answers anything.
    #[error(
        "no resolver of {persona} answers: {complaints}. Nothing is lost: start the phase again when they answer, and it goes on"
    )]
    NoResolverAnswers { persona: String, complaints: String },
    /// This machine has no network.
    #[error(
        "this machine has no network: it has no route to any address. Nothing is lost: start the phase again when it has one, \
         and it goes on"
    )]
    NoNetwork,
    /// This machine has no socket left.
    #[error(
        "this machine has no socket for one more connection: {0}. Lower the concurrency of the personas, or raise the \
         limit of open files"
    )]
    OutOfSockets(String),
}

impl From<FatalError> for RunError {
    fn from(fatal: FatalError) -> Self {
        let code = match &fatal {
            FatalError::Proxy(ProxyError::Unreachable { .. }) => "proxy_unreachable",
            FatalError::Proxy(ProxyError::Unauthorized { .. }) => "proxy_unauthorized",
            FatalError::Proxy(ProxyError::Broken { .. }) => "proxy_broken",
            FatalError::Proxy(ProxyError::Refuses { .. }) => "proxy_refused",
            FatalError::NoResolverAnswers { .. } => "resolver_unreachable",
            FatalError::Resolver { .. } => "resolver_unresolved",
            FatalError::NoNetwork => "network_unreachable",
            FatalError::OutOfSockets(_) => "out_of_sockets",
        };
        Self::failed(code, fatal.to_string())
    }
}
