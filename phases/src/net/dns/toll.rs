//! What every query has to pass before it is sent: the rate of the persona, and the count of its item.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::net::persona_limits::PersonaLimits;

/// The rate that the queries of an item wait for, and how many they are.
#[derive(Debug, Default)]
pub(super) struct Toll {
    limits: Option<Arc<PersonaLimits>>,
    sent: AtomicU64,
}

impl Toll {
    pub(super) fn new(limits: Option<Arc<PersonaLimits>>) -> Self {
        Self {
            limits,
            sent: AtomicU64::new(0),
        }
    }

    /// Waits until one more query may be sent, and counts it.
    pub(super) async fn pay(&self) {
        if let Some(limits) = &self.limits {
            limits.next_request().await;
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}
