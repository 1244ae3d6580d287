//! The threads that engines run on. A forked child doesn't have them, and after the end of the process nobody does.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::context::TokioContext;

use crate::codes::HostCode;
use crate::error::{HostError, closed, forked};

/// The process that has the threads; 0 before the first. It is apart from [`PROCESS`], since a forked child may find that
/// locked by a thread that it doesn't have.
static OWNER: AtomicU32 = AtomicU32::new(0);

static PROCESS: Mutex<ProcessState> = Mutex::new(ProcessState {
    runtime: None,
    exited: false,
});

/// The threads of this process.
struct ProcessState {
    runtime: Option<Runtime>,
    exited: bool,
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

/// Makes the runtime's timers and tasks available to a future, wherever it is polled.
pub(crate) fn within<F: Future>(handle: Handle, future: F) -> TokioContext<F> {
    TokioContext::new(future, handle)
}

/// Takes the runtime away for good, at the end of the process. `None` in a process without one, such as a forked child.
pub(crate) fn take_at_exit() -> Option<Runtime> {
    if !is_process(OWNER.load(Ordering::Acquire)) {
        return None;
    }
    with(|process| {
        process.exited = true;
        process.runtime.take()
    })
}
