//! The sandbox, and the personas that are pointed at it.

use std::net::{Ipv4Addr, SocketAddr};

use phasegate::Engine;
use phasegate::core::ResourceKind;
use phasegate::storage::{Expected, Resource};
use phasegate_phases::sandboxed;
use phasegate_sandbox::{Sandbox, SandboxError};
use serde_json::Value;

use crate::error::CliError;

/// The usual ports of a sandbox. They are below the ports that systems hand out.
const DNS_PORT: u16 = 20_053;
const HTTP_PORT: u16 = 20_080;

/// The addresses of a sandbox.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Addresses {
    dns: SocketAddr,
    http: SocketAddr,
}

impl Addresses {
    /// The addresses of a running sandbox.
    pub fn of(sandbox: &Sandbox) -> Self {
        Self {
            dns: sandbox.dns_addr(),
            http: sandbox.http_addr(),
        }
    }

    /// The addresses that stored personas point at, if they point at a sandbox. The port 0 stands for an unknown one.
    fn stored(resources: &[Resource]) -> Option<Self> {
        let documents = || resources.iter().map(|resource| &resource.document);
        let dns = documents().find_map(|document| {
            let resolvers = document.get("resolvers")?.as_array()?;
            let [only] = resolvers.as_slice() else { return None };
            let address: SocketAddr = only.as_str()?.parse().ok()?;
            address.ip().is_loopback().then_some(address)
        })?;
        let port = documents()
            .filter(|document| document.get("allowPrivateAddresses") == Some(&Value::Bool(true)))
            .find_map(|document| u16::try_from(document.get("port")?.as_u64()?).ok());
        let http = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(0)));
        Some(Self { dns, http })
    }

    /// The document of a persona, pointed at these addresses.
    pub fn point(&self, kind: &ResourceKind, document: &Value) -> Value {
        sandboxed(kind.as_str(), document, self.dns, self.http)
    }
}

/// Every resource in the store.
pub async fn stored_resources(engine: &Engine) -> Result<Vec<Resource>, CliError> {
    const PAGE: usize = 1_000;
    let mut all: Vec<Resource> = Vec::new();
    for pipeline in engine.pipelines() {
        for definition in &pipeline.definition().resource_kinds {
            let mut after: Option<String> = None;
            loop {
                let page = engine
                    .resources(definition.kind.as_str(), after.as_deref(), PAGE)
                    .await?;
                after = page.last().map(|last| last.resource.id.to_string());
                let full = page.len() == PAGE;
                all.extend(page);
                if !full {
                    break;
                }
            }
        }
    }
    Ok(all)
}

/// The addresses of the sandbox that the stored personas point at, if they point at one.
pub async fn last_addresses(engine: &Engine) -> Result<Option<Addresses>, CliError> {
    Ok(Addresses::stored(&stored_resources(engine).await?))
}

/// Starts a sandbox on the first of these ports that are free: the ports it had before, so that references to them stay valid;
/// the usual ones, so that the pages of two campaigns have the same addresses; any others.
pub async fn start(last: Option<Addresses>) -> Result<Sandbox, CliError> {
    let last = last.map(|last| (last.dns.port(), last.http.port()));
    for (dns, http) in last.into_iter().chain([(DNS_PORT, HTTP_PORT)]) {
        match Sandbox::builder().dns_port(dns).http_port(http).start().await {
            Err(SandboxError::Bind { .. }) => {}
            started => return Ok(started?),
        }
    }
    Ok(Sandbox::start().await?)
}

/// Points every stored persona at the sandbox.
pub async fn point_stored(engine: &Engine, addresses: Addresses) -> Result<(), CliError> {
    for stored in stored_resources(engine).await? {
        let pointed = addresses.point(&stored.resource.kind, &stored.document);
        if pointed != stored.document {
            let resource = &stored.resource;
            engine
                .put_resource(
                    resource.kind.as_str(),
                    resource.id.as_str(),
                    pointed,
                    Expected::Revision(stored.revision),
                )
                .await?;
        }
    }
    Ok(())
}
