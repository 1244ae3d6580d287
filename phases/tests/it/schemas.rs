//! The committed schemas are those of the Rust types, and both accept the same documents.

use std::path::Path;

use phasegate::core::{PhaseName, PipelineDefinition};
use phasegate::schema::ConfigSchema;
use phasegate_phases::{
    Proxy, analysis, dns_validation, domain_generation, http_validation, pipeline, schemas,
};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn compiled(file: &str) -> ConfigSchema {
    let schema = schemas().into_iter().find(|(name, _)| *name == file).unwrap().1;
    ConfigSchema::compile(file, &schema).unwrap()
}

fn accepts(schema: &ConfigSchema, document: &Value) -> bool {
    schema
        .problems(&PhaseName::new("any").unwrap(), document)
        .is_empty()
}

#[test]
fn the_committed_files_are_what_the_types_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    for (name, schema) in schemas() {
        let committed = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(
            committed == format!("{schema:#}\n"),
            "schemas/{name} is stale: cargo run -p phasegate-phases --example write_schemas"
        );
    }
}

#[test]
fn the_real_manifest_is_valid_and_reads_back() {
    let manifest = serde_json::to_value(pipeline().unwrap().definition()).unwrap();
    assert!(accepts(&compiled("pipeline.schema.json"), &manifest));
    assert_eq!(
        &PipelineDefinition::deserialize_owned(&manifest).unwrap(),
        pipeline().unwrap().definition()
    );
}

trait Read: Sized {
    fn deserialize_owned(document: &Value) -> Option<Self>;
}

impl<T: DeserializeOwned> Read for T {
    fn deserialize_owned(document: &Value) -> Option<Self> {
        serde_json::from_value(document.clone()).ok()
    }
}

#[test]
fn unknown_and_missing_members_of_a_manifest_are_refused_by_its_schema_and_its_type_alike() {
    let schema = compiled("pipeline.schema.json");
    let manifest = serde_json::to_value(pipeline().unwrap().definition()).unwrap();
    let places = ["", "/phases/0", "/resourceKinds/0"];
    for place in places {
        let names: Vec<String> = manifest
            .pointer(place)
            .unwrap()
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        let mut changed = manifest.clone();
        changed.pointer_mut(place).unwrap()["unknown"] = json!(1);
        assert!(
            !accepts(&schema, &changed) && PipelineDefinition::deserialize_owned(&changed).is_none(),
            "{place}"
        );
        for name in names {
            let mut changed = manifest.clone();
            changed
                .pointer_mut(place)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove(&name);
            let optional = matches!(
                name.as_str(),
                "title" | "resourceKinds" | "probeSchema" | "onSkip"
            );
            assert_eq!(accepts(&schema, &changed), optional, "{place}/{name}");
            assert_eq!(
                PipelineDefinition::deserialize_owned(&changed).is_some(),
                optional,
                "{place}/{name}"
            );
        }
    }
}

#[test]
fn resources_are_marked_where_configs_refer_to_them() {
    let document = json!({"personaIds": ["a", "b"], "proxyId": "p"});
    for (file, kind) in [
        ("dns_validation", "dns_persona"),
        ("http_validation", "http_persona"),
    ] {
        let uses: Vec<_> = compiled(&format!("{file}.schema.json"))
            .resources(&document)
            .into_iter()
            .map(|found| (found.pointer, found.resource.to_string()))
            .collect();
        let expected = [
            ("/personaIds/0".to_owned(), format!("{kind} a")),
            ("/personaIds/1".to_owned(), format!("{kind} b")),
            ("/proxyId".to_owned(), "proxy p".to_owned()),
        ];
        assert_eq!(uses.len(), 3, "{uses:?}");
        for ((pointer, resource), (expected, id)) in uses.iter().zip(&expected) {
            assert_eq!(pointer, expected);
            assert!(
                resource.contains(id.split(' ').next_back().unwrap()),
                "{resource}"
            );
        }
    }
}

#[test]
fn every_member_tells_a_form_its_title_and_what_it_is() {
    for (file, schema) in schemas() {
        for (name, member) in schema["properties"].as_object().unwrap() {
            assert!(
                member["title"].is_string() && member["description"].is_string(),
                "{file}: {name}"
            );
            if let Some(default) = member.get("default") {
                assert!(!default.is_null(), "{file}: {name}");
            }
        }
    }
}

/// One kind of document: a full example, and whether schema and type accept a document.
struct Kind {
    file: &'static str,
    example: Value,
    read: fn(&Value) -> bool,
}

