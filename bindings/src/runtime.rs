//! The threads that engines run on, and what becomes of them when the process ends or forks.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::sync::{Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::context::TokioContext;

use crate::engine::Inner;
use crate::error::{HostError, closed};

/// How long the end of a process waits for what is being written.
const EXIT_PATIENCE: Duration = Duration::from_secs(5);

static PROCESS: Mutex<Process> = Mutex::new(Process {
    id: 0,
    runtime: None,
    exited: false,
    engines: Vec::new(),
});

struct Process {
    /// The process that started the runtime; a forked child has another one, and none of its threads.
    id: u32,
    runtime: Option<ManuallyDrop<Runtime>>,
    exited: bool,
    engines: Vec<Weak<Inner>>,
}

fn with<T>(f: impl FnOnce(&mut Process) -> T) -> T {
    f(&mut PROCESS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Whether this process is the one that `id` names.
pub(crate) fn is_process(id: u32) -> bool {
    std::process::id() == id
}

/// The runtime of this process, started by the first who asks. A forked child starts its own.
pub(crate) fn handle() -> Result<Handle, HostError> {
    with(|process| {
        if process.exited && is_process(process.id) {
            return Err(closed());
        }
        if !is_process(process.id) {
            // The threads of a parent's runtime are not here: it must be neither used nor dropped.
            process.runtime = None;
            process.engines.clear();
            process.exited = false;
            process.id = std::process::id();
        }
        if process.runtime.is_none() {
            let started = Builder::new_multi_thread()
                .thread_name("phasegate")
                .enable_all()
                .build()
                .map_err(|error| HostError::plain("unexpected", format!("no threads to run on: {error}")))?;
            process.runtime = Some(ManuallyDrop::new(started));
        }
        let runtime = process.runtime.as_ref().ok_or_else(closed)?;
        Ok(runtime.handle().clone())
    })
}

/// Remembers an engine for [`exit`].
pub(crate) fn register(engine: Weak<Inner>) {
    with(|process| {
        process.engines.retain(|known| known.strong_count() > 0);
        process.engines.push(engine);
    });
}

/// Polls a future where the runtime's timers and tasks are at hand, whoever polls it.
pub(crate) fn within<F: Future>(handle: Handle, future: F) -> TokioContext<F> {
    TokioContext::new(future, handle)
}

/// Closes every engine and ends their threads: for a hook of the host's at the end of the process. Running phases stay
/// running in their stores, and the next engine's recovery takes them up. Every later call gives a typed error.
///
/// It takes at most a few seconds, whatever the phases do.
#[uniffi::export]
pub fn exit() {
    let (runtime, engines) = with(|process| {
        if !is_process(process.id) {
            return (None, Vec::new());
        }
        process.exited = true;
        (process.runtime.take(), std::mem::take(&mut process.engines))
    });
    let Some(runtime) = runtime else { return };
    let runtime = ManuallyDrop::into_inner(runtime);
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
