//! Text with its white space joined to single spaces, up to a length.

/// The words of a page, as they are collected.
#[derive(Debug)]
pub(super) struct Words {
    kept: String,
    most: usize,
    /// Whether white space, or the edge of a block, is before the next character.
    has_space: bool,
    has_edge: bool,
    /// Whether the place is the beginning of a box, where white space doesn't show.
    is_at_start: bool,
    is_full: bool,
}

/// Where an atomic box begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct BoxStart(usize);

impl Words {
    /// Collects at most so many bytes.
    pub(super) fn new(most: usize) -> Self {
        Self {
            kept: String::new(),
            most,
            has_space: false,
            has_edge: false,
            is_at_start: false,
            is_full: false,
        }
    }

    /// Whether there was more than is kept.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    pub(super) fn into_text(self) -> String {
        self.kept
    }

    pub(super) fn push(&mut self, text: &str) {
        for c in text.chars() {
            if self.is_full {
                return;
            }
            if c.is_whitespace() || c.is_control() {
                self.has_space |= !self.is_at_start;
                continue;
            }
            let gap = (self.has_space || self.has_edge) && !self.kept.is_empty();
            if self.kept.len() + usize::from(gap) + c.len_utf8() > self.most {
                self.is_full = true;
                return;
            }
            if gap {
                self.kept.push(' ');
            }
            self.has_space = false;
            self.has_edge = false;
            self.is_at_start = false;
            self.kept.push(c);
        }
    }

    /// Ends the word, if one is at its end here.
    pub(super) fn separate(&mut self) {
        self.has_edge = true;
    }

    /// Begins a box at whose edges white space doesn't show.
    pub(super) fn begin_box(&mut self) -> BoxStart {
        self.is_at_start = true;
        BoxStart(self.kept.len())
    }

    pub(super) fn end_box(&mut self, start: BoxStart) {
        if self.kept.len() > start.0 {
            self.has_space = false;
        }
        self.is_at_start = false;
    }
}
