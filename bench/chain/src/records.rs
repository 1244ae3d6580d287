//! The records that a phase appends.

use serde::Serialize;

/// How many records a batch has.
const BATCH: u64 = 10;

/// A record of 60 bytes, like those of a phase that looks names up.
#[derive(Serialize)]
pub struct Record {
    domain: String,
    status: &'static str,
    ms: u64,
}

/// The records of a batch, counted from 1.
pub fn batch(number: u64) -> impl Iterator<Item = Record> {
    (0..BATCH).map(move |n| Record {
        domain: format!("host-{:011}.example", number * BATCH + n),
        status: "ok",
        ms: 100 + n * 37 % 900,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_60_bytes() {
        for record in batch(1).chain(batch(2_000)) {
            assert_eq!(serde_json::to_string(&record).unwrap().len(), 60);
        }
    }
}
