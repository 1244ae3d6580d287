use proptest::prelude::*;
use serde_json::{Value, json};

use super::config::Config;
use super::odometer::Odometer;
use super::pattern::Pattern;
use super::{Offset, Record};

fn config(changes: Value) -> Config {
    let mut config = json!({
        "pattern_type": "prefix", "variable_length": 2, "character_set": "abc", "tld": "test", "num_domains": 1,
    });
    for (name, value) in changes.as_object().unwrap() {
        config[name] = value.clone();
    }
    serde_json::from_value(config).unwrap()
}

fn domains(config: &Config) -> Vec<String> {
    let mut odometer = Odometer::new(&Pattern::new(config), config.offset_start.get()).unwrap();
    (0..config.num_domains.get())
        .map(|_| {
            let domain = odometer.domain();
            odometer.advance();
            domain
        })
        .collect()
}

fn problems(changes: Value) -> Vec<(String, String, String)> {
    let config = config(changes);
    Pattern::new(&config)
        .problems(&config)
        .into_iter()
        .map(|problem| (problem.pointer, problem.keyword, problem.message))
        .collect()
}

#[test]
fn domains_count_up_in_base_n_with_the_most_significant_digit_first() {
    let config = config(json!({"num_domains": 9, "constant_string": "x"}));
    let expected =
        ["aax", "abx", "acx", "bax", "bbx", "bcx", "cax", "cbx", "ccx"].map(|l| format!("{l}.test"));
    assert_eq!(domains(&config), expected);
}

#[test]
fn both_parts_are_one_number_around_the_constant() {
    let both =
        json!({"pattern_type": "both", "variable_length": 1, "constant_string": "-", "num_domains": 5});
    assert_eq!(
        domains(&config(both.clone())),
        ["a-a.test", "a-b.test", "a-c.test", "b-a.test", "b-b.test"]
    );
    let mut without_constant = both;
    without_constant
        .as_object_mut()
        .unwrap()
        .remove("constant_string");
    assert_eq!(domains(&config(without_constant))[3], "ba.test");
}

#[test]
fn the_character_set_is_lower_cased_and_each_character_counts_once_in_the_given_order() {
    let config =
        config(json!({"character_set": "CaCbA", "variable_length": 1, "num_domains": 3, "tld": ".Co.UK"}));
    assert_eq!(domains(&config), ["c.co.uk", "a.co.uk", "b.co.uk"]);
}

#[test]
fn the_capacity_is_exact_beyond_any_machine_word() {
    let changes = json!({
        "variable_length": 63, "character_set": "0123456789abcdefghijklmnopqrstuvwxyz",
        "num_domains": 9_007_199_254_740_991_u64, "offset_start": 9_007_199_254_740_991_u64,
    });
    assert_eq!(problems(changes.clone()), []);
    // 36^63, computed by another program.
    let capacity =
        "111444219848545291112918149658401217019177846881717006276548100629318214534968256903948922840416256";
    assert_eq!(Pattern::new(&config(changes)).capacity().to_string(), capacity);
}

#[test]
fn beyond_the_capacity_is_a_problem_that_names_it() {
    assert_eq!(problems(json!({"num_domains": 9})), []);
    assert_eq!(problems(json!({"num_domains": 1, "offset_start": 8})), []);
    let [(pointer, keyword, message)] = &problems(json!({"num_domains": 9, "offset_start": 1}))[..] else {
        panic!("one problem is expected")
    };
    assert_eq!(
        (pointer.as_str(), keyword.as_str()),
        ("/num_domains", "capacity_exceeded")
    );
    assert!(
        message.contains("capacity is 9 ") && message.contains("8 domains are left"),
        "{message}"
    );
    let [(pointer, _, message)] = &problems(json!({"num_domains": 1, "offset_start": 9}))[..] else {
        panic!("one problem is expected")
    };
    assert_eq!(pointer, "/offset_start");
    assert!(message.contains("capacity is 9 "), "{message}");
}

#[test]
fn a_label_that_is_too_long_or_has_a_hyphen_at_an_edge_is_refused() {
    let keywords = |changes| -> Vec<_> {
        problems(changes)
            .into_iter()
            .map(|(pointer, keyword, _)| format!("{pointer} {keyword}"))
            .collect()
    };
    let long = "x".repeat(60);
    let no_problem: [&str; 0] = [];
    assert_eq!(
        keywords(json!({"variable_length": 3, "constant_string": long})),
        no_problem
    );
    assert_eq!(
        keywords(json!({"variable_length": 4, "constant_string": long})),
        ["/variable_length label_too_long"]
    );
    let both = json!({"pattern_type": "both", "variable_length": 32});
    assert_eq!(keywords(both), ["/variable_length label_too_long"]);
    let edge = ["/constant_string hyphen_at_edge"];
    assert_eq!(keywords(json!({"constant_string": "x-"})), edge);
    assert_eq!(keywords(json!({"constant_string": "-x"})), no_problem);
    assert_eq!(
        keywords(json!({"pattern_type": "suffix", "constant_string": "-x"})),
        edge
    );
    assert_eq!(
        keywords(json!({"pattern_type": "suffix", "constant_string": "x-"})),
        no_problem
    );
    assert_eq!(
        keywords(json!({"pattern_type": "both", "constant_string": "-"})),
        no_problem
    );
    let tld = ["x".repeat(60), "x".repeat(60), "x".repeat(60), "x".repeat(60)].join(".");
    assert_eq!(
        keywords(json!({"tld": tld, "constant_string": "abcdefgh"})),
        ["/tld name_too_long"]
    );
}

