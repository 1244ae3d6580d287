//! How far a run of a phase has come.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use super::form::{Fault, Kind, Unreadable, decode};
use super::part::Json;
use crate::ids::{Attempt, BatchNumber, Version};
use crate::json::Digest;
use crate::storage::{Progress, RunOutput};

const KIND: Kind = Kind { what: "run", form: 1 };

/// A run of a phase, with how far its output has come.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRun {
    /// The number of the event that launched its first attempt.
    pub launched: Version,
    /// The attempt that made its latest batch; 0 before the first.
    pub attempt: Attempt,
    /// The beginning of the digest of its latest batch; zeros before the first.
    pub digest: [u8; 16],
    /// How far its output has come.
    pub output: RunOutput,
}

impl StoredRun {
    /// A run that has just been launched.
    pub fn launched(launched: Version) -> Self {
        Self {
            launched,
            attempt: Attempt(0),
            digest: [0; 16],
            output: RunOutput::default(),
        }
    }

    /// Whether its latest batch is this one: of this attempt, with this digest.
    pub fn ends_with(&self, batch: BatchNumber, attempt: Attempt, digest: &Digest) -> bool {
        (self.output.batch, self.attempt, self.digest) == (batch, attempt, Self::beginning(digest))
    }

    /// The part of a batch's digest that is kept.
    pub fn beginning(digest: &Digest) -> [u8; 16] {
        let mut beginning = [0; 16];
        beginning.copy_from_slice(&digest.to_hash()[..16]);
        beginning
    }
}

/// Writes a run.
pub fn write(run: &StoredRun) -> Vec<u8> {
    KIND.write(&Form1::new(run))
}

/// Reads a run.
///
/// # Errors
///
/// [`Unreadable`].
pub fn read(bytes: &[u8]) -> Result<StoredRun, Unreadable> {
    KIND.read(bytes, |form, body| match form {
        1 => decode::<Form1<'_>>(body)?.run(),
        _ => Err(Fault::Newer),
    })
}

#[derive(Encode, Decode)]
struct Form1<'b> {
    #[n(0)]
    launched: u64,
    /// Absent before the first batch.
    #[b(1)]
    output: Option<Output1<'b>>,
}

#[derive(Encode, Decode)]
struct Output1<'b> {
    #[n(0)]
    attempt: u32,
    #[n(1)]
    digest: ByteArray<16>,
    #[n(2)]
    batch: u64,
    #[n(3)]
    progress_batch: u64,
    #[n(4)]
    records: u64,
    #[b(5)]
    checkpoint: Option<Json<'b>>,
    #[n(6)]
    progress: Option<Progress1>,
}

#[derive(Encode, Decode)]
struct Progress1 {
    #[n(0)]
    done: u64,
    #[n(1)]
    total: Option<u64>,
}

impl Form1<'_> {
    fn new(run: &StoredRun) -> Self {
        let has_output = *run != StoredRun::launched(run.launched);
        let output = &run.output;
        Self {
            launched: run.launched.0,
            output: has_output.then(|| Output1 {
                attempt: run.attempt.0,
                digest: run.digest.into(),
                batch: output.batch.0,
                progress_batch: output.progress_batch.0,
                records: output.records,
                checkpoint: output.checkpoint.as_ref().map(Json::new),
                progress: output.progress.map(|progress| Progress1 {
                    done: progress.done,
                    total: progress.total,
                }),
            }),
        }
    }

    fn run(self) -> Result<StoredRun, Fault> {
        let launched = Version(self.launched);
        let Some(output) = self.output else {
            return Ok(StoredRun::launched(launched));
        };
        Ok(StoredRun {
            launched,
            attempt: Attempt(output.attempt),
            digest: output.digest.into(),
            output: RunOutput {
                batch: BatchNumber(output.batch),
                progress_batch: BatchNumber(output.progress_batch),
                records: output.records,
                checkpoint: output.checkpoint.as_ref().map(Json::document).transpose()?,
                progress: output.progress.map(|progress| Progress {
                    done: progress.done,
                    total: progress.total,
                }),
            },
        })
    }
}
