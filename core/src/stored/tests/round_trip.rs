//! What is written is read as it was.

use proptest::prelude::*;

use super::arbitrary::{campaign, entry, lease, run};
use super::arbitrary_event::commit;
use super::driven::Driven;
use super::sample::Sample;
use crate::stored::config;

fn comes_back(sample: &Sample) {
    assert_eq!(sample.read(&sample.write()).as_ref(), Ok(sample));
}

proptest! {
    #[test]
    fn any_campaign_comes_back(campaign in campaign()) {
        comes_back(&Sample::Campaign(Box::new(campaign)));
    }

    #[test]
    fn any_commit_comes_back(commit in commit()) {
        comes_back(&Sample::Commit(commit));
    }

    #[test]
    fn any_run_comes_back(run in run()) {
        comes_back(&Sample::Run(run));
    }

    #[test]
    fn any_key_and_lease_come_back(entry in entry(), lease in lease()) {
        comes_back(&Sample::Config(entry.outcome.clone()));
        comes_back(&Sample::Key(entry));
        comes_back(&Sample::Lease(lease));
    }

    #[test]
    fn whatever_the_machine_decides_comes_back(inputs in proptest::collection::vec(any::<(u8, usize)>(), 1..60)) {
        let mut driven = Driven::new();
        for (number, phase) in inputs {
            driven.send_number(number, phase);
            comes_back(&Sample::Campaign(Box::new(driven.campaign.clone())));
        }
        for commit in driven.commits {
            comes_back(&Sample::Commit(commit));
        }
    }
}

#[test]
fn a_chain_of_four_phases_stays_small() {
    let mut sizes = "snapshot commit\n".to_owned();
    for (campaign, commit) in Driven::chain() {
        let snapshot = Sample::Campaign(Box::new(campaign)).write().len();
        let commit = Sample::Commit(commit).write().len();
        sizes += &format!("{snapshot:8} {commit:6}\n");
    }
    expect_test::expect![[r"
        snapshot commit
             267    296
             301     97
             352    191
             401    191
             450    185
             465    138
    "]]
    .assert_eq(&sizes);
}

#[test]
fn the_text_of_a_config_is_its_body() {
    let bytes = config::write_text(r#"{"a":1}"#);
    assert_eq!(&bytes[1..], br#"{"a":1}"#);
    assert_eq!(config::read_text(&bytes), Ok(r#"{"a":1}"#));
}
