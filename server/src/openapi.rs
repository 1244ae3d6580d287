//! The OpenAPI document: the routes and shapes of the code, and the errors of each call from the catalogue.

use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use crate::asked::{ACTOR, DRY_RUN};
use crate::catalogue::{self, Entry};
use crate::components;
use crate::problem::PROBLEM_JSON;
use crate::routes;

/// The codes that every call can answer.
const ALWAYS: &[&str] = &[
    "host_not_allowed",
    "unauthorized",
    "internal_error",
    "damaged",
    "storage_failed",
    "shut_down",
];
/// The codes that every call with a body can answer.
const WITH_BODY: &[&str] = &[
    "malformed_json",
    "invalid_body",
    "too_large",
    "too_deep",
    "unsupported_media_type",
    "request_timeout",
];

/// The OpenAPI 3.1 document. `/api/v1/openapi.json` serves it, and `server/openapi.json` is a copy.
pub fn document() -> Value {
    to_json(routes::router().1)
}

pub(crate) fn to_json(document: OpenApi) -> Value {
    let mut document = serde_json::to_value(document).expect("the document is made of plain data");
    document["info"] = json!({
        "title": "Phasegate",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Work in phases, configured first, started once, and durable. An answer of 2xx to a write means that it is \
                        on the disk. Errors are problem documents (RFC 9457) with a stable `code`.",
        "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
    });
    document["servers"] = json!([{ "url": "/", "description": "This server" }]);
    document["security"] = json!([{ "token": [] }]);
    document["components"]["securitySchemes"] = json!({
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "The token that the server made at its first start. A browser gets a cookie instead, by the login link.",
        }
    });
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.extend(components::components());
    }
    let mut examples = Map::new();
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, item) in paths {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                leave_out_null(operation);
                describe_dry_run(operation);
                describe_errors(path, method, operation, &mut examples);
            }
        }
    }
    document["components"]["examples"] = Value::Object(examples);
    document
}

/// Removes null from the parameters: an optional parameter is left out, since a path, a query or a header has no null.
fn leave_out_null(operation: &mut Value) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        let schema = &mut parameter["schema"];
        if let Some(types) = schema["type"].as_array()
            && let [only] = &types
                .iter()
                .filter(|one| *one != "null")
                .cloned()
                .collect::<Vec<_>>()[..]
        {
            schema["type"] = only.clone();
        }
        if let Some(choices) = schema["oneOf"].as_array()
            && let [only] = &choices
                .iter()
                .filter(|one| one["type"] != "null")
                .cloned()
                .collect::<Vec<_>>()[..]
        {
            *schema = only.clone();
        }
    }
}

/// Whether an operation has a parameter of this name.
fn takes(operation: &Value, name: &str) -> bool {
    let parameters = operation["parameters"].as_array();
    parameters.is_some_and(|all| all.iter().any(|one| one["name"] == name))
}

/// Adds the answer of a dry run to an operation that takes one.
fn describe_dry_run(operation: &mut Value) {
    if !takes(operation, DRY_RUN) {
        return;
    }
    let dry_run = json!({ "$ref": "#/components/schemas/DryRun" });
    let answer = &mut operation["responses"]["200"];
    let told = "With `dryRun`: what the command would do";
    let description = match answer["description"].as_str() {
        Some(done) => format!("{done}. {told}"),
        None => told.to_owned(),
    };
    answer["description"] = json!(description);
    let schema = &mut answer["content"]["application/json"]["schema"];
    *schema = match schema.take() {
        Value::Null => dry_run,
        done => json!({ "anyOf": [done, dry_run] }),
    };
}

