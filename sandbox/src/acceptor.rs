//! A TCP listener with a task per connection. All tasks end with the listener.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::warn;

use crate::error::{SandboxError, Service};

/// How long to wait after a failed accept. The cause is usually a lack of file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(10);

/// Accepts connections until it is shut down or dropped.
#[derive(Debug)]
pub(crate) struct Acceptor {
    address: SocketAddr,
    stop: DropGuard,
    task: JoinHandle<()>,
}

impl Acceptor {
    /// Listens on `port` of 127.0.0.1, 0 for any, and runs what `serve` returns for each connection.
    pub(crate) async fn start<S>(
        service: Service,
        port: u16,
        serve: impl Fn(TcpStream) -> S + Send + 'static,
    ) -> Result<Self, SandboxError>
    where
        S: Future<Output = ()> + Send + 'static,
    {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let bound = TcpListener::bind(address)
            .await
            .and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = bound.map_err(|source| SandboxError::Bind {
            service,
            address,
            source,
        })?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(accept(listener, stop.clone(), serve));
        Ok(Self {
            address,
            stop: stop.drop_guard(),
            task,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening, ends every connection, and returns when both are done.
    pub(crate) async fn shutdown(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            warn!(%error, "a listener of the sandbox had already ended");
        }
    }
}

async fn accept<S>(listener: TcpListener, stop: CancellationToken, serve: impl Fn(TcpStream) -> S)
where
    S: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream));
                }
                Err(error) => pause_after(error).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn pause_after(error: io::Error) {
    warn!(%error, "the sandbox cannot accept a connection");
    tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
}
