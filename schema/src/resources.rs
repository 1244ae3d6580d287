//! The resources that a config refers to.

use std::collections::BTreeMap;

use phasegate_core::limits::MAX_RESOURCES_PER_CONFIG;
use phasegate_core::{
    InvalidName, PhaseName, Problem, Problems, ResourceId, ResourceKind, ResourcePin, ResourceRef, Revision,
    member_pointer,
};
use serde_json::Value;

use crate::config_schema::ConfigSchema;

/// The schema keyword that marks a string as the id of a resource of the named kind.
pub(crate) const RESOURCE_KEYWORD: &str = "x-phasegate-resource";

/// A use of a resource in a config.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct ResourceUse {
    /// The JSON Pointer to the field that holds the id.
    pub pointer: String,
    /// The resource.
    pub resource: ResourceRef,
}

/// The state of a resource that a config refers to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ResourceState {
    /// The store has no such resource.
    Missing,
    /// It exists, and its document says `"enabled": false`.
    Disabled(Revision),
    /// It exists and may be used.
    Enabled(Revision),
}

impl ConfigSchema {
    /// The resources that `document` refers to, ordered by place.
    ///
    /// `document` must be valid: the schema tells nothing about the fields of an invalid document. A text that can't be the
    /// id of a resource is left out here and reported by [`check_resources`](Self::check_resources).
    pub fn resources(&self, document: &Value) -> Vec<ResourceUse> {
        self.named(document)
            .into_iter()
            .filter_map(|(pointer, kind, id)| {
                let resource = ResourceRef { kind, id: id.ok()? };
                Some(ResourceUse { pointer, resource })
            })
            .collect()
    }

    /// Every field that holds the id of a resource by the schema, ordered by place, with its value.
    fn named(&self, document: &Value) -> Vec<(String, ResourceKind, Result<ResourceId, InvalidName>)> {
        let mut fields = Vec::new();
        if !self.names_resources {
            return fields;
        }
        let evaluation = self.validator.evaluate(document);
        for entry in evaluation.iter_annotations() {
            let Some(kind) = entry
                .annotations
                .value()
                .get(RESOURCE_KEYWORD)
                .and_then(Value::as_str)
            else {
                continue;
            };
            let pointer = entry.instance_location.as_str();
            let id = document.pointer(pointer).and_then(Value::as_str);
            if let (Ok(kind), Some(id)) = (ResourceKind::new(kind), id) {
                fields.push((pointer.to_owned(), kind, ResourceId::new(id)));
            }
        }
        fields.sort_by(|(one, of, _), (other, kind, _)| (one, of).cmp(&(other, kind)));
        fields.dedup();
        fields
    }

    /// Checks the resources that `document` refers to against their states in the store.
    ///
    /// Returns the pin of each resource that may be used, ordered and each once, and a problem for every other use.
    pub fn check_resources(
        &self,
        phase: &PhaseName,
        document: &Value,
        states: &BTreeMap<ResourceRef, ResourceState>,
    ) -> (Vec<ResourcePin>, Problems) {
        let fields = self.named(document);
        let mut problems = Problems::none();
        if fields.len() > MAX_RESOURCES_PER_CONFIG {
            let message = format!(
                "it refers to {} resources; at most {MAX_RESOURCES_PER_CONFIG} may be",
                fields.len()
            );
            problems.push(Problem::new(phase.clone(), "", "maxResources", message));
            return (Vec::new(), problems);
        }
        let mut pins = Vec::new();
        for (pointer, kind, id) in fields {
            let resource = match id {
                Ok(id) => ResourceRef { kind, id },
                Err(error) => {
                    let message = format!("there is no such {kind}: {error}");
                    problems.push(Problem::new(phase.clone(), pointer, "resource_missing", message));
                    continue;
                }
            };
            match states.get(&resource).copied().unwrap_or(ResourceState::Missing) {
                ResourceState::Enabled(revision) => {
                    pins.push(ResourcePin {
                        kind: resource.kind,
                        id: resource.id,
                        revision,
                    });
                }
                ResourceState::Missing => {
                    let message = format!("there is no {resource}: create it or name another");
                    problems.push(Problem::new(phase.clone(), pointer, "resource_missing", message));
                }
                ResourceState::Disabled(_) => {
                    let message = format!("{resource} is disabled: enable it or name another");
                    problems.push(Problem::new(phase.clone(), pointer, "resource_disabled", message));
                }
            }
        }
        pins.sort();
        pins.dedup();
        (pins, problems)
    }
}