fn kinds() -> Vec<Kind> {
    vec![
        Kind {
            file: "domain_generation.schema.json",
            example: json!({
                "pattern_type": "both", "variable_length": 3, "character_set": "abc", "constant_string": "x-y",
                "tld": "co.uk", "num_domains": 5, "batch_size": 10, "offset_start": 0,
            }),
            read: |document| domain_generation::Config::deserialize_owned(document).is_some(),
        },
        Kind {
            file: "dns_validation.schema.json",
            example: json!({"personaIds": ["a", "b.c"], "proxyId": "p"}),
            read: |document| dns_validation::Config::deserialize_owned(document).is_some(),
        },
        Kind {
            file: "http_validation.schema.json",
            example: json!({"personaIds": ["a"], "proxyId": "p"}),
            read: |document| http_validation::Config::deserialize_owned(document).is_some(),
        },
        Kind {
            file: "analysis.schema.json",
            example: json!({"keyword": "web shop"}),
            read: |document| analysis::Config::deserialize_owned(document).is_some(),
        },
        Kind {
            file: "dns_persona.schema.json",
            example: json!({
                "resolvers": ["1.1.1.1:53", "[::1]:5353", "dns.example:53"], "strategy": "first", "recordTypes": ["A"],
                "timeoutMs": 100, "retries": 0, "concurrency": 5, "ratePerSecond": 10, "enabled": true,
            }),
            read: |document| dns_validation::DnsPersona::deserialize_owned(document).is_some(),
        },
        Kind {
            file: "http_persona.schema.json",
            example: json!({
                "userAgent": "Example/1.0 (x)", "headers": {"Accept-Language": "en", "X-A": ""}, "scheme": "http",
                "port": 8080, "path": "/a?b=c", "timeoutMs": 1000, "connectTimeoutMs": 500, "maxRedirects": 3,
                "maxBodyBytes": 4096, "retries": 1, "concurrency": 2, "ratePerSecond": 1,
                "allowPrivateAddresses": false, "resolvers": ["127.0.0.1:53"], "enabled": false,
            }),
            read: |document| http_validation::HttpPersona::deserialize_owned(document).is_some(),
        },
        Kind {
            file: "proxy.schema.json",
            example: json!({
                "protocol": "socks5", "host": "::1", "port": 1080, "username": "user", "password": "pa:ss",
                "enabled": true,
            }),
            read: |document| Proxy::deserialize_owned(document).is_some(),
        },
    ]
}

#[test]
fn a_full_example_of_each_kind_is_accepted_by_schema_and_type() {
    for kind in kinds() {
        assert!(accepts(&compiled(kind.file), &kind.example), "{}", kind.file);
        assert!((kind.read)(&kind.example), "{}", kind.file);
        let defaults = schemas()
            .into_iter()
            .find(|(name, _)| *name == kind.file)
            .unwrap()
            .1;
        for name in kind.example.as_object().unwrap().keys() {
            assert!(
                defaults["properties"].get(name).is_some(),
                "{}: {name}",
                kind.file
            );
        }
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[ -~]{0,12}",
        "\\PC{0,6}",
        "[a-z0-9.-]{1,70}",
        "[a-z0-9.]{1,9}:[0-9]{1,6}",
        "\\[[0-9a-f:]{1,9}\\]:[0-9]{1,5}",
        "\\s{0,3}",
        "[a-z]{1,5}\n",
        prop::sample::select(vec![
            "prefix",
            "both",
            "http",
            "https",
            "first",
            "round_robin",
            "A",
            "AAAA",
            "",
            "/",
            "/#",
            "/a b",
            "-",
            "a-",
            ".com",
            "com.",
            "a..b",
            "1.2",
            "\u{212a}",
            "\u{a0}",
            "\u{feff}",
            "\u{200b}",
            "\u{ad}\u{ad} ",
            "a\u{ad}",
            "\u{e0001}",
            "::1",
            "Host",
            "accept",
            "a:b",
            "65535",
            "a:65536",
            "a:0",
            "a:53",
        ])
        .prop_map(str::to_owned),
    ]
    .prop_map(Value::from);
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-2_i64..70_000).prop_map(Value::from),
        (-2_i64..2_000).prop_map(|number| json!(number as f64)),
        (0.0..100.0_f64).prop_map(|number| json!(number)),
        prop::sample::select(vec![
            1e15,
            1e16,
            9_007_199_254_740_991.0,
            9_007_199_254_740_992.0,
            1e300,
            -0.0
        ])
        .prop_map(|number| json!(number)),
    ];
    let leaf = prop_oneof![
        text,
        number,
        any::<bool>().prop_map(Value::from),
        Just(Value::Null)
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[A-Za-z-]{1,12}|Host|te|TE|Cookie|é", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// One change of a document: a member replaced, removed or added, an item added to a list, or the whole replaced.
#[derive(Clone, Debug)]
enum Change {
    Replace(prop::sample::Index, Value),
    Remove(prop::sample::Index),
    Add(String, Value),
    Extend(prop::sample::Index, Value),
    Whole(Value),
    AsList,
    Wrap(prop::sample::Index),
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (any::<prop::sample::Index>(), any_value()).prop_map(|(at, value)| Change::Replace(at, value)),
        2 => any::<prop::sample::Index>().prop_map(Change::Remove),
        1 => ("[a-z_]{1,8}", any_value()).prop_map(|(name, value)| Change::Add(name, value)),
        2 => (any::<prop::sample::Index>(), any_value()).prop_map(|(at, value)| Change::Extend(at, value)),
        1 => any_value().prop_map(Change::Whole),
        1 => Just(Change::AsList),
        1 => any::<prop::sample::Index>().prop_map(Change::Wrap),
    ]
}

