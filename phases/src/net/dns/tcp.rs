//! Queries over TCP (RFC 7766): many on one connection, answered in any order, and sent again when their connection is lost.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use super::message::{self, Query};
use super::no_answer::NoAnswer;
use super::toll::Toll;
use crate::net::dial;
use crate::net::proxy::Proxy;

/// How many connections to one server are open at once.
const MAX_CONNECTIONS: usize = 4;
/// How many queries wait on one connection: at first, and at most. Each answer lets one more wait, a lost connection half as
/// many.
const FIRST_WINDOW: usize = 16;
const MAX_WINDOW: usize = 100;
/// How often a query is sent again, at most, when its connection is lost: of those on which it was alone, and in all.
const MAX_LOST_ALONE: usize = 3;
const MAX_LOST: usize = 256;
/// How long an unused connection stays open: less than servers keep one (RFC 7766, section 6.2.3).
const IDLE: Duration = Duration::from_secs(5);
/// How long a query may wait while its connection gives other answers, in times of what it may take on a silent one.
const MAX_PATIENCE: u32 = 4;

/// The connections to one server, which share one line of queries.
#[derive(Debug)]
pub(super) struct TcpConnections {
    line: Arc<Line>,
    workers: Mutex<JoinSet<()>>,
}

/// Where a connection leads.
#[derive(Debug)]
pub(super) enum Target {
    Direct(SocketAddr),
    /// The proxy resolves the host's name.
    Through(Arc<Proxy>, String, u16),
}

/// The queries that wait for room on a connection.
#[derive(Debug)]
struct Line {
    target: Target,
    patience: Duration,
    state: Mutex<State>,
    grown: Notify,
}

#[derive(Debug)]
struct State {
    queries: VecDeque<Queued>,
    workers: usize,
    connected: usize,
    window: usize,
}

#[derive(Debug)]
struct Queued {
    query: Arc<Query>,
    answer: oneshot::Sender<Outcome>,
}

/// What became of a query that was sent on a connection.
#[derive(Debug)]
enum Outcome {
    Answer(Bytes, Instant),
    Failed(NoAnswer),
    /// The connection was lost. It may be sent again (RFC 7766, section 6.2.4).
    Lost {
        alone: bool,
    },
}

/// A query on a connection.
struct Sent {
    queued: Queued,
    at: Instant,
}

impl TcpConnections {
    /// `patience` is the time to connect, and again to answer.
    pub(super) fn new(target: Target, patience: Duration) -> Self {
        let state = State {
            queries: VecDeque::new(),
            workers: 0,
            connected: 0,
            window: FIRST_WINDOW,
        };
        Self {
            line: Arc::new(Line {
                target,
                patience,
                state: Mutex::new(state),
                grown: Notify::new(),
            }),
            workers: Mutex::default(),
        }
    }

    /// Sends a query when its turn has come, again if its connection is lost, and waits for the answer. Gives it with the time of
    /// the sending.
    pub(super) async fn ask(&self, query: &Arc<Query>, toll: &Toll) -> Result<(Bytes, Instant), NoAnswer> {
        let mut lost_alone = 0;
        for _ in 0..MAX_LOST {
            toll.pay().await;
            let (answered, answer) = oneshot::channel();
            self.queue(Queued {
                query: Arc::clone(query),
                answer: answered,
            });
            match answer.await {
                Ok(Outcome::Answer(answer, at)) => return Ok((answer, at)),
                Ok(Outcome::Failed(reason)) => return Err(reason),
                Ok(Outcome::Lost { alone }) => lost_alone += usize::from(alone),
                Err(_) => {}
            }
            if lost_alone >= MAX_LOST_ALONE {
                break;
            }
        }
        let reason = "it closes the connection without an answer";
        Err(NoAnswer::Unreachable(reason.to_owned()))
    }

    fn queue(&self, queued: Queued) {
        let mut state = self.line.lock();
        state.queries.push_back(queued);
        let is_crowded = state.queries.len() > state.window * state.workers;
        let is_needed = is_crowded && state.workers < MAX_CONNECTIONS;
        state.workers += usize::from(is_needed);
        drop(state);
        if is_needed {
            let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
            while workers.try_join_next().is_some() {}
            workers.spawn(work(Arc::clone(&self.line)));
        }
        self.line.grown.notify_one();
    }
}

impl Line {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is a query to send.
    async fn has_query(&self) {
        loop {
            let grown = self.grown.notified();
            if !self.lock().queries.is_empty() {
                return;
            }
            grown.await;
        }
    }

    /// The next query that somebody still waits for, if there is room for it beside `waiting` others.
    fn next(&self, waiting: usize) -> Option<Queued> {
        let mut state = self.lock();
        while waiting < state.window {
            let next = state.queries.pop_front()?;
            if !next.answer.is_closed() {
                return Some(next);
            }
        }
        None
    }

    async fn connect(&self) -> Result<TcpStream, NoAnswer> {
        match &self.target {
            Target::Direct(server) => match timeout(self.patience, TcpStream::connect(server)).await {
                Ok(Ok(stream)) => {
                    let _ = stream.set_nodelay(true);
                    Ok(stream)
                }
                Ok(Err(error)) => Err(NoAnswer::of_socket(&error, *server)),
                Err(_) => Err(NoAnswer::Silent),
            },
            Target::Through(proxy, host, port) => {
                let through = dial::through(proxy, host, *port, self.patience).await;
                through.map_err(|error| NoAnswer::through(proxy, host, *port, error))
            }
        }
    }
}

