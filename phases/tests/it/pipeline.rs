//! The whole pipeline against the sandbox: what it finds, and that it finds the same after any interruption.

use phasegate::CampaignStatus;
use phasegate_sandbox::site::{self, Behaviour, Breakage, Redirect};
use phasegate_sandbox::zone::{self, Answer};
use serde_json::{Value, json};

use crate::support::{PHASES, World, all_records, engine, plan, records, summary};

const MANY: u64 = 300;

fn expected_lookup(domain: &str) -> &'static str {
    match zone::answer(domain) {
        Answer::Address(_) => "resolved",
        Answer::NoSuchName => "no_such_name",
        Answer::ServerFailure => "server_failure",
        Answer::Silent => "timed_out",
        _ => "refused",
    }
}

fn expected_visit(domain: &str) -> &'static str {
    match site::behaviour(domain) {
        Behaviour::Page { .. } | Behaviour::Slow { .. } => "ok",
        Behaviour::Redirect(Redirect::Home { .. } | Redirect::Www { .. }) => "ok",
        Behaviour::Redirect(Redirect::Circle) => "redirect_loop",
        Behaviour::Error { .. } => "http_error",
        // What came of it is kept.
        Behaviour::Broken(Breakage::CutShort) => "ok",
        Behaviour::Broken(_) => "invalid_response",
        Behaviour::Refused => "connection_refused",
        Behaviour::Unknown => "none",
    }
}

