//! Playing a phase on its own, with at most one disturbance.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use phasegate::core::storage::{ChangeScope, EventScope, Expected, Storage};
use phasegate::core::{Activity, CampaignId, EventKind, Mode, Run};
use phasegate::{CampaignHandle, Engine, EngineError, NewCampaign};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::case::PhaseCase;
use super::watched::{Disturbance, Seen, Watched};
use crate::storage::{Interposed, MemoryStorage};
use crate::world_time::{LocalTime, WorldTime};

/// How long a run may take, by its own virtual clock.
const LONGEST_RUN: Duration = Duration::from_secs(24 * 60 * 60);

/// What a run has come to.
#[derive(Clone, Debug)]
pub(super) struct Played {
    /// The records in the store.
    pub(super) records: Vec<String>,
    /// The summary, if it completed; `None` if it deferred its outcome.
    pub(super) summary: Option<Value>,
    /// What its first process saw of it.
    pub(super) first: Seen,
    /// What its second process saw of it, if there was one.
    pub(super) second: Option<Seen>,
    /// How long a pause took, if there was one.
    pub(super) rested_in: Option<Duration>,
}

/// The records of a run that nothing disturbs.
pub(crate) fn undisturbed(case: &PhaseCase) -> Result<Vec<String>, String> {
    Ok(play(case, Disturbance::Never)?.records)
}

pub(super) fn play(case: &PhaseCase, disturbance: Disturbance) -> Result<Played, String> {
    let time = WorldTime::default();
    let store = MemoryStorage::with_clock(time.clock().clone());
    let first = Process::open(case, &store, &time, disturbance);
    let campaign = first.block_on(create(case, &first.engine))?;
    let disturbed = Arc::clone(&first.disturbed);
    let mut rested_in = None;
    let end = first.block_on(async {
        tokio::select! {
            biased;
            () = disturbed.notified() => {}
            ended = ended(&first.engine, &campaign) => return ended.map(|()| End::Whole),
        }
        if let Disturbance::Pause(_) = disturbance {
            rested_in = Some(pause(&campaign).await?);
            ended(&first.engine, &campaign).await?;
            return Ok(End::Whole);
        }
        Ok(End::Killed)
    })?;
    let id = campaign.id();
    let first_seen = first.seen();
    drop(first);
    let mut second_seen = None;
    if end == End::Killed {
        store.end_leases();
        let second = Process::open(case, &store, &time, Disturbance::Never);
        second.block_on(async {
            let recovery = second.engine.recover().await.map_err(|error| error.to_string())?;
            if let Some((_, error)) = recovery.failed.first() {
                return Err(format!("it can't be recovered: {error}"));
            }
            let campaign = second.engine.campaign(id).await;
            ended(&second.engine, &campaign.map_err(|error| error.to_string())?).await
        })?;
        second_seen = Some(second.seen());
    }
    let reader = Builder::new_current_thread().build().expect("a runtime");
    let (records, summary) = reader.block_on(left(case, &store, id))?;
    Ok(Played {
        records,
        summary,
        first: first_seen,
        second: second_seen,
        rested_in,
    })
}

#[derive(Eq, PartialEq)]
enum End {
    Whole,
    Killed,
}

/// A process that works on the phase. Dropping it kills it.
struct Process {
    engine: Engine,
    runtime: Runtime,
    disturbed: Arc<Notify>,
    seen: Arc<Mutex<Seen>>,
}

impl Process {
    fn open(case: &PhaseCase, store: &MemoryStorage, time: &WorldTime, disturbance: Disturbance) -> Self {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without a driver of sockets");
        let disturbed = Arc::new(Notify::new());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let entered = runtime.enter();
        let local = LocalTime::new(time.now_ms());
        drop(entered);
        let watched = Watched {
            store: store.connect(),
            time: time.clone(),
            local,
            phase: case.phase.clone(),
            source: case.source(),
            disturbance,
            disturbed: Arc::clone(&disturbed),
            seen: Arc::clone(&seen),
        };
        let engine = Engine::builder()
            .storage(Interposed(watched))
            .pipeline(case.alone())
            .runtime(runtime.handle().clone())
            .cancellation_grace(case.rests_within + Duration::from_secs(60))
            .lease_ttl(2 * LONGEST_RUN)
            .build()
            .expect("an engine");
        Self {
            engine,
            runtime,
            disturbed,
            seen,
        }
    }

