//! Counts through the domains of a pattern: a counter in base N whose digits are the characters of the name.

use super::pattern::Pattern;

/// A position among the domains of a pattern. Moving to the next domain changes only the digits that differ, without a
/// division.
#[derive(Clone, Debug)]
pub(crate) struct Odometer {
    digits: Vec<u8>,
    /// The value of each position, the most significant first.
    values: Vec<usize>,
    /// The place of each position in `name`.
    places: Vec<usize>,
    name: Vec<u8>,
}

impl Odometer {
    /// Begins at the domain with this offset; `None` if the pattern doesn't have it.
    pub(crate) fn new(pattern: &Pattern, offset: u64) -> Option<Self> {
        let base = u64::try_from(pattern.digits.len()).ok()?;
        let mut values = vec![0; pattern.positions()];
        let mut rest = offset;
        for value in values.iter_mut().rev() {
            *value = usize::try_from(rest.checked_rem(base)?).ok()?;
            rest /= base;
        }
        if rest > 0 {
            return None;
        }
        let second = pattern.before + pattern.constant.len();
        let places: Vec<usize> = (0..pattern.before)
            .chain(second..second + pattern.after)
            .collect();
        let mut name = vec![0; pattern.before];
        name.extend_from_slice(pattern.constant.as_bytes());
        name.resize(second + pattern.after, 0);
        name.push(b'.');
        name.extend_from_slice(pattern.tld.as_bytes());
        for (value, place) in values.iter().zip(&places) {
            name[*place] = *pattern.digits.get(*value)?;
        }
        Some(Self {
            digits: pattern.digits.clone(),
            values,
            places,
            name,
        })
    }

    /// The current domain.
    pub(crate) fn domain(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }

    /// Moves to the next domain, and from the last one to the first.
    pub(crate) fn advance(&mut self) {
        for (value, place) in self.values.iter_mut().zip(&self.places).rev() {
            *value += 1;
            if let Some(digit) = self.digits.get(*value) {
                self.name[*place] = *digit;
                return;
            }
            *value = 0;
            self.name[*place] = self.digits[0];
        }
    }
}
