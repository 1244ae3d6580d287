//! Bytes as what a client sends on a connection.

use phasegate::Engine;
use phasegate_server::{Access, Server, Token, serve_connection};
use phasegate_testkit::storage::MemoryStorage;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The token that the inputs of the corpus show.
const TOKEN: &str = "00000000000000000000000000000000000000000000000000000000000000ff";
/// What is read of the answers: a stream of events has no end of its own.
const MOST_READ: u64 = 1024 * 1024;

/// Sends the bytes to a server with one campaign: it answers or hangs up, never with a 500, and the campaign is still readable.
///
/// # Panics
///
/// When it doesn't: that is the finding.
pub fn requests(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let engine = Engine::builder()
            .storage(MemoryStorage::new())
            .pipeline(phasegate_phases::pipeline().expect("the pipeline is fixed"))
            .build()
            .expect("an engine");
        let campaign = engine.create(phasegate::NewCampaign::new("fuzzed")).await;
        let campaign = campaign.expect("a campaign");
        let token = Token::parse(TOKEN).expect("a token");
        let server = Server::builder(engine.clone())
            .access(Access::Token(token))
            .build();
        let (mut client, socket) = tokio::io::duplex(64 * 1024);
        let serving = {
            let server = server.clone();
            tokio::spawn(async move { serve_connection(socket, &server).await })
        };
        let (sent, mut answer) = (bytes.to_vec(), Vec::new());
        let (mut reader, mut writer) = tokio::io::split(&mut client);
        let write = async {
            // The server may hang up before it has read all.
            let _ = writer.write_all(&sent).await;
            let _ = writer.shutdown().await;
            // The time is a paused clock's: it goes on when nothing else does.
            tokio::time::sleep(phasegate_server::HEADER_TIMEOUT * 2).await;
            server.close();
        };
        let mut bounded = (&mut reader).take(MOST_READ);
        let (_, read) = tokio::join!(write, bounded.read_to_end(&mut answer));
        let _ = read;
        drop(client);
        let served = serving.await;
        assert!(served.is_ok(), "the server panicked");
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.contains("HTTP/1.1 500"), "{answer}");
        let foreign = !String::from_utf8_lossy(bytes).contains(TOKEN);
        let after = campaign.view().await;
        assert!(after.is_ok() || !foreign, "a stranger deleted the campaign");
        assert!(
            !foreign || after.is_ok_and(|view| view.version.0 == 1),
            "a stranger changed the campaign"
        );
        engine.shutdown().await.expect("it shuts down");
    });
}
