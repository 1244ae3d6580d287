use std::collections::BTreeMap;
use std::fmt::Write as _;

use expect_test::expect;
use phasegate_sandbox::site::{self, Behaviour, Breakage, KEYWORD, Redirect};
use phasegate_sandbox::zone::{self, Answer};

use crate::client::names;

/// Counts in per cent and compares with the table in the docs, a percentage point apart at most.
fn check(kinds: impl Iterator<Item = &'static str>, expected: &[(&'static str, f64)]) {
    let mut counts = BTreeMap::new();
    for kind in kinds {
        *counts.entry(kind).or_insert(0.0) += 1.0;
    }
    let total: f64 = counts.values().sum();
    assert_eq!(counts.len(), expected.len(), "{counts:?}");
    for (kind, percent) in expected {
        let actual = counts[kind] / total * 100.0;
        assert!(
            (actual - percent).abs() < 1.0,
            "{kind}: {actual} % instead of {percent} %"
        );
    }
}

#[test]
fn the_answers_have_the_shares_of_the_table() {
    let kinds = names().map(|name| match zone::answer(&name) {
        Answer::Address(zone::SITE_ADDRESS) => "site",
        Answer::Address(_) => "refusing",
        Answer::NoSuchName => "no such name",
        Answer::ServerFailure => "server failure",
        Answer::Silent => "silent",
        Answer::NotOurs => "not ours",
        _ => "a situation",
    });
    let expected = [
        ("site", 63.0),
        ("refusing", 7.0),
        ("no such name", 25.0),
        ("server failure", 3.0),
        ("silent", 2.0),
    ];
    check(kinds, &expected);
}

#[test]
fn the_behaviours_have_the_shares_of_the_table() {
    let kinds = names().filter_map(|name| match site::behaviour(&name) {
        Behaviour::Page { .. } => Some("page"),
        Behaviour::Redirect(Redirect::Home { .. }) => Some("redirect to /home"),
        Behaviour::Redirect(Redirect::Www { .. }) => Some("redirect to www"),
        Behaviour::Redirect(Redirect::Circle) => Some("redirect circle"),
        Behaviour::Slow { .. } => Some("slow"),
        Behaviour::Error { status: 404 } => Some("404"),
        Behaviour::Error { status: 500 } => Some("500"),
        Behaviour::Error { .. } => Some("503"),
        Behaviour::Broken(Breakage::CutShort) => Some("cut short"),
        Behaviour::Broken(Breakage::Garbage) => Some("garbage"),
        Behaviour::Broken(Breakage::Empty) => Some("empty"),
        Behaviour::Refused => Some("refused"),
        Behaviour::Unknown => None,
    });
    let expected = [
        ("page", 55.0),
        ("redirect to /home", 7.0),
        ("redirect to www", 6.0),
        ("redirect circle", 2.0),
        ("slow", 5.0),
        ("404", 4.0),
        ("500", 2.0),
        ("503", 2.0),
        ("cut short", 3.0),
        ("garbage", 2.0),
        ("empty", 2.0),
        ("refused", 10.0),
    ];
    check(kinds, &expected);
}

#[test]
fn half_of_the_pages_carry_the_keyword_one_to_nine_times() {
    let all: Vec<u32> = names().filter_map(|name| site::mentions(&name)).collect();
    let found = |mentions: &u32| if *mentions == 0 { "no" } else { "yes" };
    check(all.iter().map(found), &[("no", 50.0), ("yes", 50.0)]);
    for count in 0..=9 {
        assert!(all.contains(&count));
    }
    assert!(all.iter().all(|count| *count <= 9));
}

#[test]
fn a_page_holds_the_keyword_as_often_as_its_name_says() {
    for name in names().take(5_000) {
        let expected = match site::behaviour(&name) {
            // That page stands at another host.
            Behaviour::Redirect(Redirect::Www { .. }) => 0,
            _ => site::mentions(&name).unwrap_or(0),
        };
        let page = site::page(&name);
        assert_eq!(
            page.to_lowercase().matches(KEYWORD).count(),
            expected as usize,
            "{name}"
        );
        assert!((512..=4096).contains(&page.len()), "{name}: {} bytes", page.len());
    }
}

#[test]
fn a_page_never_prints_a_host_name_that_contains_the_keyword() {
    for index in 0..1_000 {
        let name = format!("{KEYWORD}-{index}.test");
        if let Some(mentions) = site::mentions(&name)
            .filter(|_| !matches!(site::behaviour(&name), Behaviour::Redirect(Redirect::Www { .. })))
        {
            assert_eq!(
                site::page(&name).matches(KEYWORD).count(),
                mentions as usize,
                "{name}"
            );
        }
    }
}

#[test]
fn names_mean_the_same_on_every_machine() {
    let mut table = String::new();
    for name in names().take(24) {
        writeln!(
            table,
            "{name}: {:?}, {:?}",
            zone::answer(&name),
            site::behaviour(&name)
        )
        .unwrap();
    }
    expect![[r#"
        site0.test: Address(127.0.0.1), Page { mentions: 4 }
        site1.test: Address(127.0.0.1), Error { status: 404 }
        site2.test: Address(127.0.0.1), Page { mentions: 0 }
        site3.test: Address(127.0.0.1), Page { mentions: 0 }
        site4.test: ServerFailure, Unknown
        site5.test: NoSuchName, Unknown
        site6.test: NoSuchName, Unknown
        site7.test: ServerFailure, Unknown
        site8.test: NoSuchName, Unknown
        site9.test: Silent, Unknown
        site10.test: ServerFailure, Unknown
        site11.test: Address(127.0.0.1), Slow { delay_ms: 300, mentions: 0 }
        site12.test: Silent, Unknown
        site13.test: Address(127.0.0.1), Error { status: 500 }
        site14.test: Address(127.0.0.1), Page { mentions: 0 }
        site15.test: NoSuchName, Unknown
        site16.test: Address(127.0.0.1), Page { mentions: 0 }
        site17.test: Address(127.0.0.1), Redirect(Home { mentions: 0 })
        site18.test: Address(127.0.0.1), Page { mentions: 2 }
        site19.test: Address(127.0.0.1), Error { status: 404 }
        site20.test: Address(127.0.0.1), Page { mentions: 9 }
        site21.test: Address(127.0.0.1), Page { mentions: 0 }
        site22.test: Address(127.0.0.1), Slow { delay_ms: 300, mentions: 0 }
        site23.test: NoSuchName, Unknown
    "#]]
    .assert_eq(&table);
}

#[test]
fn pages_are_the_same_on_every_machine() {
    assert_eq!(site::page("site18.test"), include_str!("page.html"));
}
