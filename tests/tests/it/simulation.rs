//! Random histories of a campaign, with power losses and reopenings, through the engine and the redb store, compared with
//! the reference model after every step.
//!
//! `PHASEGATE_SIMULATIONS` sets how many (2,000 unless set; before a release 200,000). A failure prints the shrunk history, and proptest keeps its
//! seed in `simulation.proptest-regressions`, which is committed and replayed first.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use phasegate::core::Timestamp;
use phasegate::storage::Storage;
use phasegate_storage_redb::RedbStorage;
use phasegate_storage_redb::testing::CrashBackend;
use phasegate_testkit::ManualClock;
use phasegate_testkit::simulation::{SimulatedStore, history, simulate};
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner};

const SEEDS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/simulation.proptest-regressions"
);

const JOURNAL_BYTES: u64 = 16 * 1024;

/// A redb file on a simulated disk.
struct SimulatedRedb {
    disk: CrashBackend,
    clock: ManualClock,
}

impl SimulatedRedb {
    /// Compares everything that the file tells twice, such as its indexes with the snapshots.
    async fn verify(&mut self) -> Result<(), String> {
        self.lose_power(0).await;
        let storage = RedbStorage::with_backend(self.disk.clone())
            .await
            .map_err(|error| error.to_string())?;
        let report = storage.verify(|_| ()).await.map_err(|error| error.to_string())?;
        match report.is_clean() {
            true => Ok(()),
            false => Err(format!("the store is not sound: {:#?}", report.findings)),
        }
    }
}

#[async_trait]
impl SimulatedStore for SimulatedRedb {
    async fn open(&mut self) -> Arc<dyn Storage> {
        Arc::new(
            RedbStorage::options()
                // So short that a history has many checkpoints.
                .journal_bytes(JOURNAL_BYTES)
                .clock({
                    let clock = self.clock.clone();
                    move || clock.now()
                })
                .open_backend(self.disk.clone())
                .await
                .expect("what is durable can be opened"),
        )
    }

    fn fail_after(&mut self, operations: u32) {
        self.disk.power_off_after(u64::from(operations) + 1);
    }

    async fn lose_power(&mut self, seed: u64) {
        self.disk = self.disk.crash(seed);
    }

    fn pass_time(&mut self, ms: u64) {
        self.clock.advance(Duration::from_millis(ms));
    }
}

#[test]
fn engine_and_redb_agree_with_the_reference_model_whatever_happens() {
    let cases = std::env::var("PHASEGATE_SIMULATIONS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(2_000);
    let workers = 2;
    let threads: Vec<_> = (0..workers)
        .map(|_| std::thread::spawn(move || explore(cases / workers)))
        .collect();
    for thread in threads {
        thread.join().expect("no history breaks a promise");
    }
}

fn explore(cases: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let config = Config {
        cases,
        max_shrink_iters: 2_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(SEEDS))),
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&history(3, 24), |history| {
        runtime.block_on(async {
            let mut store = SimulatedRedb {
                disk: CrashBackend::new(),
                clock: ManualClock::at(Timestamp::from_unix_ms(1_000)),
            };
            simulate(&mut store, 3, &history)
                .await
                .map_err(TestCaseError::fail)?;
            store.verify().await.map_err(TestCaseError::fail)
        })
    });
    if let Err(broken) = outcome {
        panic!("{broken}");
    }
}
