//! Closing every engine at the end of the process.

use std::sync::{Mutex, PoisonError, Weak};
use std::time::Duration;

use crate::engine::OpenEngine;
use crate::runtime::take_at_exit;

/// How long the end of a process waits for writes under way.
const EXIT_PATIENCE: Duration = Duration::from_secs(5);

/// The engines of this process.
static ENGINES: Mutex<Vec<Weak<OpenEngine>>> = Mutex::new(Vec::new());

/// Remembers an engine for [`exit`].
pub(crate) fn register(engine: Weak<OpenEngine>) {
    let mut engines = ENGINES.lock().unwrap_or_else(PoisonError::into_inner);
    engines.retain(|known| known.strong_count() > 0);
    engines.push(engine);
}

/// Closes every engine and ends their threads, for a hook of the host at the end of the process. Running phases stay running in
/// their stores, and the next engine's recovery takes them up. Every later call gives a typed error.
///
/// It takes a few seconds at most, also if phases don't come to rest.
#[uniffi::export]
pub fn exit() {
    let Some(runtime) = take_at_exit() else { return };
    let engines = std::mem::take(&mut *ENGINES.lock().unwrap_or_else(PoisonError::into_inner));
    let closing = async {
        for engine in engines.iter().filter_map(Weak::upgrade) {
            engine.abandon().await;
        }
    };
    runtime.block_on(async {
        let _ = tokio::time::timeout(EXIT_PATIENCE, closing).await;
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
}
