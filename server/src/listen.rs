//! Serving a port: connections within limits.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::server::Server;

/// The largest size of a request's line and headers together.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;
/// How long a request's headers may take to arrive, and how long a connection may stay idle between two requests.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may leave sent bytes unread before it is disconnected.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How many sent bytes may wait in the system for a client that doesn't read them. By default the system takes megabytes, so
/// the log would be read until they are full for each stalled stream.
pub const SEND_BUFFER: usize = 128 * 1024;
/// How long requests may go on after the server is closed.
const CLOSING_GRACE: Duration = Duration::from_secs(10);
/// How long to wait when the system has no socket left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves `server` over HTTP/1.1 until it is [closed](Server::close). Then it accepts no more connections, and returns when the
/// requests under way are answered, or after 10 s.
///
/// # Errors
///
/// None at present: a failed connection ends only itself, and without a free socket it waits.
pub async fn serve(listener: TcpListener, server: &Server) -> io::Result<()> {
    let app = server.router();
    let connections = Arc::new(Semaphore::new(
        server.limits().connections.min(Semaphore::MAX_PERMITS),
    ));
    let tasks = TaskTracker::new();
    let closing = server.closing().clone();
    loop {
        let permit = tokio::select! {
            biased;
            () = closing.cancelled() => break,
            permit = Arc::clone(&connections).acquire_owned() => permit.expect("the semaphore is never closed"),
        };
        let socket = tokio::select! {
            biased;
            () = closing.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => socket,
                Err(error) => {
                    if !is_of_the_connection(&error) {
                        tracing::warn!(%error, "no connection can be accepted now");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                    continue;
                }
            },
        };
        // An event must arrive when it happens, not when a packet is full.
        let _ = socket.set_nodelay(true);
        let _ = socket2::SockRef::from(&socket).set_send_buffer_size(SEND_BUFFER);
        let (app, closing) = (app.clone(), closing.clone());
        tasks.spawn(async move {
            if let Err(error) = connection(socket, app, closing).await {
                tracing::debug!(%error, "a connection ended");
            }
            drop(permit);
        });
    }
    drop(listener);
    tasks.close();
    if tokio::time::timeout(CLOSING_GRACE, tasks.wait()).await.is_err() {
        tracing::warn!(
            connections = tasks.len(),
            "connections are dropped that did not end in time"
        );
    }
    Ok(())
}

fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

async fn connection(
    socket: impl AsyncRead + AsyncWrite + Send + 'static,
    app: axum::Router,
    closing: CancellationToken,
) -> Result<(), hyper::Error> {
    let mut socket = TimeoutStream::new(socket);
    socket.set_write_timeout(Some(WRITE_TIMEOUT));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES);
    let connection = http.serve_connection(TokioIo::new(Box::pin(socket)), TowerToHyperService::new(app));
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

/// Serves one connection that the host accepted itself, for example over TLS, within the same limits as [`serve`]. Only the
/// number of connections is left to the host.
///
/// # Errors
///
/// The cause of a broken connection: the peer, its slowness, or bytes that are not HTTP.
pub async fn serve_connection(
    socket: impl AsyncRead + AsyncWrite + Send + 'static,
    server: &Server,
) -> io::Result<()> {
    let ended = connection(socket, server.router(), server.closing().clone()).await;
    ended.map_err(io::Error::other)
}
