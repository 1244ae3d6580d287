//! Personas: which of them serves an item, and how many of one outcome there were.

use std::collections::BTreeMap;

use phasegate::{Resources, RunError};
use serde::de::DeserializeOwned;

/// Reads the personas that a config names, in its order. An id that stands twice serves twice as many items.
pub(crate) fn read_all<T: DeserializeOwned>(
    resources: &Resources,
    kind: &str,
    ids: impl IntoIterator<Item = impl AsRef<str>>,
) -> Result<Vec<(String, T)>, RunError> {
    ids.into_iter()
        .map(|id| Ok((id.as_ref().to_owned(), resources.get_as(kind, id.as_ref())?)))
        .collect()
}

/// The one of `personas` that serves the item at `index`: they take turns.
pub(crate) fn serving<T>(personas: &[T], index: u64) -> Option<&T> {
    let count = u64::try_from(personas.len()).ok()?;
    personas.get(usize::try_from(index.checked_rem(count)?).ok()?)
}

/// Counts by status, each status once, those that didn't occur as 0.
pub(crate) fn counts<S: Copy + ToString>(all: &[S]) -> BTreeMap<String, u64> {
    all.iter().map(|status| (status.to_string(), 0)).collect()
}
