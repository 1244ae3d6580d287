//! One way to one server: its connection, which is made anew when it is lost.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hickory_resolver::ConnectionProvider;
use hickory_resolver::PoolContext;
use hickory_resolver::config::{ConnectionConfig, ProtocolConfig};
use hickory_resolver::net::xfer::{DnsExchange, FirstAnswer};
use hickory_resolver::net::{DnsHandle, NetError};
use hickory_resolver::proto::op::{DnsRequestOptions, DnsResponse, Query};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use super::connector::{Connector, SocketProvider};

/// How many queries wait on one TCP connection for their answers: fewer than the library's channel holds, which refuses a query
/// that it has no room for.
const MAX_PIPELINED: usize = 24;

/// One way to one server.
pub(super) struct Endpoint {
    connector: Connector,
    address: IpAddr,
    config: ConnectionConfig,
    context: Arc<PoolContext>,
    connection: Mutex<Connection>,
    /// The room on a connection; over UDP each query has its own socket.
    room: Option<Semaphore>,
}

#[derive(Default)]
struct Connection {
    exchange: Option<DnsExchange<SocketProvider>>,
    /// Counts the connections, so that only the one that failed is given up.
    number: u64,
    /// Whether it has given an answer.
    has_answered: Arc<AtomicBool>,
}

/// Why there is no answer.
pub(super) enum Unanswered {
    /// The connection was lost with the query unanswered: it may be sent again (RFC 7766, section 6.2.4).
    ConnectionLost { has_answered: bool },
    /// The query failed.
    Failed(NetError),
}

impl Endpoint {
    pub(super) fn new(
        address: IpAddr,
        config: ConnectionConfig,
        connector: Connector,
        context: Arc<PoolContext>,
    ) -> Self {
        let room = matches!(config.protocol, ProtocolConfig::Tcp).then(|| Semaphore::new(MAX_PIPELINED));
        Self {
            connector,
            address,
            config,
            context,
            connection: Mutex::default(),
            room,
        }
    }

    /// Waits until the connection has room for one more query. The result holds the room.
    pub(super) async fn room(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        match &self.room {
            // The semaphore is never closed.
            Some(room) => room.acquire().await.ok(),
            None => None,
        }
    }

    /// Sends one query, and waits for its answer, whatever its response code is.
    ///
    /// `patience` is the time to connect, and again to answer. Without it the connection's own times hold.
    pub(super) async fn ask(
        &self,
        query: &Query,
        options: DnsRequestOptions,
        patience: Option<Duration>,
    ) -> Result<DnsResponse, Unanswered> {
        // The waiting ends here and not at the caller, who would leave a dead connection to the next query.
        let connected = within(patience, self.connect()).await;
        let (exchange, number, has_answered) = connected.map_err(Unanswered::Failed)?;
        let answer = exchange.lookup(query.clone(), options).first_answer();
        let outcome = within(patience, answer).await;
        match outcome {
            Ok(answer) => {
                has_answered.store(true, Ordering::Relaxed);
                Ok(answer)
            }
            Err(error) if self.room.is_none() => Err(Unanswered::Failed(error)),
            Err(error) => {
                // A connection that is silent may be dead. Queries that wait on it keep waiting.
                self.give_up(number).await;
                Err(match error {
                    NetError::Timeout => Unanswered::Failed(error),
                    _ => Unanswered::ConnectionLost {
                        has_answered: has_answered.load(Ordering::Relaxed),
                    },
                })
            }
        }
    }

    async fn connect(&self) -> Result<(DnsExchange<SocketProvider>, u64, Arc<AtomicBool>), NetError> {
        let mut connection = self.connection.lock().await;
        if let Some(exchange) = &connection.exchange {
            let has_answered = Arc::clone(&connection.has_answered);
            return Ok((exchange.clone(), connection.number, has_answered));
        }
        let exchange = self
            .connector
            .new_connection(self.address, &self.config, &self.context)?
            .await?;
        connection.exchange = Some(exchange.clone());
        connection.number += 1;
        connection.has_answered = Arc::default();
        Ok((exchange, connection.number, Arc::clone(&connection.has_answered)))
    }

    async fn give_up(&self, number: u64) {
        let mut connection = self.connection.lock().await;
        if connection.number == number {
            connection.exchange = None;
        }
    }
}

/// What `work` gives, or a timeout.
async fn within<T>(
    patience: Option<Duration>,
    work: impl Future<Output = Result<T, NetError>>,
) -> Result<T, NetError> {
    match patience {
        Some(patience) => timeout(patience, work).await.unwrap_or(Err(NetError::Timeout)),
        None => work.await,
    }
}
