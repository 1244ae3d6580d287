//! The threads that engines run on, and their fate when the process ends or forks.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::context::TokioContext;

use crate::codes::HostCode;
use crate::engine::OpenEngine;
use crate::error::{HostError, closed, forked};

/// How long the end of a process waits for writes under way.
const EXIT_PATIENCE: Duration = Duration::from_secs(5);

/// The process that has the threads; 0 before the first. It is apart from [`PROCESS`], since a forked child may find that
/// locked by a thread that it doesn't have.
static OWNER: AtomicU32 = AtomicU32::new(0);

static PROCESS: Mutex<ProcessState> = Mutex::new(ProcessState {
    runtime: None,
    exited: false,
    engines: Vec::new(),
});

/// What all engines of this process share.
struct ProcessState {
    runtime: Option<Runtime>,
    exited: bool,
    engines: Vec<Weak<OpenEngine>>,
}

fn with<T>(f: impl FnOnce(&mut ProcessState) -> T) -> T {
    f(&mut PROCESS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Whether this process is the one that `id` names.
pub(crate) fn is_process(id: u32) -> bool {
    std::process::id() == id
}

/// The runtime of this process. The first call starts it.
///
/// A child that was forked from a process with a runtime gets an error: the threads of the engines were not forked along, so
/// calls would wait for ever.
pub(crate) fn handle() -> Result<Handle, HostError> {
    let this = std::process::id();
    let owner = OWNER.compare_exchange(0, this, Ordering::AcqRel, Ordering::Acquire);
    if owner.is_err_and(|owner| owner != this) {
        return Err(forked());
    }
    with(|process| {
        if process.exited {
            return Err(closed());
        }
        if let Some(runtime) = &process.runtime {
            return Ok(runtime.handle().clone());
        }
        let started = Builder::new_multi_thread()
            .thread_name("phasegate")
            .enable_all()
            .build()
            .map_err(|error| {
                HostError::plain(HostCode::Unexpected, format!("no threads to run on: {error}"))
            })?;
        Ok(process.runtime.insert(started).handle().clone())
    })
}

/// Remembers an engine for [`exit`].
pub(crate) fn register(engine: Weak<OpenEngine>) {
    with(|process| {
        process.engines.retain(|known| known.strong_count() > 0);
        process.engines.push(engine);
    });
}

/// Makes the runtime's timers and tasks available to a future, wherever it is polled.
pub(crate) fn within<F: Future>(handle: Handle, future: F) -> TokioContext<F> {
    TokioContext::new(future, handle)
}

/// Closes every engine and ends their threads, for a hook of the host at the end of the process. Running phases stay running in
/// their stores, and the next engine's recovery takes them up. Every later call gives a typed error.
///
/// It takes a few seconds at most, also if phases don't come to rest.
#[uniffi::export]
pub fn exit() {
    if !is_process(OWNER.load(Ordering::Acquire)) {
        return;
    }
    let (runtime, engines) = with(|process| {
        process.exited = true;
        (process.runtime.take(), std::mem::take(&mut process.engines))
    });
    let Some(runtime) = runtime else { return };
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
