//! Streamed answers: events as they happen, and any number of records.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream};
use phasegate::core::EventKind;
use phasegate::storage::{Cursor, EventScope, LoggedEvent};
use phasegate::{CampaignId, Engine, RecordStream};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::metrics::SseClient;
use crate::problem::Problem;
use crate::routes::{NDJSON, Records};
use crate::rows::{Columns, csv_cell};
use crate::server::Server;
use crate::shapes::ProgressBody;

/// How many events a stream holds at most, for a client that reads slowly.
const EVENTS_HELD: usize = 32;
/// How many records a stream holds at most.
const RECORDS_HELD: usize = 200;
/// How often progress is sent.
const PROGRESS: Duration = Duration::from_millis(200);
/// How often a silent stream sends a sign of life.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// After what time a client should reconnect.
const RECONNECT: Duration = Duration::from_secs(1);

/// The events after a cursor, and then each later event, as server-sent events.
pub async fn events(server: &Server, scope: EventScope, after: Option<Cursor>) -> Result<Response, Problem> {
    let permit = server.stream_permit()?;
    let mut events = server.engine().events(scope, after).page_size(EVENTS_HELD);
    // An invalid cursor is refused here. Otherwise the stream would end after every reconnection.
    let first = events.next_if_any().await?;
    // One at a time, so that the log is not read faster than the client reads.
    let (read, reads) = mpsc::channel(1);
    let reading = tokio::spawn(async move {
        let mut next = first;
        loop {
            let event = match next.take() {
                Some(event) => event,
                None => match events.next().await {
                    Ok(event) => event,
                    // The client reconnects, and gets the error then.
                    Err(error) => return tracing::debug!(%error, "a stream of events ended"),
                },
            };
            if read.send(event).await.is_err() {
                return;
            }
        }
    });
    let subscriber = EventSubscriber {
        engine: server.engine().clone(),
        scope,
        events: reads,
        _reading: AbortOnDropHandle::new(reading),
        closing: server.closing().clone(),
        told: HashMap::new(),
        progress: Vec::new(),
        tick: {
            let mut tick = interval_at(Instant::now() + PROGRESS, PROGRESS);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            tick
        },
        over: false,
        _held: (permit, SseClient::new()),
    };
    let hello = Event::default().comment("connected").retry(RECONNECT);
    let subscriber = stream::unfold((subscriber, Some(hello)), |(mut subscriber, hello)| async move {
        let event = match hello {
            Some(hello) => hello,
            None => subscriber.next().await?,
        };
        Some((Ok::<_, Infallible>(event), (subscriber, None)))
    });
    let mut response = Sse::new(subscriber)
        .keep_alive(KeepAlive::new().interval(HEARTBEAT).text("heartbeat"))
        .into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-store, no-transform"),
    );
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    Ok(response)
}

/// A client that follows the log.
struct EventSubscriber {
    engine: Engine,
    scope: EventScope,
    events: mpsc::Receiver<LoggedEvent>,
    _reading: AbortOnDropHandle<()>,
    closing: CancellationToken,
    /// The last sent progress, by campaign.
    told: HashMap<CampaignId, ProgressBody>,
    /// The progress of this tick that is not sent yet.
    progress: Vec<(CampaignId, ProgressBody)>,
    tick: tokio::time::Interval,
    over: bool,
    _held: (OwnedSemaphorePermit, SseClient),
}

impl EventSubscriber {
    /// The next thing to send, or the end: the server closes, the store fails, or the campaign is deleted.
    async fn next(&mut self) -> Option<Event> {
        if self.over {
            return None;
        }
        loop {
            if let Some((campaign, progress)) = self.progress.pop() {
                return Some(self.tell(campaign, progress));
            }
            tokio::select! {
                biased;
                () = self.closing.cancelled() => return None,
                event = self.events.recv() => return event.map(|event| self.event(&event)),
                // An attempt is counted before its launch is in the log, so the ticking begins with the event.
                _ = self.tick.tick(), if self.engine.running_phases() > 0 => self.look_at_progress(),
            }
        }
    }

    fn event(&mut self, event: &LoggedEvent) -> Event {
        if let Some(campaign) = &event.campaign_id
            && (event.event.kind.launch().is_some() || event.event.kind.phase().is_none())
        {
            self.told.remove(campaign);
        }
        self.over = matches!(event.event.kind, EventKind::CampaignDeleted {})
            && event.campaign_id.map(EventScope::Campaign) == Some(self.scope);
        let data = serde_json::to_string(event).unwrap_or_default();
        Event::default()
            .id(event.cursor.as_str())
            .event(event.event.kind.name())
            .data(data)
    }

