//! The reason of an outcome, as records give it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

/// The reason of an outcome.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Detail<C> {
    /// A stable word.
    pub code: C,
    /// A sentence for people.
    pub message: Cow<'static, str>,
}

/// Counts one more outcome with this reason.
pub(crate) fn count<C: ToString>(counts: &mut BTreeMap<String, u64>, detail: Option<&Detail<C>>) {
    if let Some(detail) = detail {
        *counts.entry(detail.code.to_string()).or_default() += 1;
    }
}

/// The one reason that all of so many items share, if there are several items.
pub(crate) fn shared<C: Copy + ToString>(all: &[C], counts: &BTreeMap<String, u64>, items: u64) -> Option<C> {
    let mut shared = all
        .iter()
        .copied()
        .filter(|code| counts.get(&code.to_string()) == Some(&items));
    shared.next().filter(|_| items > 1)
}
