//! What ends a phase, whichever item met it.

use phasegate::RunError;

use super::proxy::ProxyError;

/// Why no item can be worked on as the config says. It fails the phase.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Halt {
    /// The proxy can't be used.
    #[error("{0}. Nothing was sent directly instead")]
    Proxy(#[from] ProxyError),
    /// A persona names a DNS server that can't be found.
    #[error("a resolver of {persona} has no address: {reason}")]
    Resolver { persona: String, reason: String },
    /// This machine has no socket left.
    #[error(
        "this machine has no socket for one more connection: {0}. Lower the concurrency of the personas, or raise the \
         limit of open files"
    )]
    OutOfSockets(String),
}

impl From<Halt> for RunError {
    fn from(halt: Halt) -> Self {
        let code = match &halt {
            Halt::Proxy(ProxyError::Unreachable { .. }) => "proxy_unreachable",
            Halt::Proxy(ProxyError::Unauthorized { .. }) => "proxy_unauthorized",
            Halt::Proxy(ProxyError::Broken { .. }) => "proxy_broken",
            Halt::Resolver { .. } => "resolver_unresolved",
            Halt::OutOfSockets(_) => "out_of_sockets",
        };
        Self::failed(code, halt.to_string())
    }
}
