//! A real process on a real file that its own phase ends again and again.

use std::path::Path;
use std::process::{ExitStatus, Stdio, abort};
use std::time::Duration;

use phasegate::redb::RedbStorage;
use phasegate::storage::CampaignQuery;
use phasegate::{CampaignStatus, Engine, NewCampaign, RunContext, RunError, RunOutcome};
use serde_json::{Value, json};

use crate::support::{Doing, builder, definition};

/// Where the store of the host is; set in the host's own process.
const FOLDER: &str = "PHASEGATE_TEST_KILLED_HOST";
/// The config value of the phase that ends its process.
const POISON: u64 = 13;
const DEADLINE: Duration = Duration::from_secs(120);

async fn engine(folder: &Path) -> Engine {
    // The good ones work until their process ends; in the next one they are quick.
    let collect = Doing(|ctx: RunContext| async move {
        if ctx.config()["value"] == POISON {
            abort();
        }
        if ctx.ticket().attempt.0 == 1 {
            ctx.cancelled().await;
            return Err(RunError::Interrupted);
        }
        Ok(RunOutcome::Completed(Value::Null))
    });
    let pipeline = builder("press").runner(definition("collect"), collect);
    Engine::builder()
        .storage(
            RedbStorage::open(folder.join("store.redb"))
                .await
                .expect("a store"),
        )
        .pipeline(pipeline.build().expect("a valid pipeline"))
        .build()
        .expect("an engine")
}

/// The host: the first one starts eleven campaigns, and each takes up what is due, until nothing runs any more.
async fn host(folder: &Path) {
    let engine = engine(folder).await;
    engine.recover().await.expect("it recovers");
    let query = CampaignQuery::default();
    if engine
        .campaigns(query.clone())
        .await
        .expect("a page")
        .0
        .is_empty()
    {
        for number in 0..=10 {
            let value = if number == 10 { POISON } else { number };
            let new =
                NewCampaign::new(format!("campaign {value}")).config("collect", json!({ "value": value }));
            let campaign = engine.create(new).await.expect("it is created");
            campaign.start("collect").await.expect("it starts");
        }
    }
    for view in engine.campaigns(query).await.expect("a page").0 {
        let campaign = engine.campaign(view.id).await.expect("it is there");
        campaign.at_rest().await.expect("it comes to rest");
    }
    engine.shutdown().await.expect("it shuts down in order");
}

/// Runs a host to its end.
async fn run_host(folder: &Path, test: &str) -> ExitStatus {
    let mut host = tokio::process::Command::new(std::env::current_exe().expect("this program"))
        .args([test, "--exact"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    tokio::time::timeout(DEADLINE, host.wait())
        .await
        .expect("it ends in time")
        .expect("its end is known")
}

#[tokio::test]
async fn a_host_that_its_own_phase_kills_ends_the_phase_and_harms_no_other() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return host(Path::new(&folder)).await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let test = "killed::a_host_that_its_own_phase_kills_ends_the_phase_and_harms_no_other";
    let mut killed = 0;
    while !run_host(folder.path(), test).await.success() {
        killed += 1;
        assert!(killed < 20, "it ends");
    }
    assert_eq!(
        killed, 6,
        "the first process, and one for each recovery that counts"
    );

    let engine = engine(folder.path()).await;
    let (views, _) = engine.campaigns(CampaignQuery::default()).await.expect("a page");
    assert_eq!(views.len(), 11);
    for view in views {
        let poisoned = view.name == format!("campaign {POISON}");
        let code = view.phases[0]
            .failure
            .as_ref()
            .map(|failure| failure.code.as_str());
        let expected = match poisoned {
            true => (CampaignStatus::Failed, Some("crash_loop")),
            false => (CampaignStatus::Completed, None),
        };
        assert_eq!((view.status, code), expected, "{}", view.name);
    }
}
