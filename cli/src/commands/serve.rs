//! `phasegate serve`

use std::net::SocketAddr;
use std::path::PathBuf;

use phasegate::Engine;
use phasegate::core::ResourceKind;
use phasegate::storage::Expected;
use phasegate_server::{Access, Hosts, MetricsHandle, Server, Token};
use serde_json::json;
use tokio::net::TcpListener;

use crate::args::ServeArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::sandbox::{self, Addresses};
use crate::screen::say;
use crate::signals::Signals;
use crate::store::{self, MissingStore};

/// Serves a store over HTTP until it is asked to end.
pub async fn serve(args: ServeArgs) -> Result<Exit, CliError> {
    if args.no_auth && !args.listen.ip().is_loopback() {
        return Err(CliError::Usage(format!(
            "--no-auth lets everybody in who reaches {}, so it works on a loopback address only: leave it out, or listen on \
             127.0.0.1",
            args.listen.ip()
        )));
    }
    let hosts = hosts(&args)?;
    // Installed before the store is opened, since the store looks its recorders up then.
    let metrics = phasegate_server::install_metrics();
    phasegate_storage_redb::describe_metrics();
    let mut signals = Signals::listen().map_err(CliError::io("no signals can be heard"))?;
    store::with_engine(&args.store.db, MissingStore::Create, async |engine| {
        let listener = TcpListener::bind(args.listen).await;
        let listener = listener.map_err(CliError::io(format!("{} can't be listened on", args.listen)))?;
        let address = listener
            .local_addr()
            .map_err(CliError::io("the address is unknown"))?;
        let token = match args.no_auth {
            true => None,
            false => Some(Token::load_or_create(&token_file(&args))?),
        };
        let server = server(engine, hosts, token.clone(), metrics);
        let sandbox = match args.sandbox {
            true => Some(begin_sandbox(engine).await?),
            false => None,
        };
        recover(engine).await?;
        greet(address, token.as_ref())?;
        let serving = phasegate_server::serve(listener, &server);
        let asked = async {
            signals.next().await;
            say("ending; what runs goes on at the next start");
            server.close();
        };
        let (served, ()) = tokio::join!(serving, asked);
        served.map_err(CliError::io("the server broke off"))?;
        // The runners come to rest before the sandbox ends.
        engine.shutdown().await?;
        if let Some(sandbox) = sandbox {
            sandbox.shutdown().await;
        }
        Ok(Exit::Done)
    })
    .await
}

/// The hosts to answer for: the loopback's, the listening address, and the named ones.
fn hosts(args: &ServeArgs) -> Result<Hosts, CliError> {
    let mut hosts = Hosts::loopback();
    if !args.listen.ip().is_unspecified() {
        hosts = hosts.and(&host(args.listen)).expect("an address is a host");
    }
    for host in &args.allow_host {
        let wider = hosts.and(host);
        hosts = wider.map_err(|error| CliError::Usage(format!("--allow-host: {error}")))?;
    }
    Ok(hosts)
}

fn server(engine: &Engine, hosts: Hosts, token: Option<Token>, metrics: Option<MetricsHandle>) -> Server {
    let mut builder = Server::builder(engine.clone())
        .access(token.map_or(Access::Open, Access::Token))
        .hosts(hosts);
    if let Some(metrics) = metrics {
        builder = builder.metrics(metrics);
    }
    builder.build()
}

/// The host of an address, as a URL has it.
fn host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

/// The file of the token: the named one, or one beside the store.
fn token_file(args: &ServeArgs) -> PathBuf {
    args.token_file.clone().unwrap_or_else(|| {
        let mut file = args.store.db.clone().into_os_string();
        file.push(".token");
        file.into()
    })
}

/// Takes up the phases that ran when the last process ended. The server starts even if some can't be taken up.
async fn recover(engine: &Engine) -> Result<(), CliError> {
    let recovery = engine.recover().await?;
    for campaign in recovery.resumed {
        say(format_args!("campaign {campaign} goes on"));
    }
    for (campaign, error) in recovery.failed {
        say(format_args!("campaign {campaign} can't go on: {error}"));
    }
    Ok(())
}

fn greet(address: SocketAddr, token: Option<&Token>) -> Result<(), CliError> {
    let mut shown = address;
    if address.ip().is_unspecified() {
        shown.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let base = format!("http://{}:{}", host(shown), shown.port());
    let mut out = Output::new();
    out.line(format_args!(
        "Phasegate listens on {address}. Ctrl-C ends it, and what runs goes on at the next start."
    ))?;
    match token {
        Some(token) => out.line(format_args!("To log in: {base}/login?token={}", token.reveal()))?,
        None => out.line(format_args!("Everybody on this machine may use it: {base}/"))?,
    }
    out.flush()
}

/// Starts a sandbox, points the stored personas at it, and stores one persona of each kind.
async fn begin_sandbox(engine: &Engine) -> Result<phasegate_sandbox::Sandbox, CliError> {
    let sandbox = sandbox::start(sandbox::last_addresses(engine).await?).await?;
    let addresses = Addresses::of(&sandbox);
    let personas = [
        (
            "dns_persona",
            "sandbox-dns",
            json!({ "resolvers": ["127.0.0.1:53"], "timeoutMs": 1_000, "retries": 1, "concurrency": 50 }),
        ),
        (
            "http_persona",
            "sandbox-http",
            json!({ "userAgent": "Phasegate (sandbox)", "timeoutMs": 2_000, "concurrency": 50 }),
        ),
    ];
    for (kind, id, document) in personas {
        if engine.resource(kind, id).await?.is_none() {
            let name = ResourceKind::new(kind).expect("a valid kind");
            let pointed = addresses.point(&name, &document);
            engine.put_resource(kind, id, pointed, Expected::Absent).await?;
        }
    }
    sandbox::point_stored(engine, addresses).await?;
    Ok(sandbox)
}
