//! Blocks of records: the unit in which output is stored.
//!
//! A payload is the number of records (4 bytes), then for each record the offset of its end within the texts (4 bytes), then
//! the texts. So a page reads only the records that it wants.

use serde_json::value::RawValue;

/// A row fills a page of the database of this size, or less. A row that is larger by one byte would take two such pages.
const PAGE_BYTES: usize = 32 * 1024;
/// What stands in a page beside the key and the payload, at most.
const AROUND_BYTES: usize = 64;

/// Splits a batch into blocks that each fit into a page with a key of `key_bytes`, or have one record: for each block the number of
/// its records, and its payload.
pub(crate) fn split(records: &[Box<RawValue>], key_bytes: usize) -> Vec<(u32, Vec<u8>)> {
    let room = PAGE_BYTES.saturating_sub(AROUND_BYTES + key_bytes);
    let mut blocks = Vec::new();
    let mut from = 0;
    while from < records.len() {
        let mut to = from;
        let mut bytes = 4;
        while let Some(record) = records.get(to) {
            let more = bytes + record.get().len() + 4;
            if to > from && more > room {
                break;
            }
            bytes = more;
            to += 1;
        }
        blocks.push(payload(&records[from..to]));
        from = to;
    }
    blocks
}

fn payload(records: &[Box<RawValue>]) -> (u32, Vec<u8>) {
    let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
    let mut payload = count.to_be_bytes().to_vec();
    let mut end = 0_u32;
    for record in records {
        end = end.saturating_add(u32::try_from(record.get().len()).unwrap_or(u32::MAX));
        payload.extend(end.to_be_bytes());
    }
    for record in records {
        payload.extend(record.get().as_bytes());
    }
    (count, payload)
}

/// A block's payload. Its shape has been checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block<'a> {
    ends: &'a [[u8; 4]],
    texts: &'a [u8],
}

impl<'a> Block<'a> {
    /// Reads a payload.
    pub(crate) fn read(payload: &'a [u8]) -> Result<Self, &'static str> {
        let (count, rest) = payload
            .split_first_chunk::<4>()
            .ok_or("the block is too short for its count")?;
        let count = u32::from_be_bytes(*count) as usize;
        let bytes = count.checked_mul(4).ok_or("the block's count is too large")?;
        let (ends, texts) = rest
            .split_at_checked(bytes)
            .ok_or("the block is too short for its offsets")?;
        let (ends, _) = ends.as_chunks::<4>();
        let block = Self { ends, texts };
        match count {
            0 => Err("the block is empty"),
            _ if block.end(count - 1) != Some(texts.len()) => Err("the block's offsets don't fit its texts"),
            _ => Ok(block),
        }
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    fn end(&self, index: usize) -> Option<usize> {
        self.ends.get(index).map(|end| u32::from_be_bytes(*end) as usize)
    }

    /// The text of a record.
    pub(crate) fn text(&self, index: usize) -> Result<&'a str, &'static str> {
        let start = match index {
            0 => Some(0),
            _ => self.end(index - 1),
        };
        let range = start.zip(self.end(index)).ok_or("the block has no such record")?;
        let bytes = self
            .texts
            .get(range.0..range.1)
            .ok_or("a record's offset is wrong")?;
        std::str::from_utf8(bytes).map_err(|_| "a record is not UTF-8")
    }

    /// A record.
    pub(crate) fn record(&self, index: usize) -> Result<Box<RawValue>, &'static str> {
        serde_json::from_str(self.text(index)?).map_err(|_| "a record is not JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(count: usize, size: usize) -> Vec<Box<RawValue>> {
        let one = |n: usize| RawValue::from_string(format!("\"{n:0size$}\"")).unwrap();
        (0..count).map(one).collect()
    }

    #[test]
    fn a_batch_comes_back_from_its_blocks_record_by_record() {
        let batch = records(100, 8_000);
        let blocks = split(&batch, 40);
        assert_eq!(blocks.len(), 25, "four of 8 kB in each");
        let mut back = Vec::new();
        for (count, payload) in &blocks {
            assert!(payload.len() + 40 <= PAGE_BYTES);
            let block = Block::read(payload).unwrap();
            assert_eq!(block.len(), *count as usize);
            back.extend((0..block.len()).map(|index| block.record(index).unwrap()));
        }
        let texts =
            |records: &[Box<RawValue>]| records.iter().map(|r| r.get().to_owned()).collect::<Vec<_>>();
        assert_eq!(texts(&back), texts(&batch));
    }

    #[test]
    fn a_record_that_is_larger_than_a_page_has_a_block_of_its_own() {
        let mut batch = records(2, 10);
        batch.insert(1, records(1, 60_000).remove(0));
        let blocks = split(&batch, 40);
        let counts: Vec<_> = blocks.iter().map(|(count, _)| *count).collect();
        assert_eq!(counts, [1, 1, 1]);
    }

    #[test]
    fn no_bytes_make_a_block_panic() {
        let (_, payload) = split(&records(3, 5), 40).remove(0);
        for length in 0..payload.len() {
            assert!(Block::read(&payload[..length]).is_err());
        }
        for index in 0..payload.len() {
            for bit in 0..8 {
                let mut changed = payload.clone();
                changed[index] ^= 1 << bit;
                if let Ok(block) = Block::read(&changed) {
                    for record in 0..block.len() {
                        let _ = block.record(record);
                    }
                }
            }
        }
    }
}
