//! The keyword from the config to the page.

use std::net::SocketAddr;

use phasegate::{CampaignHandle, CampaignStatus, EngineError, NewCampaign};
use phasegate_phases::sandboxed;
use phasegate_sandbox::zone::{self, Answer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::{PHASES, World, all_records, http_persona, plan, records, summary};

async fn configured(world: &World, keyword: &str) -> Result<CampaignHandle, EngineError> {
    let new = NewCampaign::new("words").config(PHASES[3], json!({"keyword": keyword}));
    world.engine.create(new).await
}

#[tokio::test]
async fn a_keyword_that_does_not_show_is_refused_with_a_sentence() {
    let world = World::new().await;
    for keyword in [
        " ",
        "\u{200b}",
        "\u{ad}\u{ad}",
        "\u{3164}\n",
        "\u{e0041}\u{e007f}",
    ] {
        let refused = configured(&world, keyword).await.err().unwrap().to_string();
        assert!(refused.contains("that don't show"), "{keyword:?}: {refused}");
    }
    for keyword in ["phase\u{ad}gate", "\u{1f441}\u{fe0f}", "-", "'"] {
        configured(&world, keyword).await.unwrap();
    }
}

/// Serves this page for every request. Gives its address.
async fn serving(page: String) -> SocketAddr {
    let length = page.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\n\r\n"
    );
    let answer: &'static [u8] = Vec::leak((head + &page).into_bytes());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = vec![0; 4_096];
                if stream.read(&mut head).await.is_ok() {
                    let _ = stream.write_all(answer).await;
                    let _ = stream.shutdown().await;
                }
            });
        }
    });
    address
}

/// A page with the keyword once, 200 KiB into its text and over the end of a record's text, and 20 KiB behind it.
fn long_page() -> String {
    let mut text = "a word of many. ".repeat(200 * 1024 / 16);
    let before = 13 * 16 * 1024 - text.len() - 4;
    text += &"x".repeat(before);
    text += "phasegate";
    text += &" and more".repeat(20 * 1024 / 9);
    format!("<title>Long</title><p>{text}")
}

/// Domains that resolve to where the server listens, and the plan for them.
fn long_plan() -> ([Value; 4], usize) {
    const DOMAINS: u64 = 60;
    let mut plan = plan(DOMAINS);
    plan[2]["personaIds"] = json!(["long"]);
    let letters = 'a'..='z';
    let names = letters.clone().flat_map(|first| {
        letters
            .clone()
            .map(move |second| format!("{first}{second}-shop.test"))
    });
    let is_reached = |name: &String| matches!(zone::answer(name), Answer::Address(zone::SITE_ADDRESS));
    (plan, names.take(DOMAINS as usize).filter(is_reached).count())
}

async fn long_world() -> World {
    let world = World::new().await;
    let at = serving(long_page()).await;
    let persona = sandboxed("http_persona", &http_persona(), world.sandbox.dns_addr(), at);
    world.put("http_persona", "long", persona).await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyword_far_down_a_page_is_found_once_also_where_records_part_it() {
    let world = long_world().await;
    let (plan, reached) = long_plan();
    let (campaign, view) = world.run(plan).await;
    assert_eq!(view.status, CampaignStatus::Completed, "{:?}", view.phases);
    let visited = records(&campaign, PHASES[2]).await;
    let mut domain = &Value::Null;
    let (mut text, mut texts, mut part, mut is_parted) = (String::new(), 0, 0, false);
    for record in &visited {
        let piece = record["text"].as_str().unwrap();
        if record.get("part").is_none() {
            (domain, part) = (&record["domain"], 0);
            text.clear();
            assert_eq!(record["textTruncated"], false);
            texts += usize::from(record["status"] == "ok");
        } else {
            part += 1;
            assert_eq!((&record["domain"], &record["part"]), (domain, &json!(part)));
            is_parted |= text.ends_with("phas") && piece.starts_with("egate");
        }
        text += piece;
    }
    assert_eq!(texts, reached);
    assert!(is_parted && text.find("phasegate").unwrap() > 200 * 1024);
    let analysed = records(&campaign, PHASES[3]).await;
    let found = analysed
        .iter()
        .filter(|record| record["occurrences"] == 1 && record["detail"].is_null());
    assert_eq!(found.count(), reached);
    let (visits, analysis) = (summary(&view, PHASES[2]), summary(&view, PHASES[3]));
    assert_eq!(visits["domains"], analysed.len());
    assert_eq!(visits["byStatus"]["ok"], reached);
    assert_eq!(
        (&analysis["analysed"], &analysis["matched"]),
        (&visits["domains"], &json!(reached))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_pages_give_the_same_records_where_a_run_is_stopped_between_them() {
    let world = long_world().await;
    let (plan, _) = long_plan();
    let (undisturbed, _) = world.run(plan.clone()).await;
    let campaign = world.campaign(plan).await;
    campaign.start(PHASES[0]).await.unwrap();
    for (phase, done) in [(PHASES[2], 10), (PHASES[2], 30), (PHASES[3], 3), (PHASES[3], 20)] {
        world.reaches(&campaign, phase, done).await;
        campaign.stop().await.unwrap();
        campaign.start(phase).await.unwrap();
    }
    let view = campaign.at_rest().await.unwrap();
    assert_eq!(view.status, CampaignStatus::Completed);
    assert!(view.phases[3].attempt.unwrap().0 >= 3, "{:?}", view.phases);
    assert!(all_records(&campaign).await == all_records(&undisturbed).await);
    let undisturbed = undisturbed.view().await.unwrap();
    for phase in PHASES {
        assert_eq!(summary(&view, phase), summary(&undisturbed, phase));
    }
}