/// Adds the errors of one operation. The routes write its own codes into the extension `x-codes`, which is removed here.
fn describe_errors(path: &str, method: &str, operation: &mut Value, examples: &mut Map<String, Value>) {
    let own = operation
        .as_object_mut()
        .and_then(|members| members.remove("x-codes"));
    let own: Vec<String> = own
        .and_then(|codes| serde_json::from_value(codes).ok())
        .unwrap_or_default();
    let mut codes: Vec<&str> = ALWAYS.to_vec();
    if method != "get" {
        codes.push("origin_not_allowed");
    }
    if operation.get("requestBody").is_some() || method == "post" {
        codes.extend(WITH_BODY);
    }
    if takes(operation, ACTOR) {
        codes.push("invalid_envelope");
    }
    if path.contains('{') || operation.get("parameters").is_some() {
        codes.push("invalid_parameter");
    }
    codes.extend(own.iter().map(String::as_str));
    let mut by_status: std::collections::BTreeMap<u16, Vec<&Entry>> = Default::default();
    for code in codes {
        let (code, status) = match code.split_once('@') {
            Some((code, status)) => (code, status.parse().ok()),
            None => (code, None),
        };
        let entry = catalogue::find(code).unwrap_or_else(|| panic!("{code} is not in the catalogue"));
        let entries = by_status.entry(status.unwrap_or(entry.statuses[0])).or_default();
        if !entries.iter().any(|one| one.code == code) {
            entries.push(entry);
        }
    }
    for (status, entries) in by_status {
        operation["responses"][status.to_string()] = response(status, &entries, examples);
    }
}

fn response(status: u16, entries: &[&Entry], examples: &mut Map<String, Value>) -> Value {
    let lines = entries
        .iter()
        .map(|entry| format!("- `{}`: {}", entry.code, entry.when));
    let mut referred = Map::new();
    for entry in entries {
        let name = format!("{}.{status}", entry.code);
        referred.insert(
            entry.code.to_owned(),
            json!({ "$ref": format!("#/components/examples/{name}") }),
        );
        examples.insert(
            name,
            json!({ "summary": entry.when, "value": example(entry, status) }),
        );
    }
    let codes: Vec<&str> = entries.iter().map(|entry| entry.code).collect();
    let mut response = json!({
        "description": lines.collect::<Vec<_>>().join("\n"),
        "content": {
            PROBLEM_JSON: {
                "schema": {
                    "allOf": [
                        { "$ref": "#/components/schemas/Problem" },
                        { "properties": { "status": { "const": status }, "code": { "enum": codes } } },
                    ]
                },
                "examples": referred,
            }
        },
    });
    let header = match status {
        401 => Some(("WWW-Authenticate", "How to show the token")),
        _ => None,
    };
    if let Some((name, description)) = header {
        response["headers"] = json!({ name: { "description": description, "schema": { "type": "string" } } });
    }
    response
}

fn example(entry: &Entry, status: u16) -> Value {
    let mut example: Value = serde_json::from_str(entry.members).unwrap_or_else(|_| json!({}));
    example["type"] = json!("about:blank");
    example["title"] = json!(
        axum::http::StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
    );
    example["status"] = json!(status);
    example["code"] = json!(entry.code);
    example["detail"] = json!(entry.example);
    example
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_the_one_that_is_served() {
        let written = format!("{:#}\n", document());
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        let committed = std::fs::read_to_string(path).expect("it is committed");
        assert!(
            committed == written,
            "server/openapi.json is stale: run 'cargo xtask schemas'"
        );
    }

    #[test]
    fn every_code_of_the_catalogue_is_described_with_an_example() {
        let text = document().to_string();
        for entry in catalogue::ALL {
            let is_of_no_call = ["route_not_found", "method_not_allowed"].contains(&entry.code);
            assert_eq!(
                text.contains(&format!("\"code\":\"{}\"", entry.code)),
                !is_of_no_call,
                "{}",
                entry.code
            );
            serde_json::from_str::<Map<String, Value>>(entry.members).expect(entry.code);
        }
    }

    #[test]
    fn every_component_that_is_referred_to_is_there_and_says_something() {
        let components = document()["components"]["schemas"].clone();
        let text = document().to_string();
        for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap_or_default();
            let component = &components[name];
            assert!(
                component["type"].is_string() && component["description"].is_string(),
                "{name}: {component}"
            );
        }
    }
}
