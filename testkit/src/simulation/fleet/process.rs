//! A process with one engine: a runtime of its own, whose clock goes when the world lets it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use phasegate::core::storage::Storage;
use phasegate::{Engine, EngineError, Pipeline};
use tokio::runtime::{Builder, Runtime};

use super::at_work::{AtWork, Seat};
use super::happening::LEASE_MS;
use super::line::{Cut, Delays, Line};
use super::told::Subscriber;
use super::witness::Witness;
use crate::storage::Interposed;
use crate::world_time::{LocalTime, WorldTime};

/// How long a cancelled runner may take. An engine that is cut off stops its runners so long before its leases end, and more.
const GRACE: Duration = Duration::from_millis(500);

/// What a process is opened with.
pub(super) struct Opening<'a> {
    pub(super) number: u64,
    pub(super) seed: u64,
    pub(super) now_ms: u64,
    pub(super) store: Arc<dyn Storage>,
    pub(super) pipeline: &'a Pipeline,
    pub(super) time: WorldTime,
    pub(super) witness: Witness,
    pub(super) at_work: &'a AtWork,
    pub(super) subscriber: &'a Subscriber,
}

/// A process. Dropping it kills it.
pub(super) struct Process {
    pub(super) number: u64,
    pub(super) engine: Engine,
    runtime: Runtime,
    local: LocalTime,
    pub(super) cut: Cut,
    seat: Seat,
    at_ms: u64,
    /// Hundredths of a millisecond that its clock has still to go.
    owed: u64,
    is_frozen: bool,
    is_gone: Arc<AtomicBool>,
}

impl Process {
    pub(super) fn open(opening: Opening<'_>) -> Self {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without a driver of sockets");
        let (cut, seat) = (Cut::default(), Seat::default());
        let entered = runtime.enter();
        let local = LocalTime::new(opening.now_ms);
        let line = Line {
            store: opening.store,
            cut: cut.clone(),
            local: local.clone(),
            time: opening.time,
            witness: opening.witness.clone(),
            delays: Delays::new(opening.seed),
        };
        let engine = Engine::builder()
            .storage(Interposed(line))
            .pipeline(opening.at_work.watch(opening.pipeline, &seat))
            .lease_ttl(Duration::from_millis(u64::from(LEASE_MS)))
            .cancellation_grace(GRACE)
            .seed(opening.seed)
            .build()
            .expect("an engine");
        drop(entered);
        runtime.spawn(recover(engine.clone(), opening.witness));
        runtime.spawn(opening.subscriber.follow(&engine));
        Self {
            number: opening.number,
            engine,
            runtime,
            local,
            cut,
            seat,
            at_ms: opening.now_ms,
            owed: 0,
            is_frozen: false,
            is_gone: Arc::default(),
        }
    }

    /// Lets something go on in this process.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(work);
    }

    /// Lets it work until the true time is `to_ms`, unless it is stopped.
    pub(super) fn drive(&mut self, to_ms: u64) {
        if self.is_frozen {
            return;
        }
        self.owed += (to_ms - self.at_ms) * self.local.percent();
        let goes = Duration::from_millis(self.owed / 100);
        self.owed %= 100;
        let (local, from_ms) = (&self.local, self.at_ms);
        self.runtime.block_on(async {
            local.meet(from_ms);
            tokio::time::sleep(goes).await;
        });
        self.at_ms = to_ms;
    }

    /// Stops it as a whole.
    pub(super) fn freeze(&mut self) {
        self.is_frozen = true;
        self.seat.is_disturbed.store(true, Ordering::SeqCst);
    }

    /// Lets it go on. Its clock has gone on meanwhile, or has not.
    pub(super) fn thaw(&mut self, now_ms: u64, clock_went_on: bool) {
        if !std::mem::take(&mut self.is_frozen) {
            return;
        }
        let slept = Duration::from_millis(now_ms - self.at_ms);
        if clock_went_on {
            self.runtime.block_on(tokio::time::advance(slept));
        }
        self.at_ms = now_ms;
        let local = &self.local;
        self.runtime.block_on(async { local.meet(now_ms) });
    }

    /// Lets its clock go faster or slower than the true time.
    pub(super) fn drift(&mut self, percent: u8) {
        self.local.set_percent(u64::from(percent));
        if percent != 100 {
            self.seat.is_disturbed.store(true, Ordering::SeqCst);
        }
    }

    /// Shuts the engine down in order. It takes its time.
    pub(super) fn shut_down(&self, witness: &Witness) {
        let (engine, is_gone, witness) = (self.engine.clone(), Arc::clone(&self.is_gone), witness.clone());
        self.spawn(async move {
            if let Err(error) = engine.shutdown().await {
                witness.broken(format!("a shutdown ended with {error}"));
            }
            is_gone.store(true, Ordering::SeqCst);
        });
    }

    /// Whether its engine is shut down.
    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::SeqCst)
    }
}

async fn recover(engine: Engine, witness: Witness) {
    match engine.recover().await {
        Ok(recovery) => {
            let is_fault =
                |error: &EngineError| !matches!(error, EngineError::ShutDown | EngineError::Storage(_));
            if let Some((campaign, error)) = recovery.failed.iter().find(|(_, error)| is_fault(error)) {
                witness.broken(format!("campaign {campaign} could not be recovered: {error}"));
            }
        }
        Err(EngineError::ShutDown | EngineError::Storage(_)) => {}
        Err(error) => witness.broken(format!("a recovery ended with {error}")),
    }
}
