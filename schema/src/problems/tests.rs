use std::collections::BTreeMap;

use phasegate_core::limits::{MAX_CONFIG_BYTES, MAX_JSON_DEPTH};
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
fn members_that_are_missing_or_unknown_are_reported_at_their_place_and_formats_are_checked() {
    let problems = schema().problems(&phase(), &json!({"site": "not a uri", "extra~/": 1}));
    let found: Vec<_> = problems
        .items()
        .iter()
        .map(|p| (p.pointer.as_str(), p.keyword.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("/extra~0~1", "additionalProperties"),
            ("/personaIds", "required"),
            ("/site", "format")
        ]
    );
}

#[test]
fn a_message_does_not_repeat_what_is_write_only_wherever_the_schema_says_so() {
    let secret = json!({"type": "string", "pattern": "^[a-z]+$", "maxLength": 8, "format": "email", "writeOnly": true});
    let schema = json!({
        "type": "object",
        "properties": {
            "plain": secret,
            "referred": {"$ref": "#/$defs/secret"},
            "beside": {"$ref": "#/$defs/word", "writeOnly": true},
            "split": {"allOf": [{"writeOnly": true}, {"pattern": "^[a-z]+$"}]},
            "either": {"anyOf": [{"type": "null"}, secret]},
            "list": {"type": "array", "items": secret, "maxItems": 0, "uniqueItems": true},
            "whole": {"type": "object", "writeOnly": true, "additionalProperties": {"type": "integer"},
                "propertyNames": {"maxLength": 3}},
            "typed": {"type": "integer", "writeOnly": true},
            "chosen": {"enum": ["a"], "writeOnly": true},
            "shown": {"type": "string", "pattern": "^[a-z]+$"}
        },
        "minProperties": 99,
        "$defs": {"secret": secret, "word": {"type": "string", "pattern": "^[a-z]+$"}}
    });
    let schema = ConfigSchema::compile("score", &schema).expect("it compiles");
    let document = json!({
        "plain": "SECRET-0123", "referred": "SECRET-0123", "beside": "SECRET-0123", "split": "SECRET-0123",
        "either": "SECRET-0123", "list": ["SECRET-0123", "SECRET-0123"],
        "whole": {"SECRET-name": "SECRET-0123"}, "typed": "SECRET-0123", "chosen": "SECRET-0123",
        "shown": "SHOWN-0123"
    });
    let problems = schema.problems(&phase(), &document);
    for problem in problems.items() {
        assert!(!problem.message.contains("SECRET"), "{problem}");
    }
    let of = |pointer: &str, keyword: &str| {
        let found = |problem: &&Problem| problem.pointer == pointer && problem.keyword == keyword;
        problems
            .items()
            .iter()
            .find(found)
            .map(|one| one.message.as_str())
    };
    assert_eq!(
        of("/plain", "pattern"),
        Some("the value does not have the form that is asked for")
    );
    assert_eq!(
        of("/typed", "type"),
        Some(r#"the value is not of type "integer""#)
    );
    assert_eq!(
        of("/shown", "pattern"),
        Some(r#""SHOWN-0123" does not have the form that is asked for"#)
    );
    for pointer in [
        "",
        "/referred",
        "/beside",
        "/split",
        "/either",
        "/list",
        "/list/1",
        "/whole",
    ] {
        assert!(
            problems.items().iter().any(|one| one.pointer == pointer),
            "{pointer}"
        );
    }
}

/// The messages for `document`, by place.
fn messages(schema: &Value, document: &Value) -> BTreeMap<String, String> {
    let schema = ConfigSchema::compile("score", schema).expect("it compiles");
    let problems = schema.problems(&phase(), document);
    let items = problems.items().iter();
    items
        .map(|one| (one.pointer.clone(), one.message.clone()))
        .collect()
}

#[test]
fn a_broken_pattern_is_told_in_the_words_beside_it_and_never_shown() {
    let pattern = "^[a-z]+$";
    let schema = json!({
        "properties": {
            "expected": {"pattern": pattern, "x-phasegate-expected": "a word", "description": "Not this"},
            "referred": {"$ref": "#/$defs/word", "description": "Not this"},
            "described": {"pattern": pattern, "description": "The name of a dog", "title": "Name"},
            "titled": {"pattern": pattern, "title": "Name"},
            "bare": {"pattern": pattern},
            "secret": {"pattern": pattern, "x-phasegate-expected": "a word", "writeOnly": true},
            "listed": {"items": {"pattern": pattern, "x-phasegate-expected": "a word"}}
        },
        "$defs": {"word": {"pattern": pattern, "x-phasegate-expected": "a word"}}
    });
    let document = json!({
        "expected": "A1", "referred": "A1", "described": "A1", "titled": "A1", "bare": "A1", "secret": "A1",
        "listed": ["a", "A1"]
    });
    let found = messages(&schema, &document);
    let found: Vec<_> = found
        .iter()
        .map(|(place, text)| (place.as_str(), text.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("/bare", r#""A1" does not have the form that is asked for"#),
            (
                "/described",
                r#""A1" does not have the form that is asked for: The name of a dog"#
            ),
            ("/expected", r#""A1" is not a word"#),
            ("/listed/1", r#""A1" is not a word"#),
            ("/referred", r#""A1" is not a word"#),
            ("/secret", "the value is not a word"),
            (
                "/titled",
                r#""A1" does not have the form that is asked for: Name"#
            ),
        ]
    );
}

#[test]
fn a_forbidden_value_and_a_wrong_name_of_a_member_do_not_show_the_pattern() {
    let schema = json!({
        "properties": {
            "not": {"not": {"pattern": "^x"}},
            "names": {"propertyNames": {"allOf": [
                {"pattern": "^[a-z]+$", "x-phasegate-expected": "a word"},
                {"not": {"pattern": "^host$"}, "x-phasegate-expected": "a name that is free"}
            ]}},
            "secret": {"writeOnly": true, "propertyNames": {"pattern": "^[a-z]+$", "x-phasegate-expected": "a word"}}
        }
    });
    let of = |document| messages(&schema, &document).into_values().collect::<Vec<_>>();
    assert_eq!(
        of(json!({"not": "xy"})),
        [r#""xy" does not have the form that is asked for"#]
    );
    assert_eq!(of(json!({"names": {"A1": 1}})), [r#""A1" is not a word"#]);
    assert_eq!(
        of(json!({"names": {"host": 1}})),
        [r#""host" is not a name that is free"#]
    );
    assert_eq!(of(json!({"secret": {"A1": 1}})), ["the value is not a word"]);
}

#[test]
fn a_domain_in_another_script_is_told_in_the_form_that_dns_has() {
    let domain = json!({"pattern": "^[.]?[a-z0-9.-]+$", "x-phasegate-domain": true, "x-phasegate-expected": "a domain: write labels"});
    let mut secret = domain.clone();
    secret["writeOnly"] = json!(true);
    let schema = json!({"properties": {"secret": secret}, "additionalProperties": domain});
    let cases = [
        ("香港", r#""香港" is not a domain in ASCII: write it xn--j6w193g"#),
        (".рф", r#"".рф" is not a domain in ASCII: write it xn--p1ai"#),
        (
            "Straße.de",
            r#""Straße.de" is not a domain in ASCII: write it xn--strae-oqa.de"#,
        ),
        (
            "ｓｈｏｐ",
            r#""ｓｈｏｐ" is not a domain in ASCII: write it shop"#,
        ),
        ("香 港", r#""香 港" is not a domain: write labels"#),
        ("香港.", r#""香港." is not a domain: write labels"#),
        ("A B", r#""A B" is not a domain: write labels"#),
    ];
    for (name, message) in cases {
        assert_eq!(messages(&schema, &json!({"name": name}))["/name"], message);
    }
    assert_eq!(
        messages(&schema, &json!({"secret": "香港"}))["/secret"],
        "the value is not a domain: write labels"
    );
}

#[test]
fn a_huge_value_does_not_push_what_is_expected_out_of_the_message() {
    let schema = json!({"properties": {"word": {"pattern": "^[a-z]+$", "x-phasegate-expected": "a word"}}});
    let found = messages(&schema, &json!({"word": "A".repeat(5_000)}));
    assert!(found["/word"].ends_with("… is not a word"), "{found:?}");
}

#[test]
fn a_document_beyond_the_limit_is_one_problem_however_many_it_holds() {
    let document = json!({ "personaIds": vec![1; MAX_CONFIG_BYTES] });
    let problems = schema().problems(&phase(), &document);
    assert_eq!(
        (problems.total(), problems.items()[0].keyword.as_str()),
        (1, "too_large")
    );
}

#[test]
fn a_document_nested_beyond_the_limit_is_a_problem_and_not_a_crash() {
    let mut deep = json!(1);
    for _ in 0..MAX_JSON_DEPTH + 1 {
        deep = json!([deep]);
    }
    assert_eq!(schema().problems(&phase(), &deep).items()[0].keyword, "too_deep");
}