#[test]
fn an_offset_that_a_reader_might_round_is_written_as_text() {
    let json = |offset| {
        serde_json::to_string(&Record {
            domain: "a.test".to_owned(),
            offset: Offset(offset),
        })
        .unwrap()
    };
    assert_eq!(
        json((1 << 53) - 1),
        r#"{"domain":"a.test","offset":9007199254740991}"#
    );
    assert_eq!(
        json(1 << 53),
        r#"{"domain":"a.test","offset":"9007199254740992"}"#
    );
}

fn any_config() -> impl Strategy<Value = Config> {
    let pattern = prop_oneof![Just("prefix"), Just("suffix"), Just("both")];
    (
        pattern,
        2_u64..5,
        "[A-Za-z0-9]{4,9}",
        "[A-Za-z0-9-]{0,6}",
        1_u64..70,
        0_u64..70,
    )
        .prop_map(|(pattern, length, set, constant, count, start)| {
            config(json!({
                "pattern_type": pattern, "variable_length": length, "character_set": set,
                "constant_string": constant, "num_domains": count, "offset_start": start,
            }))
        })
}

proptest! {
    #[test]
    fn whatever_is_not_refused_gives_distinct_valid_names_that_say_their_offset(config in any_config()) {
        let pattern = Pattern::new(&config);
        prop_assume!(pattern.problems(&config).is_empty());
        let domains = domains(&config);
        let distinct: std::collections::BTreeSet<_> = domains.iter().collect();
        prop_assert_eq!(distinct.len(), domains.len());
        for (offset, domain) in (config.offset_start.get()..).zip(&domains) {
            let label = domain.strip_suffix(".test").unwrap();
            prop_assert!((1..=63).contains(&label.len()));
            prop_assert!(label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            prop_assert!(!label.starts_with('-') && !label.ends_with('-'));
            let variable = format!("{}{}", &label[..pattern.before], &label[label.len() - pattern.after..]);
            let read = variable.bytes().fold(0, |number, byte| {
                let value = pattern.digits.iter().position(|digit| *digit == byte).unwrap();
                number * pattern.digits.len() as u64 + value as u64
            });
            prop_assert_eq!(read, offset);
            let alone = Odometer::new(&pattern, offset).map(|odometer| odometer.domain());
            prop_assert_eq!(alone.as_ref(), Some(domain));
        }
    }

    #[test]
    fn refused_for_capacity_is_exactly_what_does_not_fit(config in any_config()) {
        let pattern = Pattern::new(&config);
        let capacity = (pattern.digits.len() as u128).pow(pattern.positions() as u32);
        let end = u128::from(config.offset_start.get()) + u128::from(config.num_domains.get());
        let refused = pattern.problems(&config).iter().any(|problem| problem.keyword == "capacity_exceeded");
        prop_assert_eq!(refused, end > capacity);
    }
}

fn suffix(constant: &str, characters: &str, length: u64, domains: u64) -> Vec<(String, String, String)> {
    problems(json!({
        "pattern_type": "suffix", "variable_length": length, "constant_string": constant, "character_set": characters,
        "num_domains": domains,
    }))
}

#[test]
fn labels_that_begin_like_a_labels_are_refused_exactly_when_none_is_one() {
    let [(pointer, keyword, message)] = &suffix("XN--", "abc", 1, 3)[..] else {
        panic!("one problem is expected")
    };
    assert_eq!(
        (pointer.as_str(), keyword.as_str()),
        ("/constant_string", "no_a_label")
    );
    assert!(message.contains("none of these 3 is one"), "{message}");
    assert_eq!(suffix("xn--p1a", "bi", 1, 2), [], "xn--p1ai is an A-label");
    assert_eq!(suffix("shop-xn--", "abc", 1, 3), []);
    let first_ten = suffix("xn--", "0123456789a", 4, 10);
    assert_eq!(first_ten.len(), 1);
    assert_eq!(
        suffix("xn--", "0123456789a", 4, 11),
        [],
        "the last of them, xn--000a, is one"
    );
    assert_eq!(suffix("xn--", "zyxwvuts", 4, 4_096).len(), 1, "all are tried");
}

#[test]
fn labels_too_many_to_try_are_refused_only_when_it_is_sure_that_none_is_an_a_label() {
    assert_eq!(suffix("xn--", "zyxwvuts", 6, 8_u64.pow(6)), []);
    let [(_, keyword, message)] = &suffix("xn--shop", "0123456789", 9, 1_000_000_000)[..] else {
        panic!("one problem is expected")
    };
    assert_eq!(keyword, "no_a_label");
    assert!(message.contains("none of these 1000000000 is one"), "{message}");
}

#[test]
fn a_top_level_domain_that_only_looks_like_an_a_label_is_refused() {
    let [(pointer, keyword, _)] = &problems(json!({"tld": "xn--a"}))[..] else {
        panic!("one problem is expected")
    };
    assert_eq!((pointer.as_str(), keyword.as_str()), ("/tld", "no_a_label"));
    for tld in ["xn--p1ai", ".xn--j6w193g", "xn--85x722f.xn--55qx5d.cn"] {
        assert_eq!(problems(json!({"tld": tld})), [], "{tld}");
    }
}
