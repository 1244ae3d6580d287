//! What every query has to pass before it is sent: the rate of the persona, and the account of its item.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::net::persona_limits::PersonaLimits;

/// The rate that the queries of an item wait for, how many they are, and whether one of them has brought anything.
#[derive(Debug, Default)]
pub(super) struct Toll {
    limits: Option<Arc<PersonaLimits>>,
    sent: AtomicU64,
    has_told: AtomicBool,
}

impl Toll {
    pub(super) fn new(limits: Option<Arc<PersonaLimits>>) -> Self {
        Self {
            limits,
            sent: AtomicU64::new(0),
            has_told: AtomicBool::new(false),
        }
    }

    /// Waits until one more query may be sent, and counts it.
    pub(super) async fn pay(&self) {
        if let Some(limits) = &self.limits {
            limits.next_request().await;
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes note that a query has brought something of the item.
    pub(super) fn told(&self) {
        self.has_told.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_told(&self) -> bool {
        self.has_told.load(Ordering::Relaxed)
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}
