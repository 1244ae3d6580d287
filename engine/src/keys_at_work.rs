//! The idempotency keys whose work is under way in this process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use phasegate_core::storage::IdempotencyKey;

/// The keys whose work is under way or waits in this process.
#[derive(Default)]
pub(crate) struct KeysAtWork {
    keys: Mutex<BTreeMap<IdempotencyKey, KeyQueue>>,
}

#[derive(Default)]
struct KeyQueue {
    turn: Arc<tokio::sync::Mutex<()>>,
    /// How many callers hold a place in it. The last one removes it.
    places: usize,
}

impl KeysAtWork {
    pub(crate) fn join(&self, key: &IdempotencyKey) -> QueuePlace<'_> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = keys.entry(key.clone()).or_default();
        queue.places += 1;
        QueuePlace {
            keys: self,
            key: key.clone(),
            turn: Arc::clone(&queue.turn),
        }
    }
}

/// A place in the queue of a key, until it is dropped.
pub(crate) struct QueuePlace<'a> {
    keys: &'a KeysAtWork,
    key: IdempotencyKey,
    pub(crate) turn: Arc<tokio::sync::Mutex<()>>,
}

impl Drop for QueuePlace<'_> {
    fn drop(&mut self) {
        let mut keys = self.keys.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = keys.get_mut(&self.key) {
            queue.places -= 1;
            if queue.places == 0 {
                keys.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_in_memory_while_anybody_has_a_place_and_no_longer() {
        let keys = KeysAtWork::default();
        let key = IdempotencyKey::new("key").expect("a valid key");
        let (first, second) = (keys.join(&key), keys.join(&key));
        assert!(Arc::ptr_eq(&first.turn, &second.turn));
        drop(first);
        let third = keys.join(&key);
        assert!(Arc::ptr_eq(&second.turn, &third.turn));
        drop((second, third));
        assert!(keys.keys.lock().expect("nobody panicked").is_empty());
    }
}
