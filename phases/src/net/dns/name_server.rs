//! One server: the ways to it, whether it answers, and how many queries it takes.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::select_ok;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::health::Health;
use super::message::{self, Query};
use super::no_answer::NoAnswer;
use super::server::Server;
use super::tcp::{Target, TcpConnections};
use super::throttle::Throttle;
use super::toll::Toll;
use super::udp::UdpSockets;
use crate::net::proxy::Proxy;

/// A server of a persona.
#[derive(Debug)]
pub(super) struct NameServer {
    /// As the persona writes it.
    name: String,
    /// Without a proxy queries go over UDP first.
    udp: Option<UdpSockets>,
    tcp: TcpConnections,
    patience: Duration,
    pub(super) health: Health,
    pub(super) throttle: Arc<Throttle>,
    /// Held while it is asked for the root.
    beating: Mutex<()>,
    /// A question that it has answered.
    answered: OnceLock<(Name, RecordType)>,
}

/// An answer, of whatever kind.
#[derive(Debug)]
pub(super) struct Heard {
    /// `None` if it can't be read.
    pub(super) message: Option<Message>,
    /// When its query was sent.
    pub(super) sent: Instant,
}

impl NameServer {
    /// Finds a server. Without a proxy the system resolves its name.
    pub(super) async fn find(
        server: &Server,
        proxy: Option<&Arc<Proxy>>,
        patience: Duration,
    ) -> io::Result<Self> {
        let (host, port) = server.split();
        let (udp, target, way) = match proxy {
            Some(proxy) => {
                let target = Target::Through(Arc::clone(proxy), host.to_owned(), port);
                (
                    None,
                    target,
                    format!("{} through {:?}", server.as_str(), proxy.socket()),
                )
            }
            None => {
                let address = resolve(host, port).await?;
                (
                    Some(UdpSockets::new(address)),
                    Target::Direct(address),
                    address.to_string(),
                )
            }
        };
        Ok(Self {
            name: server.as_str().to_owned(),
            udp,
            tcp: TcpConnections::new(target, patience),
            patience,
            health: Health::new(patience),
            throttle: Throttle::of(way),
            beating: Mutex::default(),
            answered: OnceLock::new(),
        })
    }

    /// Why it gave no answer to the latest query, with its name.
    pub(super) fn complaint(&self) -> String {
        let reason = self.health.reason();
        format!(
            "{}: {}",
            self.name,
            reason.as_ref().unwrap_or(&NoAnswer::Silent).reason()
        )
    }

    /// Asks, as soon as the server takes one more query.
    pub(super) async fn ask(
        &self,
        name: &Name,
        record_type: RecordType,
        toll: &Toll,
    ) -> Result<Heard, NoAnswer> {
        let _room = match self.throttle.room(|| self.health.is_aside()).await {
            Some(room) => room,
            None => return Err(self.health.reason().unwrap_or(NoAnswer::Silent)),
        };
        self.ask_at_once(Query::new(name, record_type), name, record_type, toll)
            .await
    }

    /// Asks as [`NameServer::ask`] does. While it answers nothing else, it is asked for the root, so that its silence about one
    /// name can be told from an outage.
    pub(super) async fn ask_and_listen(
        &self,
        name: &Name,
        record_type: RecordType,
        toll: &Toll,
        probes: &Toll,
    ) -> Result<Heard, NoAnswer> {
        tokio::select! {
            heard = self.ask(name, record_type, toll) => heard,
            never = self.stay_heard(probes) => match never {},
        }
    }

    async fn stay_heard(&self, probes: &Toll) -> Infallible {
        loop {
            sleep(self.health.beat()).await;
            if self.health.is_quiet()
                && let Ok(_beating) = self.beating.try_lock()
            {
                // Whether it answers is what its health takes note of.
                let _ = self.probe(probes).await;
            }
        }
    }

