//! The target of the commands about campaigns: a file that this process opens, or a server.

use std::collections::BTreeMap;

use phasegate::core::{Command, Run};
use phasegate::storage::{CampaignQuery, Cursor, EventPage, EventScope};
use phasegate::{CampaignId, CampaignView, Engine, EngineError, PhaseName, RecordStream};
use serde_json::value::RawValue;

use crate::args::{CampaignArgs, TargetArgs};
use crate::error::CliError;
use crate::remote::{Remote, RemoteRecords};
use crate::store::{self, MissingStore};

/// How many events are read at once.
const PAGE: usize = 1_000;

/// A store, in a file or at a server.
pub enum Target {
    /// A file, open in this process. Its campaigns run only if this process launches them.
    File(Engine),
    /// A server. Its engine runs independently.
    Server(Remote),
}

/// Where a store is, which decides the words about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StoreLocation {
    /// In a file.
    File,
    /// At a server.
    Server,
}

/// A campaign's view, with the counts of its records.
pub struct ShownCampaign {
    /// Its view.
    pub view: CampaignView,
    /// How many records each phase's current run has.
    pub records: BTreeMap<PhaseName, u64>,
}

/// The records of a run, as far as they are known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RunRecords {
    /// A known number of records.
    Counted(u64),
    /// Some records.
    Uncounted,
    /// No records, and perhaps no such run.
    Absent,
}

/// Does `work` with the store that the arguments name. It launches nothing.
pub async fn with_target<T>(
    args: &TargetArgs,
    work: impl AsyncFnOnce(&Target) -> Result<T, CliError>,
) -> Result<T, CliError> {
    match &args.url {
        Some(url) => work(&Target::Server(Remote::new(url, args)?)).await,
        None => {
            store::with_engine(&args.db, MissingStore::Refuse, async |engine| {
                work(&Target::File(engine.clone())).await
            })
            .await
        }
    }
}

/// Does `work` with the campaign that the arguments name; see [`with_target`].
pub async fn with_campaign<T>(
    args: &CampaignArgs,
    work: impl AsyncFnOnce(&Target, CampaignId) -> Result<T, CliError>,
) -> Result<T, CliError> {
    with_target(&args.target, async |target| {
        let id = target.find(&args.campaign).await?;
        work(target, id).await
    })
    .await
}

impl Target {
    /// Its location.
    pub fn location(&self) -> StoreLocation {
        match self {
            Self::File(_) => StoreLocation::File,
            Self::Server(_) => StoreLocation::Server,
        }
    }

