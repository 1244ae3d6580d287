//! Plain clients, which know nothing of the sandbox but its addresses.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RData, RecordType};
use phasegate_sandbox::{site, zone};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// A limit that only a failing test meets.
const PATIENCE: Duration = Duration::from_secs(20);

/// The names that the tests draw from.
pub fn names() -> impl Iterator<Item = String> {
    (0..20_000).map(|index| format!("site{index}.test"))
}

pub fn name_with_answer(answer: zone::Answer) -> String {
    names()
        .find(|name| zone::answer(name) == answer)
        .expect("every answer occurs")
}

pub fn name_with_behaviour(wanted: impl Fn(site::Behaviour) -> bool) -> String {
    names()
        .find(|name| wanted(site::behaviour(name)))
        .expect("every behaviour occurs")
}

/// Fails the test instead of waiting for ever.
pub async fn patiently<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("an answer should have come long ago")
}

pub fn query(name: &str, kind: RecordType) -> Message {
    let mut name = Name::from_ascii(name).expect("a valid name");
    name.set_fqdn(true);
    let mut message = Message::query();
    message.add_query(Query::query(name, kind));
    message
}

pub fn encode(message: &Message) -> Vec<u8> {
    message.to_vec().expect("a message that can be encoded")
}

pub async fn ask_udp(server: SocketAddr, queries: &[Message]) -> Message {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    for query in queries {
        socket
            .send_to(&encode(query), server)
            .await
            .expect("a query sent");
    }
    let mut buffer = [0; 2048];
    let length = patiently(socket.recv(&mut buffer)).await.expect("a response");
    Message::from_vec(&buffer[..length]).expect("a valid response")
}

pub async fn ask_tcp(server: SocketAddr, queries: &[Message]) -> Message {
    ask_stream(connect(server).await, queries).await
}

/// Sends `queries` on a stream that leads to a DNS server, and returns the first response.
pub async fn ask_stream(mut stream: TcpStream, queries: &[Message]) -> Message {
    for query in queries {
        let bytes = encode(query);
        stream.write_u16(bytes.len() as u16).await.expect("a query sent");
        stream.write_all(&bytes).await.expect("a query sent");
    }
    let length = patiently(stream.read_u16()).await.expect("a response");
    let mut bytes = vec![0; usize::from(length)];
    patiently(stream.read_exact(&mut bytes))
        .await
        .expect("a whole response");
    Message::from_vec(&bytes).expect("a valid response")
}

pub fn addresses(message: &Message) -> Vec<std::net::Ipv4Addr> {
    let address = |data: &RData| match data {
        RData::A(address) => address.0,
        other => panic!("not an A record: {other}"),
    };
    message
        .answers
        .iter()
        .map(|record| address(&record.data))
        .collect()
}

pub async fn connect(server: SocketAddr) -> TcpStream {
    patiently(TcpStream::connect(server)).await.expect("a connection")
}

/// A response as it came, in pieces.
#[derive(Debug, Eq, PartialEq)]
pub struct Response {
    pub head: String,
    pub body: String,
}

impl Response {
    pub fn status(&self) -> u16 {
        let status = self.head.split(' ').nth(1).unwrap_or_default();
        status
            .parse()
            .unwrap_or_else(|_| panic!("no status in {:?}", self.head))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// Sends `request` and reads until the server closes the connection.
pub async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Response {
    stream
        .write_all(request.as_bytes())
        .await
        .expect("a request sent");
    let mut bytes = Vec::new();
    patiently(stream.read_to_end(&mut bytes))
        .await
        .expect("the end of the answer");
    let text = String::from_utf8(bytes).expect("an answer in UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    Response {
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

pub fn get(host: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

/// Asks the site at `server` for the host `host`.
pub async fn fetch(server: SocketAddr, host: &str, path: &str) -> Response {
    exchange(connect(server).await, &get(host, path)).await
}
