//! Making personas, choosing the persona of an item, and counting outcomes.

use std::collections::BTreeMap;
use std::sync::Arc;

use phasegate::{Resources, RunError};
use serde::de::DeserializeOwned;

/// Makes the personas that a config names, in its order, each from its id and its document. A persona that is named twice
/// serves twice as many items. It is made once, so its limits cover all of them.
pub(crate) fn make_all<T: DeserializeOwned, P>(
    resources: &Resources,
    kind: &str,
    ids: impl IntoIterator<Item = impl AsRef<str>>,
    mut make: impl FnMut(String, T) -> P,
) -> Result<Vec<Arc<P>>, RunError> {
    let mut made: BTreeMap<String, Arc<P>> = BTreeMap::new();
    let mut personas = Vec::new();
    for id in ids {
        let id = id.as_ref();
        if !made.contains_key(id) {
            let persona = make(id.to_owned(), resources.get_as(kind, id)?);
            made.insert(id.to_owned(), Arc::new(persona));
        }
        personas.extend(made.get(id).map(Arc::clone));
    }
    Ok(personas)
}

/// The persona that serves the item at `index`: personas take turns.
pub(crate) fn serving<T>(personas: &[T], index: u64) -> Option<&T> {
    let count = u64::try_from(personas.len()).ok()?;
    personas.get(usize::try_from(index.checked_rem(count)?).ok()?)
}

/// A count of 0 for every status.
pub(crate) fn counts<S: Copy + ToString>(all: &[S]) -> BTreeMap<String, u64> {
    all.iter().map(|status| (status.to_string(), 0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use phasegate::core::storage::Resource;
    use phasegate::core::{ResourceId, ResourceKind, ResourceRef, Revision};
    use serde_json::Value;

    fn resource(id: &str) -> Resource {
        Resource {
            resource: ResourceRef {
                kind: ResourceKind::new("dns_persona").unwrap(),
                id: ResourceId::new(id).unwrap(),
            },
            revision: Revision(1),
            document: Value::from(id),
        }
    }

    #[test]
    fn a_persona_that_stands_twice_takes_two_turns_and_is_one() {
        let resources: Resources = ["a", "b"].map(resource).into_iter().collect();
        let mut made = Vec::new();
        let make = |id: String, document: Value| {
            made.push(document);
            id
        };
        let personas = make_all(&resources, "dns_persona", ["a", "b", "a"], make).unwrap();
        let turns: Vec<_> = (0..4)
            .map(|index| serving(&personas, index).unwrap().as_str())
            .collect();
        assert_eq!(turns, ["a", "b", "a", "a"]);
        assert!(Arc::ptr_eq(&personas[0], &personas[2]));
        assert_eq!(made, ["a", "b"]);
    }
}
