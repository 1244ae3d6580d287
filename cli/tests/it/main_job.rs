//! README's main job, against counts that come from the sandbox's own zone and site.

use std::collections::BTreeMap;

use phasegate_sandbox::site::{self, Behaviour, Breakage, Redirect};
use phasegate_sandbox::zone::{self, Answer};

use crate::support;
use crate::support::Workplace;

/// The example's domains, written down without the phase that generates them: `aaashop.test`, `aabshop.test`, ...
fn domains() -> Vec<String> {
    let letters = || 'a'..='z';
    let names = letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| (a, b, c))));
    names
        .take(2_000)
        .map(|(a, b, c)| format!("{a}{b}{c}shop.test"))
        .collect()
}

type Counts = BTreeMap<&'static str, u64>;

fn counted<T>(items: impl IntoIterator<Item = T>, status: impl Fn(T) -> &'static str) -> Counts {
    let mut counts = Counts::new();
    for item in items {
        *counts.entry(status(item)).or_default() += 1;
    }
    counts
}

fn dns_status(domain: &String) -> &'static str {
    match zone::answer(domain) {
        Answer::Address(_) => "resolved",
        Answer::NoSuchName => "no_such_name",
        Answer::ServerFailure => "server_failure",
        Answer::Silent => "timed_out",
        _ => panic!("{domain} is under the sandbox's domain, and in no situation"),
    }
}

fn http_status(domain: &String) -> &'static str {
    match site::behaviour(domain) {
        Behaviour::Page { .. } | Behaviour::Slow { .. } => "ok",
        Behaviour::Redirect(Redirect::Home { .. } | Redirect::Www { .. }) => "ok",
        Behaviour::Redirect(Redirect::Circle) => "redirect_loop",
        Behaviour::Error { .. } => "http_error",
        // What came of it is kept.
        Behaviour::Broken(Breakage::CutShort) => "ok",
        Behaviour::Broken(_) => "invalid_response",
        Behaviour::Refused => "connection_refused",
        Behaviour::Unknown => panic!("{domain} has an address"),
    }
}

/// `byStatus: a 1, b 2`, as the command prints it.
fn by_status(counts: &Counts) -> String {
    let told: Vec<_> = counts
        .iter()
        .map(|(status, count)| format!("{status} {}", separated(*count)))
        .collect();
    format!("byStatus: {}", told.join(", "))
}

fn separated(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        _ => format!("{},{:03}", count / 1_000, count % 1_000),
    }
}

#[test]
fn the_main_job_prints_the_counts_that_follow_from_the_sandbox() {
    let place = Workplace::new();
    let example = support::example();
    let done = place
        .run(&["run", example.to_str().expect("UTF-8"), "--sandbox"])
        .exits_with(0);

    let domains = domains();
    let resolved: Vec<_> = domains
        .iter()
        .filter(|domain| dns_status(domain) == "resolved")
        .collect();
    let mentions: Vec<_> = resolved
        .iter()
        .filter_map(|domain| site::mentions(domain))
        .map(u64::from)
        .collect();
    // A table breaks lines between words only.
    let printed: Vec<_> = done
        .stdout
        .lines()
        .map(|line| line.trim_matches('│').rsplit('┆').next())
        .collect();
    let printed: Vec<_> = printed
        .into_iter()
        .flatten()
        .flat_map(str::split_whitespace)
        .collect();
    let printed = printed.join(" ");
    for expected in [
        format!(
            "domains {}, firstDomain aaashop.test",
            separated(domains.len() as u64)
        ),
        by_status(&counted(&domains, dns_status)),
        format!("skipped {}", separated((domains.len() - resolved.len()) as u64)),
        by_status(&counted(resolved.iter().copied(), http_status)),
        format!(
            "analysed {}, fetched {}",
            separated(resolved.len() as u64),
            separated(
                resolved
                    .iter()
                    .filter(|domain| http_status(domain) == "ok")
                    .count() as u64
            )
        ),
        format!("matched {}", mentions.iter().filter(|count| **count > 0).count()),
        format!("occurrences {}", separated(mentions.iter().sum())),
    ] {
        assert!(printed.contains(&expected), "{expected}\n{}", done.stdout);
    }
}

#[test]
fn every_record_of_the_main_job_is_what_the_sandbox_serves() {
    let place = Workplace::new();
    let example = support::example();
    place
        .run(&["run", example.to_str().expect("UTF-8"), "--sandbox"])
        .exits_with(0);

    let domains = domains();
    let column = |phase: &str, member: &str| -> Vec<_> {
        let records = place.records("lead-generation", phase);
        records.iter().map(|record| record[member].clone()).collect()
    };
    assert_eq!(column("domain_generation", "domain"), domains);
    assert_eq!(column("dns_validation", "domain"), domains);
    let expected: Vec<_> = domains.iter().map(dns_status).collect();
    assert_eq!(column("dns_validation", "status"), expected);
    let personas: Vec<_> = (0..domains.len())
        .map(|index| ["careful", "quick"][index % 2])
        .collect();
    assert_eq!(column("dns_validation", "persona"), personas);

    let resolved: Vec<_> = domains
        .iter()
        .filter(|domain| dns_status(domain) == "resolved")
        .cloned()
        .collect();
    assert_eq!(column("http_validation", "domain"), resolved);
    let expected: Vec<_> = resolved.iter().map(http_status).collect();
    assert_eq!(column("http_validation", "status"), expected);
    assert_eq!(column("analysis", "domain"), resolved);
    let expected: Vec<_> = resolved
        .iter()
        .map(|domain| site::mentions(domain).unwrap_or(0))
        .collect();
    assert_eq!(column("analysis", "occurrences"), expected);
}
