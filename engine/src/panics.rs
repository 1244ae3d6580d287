//! Panics of what a host has plugged in: what they say, and that they end nothing but the work at hand.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use phasegate_core::storage::StorageError;

/// The text of a panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}

/// Does work that asks the store. A panic within it is logged, and is as good as a store that can't be used.
pub(crate) fn caught<T, E: From<StorageError>>(
    work: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, E>> {
    // An async block would have room for the work twice.
    AssertUnwindSafe(work)
        .catch_unwind()
        .map(|done| done.unwrap_or_else(|panic| Err(panicked(&*panic).into())))
}

/// What a panic amounts to. It is logged.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> StorageError {
    let text = panic_text(panic);
    tracing::error!(panic = text, "there was a panic in the store, or in work with it");
    StorageError::Unavailable {
        reason: format!("there was a panic: {text}"),
    }
}