/// Counts a worker off when it ends, also when it is dropped.
struct Worker(Arc<Line>);

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.lock().workers -= 1;
    }
}

/// Opens a connection whenever there are queries, and sends them on it.
async fn work(line: Arc<Line>) {
    let worker = Worker(Arc::clone(&line));
    loop {
        line.has_query().await;
        match line.connect().await {
            Ok(stream) => {
                line.lock().connected += 1;
                Connection::new(&line, stream).serve().await;
                line.lock().connected -= 1;
            }
            Err(reason) => {
                let mut state = line.lock();
                // The others do the work. A server may allow fewer connections than are tried.
                let is_needed = state.connected == 0;
                let given_up = match is_needed {
                    true => std::mem::take(&mut state.queries),
                    false => VecDeque::new(),
                };
                drop(state);
                for queued in given_up {
                    let _ = queued.answer.send(Outcome::Failed(reason.clone()));
                }
                if !is_needed {
                    drop(worker);
                    return;
                }
            }
        }
    }
}

/// A connection with the queries that wait on it.
struct Connection<'a> {
    line: &'a Line,
    messages: Framed<TcpStream, LengthDelimitedCodec>,
    waiting: HashMap<u16, Sent>,
    /// The ids of the queries in the order of their sending, the answered ones among them.
    order: VecDeque<(u16, Instant)>,
    last_answer: Option<Instant>,
    /// It said nothing for as long as a query may take, or can't be written to: it gets no more queries.
    is_closing: bool,
}

impl<'a> Connection<'a> {
    fn new(line: &'a Line, stream: TcpStream) -> Self {
        let codec = LengthDelimitedCodec::builder()
            .length_field_length(2)
            .max_frame_length(usize::from(u16::MAX))
            .new_codec();
        Self {
            line,
            messages: Framed::new(stream, codec),
            waiting: HashMap::new(),
            order: VecDeque::new(),
            last_answer: None,
            is_closing: false,
        }
    }

    /// Sends queries and gives out answers until the connection is lost, silent or idle.
    async fn serve(mut self) {
        loop {
            if self.is_closing && self.waiting.is_empty() {
                return;
            }
            // What can't be written to any more may still have answers to be read.
            if !self.is_closing && self.send().await.is_err() {
                self.is_closing = true;
            }
            let has_room = !self.is_closing && self.waiting.len() < self.line.lock().window;
            let is_idle = self.waiting.is_empty();
            let deadline = match self.oldest() {
                Some(deadline) => deadline,
                None => Instant::now() + IDLE,
            };
            tokio::select! {
                biased;
                // First, so that a server that sends without end can't put it off.
                () = sleep_until(deadline) => match is_idle {
                    true => return,
                    false => self.give_up_oldest(),
                },
                answer = self.messages.next() => match answer {
                    Some(Ok(answer)) => self.answer(answer.freeze()),
                    _ if is_idle => return,
                    _ => return self.lost(),
                },
                () = self.line.has_query(), if has_room => {}
            }
        }
    }

    /// Sends as many queries as there is room for.
    async fn send(&mut self) -> std::io::Result<()> {
        let mut is_any = false;
        while let Some(queued) = self.line.next(self.waiting.len()) {
            let mut id: u16 = rand::random();
            while self.waiting.contains_key(&id) {
                id = rand::random();
            }
            let message = Bytes::from(queued.query.with_id(id));
            let at = Instant::now();
            self.waiting.insert(id, Sent { queued, at });
            self.order.push_back((id, at));
            self.messages.feed(message).await?;
            is_any = true;
        }
        match is_any {
            true => SinkExt::<Bytes>::flush(&mut self.messages).await,
            false => Ok(()),
        }
    }

    fn answer(&mut self, answer: Bytes) {
        let Some(id) = message::id(&answer) else { return };
        let is_expected = self
            .waiting
            .get(&id)
            .is_some_and(|sent| sent.queued.query.is_answered_by(&answer));
        if is_expected && let Some(sent) = self.waiting.remove(&id) {
            self.last_answer = Some(Instant::now());
            let mut state = self.line.lock();
            state.window = (state.window + 1).min(MAX_WINDOW);
            drop(state);
            let _ = sent.queued.answer.send(Outcome::Answer(answer, sent.at));
        }
    }

    /// When the query that has waited longest has waited too long, unless the connection answers others meanwhile.
    fn oldest(&mut self) -> Option<Instant> {
        while let Some((id, at)) = self.order.front() {
            match self.waiting.get(id).is_some_and(|sent| sent.at == *at) {
                true => {
                    let heard = self.last_answer.unwrap_or(*at).max(*at);
                    let most = *at + self.line.patience * MAX_PATIENCE;
                    return Some((heard + self.line.patience).min(most));
                }
                false => self.order.pop_front(),
            };
        }
        None
    }

    /// Gives up the query that has waited too long.
    fn give_up_oldest(&mut self) {
        let Some((id, at)) = self.order.pop_front() else {
            return;
        };
        if let Some(sent) = self.waiting.remove(&id) {
            let _ = sent.queued.answer.send(Outcome::Failed(NoAnswer::Silent));
        }
        self.is_closing |= self.last_answer.is_none_or(|heard| heard < at);
    }

    /// Gives the unanswered queries back, to be sent on another connection.
    fn lost(self) {
        let alone = self.waiting.len() == 1 && self.last_answer.is_none();
        if !self.waiting.is_empty() {
            let mut state = self.line.lock();
            state.window = (state.window / 2).max(1);
        }
        for sent in self.waiting.into_values() {
            let _ = sent.queued.answer.send(Outcome::Lost { alone });
        }
    }
}
