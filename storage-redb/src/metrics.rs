//! The store's metrics, through the facade of the crate `metrics`.

use std::time::Instant;

use ::metrics::{Histogram, Unit, describe_histogram, histogram};

const WRITE_SECONDS: &str = "phasegate_store_write_seconds";
const SYNC_WRITES: &str = "phasegate_store_sync_writes";

/// Describes the metrics of the stores in this process to the installed recorder of the crate `metrics`.
///
/// A host calls it once, after it has installed its recorder and before it opens a store. A store uses the recorder that is
/// installed when the store is opened; without one it records nothing.
///
/// | name | kind | labels | what it is |
/// |---|---|---|---|
/// | `phasegate_store_write_seconds` | histogram | `kind`: `commit`, `append`, `resource`, `key`, `cursor` or `lease` | seconds from handing a write to the store until it is durable; refused and failed writes are left out |
/// | `phasegate_store_sync_writes` | histogram | | how many writes one sync of the file made durable together |
pub fn describe_metrics() {
    describe_histogram!(
        WRITE_SECONDS,
        Unit::Seconds,
        "Seconds from handing a write to the store until it is durable, by kind of write"
    );
    describe_histogram!(
        SYNC_WRITES,
        Unit::Count,
        "How many writes one sync of the file made durable together"
    );
}

/// A kind of write.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WriteKind {
    Commit,
    Append,
    Resource,
    Key,
    Cursor,
    Lease,
}

/// The recorders of one open store, looked up once.
pub(crate) struct Metrics {
    commit: Histogram,
    append: Histogram,
    resource: Histogram,
    key: Histogram,
    cursor: Histogram,
    lease: Histogram,
    sync_writes: Histogram,
}

impl Metrics {
    /// Takes the installed recorder.
    pub(crate) fn new() -> Self {
        Self {
            commit: histogram!(WRITE_SECONDS, "kind" => "commit"),
            append: histogram!(WRITE_SECONDS, "kind" => "append"),
            resource: histogram!(WRITE_SECONDS, "kind" => "resource"),
            key: histogram!(WRITE_SECONDS, "kind" => "key"),
            cursor: histogram!(WRITE_SECONDS, "kind" => "cursor"),
            lease: histogram!(WRITE_SECONDS, "kind" => "lease"),
            sync_writes: histogram!(SYNC_WRITES),
        }
    }

    /// Records a write that was handed over at `since` and has just become durable.
    pub(crate) fn durable(&self, kind: WriteKind, since: Instant) {
        let histogram = match kind {
            WriteKind::Commit => &self.commit,
            WriteKind::Append => &self.append,
            WriteKind::Resource => &self.resource,
            WriteKind::Key => &self.key,
            WriteKind::Cursor => &self.cursor,
            WriteKind::Lease => &self.lease,
        };
        histogram.record(since.elapsed());
    }

    /// Records that one sync made this many writes durable.
    pub(crate) fn synced(&self, writes: usize) {
        // A group is bounded, so the number is exact.
        self.sync_writes.record(writes as f64);
    }
}
