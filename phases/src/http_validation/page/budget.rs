//! How much work a page may make.
//!
//! A parser's work is not linear in a page's length: a tag may be looked for among all open elements. So the work is counted,
//! and a page that makes more than its length allows ends where it is.

use std::cell::Cell;

/// What every page may make.
const BASE: u64 = 16 * 1024 * 1024;
/// What a page may make more for each byte.
const PER_BYTE: u64 = 64;

/// The work that a page may still make, in steps of a few nanoseconds.
#[derive(Debug)]
pub(super) struct Budget {
    left: Cell<u64>,
}

impl Budget {
    pub(super) fn of(bytes: usize) -> Self {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        Self {
            left: Cell::new(BASE.saturating_add(bytes.saturating_mul(PER_BYTE))),
        }
    }

    pub(super) fn spend(&self, steps: usize) {
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        self.left.set(self.left.get().saturating_sub(steps));
    }

    pub(super) fn is_spent(&self) -> bool {
        self.left.get() == 0
    }
}
