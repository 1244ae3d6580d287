//! The store and its handles.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use phasegate_core::storage::{StorageError, TokenSecret};
use tokio::sync::Notify;

use super::state::State;
use crate::clock::ManualClock;

/// A store in memory, for tests. It follows the port in everything but durability.
///
/// Time comes from its [`ManualClock`] alone: leases expire, moments come and idempotency keys are forgotten when the test moves the
/// clock on. Only [`changed`](phasegate_core::storage::Storage::changed) waits by the monotonic clock of tokio, which a test may
/// pause; it needs a runtime of tokio with time.
///
/// # Handles
///
/// Clones share one handle: what closes one closes them all, and [`reopen`](Self::reopen) opens them again.
/// [`connect`](Self::connect) gives another handle of the same store, which is closed by itself. So several engines work on one
/// store as several processes work on a database.
#[derive(Clone)]
pub struct MemoryStorage {
    pub(super) shared: Arc<Shared>,
    pub(super) closed: Arc<AtomicBool>,
}

/// What all handles of a store share.
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    /// Told after each change that somebody may wait for, without the lock on the state.
    pub(super) changed: Notify,
    pub(super) clock: ManualClock,
    pub(super) token_secret: TokenSecret,
}

impl fmt::Debug for MemoryStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStorage").finish_non_exhaustive()
    }
}

impl Default for MemoryStorage {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStorage {
    /// An empty store with a [clock](Self::clock) of its own.
    pub fn new() -> Self {
        Self::with_clock(ManualClock::default())
    }

    /// An empty store whose time is that of `clock`.
    pub fn with_clock(clock: ManualClock) -> Self {
        Self::with_clock_and_secret(clock, TokenSecret(drawn()))
    }

    /// An empty store whose time is that of `clock`, and whose token secret is not drawn: for tests that compare two runs of one seed.
    pub fn with_clock_and_secret(clock: ManualClock, token_secret: TokenSecret) -> Self {
        let shared = Shared {
            state: Mutex::default(),
            changed: Notify::new(),
            clock,
            token_secret,
        };
        Self {
            shared: Arc::new(shared),
            closed: Arc::default(),
        }
    }

    /// The clock that its time comes from.
    pub fn clock(&self) -> &ManualClock {
        &self.shared.clock
    }

    /// Another handle of the same store, open, and closed by itself.
    #[must_use]
    pub fn connect(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            closed: Arc::default(),
        }
    }

    /// Opens this handle again after a close, as the next process opens a file.
    pub fn reopen(&self) {
        self.closed.store(false, Ordering::SeqCst);
    }

    /// Ends all leases as if their time had passed: whoever held them is gone.
    pub fn end_leases(&self) {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.leases.end_all();
    }

    /// Looks at the state, or changes it in a way that nobody waits for.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&mut State) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        match self.closed.load(Ordering::SeqCst) {
            true => Err(StorageError::Closed),
            false => work(&mut state),
        }
    }

    /// Changes the state, and wakes those who wait for a change.
    pub(super) fn change<T>(
        &self,
        work: impl FnOnce(&mut State) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let done = self.with(work)?;
        self.shared.changed.notify_waiters();
        Ok(done)
    }
}

/// 32 bytes that nobody has chosen.
fn drawn() -> [u8; 32] {
    let mut bytes = [0; 32];
    for (index, part) in bytes.chunks_mut(8).enumerate() {
        part.copy_from_slice(&RandomState::new().hash_one(index).to_be_bytes());
    }
    bytes
}