fn apply(document: &Value, change: Change) -> Value {
    let mut document = document.clone();
    let Some(members) = document.as_object_mut() else {
        return document;
    };
    let names: Vec<String> = members.keys().cloned().collect();
    if names.is_empty() {
        return document;
    }
    let name = |at: prop::sample::Index| names[at.index(names.len())].clone();
    match change {
        Change::Replace(at, value) => {
            members.insert(name(at), value);
        }
        Change::Remove(at) => {
            members.remove(&name(at));
        }
        Change::Add(name, value) => {
            members.insert(name, value);
        }
        Change::Extend(at, value) => match members.get_mut(&name(at)) {
            Some(Value::Array(items)) => items.push(value),
            Some(Value::Object(inner)) => {
                inner.insert(value.as_str().unwrap_or("Host").to_owned(), value);
            }
            _ => {}
        },
        Change::Whole(value) => return value,
        Change::AsList => return Value::Array(members.values().cloned().collect()),
        Change::Wrap(at) => {
            // As serde would read a word of an enum.
            if let Some(member) = members.get_mut(&name(at)) {
                *member = json!({member.as_str().unwrap_or("x"): null});
            }
        }
    }
    document
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn schema_and_type_accept_the_same_documents(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec(any_change(), 1..4),
    ) {
        thread_local! {
            static ALL: Vec<(Kind, ConfigSchema)> =
                kinds().into_iter().map(|kind| { let schema = compiled(kind.file); (kind, schema) }).collect();
        }
        ALL.with(|all| {
            let (kind, schema) = &all[which.index(all.len())];
            let document = changes.into_iter().fold(kind.example.clone(), |document, change| apply(&document, change));
            prop_assert_eq!(accepts(schema, &document), (kind.read)(&document), "{}: {}", kind.file, document);
            Ok(())
        })?;
    }
}

#[test]
fn a_wrong_text_is_told_in_words_that_say_how_to_write_it() {
    let told = |file: &str, document: Value, words: &str| {
        let problems = compiled(file).problems(&PhaseName::new("check").unwrap(), &document);
        let messages: Vec<_> = problems
            .items()
            .iter()
            .map(|problem| problem.message.as_str())
            .collect();
        assert!(
            messages.iter().any(|message| message.contains(words)),
            "{messages:?}"
        );
        assert!(
            !messages.iter().any(|message| message.contains("A-Z")),
            "{messages:?}"
        );
    };
    told(
        "dns_persona.schema.json",
        json!({"resolvers": ["127.0.0.1:53, [::1]:53"]}),
        r#""127.0.0.1:53, [::1]:53" is not one resolver: host:port"#,
    );
    told(
        "domain_generation.schema.json",
        json!({"tld": "рф"}),
        r#""рф" is not a top-level domain"#,
    );
    told(
        "analysis.schema.json",
        json!({"keyword": " "}),
        "it must not be blank",
    );
    told(
        "analysis.schema.json",
        json!({"keyword": "\u{200b}\u{ad}"}),
        "nor only of characters that don't show",
    );
    told(
        "http_persona.schema.json",
        json!({"headers": {"Host": "a"}}),
        r#""Host" is not a header that can be set"#,
    );
}
