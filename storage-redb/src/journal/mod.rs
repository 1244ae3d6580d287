//! The journal: what makes a commit durable before the database has it on the disk.
//!
//! A commit is appended as one [frame](frame) and synced, then committed to redb without a sync, then answered: nothing is seen
//! before it is durable. A checkpoint is a durable commit of redb, with the rows that are new and a new [`Epoch`] drawn at
//! random; with it all earlier frames are of the past, and the journal begins again at its first byte. It comes when the next
//! frame has no room, when a commit is so large that the journal saves nothing, and once nothing has been written for a while.
//!
//! A frame names the epoch before its own as well. If that is the database's, a checkpoint is lost, and that is damage.
//!
//! Opening replays the frames of the database's epoch, in order, up to the first that isn't whole. A frame holds rows as they are
//! after its commit, so a replay over rows that redb had written already leaves the same. A frame is written only once the one
//! before it is on the disk, so one that isn't whole with whole ones after it is damage, and not a write that the power cut
//! short. What the power did cut short may differ at each of its sectors, as long as a sector that is written again with the
//! same bytes keeps them.

mod frame;

use std::ops::Range;
use std::sync::Arc;

use phasegate_core::storage::StorageError;
use redb::{Database, Durability, StorageBackend, WriteTransaction};

use crate::envelope::{self, damaged, seal};
use crate::fault::{Fault, unavailable};
use crate::rows::{Rows, View};
use crate::tables::{self, META};
use crate::write::{Ended, begin};
use frame::Parts;

pub(crate) use frame::{Epoch, Epochs};

/// The key of the epoch in the table `meta`.
pub(crate) const EPOCH_KEY: &[u8] = b"journal_epoch";

/// A frame with more bytes than this is not worth while: its rows go to the database in a checkpoint.
const LARGEST_FRAME: u64 = 512 * 1024;
/// The most rows that a replay may find. A row takes one to twelve microseconds.
const MOST_ROWS: usize = 32 * 1024;

/// How much of a journal is read at once.
const STEP: usize = 64 * 1024;

/// The journal of an open store. Its writer has it.
pub(crate) struct Journal {
    place: Arc<dyn StorageBackend>,
    /// Where it is.
    range: Range<u64>,
    epochs: Epochs,
    /// The number of the next frame in the epoch.
    number: u64,
    /// Where the next frame goes.
    at: u64,
    /// How many rows the frames have.
    rows: usize,
    frame: Vec<u8>,
}

impl Journal {
    /// Takes up the journal of a database that was just opened: commits what its frames say.
    pub(crate) fn replay(
        place: Arc<dyn StorageBackend>,
        range: Range<u64>,
        database: &Database,
    ) -> Result<Self, Fault> {
        let mut journal = Self {
            place,
            epochs: epochs(&View::of(database)?)?,
            number: 1,
            at: range.start,
            range,
            rows: 0,
            frame: Vec::new(),
        };
        let txn = begin_undurable(database)?;
        let mut last = None;
        while let Some(frame) = journal.frame_at(journal.at)?
            && let Some((epochs, number, body)) = frame::read(&frame)
        {
            if epochs.before == journal.epochs.now {
                return Err(damaged_frame(
                    number,
                    "it goes on from a later state than the database has",
                ));
            }
            if (epochs, number) != (journal.epochs, journal.number) {
                break;
            }
            journal.rows += put_rows(&txn, body, journal.number)?;
            journal.at += frame.len() as u64;
            journal.number += 1;
            last = Some(frame);
        }
        journal.check_rest()?;
        if let Some(last) = last {
            // It may be seen without being on the disk: after a kill before its sync, or a failed sync.
            journal
                .place
                .write(journal.at - last.len() as u64, &last)
                .map_err(io_fault)?;
            journal.place.sync_data().map_err(io_fault)?;
            txn.commit()?;
        }
        Ok(journal)
    }

    /// As many bytes as the frame there says that it has, if there is room for one.
    fn frame_at(&self, at: u64) -> Result<Option<Vec<u8>>, Fault> {
        let mut header = [0; frame::HEADER];
        let left = self.range.end.saturating_sub(at);
        if left < header.len() as u64 {
            return Ok(None);
        }
        self.place.read(at, &mut header).map_err(io_fault)?;
        match frame::length(&header) {
            length if length > frame::HEADER as u64 && length <= left => {
                // No longer than the journal.
                let mut frame = vec![0; length as usize];
                self.place.read(at, &mut frame).map_err(io_fault)?;
                Ok(Some(frame))
            }
            _ => Ok(None),
        }
    }

    /// Checks that no later frame of the epoch follows.
    fn check_rest(&self) -> Result<(), Fault> {
        let mut step = vec![0; STEP];
        let mut at = self.at;
        while at + frame::HEADER as u64 <= self.range.end {
            let length = STEP.min((self.range.end - at) as usize);
            let bytes = &mut step[..length];
            self.place.read(at, bytes).map_err(io_fault)?;
            let headers = bytes.windows(frame::HEADER);
            let count = headers.len() as u64;
            for (offset, header) in headers.enumerate() {
                if frame::is_of(header, self.epochs.now)
                    && let Some(later) = self.frame_at(at + offset as u64)?
                    && let Some((epochs, number, _)) = frame::read(&later)
                    && (epochs, number > self.number) == (self.epochs, true)
                {
                    return Err(damaged_frame(
                        self.number,
                        "it is not whole, and there are later ones",
                    ));
                }
            }
            at += count;
        }
        Ok(())
    }

