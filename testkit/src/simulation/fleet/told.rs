//! What a subscriber was told, over all the engines that it was connected to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use phasegate::core::storage::{Cursor, EventScope, LoggedEvent};
use phasegate::core::{CampaignId, Version};
use phasegate::{Engine, EventStream};

use super::witness::Witness;

/// A subscriber of the store-wide log. When its engine is gone it connects again, with the cursor of the last event.
#[derive(Clone)]
pub(super) struct Subscriber {
    witness: Witness,
    told: Arc<Mutex<Vec<LoggedEvent>>>,
}

impl Subscriber {
    pub(super) fn new(witness: Witness) -> Self {
        Self {
            witness,
            told: Arc::default(),
        }
    }

    fn told(&self) -> MutexGuard<'_, Vec<LoggedEvent>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cursor(&self) -> Option<Cursor> {
        self.told().last().map(|event| event.cursor.clone())
    }

    /// Follows the log until the engine is gone.
    pub(super) fn follow(&self, engine: &Engine) -> impl Future<Output = ()> + Send + 'static {
        let subscriber = self.clone();
        let stream = engine.events(EventScope::Store, self.cursor()).page_size(3);
        async move { subscriber.listen(stream).await }
    }

    async fn listen(self, mut stream: EventStream) {
        while let Ok(event) = stream.next().await {
            if !self.witness.knows(&event) {
                self.witness
                    .broken(format!("an event is told before it is committed: {event:?}"));
            }
            self.told().push(event);
        }
    }

    /// Checks what it was told against the whole log: every event once, in its order. Of a deleted campaign it may have been told
    /// more than is left.
    pub(super) fn check(&self, log: &[LoggedEvent]) -> Result<(), String> {
        let told = self.told();
        let mut left = log.iter().peekable();
        let mut numbers: BTreeMap<CampaignId, Version> = BTreeMap::new();
        for event in told.iter() {
            if let (Some(campaign), Some(seq)) = (event.campaign_id, event.seq) {
                let before = numbers.insert(campaign, seq).unwrap_or_default();
                if seq <= before {
                    return Err(format!(
                        "a subscriber is told each event once and in order, but after {before} it was told {event:?}"
                    ));
                }
            }
            if left.peek() == Some(&event) {
                left.next();
            } else if log.contains(event) {
                return Err(format!(
                    "a subscriber is told every event in order, but {event:?} came instead of {:?}",
                    left.peek()
                ));
            }
        }
        match left.next() {
            Some(missed) => Err(format!("a subscriber was never told of {missed:?}")),
            None => Ok(()),
        }
    }
}
