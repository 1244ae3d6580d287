//! The runtime of the measurements.

use tokio::runtime::{Builder, Runtime};

/// Starts a runtime of several threads.
pub fn runtime() -> anyhow::Result<Runtime> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}
