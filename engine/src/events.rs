//! Subscriptions: the log, read and then followed.

use std::collections::VecDeque;
use std::sync::Arc;

use phasegate_core::storage::{Cursor, EventScope, LoggedEvent, Storage};

use crate::error::EngineError;

/// How many events are read at once, unless set otherwise.
const PAGE: usize = 500;

/// Events after a cursor, without an end. Each is delivered once, in order, and only when it is durable.
pub struct EventStream {
    storage: Arc<dyn Storage>,
    scope: EventScope,
    after: Option<Cursor>,
    page: VecDeque<LoggedEvent>,
    page_size: usize,
}

impl EventStream {
    pub(crate) fn new(storage: Arc<dyn Storage>, scope: EventScope, after: Option<Cursor>) -> Self {
        Self {
            storage,
            scope,
            after,
            page: VecDeque::new(),
            page_size: PAGE,
        }
    }

    /// The same stream, which reads this many events at once (1 to 1,000; 500 unless set) and holds no more: an event is at
    /// most 64 KiB, and the summary in it as much again.
    #[must_use]
    pub fn page_size(mut self, events: usize) -> Self {
        self.page_size = events;
        self
    }

    /// The next event, waiting for it if it hasn't happened yet.
    ///
    /// # Errors
    ///
    /// [`EngineError::Storage`] when the store fails or is closed; the cursor of the last event still holds.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no event.
    pub async fn next(&mut self) -> Result<LoggedEvent, EngineError> {
        loop {
            // Read first, so that an event which comes after the page ends the wait.
            let latest = self.storage.latest().await?;
            if let Some(event) = self.next_if_any().await? {
                return Ok(event);
            }
            self.storage.changes(latest).await?;
        }
    }

    /// The next event if it has happened already, or `None`.
    ///
    /// # Errors
    ///
    /// [`EngineError::Storage`] when the store fails or is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no event.
    pub async fn next_if_any(&mut self) -> Result<Option<LoggedEvent>, EngineError> {
        while self.page.is_empty() {
            let page = self
                .storage
                .events(self.scope, self.after.clone(), self.page_size)
                .await?;
            self.page = page.items.into();
            match page.next_cursor {
                // Nothing in that stretch of the log is shown any more; there may be events after it.
                Some(next) if self.page.is_empty() && self.after.as_ref() != Some(&next) => {
                    self.after = Some(next);
                }
                _ => break,
            }
        }
        let event = self.page.pop_front();
        if let Some(event) = &event {
            self.after = Some(event.cursor.clone());
        }
        Ok(event)
    }

    /// Where to go on from later: the cursor of the last event that was delivered, or one after it that skips only events
    /// of deleted campaigns.
    pub fn cursor(&self) -> Option<&Cursor> {
        self.after.as_ref()
    }
}
