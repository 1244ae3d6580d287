//! The HTTP site: [`reply`] over HTTP/1.1.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HOST, HeaderValue, LOCATION};
use hyper::http::uri::Authority;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tracing::debug;

use crate::reply::{RedirectTarget, Reply, reply};
use crate::site::{self, Breakage};

/// Serves one connection until either side closes it, and counts its requests.
pub(crate) async fn serve(stream: TcpStream, requests: Arc<AtomicU64>) {
    let service = service_fn(|request| {
        requests.fetch_add(1, Ordering::Relaxed);
        respond(request)
    });
    let mut connection = http1::Builder::new()
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service);
    let Err(error) = (&mut connection).await else {
        return;
    };
    match error
        .source()
        .and_then(|source| source.downcast_ref::<BrokenReply>())
    {
        Some(BrokenReply(bytes)) => {
            // The connection ended before any byte of an answer, so the stream can carry other bytes.
            let mut stream = connection.into_parts().io.into_inner();
            let sent = async {
                stream
                    .write_all(bytes.as_bytes())
                    .await
                    .and(stream.shutdown().await)
            };
            if let Err(error) = sent.await {
                debug!(%error, "a client was gone before its broken answer");
            }
        }
        None => debug!(%error, "an HTTP connection ended early"),
    }
}

/// Ends the connection with these bytes instead of a response.
#[derive(Debug, thiserror::Error)]
#[error("the answer is to be broken")]
struct BrokenReply(String);

async fn respond(request: Request<Incoming>) -> Result<Response<String>, BrokenReply> {
    let Some(authority) = authority(&request) else {
        return Ok(status(StatusCode::BAD_REQUEST));
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Ok(response);
    }
    match reply(authority.host(), request.uri().path()) {
        Reply::Page { delay_ms, html } => {
            if delay_ms > 0 {
                tokio::time::sleep(Duration::from_millis(delay_ms)).await;
            }
            Ok(document(StatusCode::OK, html))
        }
        Reply::Redirect { status: code, to } => {
            let mut response = status(code);
            response.headers_mut().insert(LOCATION, location(&to, &authority));
            Ok(response)
        }
        Reply::Status(code) => Ok(status(code)),
        Reply::Broken(breakage) => Err(BrokenReply(broken(breakage, authority.host()))),
    }
}

/// The requested host: that of the request's target, else the `Host` header (RFC 9112, 3.3).
fn authority(request: &Request<Incoming>) -> Option<Authority> {
    match request.uri().authority() {
        Some(authority) => Some(authority.clone()),
        None => request.headers().get(HOST)?.to_str().ok()?.parse().ok(),
    }
}

fn location(to: &RedirectTarget, asked: &Authority) -> HeaderValue {
    match to {
        RedirectTarget::Path(path) => HeaderValue::from_static(path),
        RedirectTarget::Host(host) => {
            let port = asked.port().map(|port| format!(":{port}")).unwrap_or_default();
            HeaderValue::try_from(format!("http://{host}{port}/"))
                .expect("the host was parsed from an authority, which has no control characters")
        }
    }
}

fn status(code: StatusCode) -> Response<String> {
    let reason = code.canonical_reason().unwrap_or("Unknown");
    let title = format!("{} {reason}", code.as_u16());
    document(
        code,
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
        ),
    )
}

fn document(code: StatusCode, html: String) -> Response<String> {
    let mut response = Response::new(html);
    *response.status_mut() = code;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

fn broken(breakage: Breakage, host: &str) -> String {
    match breakage {
        Breakage::CutShort => {
            let page = site::page(host);
            let (length, half) = (page.len(), &page[..page.len() / 2]);
            format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {length}\r\n\r\n{half}"
            )
        }
        Breakage::Garbage => "220 mail ready\r\n500 unrecognised command\r\n".to_owned(),
        Breakage::Empty => String::new(),
    }
}
