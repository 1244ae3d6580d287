//! The hash of a name, cut into independent draws.

use sha2::{Digest as _, Sha256};

/// Hashes one name under one purpose. Two purposes give unrelated draws of the same name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// Hashes `purpose`, a zero byte and `name`, which must be in lower case.
    pub(crate) fn of(purpose: &str, name: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(purpose);
        hasher.update([0]);
        hasher.update(name);
        Self(hasher.finalize().into())
    }

    /// Draws a number below `bound` from the `position`th of the digest's four words of 64 bits.
    ///
    /// The bias of the remainder is below `bound / 2^64`, too small to matter.
    pub(crate) fn draw(&self, position: usize, bound: u64) -> u64 {
        self.words()[position] % bound
    }

    /// Returns an endless stream of words that depends only on this digest.
    pub(crate) fn stream(self) -> DigestStream {
        DigestStream { block: self, used: 4 }
    }

    fn words(&self) -> [u64; 4] {
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(self.0.chunks_exact(8)) {
            *word = bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        words
    }
}

/// The words of a chain of hashes, each the hash of the one before.
#[derive(Debug)]
pub(crate) struct DigestStream {
    block: Digest,
    used: usize,
}

impl DigestStream {
    /// Draws a number from 0 to `bound - 1`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        if self.used == 4 {
            self.block = Digest(Sha256::digest(self.block.0).into());
            self.used = 0;
        }
        let word = self.block.words()[self.used];
        self.used += 1;
        (word % bound as u64) as usize
    }

    /// Draws one of `items`, which must not be empty.
    pub(crate) fn pick<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items[self.below(items.len())]
    }
}
