//! One commit in the journal: its rows, of which nothing is told but what they are after it.
//!
//! Length of the body (4 bytes), CRC32C of all that follows (4 bytes), epoch (8 bytes), the epoch before it (8 bytes), number within
//! the epoch (8 bytes), body.
//! The body has, for each table, the length of its name (1 byte), its name and the number of its rows (4 bytes), and for each
//! row the length of its key (4 bytes), its key, 1 and the length of its value (4 bytes) and its value, or 0 where there is no
//! such row any more. Numbers are big-endian.

use crate::key::Key;
use crate::write::TableRows;

/// How many bytes stand before the body.
pub(super) const HEADER: usize = 32;

/// What sets the frames since a checkpoint apart from all that were there before: drawn at random with each.
pub(crate) type Epoch = [u8; 8];

/// An epoch, and the one before it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Epochs {
    pub(crate) now: Epoch,
    pub(crate) before: Epoch,
}

/// Writes a frame.
pub(super) fn write<'r>(
    into: &mut Vec<u8>,
    epochs: Epochs,
    number: u64,
    tables: impl Iterator<Item = (&'static str, &'r TableRows)>,
) {
    into.clear();
    into.extend([0; HEADER]);
    for (name, rows) in tables {
        // Names of tables are short, and a transaction's rows few.
        into.push(name.len() as u8);
        into.extend(name.as_bytes());
        into.extend((rows.len() as u32).to_be_bytes());
        for (key, value) in rows {
            into.extend((key.len() as u32).to_be_bytes());
            into.extend(key.as_slice());
            match value {
                Some(value) => {
                    into.push(1);
                    into.extend((value.len() as u32).to_be_bytes());
                    into.extend(value);
                }
                None => into.push(0),
            }
        }
    }
    let length = (into.len() - HEADER) as u32;
    into[0..4].copy_from_slice(&length.to_be_bytes());
    into[8..16].copy_from_slice(&epochs.now);
    into[16..24].copy_from_slice(&epochs.before);
    into[24..32].copy_from_slice(&number.to_be_bytes());
    let sum = crc32c::crc32c(&into[8..]);
    into[4..8].copy_from_slice(&sum.to_be_bytes());
}

/// How many bytes the frame has that these tables make.
pub(super) fn bytes<'r>(tables: impl Iterator<Item = (&'static str, &'r TableRows)>) -> u64 {
    let of_row = |(key, value): (&Key, &Option<Vec<u8>>)| {
        5 + key.as_slice().len() + value.as_ref().map_or(0, |value| 4 + value.len())
    };
    let of_table = |(name, rows): (&str, &TableRows)| 5 + name.len() + rows.iter().map(of_row).sum::<usize>();
    (HEADER + tables.map(of_table).sum::<usize>()) as u64
}

/// How many bytes the frame has that begins with this.
pub(super) fn length(header: &[u8; HEADER]) -> u64 {
    let [a, b, c, d, ..] = *header;
    HEADER as u64 + u64::from(u32::from_be_bytes([a, b, c, d]))
}

/// What a whole frame says of its place in the journal, and its body. `None` when it isn't whole.
pub(super) fn read(frame: &[u8]) -> Option<(Epochs, u64, &[u8])> {
    let (header, body) = frame.split_first_chunk::<HEADER>()?;
    let sum = crc32c::crc32c_append(crc32c::crc32c(&header[8..]), body);
    if length(header) != frame.len() as u64 || header[4..8] != sum.to_be_bytes() {
        return None;
    }
    let (now, rest) = header[8..].split_first_chunk()?;
    let (before, number) = rest.split_first_chunk()?;
    let epochs = Epochs {
        now: *now,
        before: *before,
    };
    Some((epochs, u64::from_be_bytes(number.try_into().ok()?), body))
}

/// Whether the header of a frame says that it is of an epoch.
pub(super) fn is_of(header: &[u8], epoch: Epoch) -> bool {
    header.get(8..16) == Some(&epoch)
}

/// What is left of a body.
pub(super) struct Parts<'b>(pub(super) &'b [u8]);

impl<'b> Parts<'b> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name of the next table, and how many rows of it follow. `None` when there is no such thing.
    pub(super) fn table(&mut self) -> Option<(&'b str, u32)> {
        let length = usize::from(self.bytes(1)?[0]);
        let name = std::str::from_utf8(self.bytes(length)?).ok()?;
        Some((name, self.number()?))
    }

    /// The key of the next row and its value, or `None` where there is no such row any more. `None` when there is no such thing.
    pub(super) fn row(&mut self) -> Option<(&'b [u8], Option<&'b [u8]>)> {
        let key = self.sized()?;
        match self.bytes(1)? {
            [0] => Some((key, None)),
            [1] => Some((key, Some(self.sized()?))),
            _ => None,
        }
    }

    fn sized(&mut self) -> Option<&'b [u8]> {
        let length = self.number()?;
        self.bytes(usize::try_from(length).ok()?)
    }

    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    fn bytes(&mut self, length: usize) -> Option<&'b [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}