    fn block_on<T>(&self, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
        let too_long = || Err(format!("the run goes on for longer than {LONGEST_RUN:?}"));
        self.runtime
            .block_on(async { timeout(LONGEST_RUN, work).await.unwrap_or_else(|_| too_long()) })
    }

    fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn create(case: &PhaseCase, engine: &Engine) -> Result<CampaignHandle, String> {
    let begin = async {
        for (kind, id, document) in &case.resources {
            engine
                .put_resource(kind, id, document.clone(), Expected::Any)
                .await?;
        }
        let source = case.source();
        let new = NewCampaign::new("a phase on its own")
            .mode(Mode::FullSequence)
            .config(source.as_str(), json!({}))
            .config(case.phase.as_str(), case.config.clone());
        let campaign = engine.create(new).await?;
        engine.recover().await?;
        campaign.start(source.as_str()).await?;
        Ok::<_, EngineError>(campaign)
    };
    begin
        .await
        .map_err(|error| format!("it can't be started: {error}"))
}

/// Waits until the phase has ended, or has left its outcome to somebody else.
async fn ended(engine: &Engine, campaign: &CampaignHandle) -> Result<(), String> {
    let wait = async {
        let storage = engine.storage();
        loop {
            let latest = storage.latest().await?;
            let now = campaign.snapshot().await?;
            if now.activity.deferral().is_some() || (now.working_ticket().is_none() && now.due().is_none()) {
                return Ok::<_, EngineError>(());
            }
            storage
                .changed(ChangeScope::Campaign(campaign.id()), latest, LONGEST_RUN)
                .await?;
        }
    };
    wait.await.map_err(|error| error.to_string())
}

/// Pauses the phase, and goes on; gives how long it took to come to rest.
async fn pause(campaign: &CampaignHandle) -> Result<Duration, String> {
    let asked = Instant::now();
    match campaign.pause().await {
        Ok(_) => {}
        // It had ended already.
        Err(error) if error.code() == "not_running" => return Ok(asked.elapsed()),
        Err(error) => return Err(error.to_string()),
    }
    let rested_in = asked.elapsed();
    let now = campaign.snapshot().await.map_err(|error| error.to_string())?;
    let goes_on = match (&now.activity, now.current()) {
        (Activity::Paused { .. } | Activity::Idle { held: true }, Some(_)) => {
            campaign.resume().await.map(drop)
        }
        // A failure under a pause is final.
        (Activity::Failed { .. }, Some(slot)) => campaign.start(slot.phase.as_str()).await.map(drop),
        _ => Ok(()),
    };
    goes_on.map_err(|error| error.to_string())?;
    Ok(rested_in)
}

/// What the run has left in the store.
async fn left(
    case: &PhaseCase,
    store: &MemoryStorage,
    id: CampaignId,
) -> Result<(Vec<String>, Option<Value>), String> {
    let page = store.events(EventScope::Campaign(id), None, 1_000).await;
    let mut summary = None;
    let mut outcome = "it never ended".to_owned();
    for logged in page.map_err(|error| error.to_string())?.items {
        match logged.event.kind {
            EventKind::PhaseCompleted {
                phase, summary: its, ..
            } if phase == case.phase => summary = Some(its),
            EventKind::PhaseFailed { phase, failure, .. } if phase == case.phase => {
                outcome = format!("it failed: {failure}");
            }
            EventKind::PhaseDeferred { phase, .. } if phase == case.phase => outcome.clear(),
            _ => {}
        }
    }
    if summary.is_none() && !outcome.is_empty() {
        return Err(format!("{} doesn't complete: {outcome}", case.phase));
    }
    let (mut records, mut from) = (Vec::new(), 0);
    loop {
        let page = store.records(id, &case.phase, Run(1), from, 10_000).await;
        let page = page.map_err(|error| error.to_string())?;
        records.extend(page.records.iter().map(|record| record.get().to_owned()));
        match page.next {
            Some(next) => from = next,
            None => return Ok((records, summary)),
        }
    }
}
