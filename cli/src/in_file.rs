//! A store in a file, which this process holds open.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use phasegate::core::{Command, Run};
use phasegate::storage::{CampaignFilter, CampaignQuery, ChangeScope, Cursor, EventPage, EventScope};
use phasegate::{CampaignId, DryRun, Engine, EngineError, Envelope, PhaseName};

use crate::error::CliError;
use crate::exit::Exit;
use crate::screen::say;
use crate::signals::Signal;
use crate::target::{CampaignPage, Leaving, Look, RecordPage, ShownCampaign, StoreLocation, Target, Wanted};

/// How many items are read at once.
const PAGE: usize = 1_000;
/// How often progress is looked at, which makes no event.
const TICK: Duration = Duration::from_millis(100);

/// A file. Its campaigns run only if this process launches them.
pub struct InFile {
    engine: Engine,
    envelope: Envelope,
    interrupted: AtomicBool,
}

impl InFile {
    /// The store of an engine, whose commands carry this envelope.
    pub fn new(engine: Engine, envelope: Envelope) -> Self {
        Self {
            engine,
            envelope,
            interrupted: AtomicBool::new(false),
        }
    }
}

#[async_trait]
impl Target for InFile {
    fn location(&self) -> StoreLocation {
        StoreLocation::File
    }

    fn engine(&self) -> Option<&Engine> {
        Some(&self.engine)
    }

    async fn campaigns(&self, wanted: &Wanted, after: Option<String>) -> Result<CampaignPage, CliError> {
        let after = after.map(|id| id.parse().map_err(EngineError::from));
        let query = CampaignQuery {
            filter: CampaignFilter {
                name: wanted.name.clone(),
                attributes: wanted.attributes.clone(),
                ..CampaignFilter::default()
            },
            order: wanted.order,
            after: after.transpose()?,
            ..CampaignQuery::default()
        };
        let (items, next) = self.engine.campaigns(query).await?;
        let next = next.map(|next| next.to_string());
        Ok(CampaignPage { items, next })
    }

    async fn campaign(&self, id: CampaignId) -> Result<ShownCampaign, CliError> {
        let view = self.engine.campaign(id).await?.view().await?;
        let mut records = BTreeMap::new();
        for phase in &view.phases {
            if let Some(run) = phase.run {
                let counted = self.run_records(id, &phase.phase, run).await?;
                records.insert(phase.phase.clone(), counted.unwrap_or(0));
            }
        }
        Ok(ShownCampaign { view, records })
    }

    async fn send(&self, id: CampaignId, command: Command) -> Result<bool, CliError> {
        let sent = self.engine.send(id, command, None, None, self.envelope.clone());
        Ok(sent.await?.changed)
    }

    async fn try_out(&self, id: CampaignId, command: Command) -> Result<DryRun, CliError> {
        let tried = self.engine.dry_run(id, command, None, self.envelope.clone());
        Ok(tried.await?)
    }

    async fn events(&self, of: Option<CampaignId>, after: Option<Cursor>) -> Result<EventPage, CliError> {
        let scope = of.map_or(EventScope::Store, EventScope::Campaign);
        let page = self.engine.storage().events(scope, after, PAGE).await;
        Ok(page.map_err(EngineError::from)?)
    }

    async fn run_records(
        &self,
        id: CampaignId,
        phase: &PhaseName,
        run: Run,
    ) -> Result<Option<u64>, CliError> {
        let output = self.engine.storage().run_output(id, phase, run).await;
        Ok(output.map_err(EngineError::from)?.map(|output| output.records))
    }

    async fn records(
        &self,
        id: CampaignId,
        phase: &PhaseName,
        run: Run,
        from: u64,
    ) -> Result<RecordPage, CliError> {
        let page = self.engine.records(id, phase, run, from, PAGE).await?;
        Ok(RecordPage {
            records: page.records,
            next: page.next,
        })
    }

    async fn take_up(&self, id: CampaignId) -> Result<(), CliError> {
        // It watches for the retries and deadlines of this campaign, and of no other in the file.
        let recovery = self.engine.recover_campaign(id).await?;
        match recovery.failed.into_iter().next() {
            Some((_, error)) => Err(error.into()),
            None => Ok(()),
        }
    }

    async fn look(&self, id: CampaignId) -> Result<Look, CliError> {
        let campaign = self.engine.campaign(id).await?.snapshot().await?;
        Ok(Look {
            status: self.engine.status(&campaign).await?.status,
            progress: self.engine.progress(id),
        })
    }

    async fn wait(&self, id: CampaignId, after: Option<Cursor>) -> Result<(), CliError> {
        let changed = self
            .engine
            .storage()
            .changed(ChangeScope::Campaign(id), after, TICK);
        changed.await.map_err(EngineError::from)?;
        Ok(())
    }

    fn leave(&self, id: CampaignId, signal: Signal) -> Leaving {
        if signal == Signal::Terminate {
            say("ending; what runs goes on at the next start");
            return Leaving::Now;
        }
        if self.interrupted.swap(true, Ordering::Relaxed) {
            // The second time means now. Acknowledged writes are durable, the requested pause included.
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
        say("pausing; press Ctrl-C again to leave at once");
        let (engine, envelope) = (self.engine.clone(), self.envelope.clone());
        // Whoever follows waits until the campaign rests anyway.
        tokio::spawn(async move {
            match engine.send(id, Command::Pause {}, None, None, envelope).await {
                // The campaign came to rest already and needs no pause.
                Ok(_) | Err(EngineError::Rejected(_)) => {}
                Err(error) => say(format_args!("it can't be paused: {error}")),
            }
        });
        Leaving::WhenAtRest
    }

    async fn end(&self) -> Result<(), CliError> {
        Ok(self.engine.shutdown().await?)
    }
}