fn texts<'a>(records: &'a [Value], member: &str) -> Vec<&'a str> {
    records
        .iter()
        .map(|record| record[member].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_phase_finds_what_the_sandbox_says_in_the_order_of_the_domains() {
    let world = World::new().await;
    let (campaign, view) = world.run(plan(MANY)).await;
    assert_eq!(view.status, CampaignStatus::Completed, "{:?}", view.phases);

    let generated = records(&campaign, PHASES[0]).await;
    let domains = texts(&generated, "domain");
    assert_eq!(domains.len() as u64, MANY);
    assert_eq!((domains[0], domains[27]), ("aa-shop.test", "bb-shop.test"));

    let looked_up = records(&campaign, PHASES[1]).await;
    assert_eq!(texts(&looked_up, "domain"), domains);
    let expected: Vec<_> = domains.iter().map(|domain| expected_lookup(domain)).collect();
    assert_eq!(texts(&looked_up, "status"), expected);
    let personas: Vec<_> = (0..domains.len())
        .map(|index| ["one", "two"][index % 2])
        .collect();
    assert_eq!(texts(&looked_up, "persona"), personas);

    let resolved: Vec<(usize, &str)> = domains
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, domain)| expected_lookup(domain) == "resolved")
        .collect();
    let visited = records(&campaign, PHASES[2]).await;
    assert_eq!(
        texts(&visited, "domain"),
        resolved.iter().map(|(_, domain)| *domain).collect::<Vec<_>>()
    );
    let expected: Vec<_> = resolved
        .iter()
        .map(|(_, domain)| expected_visit(domain))
        .collect();
    assert_eq!(texts(&visited, "status"), expected);
    let personas: Vec<_> = resolved
        .iter()
        .map(|(index, _)| ["one", "two", "three"][index % 3])
        .collect();
    assert_eq!(texts(&visited, "persona"), personas);
    for record in &visited {
        assert!(record.to_string().len() < 64 * 1024);
        if let Behaviour::Redirect(Redirect::Home { .. }) =
            site::behaviour(record["domain"].as_str().unwrap())
        {
            assert!(record["finalUrl"].as_str().unwrap().ends_with(site::HOME_PATH));
            assert_eq!(record["redirects"], 1);
        }
    }

    let analysed = records(&campaign, PHASES[3]).await;
    assert_eq!(texts(&analysed, "domain"), texts(&visited, "domain"));
    let mut mentions = 0;
    for record in &analysed {
        let expected = u64::from(site::mentions(record["domain"].as_str().unwrap()).unwrap_or(0));
        assert_eq!(record["occurrences"], expected, "{record}");
        assert_eq!(record["matched"], expected > 0, "{record}");
        mentions += expected;
    }

    let counted = |expected: &dyn Fn(&str) -> &'static str, status: &str| {
        domains.iter().filter(|domain| expected(domain) == status).count()
    };
    for (status, count) in summary(&view, PHASES[1])["byStatus"].as_object().unwrap() {
        assert_eq!(count, counted(&expected_lookup, status), "{status}");
    }
    for (status, count) in summary(&view, PHASES[2])["byStatus"].as_object().unwrap() {
        assert_eq!(count, counted(&expected_visit, status), "{status}");
    }
    assert_eq!(
        summary(&view, PHASES[2])["skipped"],
        domains.len() - resolved.len()
    );
    assert_eq!(summary(&view, PHASES[3])["occurrences"], mentions);
    assert_eq!(
        summary(&view, PHASES[3])["topDomains"].as_array().unwrap().len(),
        10
    );
    assert_eq!(summary(&view, PHASES[0])["capacity"], "676");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_domain_that_resolves_is_a_completed_chain_with_nothing_in_it() {
    let world = World::new().await;
    let mut plan = plan(5);
    plan[0]["tld"] = json!("elsewhere");
    let (campaign, view) = world.run(plan).await;
    assert_eq!(view.status, CampaignStatus::Completed);
    assert_eq!(
        texts(&records(&campaign, PHASES[1]).await, "status"),
        ["refused"; 5]
    );
    assert_eq!(records(&campaign, PHASES[3]).await, Vec::<Value>::new());
    assert_eq!(summary(&view, PHASES[3])["analysed"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_is_stopped_and_paused_again_and_again_ends_with_the_same_records() {
    let world = World::new().await;
    let (undisturbed, _) = world.run(plan(MANY)).await;
    let campaign = world.campaign(plan(MANY)).await;
    campaign.start(PHASES[0]).await.unwrap();
    for (phase, done) in [
        (PHASES[1], 20),
        (PHASES[1], 30),
        (PHASES[2], 10),
        (PHASES[2], 200),
    ] {
        world.reaches(&campaign, phase, done).await;
        if done % 20 == 0 {
            campaign.stop().await.unwrap();
            campaign.start(phase).await.unwrap();
        } else {
            campaign.pause().await.unwrap();
            campaign.resume().await.unwrap();
        }
    }
    let view = campaign.at_rest().await.unwrap();
    assert_eq!(view.status, CampaignStatus::Completed);
    assert!(
        view.phases[1].attempt.unwrap().0 >= 3 && view.phases[2].attempt.unwrap().0 >= 3,
        "{:?}",
        view.phases
    );
    assert!(all_records(&campaign).await == all_records(&undisturbed).await);
    let undisturbed = undisturbed.view().await.unwrap();
    for phase in PHASES {
        assert_eq!(summary(&view, phase), summary(&undisturbed, phase));
    }
}

#[test]
fn an_attempt_that_dies_in_the_middle_is_taken_up_and_ends_with_the_same_records() {
    let outside = tokio::runtime::Runtime::new().unwrap();
    let world = outside.block_on(World::new());
    let (undisturbed, _) = outside.block_on(world.run(plan(MANY)));
    let mut campaign = outside.block_on(world.campaign(plan(MANY)));
    for (phase, done) in [(PHASES[1], 60), (PHASES[2], 150)] {
        // A process of its own: all its tasks end in the middle of what they do.
        let inside = tokio::runtime::Runtime::new().unwrap();
        inside.block_on(async {
            let engine = engine(&world.storage);
            campaign = engine.campaign(campaign.id()).await.unwrap();
            if phase == PHASES[1] {
                campaign.start(PHASES[0]).await.unwrap();
            } else {
                assert_eq!(engine.recover().await.unwrap().resumed, [campaign.id()]);
            }
            let progress = || engine.progress(campaign.id());
            while !progress().is_some_and(|(ticket, at)| ticket.phase.as_str() == phase && at.done >= done) {
                tokio::task::yield_now().await;
            }
        });
        inside.shutdown_background();
        world.storage.end_leases();
    }
    outside.block_on(async {
        let engine = engine(&world.storage);
        assert_eq!(engine.recover().await.unwrap().resumed, [campaign.id()]);
        let campaign = engine.campaign(campaign.id()).await.unwrap();
        assert_eq!(
            campaign.at_rest().await.unwrap().status,
            CampaignStatus::Completed
        );
        assert!(all_records(&campaign).await == all_records(&undisturbed).await);
    });
}
