//! The places of a document that are never shown.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::config_schema::ConfigSchema;

impl ConfigSchema {
    /// The places of `document`, as JSON Pointers, that the schema marks as `"writeOnly": true`. They are never shown. A
    /// place counts also where its value breaks the schema.
    pub fn secrets(&self, document: &Value) -> BTreeSet<String> {
        let evaluation = self.validator.evaluate(document);
        let mut secrets = BTreeSet::new();
        let mut open = vec![evaluation.root()];
        while let Some(unit) = open.pop() {
            let marks = [unit.annotations(), unit.dropped_annotations()];
            if marks
                .into_iter()
                .flatten()
                .any(|marks| marks.value().get("writeOnly") == Some(&Value::Bool(true)))
            {
                secrets.insert(unit.instance_location().as_str().to_owned());
            }
            open.extend(unit.children());
        }
        secrets
    }
}

/// Whether one of `places` is `place`, above it or below it.
pub(crate) fn touches(places: &BTreeSet<String>, place: &str) -> bool {
    let mut above = place.match_indices('/').map(|(end, _)| &place[..end]);
    let below = format!("{place}/");
    places.contains(place)
        || above.any(|outer| places.contains(outer))
        || places
            .range(below.clone()..)
            .next()
            .is_some_and(|first| first.starts_with(&below))
}
