//! The simulator over the store in memory: fast, and about the engine alone.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use phasegate::storage::Storage;
use phasegate_testkit::MemoryStorage;
use phasegate_testkit::simulation::{SimulatedStore, history, simulate};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// A store from which a power loss takes nothing but the connection.
struct Reconnected(MemoryStorage);

#[async_trait]
impl SimulatedStore for Reconnected {
    async fn open(&mut self) -> Arc<dyn Storage> {
        self.0.reopen();
        Arc::new(self.0.clone())
    }

    fn fail_after(&mut self, _: u32) {}

    async fn lose_power(&mut self, _: u64) {
        self.0.close().await.expect("it can always be closed");
        self.0.end_leases();
    }

    fn pass_time(&mut self, ms: u64) {
        self.0.clock().advance(Duration::from_millis(ms));
    }
}

#[test]
fn engine_and_memory_agree_with_the_reference_model_whatever_happens() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let outcome = TestRunner::new(Config {
        cases: 2_000,
        ..Config::default()
    })
    .run(&history(3, 24), |history| {
        runtime.block_on(async {
            let mut store = Reconnected(MemoryStorage::new());
            simulate(&mut store, 3, &history)
                .await
                .map_err(TestCaseError::fail)
        })
    });
    if let Err(broken) = outcome {
        panic!("{broken}");
    }
}
