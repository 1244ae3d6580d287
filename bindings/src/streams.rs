//! Events and records, page by page.

use phasegate::EventStream;
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use crate::error::HostError;
use crate::json::write;
use crate::runtime::{handle, is_process, within};

/// The most events of one call.
const MOST_EVENTS: usize = 500;

/// One page of records.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Page {
    /// The index of its first record.
    pub from: u64,
    /// The index to continue at; none after the last record.
    pub next: Option<u64>,
    /// The records, as a JSON array.
    pub records: String,
}

/// The endless stream of events after a cursor. Each event is given once, in order, after it is durable.
#[derive(uniffi::Object)]
pub struct HostEvents {
    handle: Handle,
    stream: Mutex<EventStream>,
    process: u32,
}

impl HostEvents {
    pub(crate) fn new(handle: Handle, stream: EventStream, process: u32) -> Self {
        Self {
            handle,
            stream: Mutex::new(stream),
            process,
        }
    }

    fn alive(&self) -> Result<(), HostError> {
        if !is_process(self.process) {
            return Err(crate::error::forked());
        }
        handle().map(drop)
    }
}

#[uniffi::export]
impl HostEvents {
    /// The next events, as a JSON array. Waits until there is one.
    ///
    /// Cancelling the wait loses no event.
    pub async fn next(&self) -> Result<String, HostError> {
        self.alive()?;
        let next = async {
            let mut stream = self.stream.lock().await;
            let mut events = vec![stream.next().await?];
            while events.len() < MOST_EVENTS
                && let Some(event) = stream.next_if_any().await?
            {
                events.push(event);
            }
            Ok::<_, phasegate::EngineError>(events)
        };
        write(&within(self.handle.clone(), next).await?)
    }

    /// The next events so far, as a JSON array; empty if there are none yet.
    pub async fn next_if_any(&self) -> Result<String, HostError> {
        self.alive()?;
        let next = async {
            let mut stream = self.stream.lock().await;
            let mut events = Vec::new();
            while events.len() < MOST_EVENTS
                && let Some(event) = stream.next_if_any().await?
            {
                events.push(event);
            }
            Ok::<_, phasegate::EngineError>(events)
        };
        write(&within(self.handle.clone(), next).await?)
    }
}
