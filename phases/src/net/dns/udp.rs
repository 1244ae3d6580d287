//! Queries over UDP.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::message::{self, Query};
use super::no_answer::NoAnswer;
use super::toll::Toll;

/// How many sockets are in use at once.
const SOCKETS: usize = 8;
/// How many queries a socket sends before another one, at another random port, takes its place (RFC 5452, section 9.2).
const QUERIES_PER_SOCKET: usize = 4_096;
/// Room for any answer: some servers pay no heed to the size that a query names.
const MAX_ANSWER: usize = 4_096;

/// Sockets that are connected to one server, so that the system passes on what comes from there alone, and says when nobody
/// listens there.
#[derive(Debug)]
pub(super) struct UdpSockets {
    server: SocketAddr,
    sockets: [Mutex<Option<Arc<Socket>>>; SOCKETS],
    turn: AtomicUsize,
}

#[derive(Debug)]
struct Socket {
    shared: Arc<Shared>,
    sent: AtomicUsize,
    _reader: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Shared {
    socket: UdpSocket,
    server: SocketAddr,
    waiting: Mutex<HashMap<u16, Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    query: Arc<Query>,
    /// Taken by the answer. The place stays taken until the asker gives it up, so that no other query gets it meanwhile.
    answer: Option<oneshot::Sender<Result<Vec<u8>, NoAnswer>>>,
}

impl UdpSockets {
    pub(super) fn new(server: SocketAddr) -> Self {
        Self {
            server,
            sockets: std::array::from_fn(|_| Mutex::new(None)),
            turn: AtomicUsize::new(0),
        }
    }

    /// Sends a query when its turn has come, and waits so long for the answer. Gives it with the time of the sending.
    pub(super) async fn ask(
        &self,
        query: &Arc<Query>,
        patience: Duration,
        toll: &Toll,
    ) -> Result<(Vec<u8>, Instant), NoAnswer> {
        toll.pay().await;
        let at = Instant::now();
        let socket = self.socket().await?;
        let (answered, answer) = oneshot::channel();
        let place = Place::take(&socket.shared, query, answered);
        let sent = socket.shared.socket.send(&query.with_id(place.id)).await;
        if let Err(error) = sent {
            // It may be about an earlier query, and the system gives it only once.
            let reason = NoAnswer::of_socket(&error, self.server);
            socket.shared.fail(&reason);
            return Err(reason);
        }
        match timeout(patience, answer).await {
            Ok(Ok(answer)) => answer.map(|answer| (answer, at)),
            Ok(Err(_)) => Err(NoAnswer::Unreachable("its socket was closed".to_owned())),
            Err(_) => Err(NoAnswer::Silent),
        }
    }

    /// The socket whose turn it is.
    async fn socket(&self) -> Result<Arc<Socket>, NoAnswer> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % SOCKETS;
        let used = {
            let held = self.sockets[turn].lock().unwrap_or_else(PoisonError::into_inner);
            held.clone()
        };
        if let Some(socket) = used.filter(|socket| socket.may_send()) {
            return Ok(socket);
        }
        let opened = Socket::open(self.server).await;
        let socket = Arc::new(opened.map_err(|error| NoAnswer::of_socket(&error, self.server))?);
        let mut held = self.sockets[turn].lock().unwrap_or_else(PoisonError::into_inner);
        *held = Some(Arc::clone(&socket));
        Ok(socket)
    }
}

impl Socket {
    async fn open(server: SocketAddr) -> io::Result<Self> {
        let any = match server {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(server).await?;
        let shared = Arc::new(Shared {
            socket,
            server,
            waiting: Mutex::default(),
        });
        let reader = tokio::spawn(read(Arc::clone(&shared)));
        Ok(Self {
            shared,
            sent: AtomicUsize::new(0),
            _reader: AbortOnDropHandle::new(reader),
        })
    }

    fn may_send(&self) -> bool {
        self.sent.fetch_add(1, Ordering::Relaxed) < QUERIES_PER_SOCKET
    }
}

/// Gives each answer to the query that waits for it. Whatever answers no query is passed over.
async fn read(shared: Arc<Shared>) {
    let mut buffer = [0; MAX_ANSWER];
    loop {
        match shared.socket.recv(&mut buffer).await {
            Ok(length) => shared.answer(&buffer[..length]),
            Err(error) => shared.fail(&NoAnswer::of_socket(&error, shared.server)),
        }
    }
}

impl Shared {
    fn answer(&self, answer: &[u8]) {
        let Some(id) = message::id(answer) else { return };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asked) = waiting.get_mut(&id)
            && asked.query.is_answered_by(answer)
            && let Some(asker) = asked.answer.take()
        {
            drop(waiting);
            let _ = asker.send(Ok(answer.to_vec()));
        }
    }

    /// The system doesn't say which of the queries has met nobody, and the others have met nobody either.
    fn fail(&self, reason: &NoAnswer) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for asker in waiting.values_mut().filter_map(|asked| asked.answer.take()) {
            let _ = asker.send(Err(reason.clone()));
        }
    }
}

/// The place of a query among those that wait at a socket. Dropping it gives the place up.
struct Place<'a> {
    shared: &'a Shared,
    id: u16,
}

impl<'a> Place<'a> {
    /// Takes a random id that no other query at this socket has. There are always free ones: a socket sends fewer queries.
    fn take(
        shared: &'a Shared,
        query: &Arc<Query>,
        answer: oneshot::Sender<Result<Vec<u8>, NoAnswer>>,
    ) -> Self {
        let mut waiting = shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut id: u16 = rand::random();
        while waiting.contains_key(&id) {
            id = rand::random();
        }
        let asked = Waiting {
            query: Arc::clone(query),
            answer: Some(answer),
        };
        waiting.insert(id, asked);
        Self { shared, id }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(&self.id);
    }
}
