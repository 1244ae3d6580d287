//! The DNS server: [`zone::answer`] over UDP and TCP.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hickory_proto::op::{Edns, Header, HeaderCounts, MessageType, Metadata, OpCode, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::rdata::{A, NS, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::{TcpListener, UdpSocket};
use tracing::{debug, warn};

use crate::error::{SandboxError, Service};
use crate::zone::{self, Answer};

/// How long a TCP connection may be idle before it is closed.
const TCP_IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How many answers may wait for a slow TCP client.
const TCP_RESPONSE_BUFFER: usize = 64;
/// How many free UDP ports are tried on TCP before the search is given up.
const PORT_ATTEMPTS: usize = 32;
/// The UDP payload that answers announce, in bytes. It fits any network without fragments.
const MAX_PAYLOAD: u16 = 1232;
/// The option of an extended error, and two of its codes (RFC 8914, sections 2 and 4).
const EXTENDED_ERROR: u16 = 15;
const FORGED_ANSWER: u16 = 4;
const PROHIBITED: u16 = 18;

/// A running DNS server. Dropping it stops it.
pub(crate) struct DnsServer {
    address: SocketAddr,
    queries: Arc<AtomicU64>,
    server: Server<ZoneHandler>,
}

impl DnsServer {
    /// Listens on `port` of 127.0.0.1, on UDP and TCP; 0 is any free port.
    pub(crate) async fn start(port: u16) -> Result<Self, SandboxError> {
        let (address, udp, tcp) = bind(port).await.map_err(|source| SandboxError::Bind {
            service: Service::Dns,
            address: loopback(port),
            source,
        })?;
        let queries = Arc::new(AtomicU64::new(0));
        let mut server = Server::new(ZoneHandler {
            soa: soa(),
            queries: queries.clone(),
            throttled: Mutex::default(),
        });
        server.register_socket(udp);
        server.register_listener(tcp, TCP_IDLE_TIMEOUT, TCP_RESPONSE_BUFFER);
        Ok(Self {
            address,
            queries,
            server,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }

    pub(crate) async fn shutdown(mut self) {
        if let Err(error) = self.server.shutdown_gracefully().await {
            warn!(%error, "the sandbox's DNS server had already ended");
        }
    }
}

/// Binds UDP and TCP to one port. With port 0 the operating system chooses a port for UDP, and TCP takes the same.
async fn bind(port: u16) -> io::Result<(SocketAddr, UdpSocket, TcpListener)> {
    let mut attempt = 1;
    loop {
        let udp = UdpSocket::bind(loopback(port)).await?;
        let address = udp.local_addr()?;
        match TcpListener::bind(address).await {
            Ok(tcp) => return Ok((address, udp, tcp)),
            Err(error) if port != 0 || attempt == PORT_ATTEMPTS => return Err(error),
            Err(error) => debug!(%error, %address, "a free UDP port is taken on TCP"),
        }
        attempt += 1;
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The zone's SOA record, which every negative answer carries (RFC 2308).
fn soa() -> Record {
    let zone = Name::root()
        .prepend_label(zone::TOP_LEVEL_DOMAIN)
        .expect("the label is valid");
    let under_zone = |label| zone.prepend_label(label).expect("the label is valid");
    let ttl = zone::TTL_SECONDS;
    let data = SOA::new(
        under_zone("ns"),
        under_zone("hostmaster"),
        1,
        3600,
        600,
        86_400,
        ttl,
    );
    Record::from_rdata(zone, ttl, RData::SOA(data))
}

struct ZoneHandler {
    soa: Record,
    queries: Arc<AtomicU64>,
    /// The throttled queries that were answered within the last second.
    throttled: Mutex<VecDeque<Instant>>,
}

/// A response: a code, with or without records.
struct Response<'a> {
    code: ResponseCode,
    answer: Option<Record>,
    soa: Option<&'a Record>,
    /// The server of the zone below, to be asked instead.
    referral: Option<Record>,
    /// The code of an extended error (RFC 8914).
    extended_error: Option<u16>,
}

impl Response<'_> {
    fn empty(code: ResponseCode) -> Self {
        Self {
            code,
            answer: None,
            soa: None,
            referral: None,
            extended_error: None,
        }
    }
}

impl ZoneHandler {
    /// Returns the response to `request`, or `None` if it gets no answer.
    fn respond(&self, request: &Request) -> Option<Response<'_>> {
        let empty = |code| Some(Response::empty(code));
        let negative = |code| {
            Some(Response {
                soa: Some(&self.soa),
                ..Response::empty(code)
            })
        };
        let marked = |code, extended_error| {
            Some(Response {
                extended_error: Some(extended_error),
                ..Response::empty(code)
            })
        };
        if request.metadata.op_code != OpCode::Query {
            return empty(ResponseCode::NotImp);
        }
        let Ok(info) = request.request_info() else {
            return empty(ResponseCode::FormErr);
        };
        if info.query.query_class() != DNSClass::IN {
            return empty(ResponseCode::Refused);
        }
        let name = Name::from(info.query.name());
        let is_a = info.query.query_type() == RecordType::A;
        let record = |data| Some(Record::from_rdata(name.clone(), zone::TTL_SECONDS, data));
        let address = |address| match is_a {
            true => Some(Response {
                answer: record(RData::A(A(address))),
                ..Response::empty(ResponseCode::NoError)
            }),
            false => negative(ResponseCode::NoError),
        };
        match zone::answer(&name.to_ascii()) {
            Answer::Address(site) => address(site),
            Answer::NoSuchName => negative(ResponseCode::NXDomain),
            Answer::ServerFailure => empty(ResponseCode::ServFail),
            Answer::Silent => None,
            Answer::NotOurs => empty(ResponseCode::Refused),
            Answer::Forged => Some(Response {
                extended_error: Some(FORGED_ANSWER),
                ..address(zone::SITE_ADDRESS)?
            }),
            Answer::Blocked(reason) => marked(ResponseCode::NXDomain, reason),
            Answer::Prohibited => marked(ResponseCode::Refused, PROHIBITED),
            Answer::Sink => address(Ipv4Addr::UNSPECIFIED),
            Answer::Referral => Some(Response {
                referral: record(RData::NS(NS(name.clone()))),
                ..Response::empty(ResponseCode::NoError)
            }),
            Answer::Throttled if self.is_within_rate() => address(zone::SITE_ADDRESS),
            Answer::Throttled => empty(ResponseCode::Refused),
        }
    }

    /// Whether one more throttled query may be answered now.
    fn is_within_rate(&self) -> bool {
        let mut answered = self.throttled.lock().unwrap_or_else(PoisonError::into_inner);
        while answered
            .front()
            .is_some_and(|at| at.elapsed() >= Duration::from_secs(1))
        {
            answered.pop_front();
        }
        let is_within = answered.len() < zone::THROTTLED_PER_SECOND as usize;
        if is_within {
            answered.push_back(Instant::now());
        }
        is_within
    }
}

#[async_trait::async_trait]
impl RequestHandler for ZoneHandler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut responder: R,
    ) -> ResponseInfo {
        self.queries.fetch_add(1, Ordering::Relaxed);
        let mut metadata = Metadata::response_from_request(&request.metadata);
        let Some(response) = self.respond(request) else {
            return without_response(metadata);
        };
        metadata.response_code = response.code;
        metadata.authoritative = response.answer.is_some() || response.soa.is_some();
        let mut edns = Edns::new();
        edns.set_max_payload(MAX_PAYLOAD);
        if let Some(code) = response.extended_error {
            let option = EdnsOption::Unknown(EXTENDED_ERROR, code.to_be_bytes().to_vec());
            edns.options_mut().insert(option);
        }
        let mut builder = MessageResponseBuilder::from_message_request(request);
        if request.edns.is_some() {
            builder.edns(&edns);
        }
        let message = builder.build(
            metadata,
            response.answer.as_ref(),
            response.referral.as_ref(),
            response.soa,
            [],
        );
        match responder.send_response(message).await {
            Ok(info) => info,
            Err(error) => {
                debug!(%error, "a client was gone before its answer");
                without_response(metadata)
            }
        }
    }
}

/// Tells the server that nothing was sent.
fn without_response(mut metadata: Metadata) -> ResponseInfo {
    metadata.message_type = MessageType::Response;
    Header {
        metadata,
        counts: HeaderCounts::default(),
    }
    .into()
}
