//! The schemas of the answers that the core and the engine write, from their own types, as components of the OpenAPI document.

use std::collections::BTreeMap;

use phasegate::RetryPolicy;
use phasegate::core::storage::EventPage as Events;
use phasegate::core::{EventType, PreflightReport};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::described::{self, Described};
use crate::shapes;

/// The place of components in the document.
const COMPONENTS: &str = "/components/schemas";
/// The member with the type of an event.
const TAG: &str = "type";

pub type Campaign = Described<shapes::CampaignBody>;
pub type CampaignPage = Described<shapes::CampaignPage>;
pub type CampaignStatus = Described<phasegate::CampaignStatus>;
pub type ConfigPage = Described<shapes::ConfigPage>;
pub type EventPage = Described<Events>;
pub type Pipeline = Described<phasegate::core::PipelineDefinition>;
pub type PipelinePage = Described<shapes::PipelinePage<'static>>;
pub type Preflight = Described<PreflightReport>;
pub type RecordPage = Described<shapes::RecordPage>;

/// All these schemas, by the name of their component.
pub fn components() -> Map<String, Value> {
    let mut generator = SchemaSettings::draft2020_12()
        .for_serialize()
        .with(|settings| settings.definitions_path = COMPONENTS.into())
        .into_generator();
    // The types inside them are added too.
    generator.subschema_for::<shapes::CampaignPage>();
    generator.subschema_for::<shapes::ConfigPage>();
    generator.subschema_for::<shapes::DryRunBody>();
    generator.subschema_for::<Events>();
    generator.subschema_for::<EventType>();
    generator.subschema_for::<shapes::PipelinePage<'static>>();
    generator.subschema_for::<shapes::RecordPage>();
    let mut components = generator.take_definitions(true);
    let policy = SchemaSettings::draft2020_12()
        .for_deserialize()
        .into_generator()
        .into_root_schema_for::<RetryPolicy>();
    let mut policy = policy.to_value();
    if let Some(keywords) = policy.as_object_mut() {
        keywords.remove("$schema");
    }
    components.insert(described::RetryPolicy::NAME.to_owned(), policy);
    for schema in components.values_mut() {
        merge_variants(schema);
        tidy(schema);
    }
    components
}

/// Makes the schema of an event one object. Its members depend on its type, but generators of clients handle optional members
/// better than many shapes. The description of a member says which types have it, unless most do.
fn merge_variants(schema: &mut Value) {
    let Some(event) = schema.as_object_mut() else {
        return;
    };
    let Some(Value::Array(variants)) = event.remove("oneOf") else {
        return;
    };
    let mut members: BTreeMap<&str, (Vec<Value>, Vec<String>)> = BTreeMap::new();
    for variant in &variants {
        let own = &variant["properties"];
        let tag = format!("`{}`", own[TAG]["const"].as_str().unwrap_or_default());
        for (name, member) in own.as_object().into_iter().flatten() {
            let (forms, types) = members.entry(name).or_default();
            if !forms
                .iter()
                .any(|known| without_description(known) == without_description(member))
            {
                forms.push(member.clone());
            }
            types.push(tag.clone());
        }
    }
    members.remove(TAG);
    let mut properties = json!({
        TAG: { "$ref": format!("#{COMPONENTS}/EventType"), "description": "What happened." }
    });
    for (name, (mut forms, types)) in members {
        let text = forms[0]["description"].as_str().unwrap_or_default().to_owned();
        let mut member = match forms.len() {
            1 => forms.remove(0),
            _ => {
                json!({ "anyOf": forms.iter().map(without_description).collect::<Vec<_>>(), "description": text })
            }
        };
        if types.len() * 2 < variants.len() {
            member["description"] = json!(format!("{text} Of {}.", types.join(", ")));
        }
        properties[name] = member;
    }
    if let (Some(all), Value::Object(properties)) = (event["properties"].as_object_mut(), properties) {
        all.extend(properties);
    }
    if let Some(required) = event["required"].as_array_mut() {
        required.push(json!(TAG));
    }
}

/// A schema as it binds, whatever is said of it.
fn without_description(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(keywords) = schema.as_object_mut() {
        keywords.remove("description");
    }
    schema
}

/// Makes a schema exact for a client: an answer has the members of the schema, and no others.
fn tidy(schema: &mut Value) {
    if *schema == json!(true) {
        // The same, in the form that every generator of clients reads.
        *schema = json!({});
    }
    let Some(keywords) = schema.as_object_mut() else {
        return;
    };
    // Titles are for forms, and defaults for documents that are read.
    keywords.remove("title");
    keywords.remove("default");
    if let Some(Value::String(text)) = keywords.get_mut("description") {
        let paragraph = text.split("\n\n").next().unwrap_or_default();
        *text = paragraph.replace('\n', " ").replace("[`", "`").replace("`]", "`");
    }
    if let Some(Value::String(format)) = keywords.get_mut("format") {
        // Only the formats of OpenAPI stay.
        match format.as_str() {
            "uint32" => *format = "int32".to_owned(),
            "uint" | "uint64" => *format = "int64".to_owned(),
            _ => {}
        }
    }
    if keywords.get("type") == Some(&json!(["object", "boolean"])) {
        // To a client a schema is any JSON.
        keywords.remove("type");
    }
    if keywords.contains_key("properties") {
        keywords.entry("additionalProperties").or_insert(json!(false));
    }
    if let Some(Value::Object(properties)) = keywords.get_mut("properties") {
        properties.values_mut().for_each(tidy);
    }
    for keyword in ["items", "additionalProperties"] {
        keywords.get_mut(keyword).into_iter().for_each(tidy);
    }
    if let Some(Value::Array(choices)) = keywords.get_mut("anyOf") {
        choices.iter_mut().for_each(tidy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_members_of_every_type_and_those_of_all_are_required() {
        let event = &components()["Event"];
        assert_eq!(event["required"], json!(["cursor", "timestamp", "type"]));
        let properties = event["properties"].as_object().expect("members");
        assert_eq!(
            properties["stopReason"]["description"],
            "Why the phase stopped. Of `phase_stopped`."
        );
        assert_eq!(properties["phase"]["description"], "The phase.");
        assert_eq!(event["additionalProperties"], false);
        let values = |form: usize| &properties["attributes"]["anyOf"][form]["additionalProperties"]["type"];
        assert_eq!(
            (values(0), values(1)),
            (&json!("string"), &json!(["string", "null"])),
            "an attribute is removed by null"
        );
    }
}