    /// Whether a replay would find nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.at == self.range.start
    }

    /// Writes the rows of a commit durably: to the journal and then to the database, or in a checkpoint.
    ///
    /// `in_doubt` is set before anything is written that may stay although this fails.
    pub(crate) fn commit(
        &mut self,
        database: &Database,
        ended: &Ended,
        in_doubt: &mut bool,
    ) -> Result<(), Fault> {
        let length = frame::bytes(ended.tables());
        let is_full = length > self.range.end - self.at || self.rows >= MOST_ROWS;
        if length > LARGEST_FRAME || is_full {
            return self.checkpoint(database, ended, in_doubt);
        }
        frame::write(&mut self.frame, self.epochs, self.number, ended.tables());
        let txn = begin_undurable(database)?;
        ended.write(&txn)?;
        *in_doubt = true;
        self.place.write(self.at, &self.frame).map_err(io_fault)?;
        self.place.sync_data().map_err(io_fault)?;
        txn.commit()?;
        self.at += length;
        self.number += 1;
        self.rows += ended.len();
        Ok(())
    }

    /// Leaves a journal of which a replay finds nothing.
    pub(crate) fn empty(&mut self, database: &Database) -> Result<(), Fault> {
        match self.is_empty() {
            true => Ok(()),
            false => self.checkpoint(database, &Ended::default(), &mut false),
        }
    }

    fn checkpoint(&mut self, database: &Database, ended: &Ended, in_doubt: &mut bool) -> Result<(), Fault> {
        let txn = begin(database)?;
        ended.write(&txn)?;
        let epochs = begin_epoch(&txn, self.epochs.now)?;
        *in_doubt = true;
        txn.commit()?;
        self.epochs = epochs;
        self.number = 1;
        self.at = self.range.start;
        self.rows = 0;
        Ok(())
    }
}

/// Draws a new epoch, and writes it down.
pub(crate) fn begin_epoch(txn: &WriteTransaction, before: Epoch) -> Result<Epochs, Fault> {
    let mut now = Epoch::default();
    getrandom::fill(&mut now)
        .map_err(|error| unavailable(format!("the system gives no random bytes: {error}")))?;
    let mut meta = txn.open_table(META.definition())?;
    let value = seal(&META, EPOCH_KEY, &[now, before].concat());
    meta.insert(EPOCH_KEY, value.as_slice())?;
    Ok(Epochs { now, before })
}

/// The epochs that a database says.
pub(crate) fn epochs(rows: &impl Rows) -> Result<Epochs, Fault> {
    let damaged = |reason| damaged(&META, EPOCH_KEY, reason);
    let epochs = rows.with(&META, EPOCH_KEY, |value| {
        let value = envelope::open(&META, EPOCH_KEY, value)?;
        let (now, before) = value
            .split_first_chunk()
            .ok_or_else(|| damaged("it is too short"))?;
        let before = before
            .try_into()
            .map_err(|_| damaged("it is not 16 bytes long"))?;
        Ok(Epochs { now: *now, before })
    })?;
    Ok(epochs.ok_or_else(|| damaged("it is missing"))?)
}

/// A transaction that is seen when it is committed, and durable with the next one that is.
fn begin_undurable(database: &Database) -> Result<WriteTransaction, Fault> {
    let mut txn = database.begin_write()?;
    txn.set_durability(Durability::None)?;
    Ok(txn)
}

/// Writes the rows of a frame. Returns how many.
fn put_rows(txn: &WriteTransaction, body: &[u8], number: u64) -> Result<usize, Fault> {
    let damaged = |reason| damaged_frame(number, reason);
    let mut left = Parts(body);
    let mut count = 0;
    while !left.is_empty() {
        let (name, rows) = left
            .table()
            .ok_or_else(|| damaged("its tables can't be told apart"))?;
        let spec = tables::ALL.iter().find(|spec| spec.name == name);
        let spec = spec.ok_or_else(|| damaged("it names a table that this release doesn't know"))?;
        let mut table = txn.open_table(spec.definition())?;
        for _ in 0..rows {
            match left
                .row()
                .ok_or_else(|| damaged("its rows can't be told apart"))?
            {
                (key, Some(value)) => table.insert(key, value)?,
                (key, None) => table.remove(key)?,
            };
            count += 1;
        }
    }
    Ok(count)
}

fn damaged_frame(number: u64, reason: &str) -> Fault {
    Fault::Refused(StorageError::Damaged {
        table: "journal",
        key: number.to_string(),
        reason: reason.to_owned(),
    })
}

fn io_fault(error: std::io::Error) -> Fault {
    Fault::Broken(redb::Error::Io(error))
}
