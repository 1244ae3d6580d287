//! The sites that the proxies lead to: one server for all names.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use serde_json::{Value, json};

use crate::harness::ports;

/// A running server, which listens on 127.0.0.1 only. Dropping it stops it.
pub struct Sites {
    pub at: SocketAddr,
    _server: AbortOnDropHandle<()>,
}

impl Sites {
    pub async fn start() -> Self {
        let at = ports::free();
        let listener = TcpListener::bind(at).await.unwrap();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        Self {
            at,
            _server: AbortOnDropHandle::new(server),
        }
    }

    /// A persona that requests them.
    pub fn persona(&self) -> Value {
        json!({
            "scheme": "http", "port": self.at.port(), "allowPrivateAddresses": true, "retries": 0,
            "userAgent": "phasegate-test/1.0",
        })
    }
}

/// Answers one request: 407 as `asks.test`, a page that may be stored as `cached.test`, else a page. Every page shows who asked.
async fn serve(mut stream: TcpStream) {
    let mut request = Vec::new();
    let mut part = [0; 4_096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(length) if length > 0 => request.extend(&part[..length]),
            _ => return,
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let header = |name: &str| {
        let mut lines = request.lines().filter_map(|line| line.split_once(": "));
        let value = lines.find(|(key, _)| key.eq_ignore_ascii_case(name));
        value.map_or("", |(_, value)| value).to_owned()
    };
    let (host, user_agent) = (header("host"), header("user-agent"));
    let (status, more) = match host.split(':').next().unwrap_or_default() {
        "asks.test" => (
            "407 Proxy Authentication Required",
            "Proxy-Authenticate: Basic realm=\"site\"\r\n",
        ),
        "cached.test" => ("200 OK", "Cache-Control: max-age=600\r\n"),
        _ => ("200 OK", ""),
    };
    let page = format!("<title>{host}</title><p>a page for {user_agent}");
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\n{more}Connection: close\r\n\r\n{page}",
        page.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}
