//! A backend in memory that crashes and fails on demand.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// The unit of a torn write: a crash keeps or loses each sector as a whole.
const SECTOR: usize = 512;

/// A disk in memory that remembers the writes since the last sync.
///
/// A crash keeps all synced data. Of each later write and change of length it keeps everything, nothing, or some sectors; its
/// seed decides. Where a new length is lost, what was written beyond the old one is too. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct CrashBackend {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug, Default)]
struct Disk {
    /// The bytes that a read sees.
    seen: Vec<u8>,
    /// The bytes that every crash leaves.
    synced: Vec<u8>,
    unsynced: Vec<Change>,
    /// How many writes, changes of length and syncs there were.
    operations: u64,
    fail_at: Option<u64>,
    lose_at: Option<u64>,
    power_off_at: Option<u64>,
    off: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(to_usize(*length), 0),
            Self::Write(offset, data) => put(bytes, *offset, data),
        }
    }
}

impl CrashBackend {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many writes, changes of length and syncs there have been.
    pub fn operations(&self) -> u64 {
        self.disk().operations
    }

    /// Makes the `n`-th such operation from now, counted from 1, fail with an I/O error, and no other.
    pub fn fail_after(&self, n: u64) {
        let mut disk = self.disk();
        disk.fail_at = Some(disk.operations.saturating_add(n));
    }

    /// Makes the `n`-th such operation from now, counted from 1, fail with an I/O error, and no other. If it is a sync, what was
    /// written before it is seen until a crash, and no later sync makes it durable: so do the systems that take a page for
    /// written once they have told of the failure.
    pub fn lose_after(&self, n: u64) {
        let mut disk = self.disk();
        disk.lose_at = Some(disk.operations.saturating_add(n));
    }

    /// Makes the power fail at the `n`-th such operation from now, counted from 1: it and all later operations fail.
    pub fn power_off_after(&self, n: u64) {
        let mut disk = self.disk();
        disk.power_off_at = Some(disk.operations.saturating_add(n));
    }

    /// Turns the power off, and returns the disk as it is when the power is back.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        let mut disk = self.disk();
        disk.off = true;
        let mut random = Random(seed);
        let mut left = disk.synced.clone();
        for change in &disk.unsynced {
            match change {
                _ if random.next().is_multiple_of(3) => {}
                Change::Length(_) => change.apply(&mut left),
                Change::Write(offset, data) => {
                    let torn = random.next().is_multiple_of(4);
                    for (offset, part) in sectors(*offset, data) {
                        if !torn || random.next().is_multiple_of(2) {
                            put(&mut left, offset, part);
                        }
                    }
                }
            }
        }
        let disk = Disk {
            seen: left.clone(),
            synced: left,
            ..Disk::default()
        };
        Self {
            disk: Arc::new(Mutex::new(disk)),
        }
    }

    /// Ends the process, and returns the disk as the next one finds it: it sees all that was written, synced or not.
    #[must_use]
    pub fn kill(&self) -> Self {
        let mut disk = self.disk();
        disk.off = true;
        let disk = Disk {
            seen: disk.seen.clone(),
            synced: disk.synced.clone(),
            unsynced: disk.unsynced.clone(),
            ..Disk::default()
        };
        Self {
            disk: Arc::new(Mutex::new(disk)),
        }
    }

    /// All bytes that a read sees. [`Self::from_bytes`] makes a disk of them, damaged ones included.
    pub fn bytes(&self) -> Vec<u8> {
        self.disk().seen.clone()
    }

    /// A disk that holds `bytes`, synced.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        let disk = Disk {
            seen: bytes.clone(),
            synced: bytes,
            ..Disk::default()
        };
        Self {
            disk: Arc::new(Mutex::new(disk)),
        }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        self.off |= self.power_off_at.is_some_and(|at| self.operations >= at);
        if self.off || [self.fail_at, self.lose_at].contains(&Some(self.operations)) {
            return Err(failure());
        }
        Ok(())
    }
}

impl StorageBackend for CrashBackend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.disk();
        let start = to_usize(offset);
        let bytes = start
            .checked_add(out.len())
            .and_then(|end| disk.seen.get(start..end));
        match bytes {
            Some(bytes) if !disk.off => out.copy_from_slice(bytes),
            _ => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.disk();
        disk.operate()?;
        disk.seen.resize(to_usize(len), 0);
        disk.unsynced.push(Change::Length(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.disk();
        let operated = disk.operate();
        if !disk.off && disk.lose_at == Some(disk.operations) {
            disk.unsynced.retain(|change| matches!(change, Change::Length(_)));
        }
        operated?;
        let Disk { synced, unsynced, .. } = &mut *disk;
        for change in unsynced.drain(..) {
            change.apply(synced);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut disk = self.disk();
        if disk.off {
            return Err(failure());
        }
        let operated = disk.operate();
        // A failed write may be done in part.
        let done = match &operated {
            Ok(()) => data.len(),
            Err(_) => data.len() * to_usize(disk.operations % 3) / 2,
        };
        let end = offset.saturating_add(done as u64);
        if end > disk.seen.len() as u64 {
            disk.seen.resize(to_usize(end), 0);
            disk.unsynced.push(Change::Length(end));
        }
        put(&mut disk.seen, offset, &data[..done]);
        disk.unsynced.push(Change::Write(offset, data[..done].to_vec()));
        operated
    }
}

fn failure() -> io::Error {
    io::Error::other("the disk failed, as it was told to")
}

/// Puts as much of the data there as has room.
fn put(bytes: &mut [u8], offset: u64, data: &[u8]) {
    let room = bytes.get_mut(to_usize(offset)..).unwrap_or_default();
    let length = room.len().min(data.len());
    room[..length].copy_from_slice(&data[..length]);
}

/// The parts of a write, each within one sector, and where each goes.
fn sectors(offset: u64, data: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let (mut offset, mut left) = (offset, data);
    std::iter::from_fn(move || {
        let length = (SECTOR - to_usize(offset % SECTOR as u64)).min(left.len());
        let (part, rest) = left.split_at(length);
        let at = offset;
        (offset, left) = (offset + length as u64, rest);
        (!part.is_empty()).then_some((at, part))
    })
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