    /// Calls `use_it` with each campaign, the oldest first.
    pub async fn each(
        &self,
        use_it: impl FnMut(CampaignView) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let mut use_it = use_it;
        let engine = match self {
            Self::File(engine) => engine,
            Self::Server(remote) => {
                let all = remote.campaigns().await?;
                return all.into_iter().rev().try_for_each(use_it);
            }
        };
        let mut query = CampaignQuery::default();
        loop {
            let (page, next) = engine.campaigns(query.clone()).await?;
            page.into_iter().try_for_each(&mut use_it)?;
            match next {
                Some(next) => query.after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// The campaigns of exactly this name, newest first.
    pub async fn named(&self, name: &str) -> Result<Vec<CampaignView>, CliError> {
        match self {
            Self::File(engine) => store::named(engine, name).await,
            Self::Server(remote) => remote.named(name).await,
        }
    }

    /// The campaign of this id or name; of several with one name the unfinished one, else the newest.
    pub async fn find(&self, name_or_id: &str) -> Result<CampaignId, CliError> {
        let id = store::chosen(self.named(name_or_id).await?, name_or_id)?;
        if let Self::File(engine) = self {
            // An unknown id is an error before anything is done.
            engine.campaign(id).await?;
        }
        Ok(id)
    }

    /// The view of a campaign.
    pub async fn view(&self, id: CampaignId) -> Result<CampaignView, CliError> {
        match self {
            Self::File(engine) => Ok(engine.campaign(id).await?.view().await?),
            Self::Server(remote) => Ok(remote.campaign(id).await?.view),
        }
    }

    /// The view of a campaign, with the counts of its records.
    pub async fn shown(&self, id: CampaignId) -> Result<ShownCampaign, CliError> {
        match self {
            Self::File(engine) => ShownCampaign::of(engine, self.view(id).await?).await,
            Self::Server(remote) => {
                let campaign = remote.campaign(id).await?;
                Ok(ShownCampaign {
                    view: campaign.view,
                    records: campaign.records,
                })
            }
        }
    }

    /// Sends a command. Returns whether it changed anything.
    pub async fn command(&self, id: CampaignId, command: Command) -> Result<bool, CliError> {
        match self {
            Self::File(engine) => Ok(engine.command(id, command, None).await?.changed),
            Self::Server(remote) => remote.command(id, command).await,
        }
    }

    /// A page of the log of a campaign, or of the whole store.
    pub async fn events(&self, of: Option<CampaignId>, after: Option<Cursor>) -> Result<EventPage, CliError> {
        match self {
            Self::File(engine) => {
                let scope = of.map_or(EventScope::Store, EventScope::Campaign);
                let page = engine.storage().events(scope, after, PAGE).await;
                Ok(page.map_err(EngineError::from)?)
            }
            Self::Server(remote) => remote.events(of, after.as_ref()).await,
        }
    }

    /// How many records a phase's run has.
    pub async fn run_records(
        &self,
        shown: &ShownCampaign,
        phase: &PhaseName,
        run: Run,
    ) -> Result<RunRecords, CliError> {
        match self {
            Self::File(engine) => {
                let output = engine.storage().run_output(shown.view.id, phase, run).await;
                let output = output.map_err(EngineError::from)?;
                Ok(output.map_or(RunRecords::Absent, |output| RunRecords::Counted(output.records)))
            }
            Self::Server(remote) => {
                let mut phases = shown.view.phases.iter();
                if phases.any(|one| one.phase == *phase && one.run == Some(run)) {
                    let records = shown.records.get(phase).copied();
                    return Ok(RunRecords::Counted(records.unwrap_or(0)));
                }
                Ok(match remote.has_run(shown.view.id, phase, run).await? {
                    true => RunRecords::Uncounted,
                    false => RunRecords::Absent,
                })
            }
        }
    }

    /// The records of a run, from the index `from` on.
    pub async fn records(
        &self,
        id: CampaignId,
        phase: &PhaseName,
        run: Run,
        from: u64,
    ) -> Result<Records, CliError> {
        Ok(match self {
            Self::File(engine) => {
                let campaign = engine.campaign(id).await?;
                Records::File(campaign.records_of_run(phase.clone(), run, from))
            }
            Self::Server(remote) => Records::Server(remote.records(id, phase.clone(), run, from)),
        })
    }
}

impl ShownCampaign {
    /// Adds the counts to a view.
    pub async fn of(engine: &Engine, view: CampaignView) -> Result<Self, CliError> {
        let mut records = BTreeMap::new();
        for phase in &view.phases {
            if let Some(run) = phase.run {
                let output = engine.storage().run_output(view.id, &phase.phase, run).await;
                let output = output.map_err(EngineError::from)?;
                records.insert(phase.phase.clone(), output.map_or(0, |output| output.records));
            }
        }
        Ok(Self { view, records })
    }
}

/// A stream of records.
pub enum Records {
    /// From a file.
    File(RecordStream),
    /// From a server.
    Server(RemoteRecords),
}

impl Records {
    /// The next record, or `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Box<RawValue>>, CliError> {
        match self {
            Self::File(stream) => Ok(stream.next().await?),
            Self::Server(records) => records.next().await,
        }
    }
}
