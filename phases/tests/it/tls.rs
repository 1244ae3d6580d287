//! HTTP validation against sites whose TLS can't be trusted: the record says so, and nothing is asked of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use phasegate::CampaignStatus;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::{PHASES, World, failure, http_persona, plan, records};

/// What visitors did with a server.
#[derive(Debug, Default)]
struct Seen {
    connections: AtomicU64,
    requests: AtomicU64,
}

/// Accepts TLS with a certificate that its host made itself. Gives its port.
async fn self_signed() -> (u16, Arc<Seen>) {
    let made = rcgen::generate_simple_self_signed(vec!["aa-shop.test".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, seen) = (listener.local_addr().unwrap().port(), Arc::new(Seen::default()));
    let counting = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counting.connections.fetch_add(1, Ordering::Relaxed);
            let (acceptor, seen) = (acceptor.clone(), Arc::clone(&counting));
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await
                    && stream.read_u8().await.is_ok()
                {
                    seen.requests.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    (port, seen)
}

/// Accepts connections and closes them without a word. Gives its port.
async fn hanging_up() -> (u16, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, seen) = (listener.local_addr().unwrap().port(), Arc::new(Seen::default()));
    let counting = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Before the visitor can know of it.
            counting.connections.fetch_add(1, Ordering::Relaxed);
            drop(stream);
        }
    });
    (port, seen)
}

async fn every_site_has_a_tls_error(port: u16, seen: &Seen, code: &str) {
    let world = World::new().await;
    let mut persona = http_persona();
    persona["retries"] = json!(0);
    for id in ["one", "two", "three"] {
        world.put_sandboxed("http_persona", id, &persona).await;
        let sandboxed = world.engine.resource("http_persona", id).await.unwrap().unwrap();
        let mut document = sandboxed.document;
        document["scheme"] = json!("https");
        document["port"] = json!(port);
        world.put("http_persona", id, document).await;
    }
    let (campaign, view) = world.run(plan(60)).await;
    assert_eq!(view.status, CampaignStatus::Completed, "{}", failure(&view));
    let visited: Vec<_> = records(&campaign, PHASES[2])
        .await
        .into_iter()
        .filter(|record| record["status"] != "connection_refused")
        .collect();
    assert!(visited.len() >= 10, "{}", visited.len());
    for record in &visited {
        assert_eq!(record["status"], "tls_error", "{record}");
        assert_eq!(record["detail"]["code"], code, "{record}");
    }
    assert!(seen.connections.load(Ordering::Relaxed) >= visited.len() as u64);
    assert_eq!(seen.requests.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_nobody_signed_is_a_tls_error_and_nothing_is_asked() {
    let (port, seen) = self_signed().await;
    every_site_has_a_tls_error(port, &seen, "certificate_untrusted").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_that_hangs_up_while_encryption_is_agreed_is_a_tls_error() {
    let (port, seen) = hanging_up().await;
    every_site_has_a_tls_error(port, &seen, "tls_failed").await;
}
