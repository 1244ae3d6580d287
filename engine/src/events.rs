//! Subscriptions: reading the log, then following it.

use std::collections::VecDeque;
use std::sync::Arc;

use phasegate_core::storage::{ChangeScope, Cursor, EventScope, LoggedEvent, Storage};

use crate::error::EngineError;
use crate::turns::LONGEST_LOOK;

/// How many events are read at once by default.
const PAGE: usize = 500;

/// The endless stream of events after a cursor. Each event is delivered once, in order, after it is durable.
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

    /// Sets how many events the stream reads at once and holds at most: 1 to 1,000; the default is 500. An event has at most
    /// 64 KiB, and its summary as much again.
    #[must_use]
    pub fn page_size(mut self, events: usize) -> Self {
        self.page_size = events;
        self
    }

    /// The next event. Waits until there is one.
    ///
    /// # Errors
    ///
    /// [`EngineError::Storage`] when the store fails or is closed; the cursor of the last event stays valid.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no event.
    pub async fn next(&mut self) -> Result<LoggedEvent, EngineError> {
        let scope = match self.scope {
            EventScope::Store => ChangeScope::Store,
            EventScope::Campaign(id) => ChangeScope::Campaign(id),
        };
        loop {
            if let Some(event) = self.next_if_any().await? {
                return Ok(event);
            }
            self.storage
                .changed(scope, self.after.clone(), LONGEST_LOOK)
                .await?;
        }
    }

    /// The next event, or `None` if there is none yet.
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
                // That stretch of the log holds only hidden events; there may be others after it.
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

    /// The cursor to continue from later: that of the last delivered event, or a later one that skips only events of deleted
    /// campaigns.
    pub fn cursor(&self) -> Option<&Cursor> {
        self.after.as_ref()
    }
}