/// Every [`RESOURCE_KEYWORD`] in a schema: its JSON Pointer and its value.
pub(crate) fn resource_keywords(schema: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    // Each value, and whether it is a schema itself. An object of named schemas is not: its names are no keywords.
    let mut open = vec![(String::new(), schema, true)];
    while let Some((place, value, is_schema)) = open.pop() {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let place = member_pointer(&place, name);
                    match name.as_str() {
                        RESOURCE_KEYWORD if is_schema => found.push((place, member)),
                        // These hold plain values or names of members, and no schema.
                        "const" | "default" | "enum" | "examples" | "dependentRequired" if is_schema => {}
                        "properties" | "patternProperties" | "dependentSchemas" | "$defs" | "definitions"
                            if is_schema =>
                        {
                            open.push((place, member, false));
                        }
                        _ => open.push((place, member, true)),
                    }
                }
            }
            Value::Array(items) => {
                let schemas = items.iter().enumerate();
                open.extend(schemas.map(|(index, item)| (format!("{place}/{index}"), item, true)));
            }
            _ => {}
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn phase() -> PhaseName {
        PhaseName::new("score").expect("a valid name")
    }

    fn schema() -> ConfigSchema {
        let schema = json!({
            "type": "object",
            "required": ["personaIds"],
            "properties": {
                "personaIds": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/persona"}},
                "proxyId": {"type": "string", "x-phasegate-resource": "proxy"},
                "site": {"type": "string", "format": "uri"}
            },
            "additionalProperties": false,
            "$defs": {"persona": {"type": "string", "x-phasegate-resource": "dns_persona"}}
        });
        ConfigSchema::compile("score", &schema).expect("it compiles")
    }

    #[test]
    fn references_are_found_through_lists_and_local_refs_and_checked_each() {
        let document = json!({"personaIds": ["a", "b", "a"], "proxyId": "p"});
        let schema = schema();
        let states: BTreeMap<_, _> = [
            ("a", ResourceState::Enabled(Revision(3))),
            ("b", ResourceState::Disabled(Revision(4))),
        ]
        .map(|(id, state)| {
            let kind = ResourceKind::new("dns_persona").expect("a valid kind");
            (
                ResourceRef {
                    kind,
                    id: ResourceId::new(id).expect("a valid id"),
                },
                state,
            )
        })
        .into();
        let (pins, problems) = schema.check_resources(&phase(), &document, &states);
        assert_eq!(pins.len(), 1, "one pin for two uses of one resource: {pins:?}");
        let found: Vec<_> = problems
            .items()
            .iter()
            .map(|p| (p.pointer.as_str(), p.keyword.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("/personaIds/1", "resource_disabled"),
                ("/proxyId", "resource_missing")
            ]
        );
    }

    #[test]
    fn a_text_that_can_not_be_an_id_is_a_missing_resource_and_not_none() {
        let document = json!({"personaIds": ["no id!", ""], "proxyId": "../p"});
        let (pins, problems) = schema().check_resources(&phase(), &document, &BTreeMap::new());
        assert_eq!(pins, []);
        let found: Vec<_> = problems
            .items()
            .iter()
            .map(|p| (p.pointer.as_str(), p.keyword.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("/personaIds/0", "resource_missing"),
                ("/personaIds/1", "resource_missing"),
                ("/proxyId", "resource_missing")
            ]
        );
    }
}
