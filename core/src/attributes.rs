//! The attributes of a campaign: short texts by which its host finds it again.

use std::collections::BTreeMap;

/// The attributes of a campaign by key.
pub type Attributes = BTreeMap<String, String>;

/// Changes of attributes: a new value by key, or `None` to remove it. Keys that are not named stay as they are.
pub type AttributeChanges = BTreeMap<String, Option<String>>;

/// Makes the changes; gives those that change anything.
pub(crate) fn change(attributes: &mut Attributes, changes: &AttributeChanges) -> AttributeChanges {
    let mut effective = AttributeChanges::new();
    for (key, value) in changes {
        let before = match value {
            Some(value) => attributes.insert(key.clone(), value.clone()),
            None => attributes.remove(key),
        };
        if before != *value {
            effective.insert(key.clone(), value.clone());
        }
    }
    effective
}