    fn look_at_progress(&mut self) {
        let all = match self.scope {
            EventScope::Campaign(id) => self.engine.progress(id).into_iter().collect(),
            EventScope::Store if self.engine.running_phases() == 0 => Vec::new(),
            EventScope::Store => self.engine.all_progress(),
        };
        let fresh = all.into_iter().filter_map(|(ticket, progress)| {
            let campaign = ticket.campaign;
            let body = ProgressBody::from((ticket, progress));
            (self.told.get(&campaign) != Some(&body)).then_some((campaign, body))
        });
        self.progress = fresh.collect();
    }

    fn tell(&mut self, campaign: CampaignId, progress: ProgressBody) -> Event {
        let mut data = json!({ "type": "progress", "campaignId": campaign });
        if let (Some(data), Ok(Value::Object(members))) =
            (data.as_object_mut(), serde_json::to_value(&progress))
        {
            data.extend(members);
        }
        self.told.insert(campaign, progress);
        Event::default().event("progress").data(data.to_string())
    }
}

/// All records, one per line.
pub fn ndjson(records: Records) -> Result<Response, Problem> {
    let permit = records.server.stream_permit()?;
    let lines = chunks(records, permit, Vec::new(), |out, record| {
        out.extend_from_slice(record.get().as_bytes());
        out.push(b'\n');
        Ok(())
    });
    Ok(streamed(NDJSON, lines))
}

/// All records as rows. It reads them twice, the first time for the columns.
pub async fn csv(records: Records) -> Result<Response, Problem> {
    let permit = records.server.stream_permit()?;
    let columns = columns(&records).await?;
    let mut head = Vec::new();
    if !columns.names().is_empty() {
        head = row(columns.names().iter().cloned())
            .map_err(|_| Problem::new("internal_error", "the names can't be written"))?;
    }
    let rows = chunks(records, permit, head, move |out, record| {
        out.extend(row(columns.row(record).into_iter().map(csv_cell))?);
        Ok(())
    });
    Ok(streamed("text/csv; charset=utf-8", rows))
}

fn streamed(
    form: &'static str,
    chunks: impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
) -> Response {
    ([(header::CONTENT_TYPE, form)], Body::from_stream(chunks)).into_response()
}

fn row(cells: impl Iterator<Item = String>) -> std::io::Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    writer.write_record(cells).map_err(std::io::Error::from)?;
    writer
        .into_inner()
        .map_err(|error| std::io::Error::other(error.to_string()))
}

/// The records, page by page, each page in a chunk. A failure breaks off the answer, so that it is not taken for complete.
fn chunks<F>(
    records: Records,
    permit: OwnedSemaphorePermit,
    head: Vec<u8>,
    write: F,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send
where
    F: Fn(&mut Vec<u8>, &RawValue) -> std::io::Result<()> + Send + 'static,
{
    struct RecordReading<F> {
        records: Records,
        source: RecordStream,
        head: Vec<u8>,
        write: F,
        _permit: OwnedSemaphorePermit,
    }
    let source = source(&records);
    let reading = RecordReading {
        records,
        source,
        head,
        write,
        _permit: permit,
    };
    stream::try_unfold(reading, |mut reading| async move {
        let mut out = std::mem::take(&mut reading.head);
        let closing = reading.records.server.closing().clone();
        loop {
            let record = tokio::select! {
                biased;
                () = closing.cancelled() => return Err(std::io::Error::other("the server closes")),
                record = reading.source.next() => record.map_err(std::io::Error::other)?,
            };
            let Some(record) = record else {
                return Ok((!out.is_empty()).then(|| (Bytes::from(out), reading)));
            };
            if reading.records.filter.takes(&record) {
                (reading.write)(&mut out, &record)?;
            }
            if out.len() >= 64 * 1024 {
                return Ok(Some((Bytes::from(out), reading)));
            }
        }
    })
}

fn source(records: &Records) -> RecordStream {
    records
        .campaign
        .records_of_run(records.phase.clone(), records.run, 0)
        .page_size(RECORDS_HELD)
}

/// The columns of all requested records.
async fn columns(records: &Records) -> Result<Columns, Problem> {
    let mut columns = Columns::default();
    let mut source = source(records);
    while let Some(record) = source.next().await? {
        if records.filter.takes(&record) {
            columns.add(&record);
        }
    }
    Ok(columns)
}
