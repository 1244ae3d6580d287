//! The sandbox: a DNS server and an HTTP site on loopback, to try the built-in phases against.

use std::sync::{Arc, Mutex, PoisonError};

use phasegate_sandbox::Sandbox;
use serde_json::Value;
use tokio::runtime::Handle;

use crate::codes::HostCode;
use crate::error::{HostError, closed};
use crate::json::{read, write};
use crate::runtime::{handle, within};

/// A running DNS server and HTTP site on free ports of 127.0.0.1.
#[derive(uniffi::Object)]
pub struct HostSandbox {
    sandbox: Mutex<Option<Sandbox>>,
    handle: Handle,
}

#[uniffi::export]
impl HostSandbox {
    /// Starts it.
    #[uniffi::constructor]
    pub async fn start() -> Result<Arc<Self>, HostError> {
        let handle = handle()?;
        let started = within(handle.clone(), Sandbox::start()).await;
        let sandbox =
            started.map_err(|error| HostError::plain(HostCode::SandboxFailed, error.to_string()))?;
        Ok(Arc::new(Self {
            sandbox: Mutex::new(Some(sandbox)),
            handle,
        }))
    }

    /// `127.0.0.1:PORT` of its DNS server.
    pub fn dns_address(&self) -> Result<String, HostError> {
        self.with(|sandbox| sandbox.dns_addr().to_string())
    }

    /// `127.0.0.1:PORT` of its HTTP site.
    pub fn http_address(&self) -> Result<String, HostError> {
        self.with(|sandbox| sandbox.http_addr().to_string())
    }

    /// The document of a persona, pointed at the sandbox. A document of another kind is returned unchanged.
    pub fn point(&self, kind: String, document: String) -> Result<String, HostError> {
        let document: Value = read("document", &document)?;
        let (dns, http) = self.with(|sandbox| (sandbox.dns_addr(), sandbox.http_addr()))?;
        write(&phasegate_phases::sandboxed(&kind, &document, dns, http))
    }

    /// Stops it, and returns when its ports are free.
    pub async fn shutdown(&self) {
        let sandbox = self.sandbox.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sandbox) = sandbox {
            within(self.handle.clone(), sandbox.shutdown()).await;
        }
    }
}

impl HostSandbox {
    fn with<T>(&self, f: impl FnOnce(&Sandbox) -> T) -> Result<T, HostError> {
        let sandbox = self.sandbox.lock().unwrap_or_else(PoisonError::into_inner);
        sandbox.as_ref().map(f).ok_or_else(closed)
    }
}