    /// Asks for the servers of the root, to learn whether there is any answer; and for a name that it has answered, since some
    /// servers drop questions for the root.
    pub(super) async fn probe(&self, toll: &Toll) -> Result<(), NoAnswer> {
        let (root, known) = (Name::root(), self.answered.get());
        let ask_root = self.ask_at_once(Query::of_the_root(), &root, RecordType::NS, toll);
        match known {
            None => ask_root.await.map(drop),
            Some((name, record_type)) => {
                let ask_known = self.ask_at_once(Query::new(name, *record_type), name, *record_type, toll);
                let first = select_ok([ask_root.boxed(), ask_known.boxed()]);
                first.await.map(drop)
            }
        }
    }

    /// Whether it answers a question that it has answered before, if there is one.
    pub(super) async fn recalls(&self, toll: &Toll) -> bool {
        let Some((name, record_type)) = self.answered.get() else {
            return false;
        };
        let asked = self.ask_at_once(Query::new(name, *record_type), name, *record_type, toll);
        let message = asked.await.ok().and_then(|heard| heard.message);
        let knows = |code| matches!(code, ResponseCode::NoError | ResponseCode::NXDomain);
        message.is_some_and(|said| knows(said.metadata.response_code))
    }

    /// Takes note of a name that the server has an answer for.
    pub(super) fn has_answered(&self, name: &Name, record_type: RecordType) {
        if self.answered.get().is_none() {
            let _ = self.answered.set((name.clone(), record_type));
        }
    }

    async fn ask_at_once(
        &self,
        query: Query,
        name: &Name,
        record_type: RecordType,
        toll: &Toll,
    ) -> Result<Heard, NoAnswer> {
        let outcome = self.exchange(query, name, record_type, toll).await;
        match &outcome {
            Ok(_) => self.health.answered(),
            Err(reason) => self.health.failed(reason),
        }
        outcome
    }

    /// Sends a query, and once more without EDNS if the server doesn't know that (RFC 6891, section 7).
    async fn exchange(
        &self,
        query: Query,
        name: &Name,
        record_type: RecordType,
        toll: &Toll,
    ) -> Result<Heard, NoAnswer> {
        let heard = self.send(query, toll).await?;
        let knows_edns = heard.message.as_ref().is_none_or(|said| {
            let code = said.metadata.response_code;
            said.edns.is_some() || !matches!(code, ResponseCode::FormErr | ResponseCode::NotImp)
        });
        match knows_edns {
            true => Ok(heard),
            false => self.send(Query::plain(name, record_type), toll).await,
        }
    }

    /// Sends one query, over TCP if the answer doesn't fit into a datagram.
    async fn send(&self, query: Query, toll: &Toll) -> Result<Heard, NoAnswer> {
        let query = Arc::new(query);
        let mut cut_at = None;
        if let Some(udp) = &self.udp {
            let (answer, sent) = udp.ask(&query, self.patience, toll).await?;
            if !message::is_cut(&answer) {
                let message = Message::from_vec(&answer).ok();
                return Ok(Heard { message, sent });
            }
            cut_at = Some(sent);
        }
        match (self.tcp.ask(&query, toll).await, cut_at) {
            (Ok((answer, sent)), _) => Ok(Heard {
                message: Message::from_vec(&answer).ok(),
                sent,
            }),
            // It has answered, and what it can't say in a datagram isn't to be had.
            (Err(NoAnswer::Silent | NoAnswer::Unreachable(_)), Some(sent)) => {
                Ok(Heard { message: None, sent })
            }
            (Err(reason), _) => Err(reason),
        }
    }
}

/// The address of a server. The system resolves a name.
async fn resolve(host: &str, port: u16) -> io::Result<SocketAddr> {
    if let Ok(address) = host.parse() {
        return Ok(SocketAddr::new(address, port));
    }
    let found = tokio::net::lookup_host((host, port)).await;
    let first = found
        .map_err(|error| io::Error::other(format!("{host}: {error}")))?
        .next();
    first.ok_or_else(|| io::Error::other(format!("{host} has no address")))
}
