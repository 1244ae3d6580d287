//! What the engine tells of itself. The recorder is the process's, so this is one test in a program of its own.
#![allow(clippy::unwrap_used, reason = "a test panics when it does not hold")]

#[path = "it/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::Unit;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use phasegate::core::Failure;
use phasegate::{Answer, CampaignHandle, CampaignStatus, Mode, Ticket, describe_metrics};
use phasegate_testkit::MemoryStorage;
use serde_json::json;

use support::World;

/// How the number of running attempts has changed since the last look, and the ends since then, with how many there were.
fn looked(snapshotter: &Snapshotter) -> (f64, Vec<String>) {
    let (mut running, mut ends) = (0.0, BTreeMap::new());
    for (key, unit, description, value) in snapshotter.snapshot().into_vec() {
        let key = key.key();
        assert!(description.is_some(), "{key}");
        match (key.name(), value) {
            ("phasegate_phases_running", DebugValue::Gauge(change)) => {
                assert_eq!(unit, Some(Unit::Count));
                running = change.0;
            }
            ("phasegate_phase_seconds", DebugValue::Histogram(times)) => {
                assert_eq!(unit, Some(Unit::Seconds));
                assert!(
                    times.iter().all(|time| (0.0..600.0).contains(&time.0)),
                    "{times:?}"
                );
                let labels = key
                    .labels()
                    .map(|label| format!("{}={}", label.key(), label.value()));
                ends.insert(labels.collect::<Vec<_>>().join(" "), times.len());
            }
            other => panic!("{other:?} is not described"),
        }
    }
    let ends = ends.into_iter().filter(|(_, count)| *count > 0);
    (
        running,
        ends.map(|(end, count)| format!("{count}x {end}")).collect(),
    )
}

async fn started(world: &World) -> (CampaignHandle, Ticket) {
    let campaign = world.ready(Mode::StepByStep).await;
    campaign.start("collect").await.unwrap();
    let ticket = world.running(&campaign, "collect").await;
    (campaign, ticket)
}

/// Waits until nothing is left of any attempt in this engine.
async fn quiet(world: &World) {
    while world.engine.running_phases() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn every_attempt_counts_while_it_runs_and_its_end_is_recorded_with_its_outcome() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().unwrap();
    describe_metrics();
    let world = World::new();
    let end = |outcome: &str| vec![format!("1x pipeline=press phase=collect outcome={outcome}")];

    let (_, first) = started(&world).await;
    let (_, second) = started(&world).await;
    assert_eq!(looked(&snapshotter), (2.0, vec![]));
    world.stage.complete(&first, json!({})).await;
    world
        .stage
        .fail(&second, Failure::new("broken", "it broke"))
        .await;
    quiet(&world).await;
    let both = [end("completed"), end("failed")].concat();
    assert_eq!(looked(&snapshotter), (-2.0, both));

    let (_, too_much) = started(&world).await;
    world.stage.complete(&too_much, json!("x".repeat(65_536))).await;
    quiet(&world).await;
    assert_eq!(looked(&snapshotter), (0.0, end("failed")), "as it was recorded");

    let (_, gave_up) = started(&world).await;
    world.stage.rest(&gave_up).await;
    quiet(&world).await;
    assert_eq!(
        looked(&snapshotter),
        (0.0, end("failed")),
        "nobody asked it to rest"
    );

    let (campaign, paused) = started(&world).await;
    let pausing = {
        let campaign = campaign.clone();
        tokio::spawn(async move { campaign.pause().await.map(drop) })
    };
    while campaign.view().await.unwrap().status != CampaignStatus::Pausing {
        tokio::task::yield_now().await;
    }
    world.stage.rest(&paused).await;
    pausing.await.unwrap().unwrap();
    assert_eq!(looked(&snapshotter), (0.0, end("interrupted")));

    let (_, deferred) = started(&world).await;
    world.stage.defer(&deferred).await;
    let outcome = Answer::Completed(json!({}));
    world.engine.report(&deferred, outcome).await.unwrap();
    quiet(&world).await;
    assert_eq!(looked(&snapshotter), (0.0, end("superseded")));

    let storage = Arc::new(MemoryStorage::new());
    let world = World::on(storage, None, |builder| {
        builder.cancellation_grace(Duration::ZERO)
    });
    started(&world).await;
    world.engine.shutdown().await.unwrap();
    assert_eq!(looked(&snapshotter), (0.0, end("left_running")));
}
