//! The target of the commands about campaigns: a store, in a file that this process opens or at a server.

use std::collections::{BTreeMap, VecDeque};

use async_trait::async_trait;
use phasegate::core::{Attributes, Command, Run};
use phasegate::storage::{Cursor, EventPage, Order, Progress};
use phasegate::{CampaignId, CampaignStatus, CampaignView, DryRun, Engine, PhaseName, Ticket};
use serde_json::value::RawValue;

use crate::error::CliError;
use crate::signals::Signal;

/// A store, wherever it is. All its commands are asked for by one person, who is told the same of either.
#[async_trait]
pub trait Target: Send + Sync {
    /// Where it is.
    fn location(&self) -> StoreLocation;

    /// The engine in this process, if the campaigns run here.
    fn engine(&self) -> Option<&Engine>;

    /// A page of campaigns. A page may be short, or empty, and not be the last.
    async fn campaigns(&self, wanted: &Wanted, after: Option<String>) -> Result<CampaignPage, CliError>;

    /// A campaign.
    async fn campaign(&self, id: CampaignId) -> Result<ShownCampaign, CliError>;

    /// Carries out a command. Returns whether it changed anything.
    async fn send(&self, id: CampaignId, command: Command) -> Result<bool, CliError>;

    /// Says what a command would do, and does nothing.
    async fn try_out(&self, id: CampaignId, command: Command) -> Result<DryRun, CliError>;

    /// A page of the log of a campaign, or of the whole store.
    async fn events(&self, of: Option<CampaignId>, after: Option<Cursor>) -> Result<EventPage, CliError>;

    /// How many records a run of a phase has; `None` if there is no such run.
    async fn run_records(&self, id: CampaignId, phase: &PhaseName, run: Run)
    -> Result<Option<u64>, CliError>;

    /// A page of the records of a run, from the index `from` on.
    async fn records(
        &self,
        id: CampaignId,
        phase: &PhaseName,
        run: Run,
        from: u64,
    ) -> Result<RecordPage, CliError>;

    /// Takes up the phase of a campaign that ran when its process ended, so that somebody works on it.
    async fn take_up(&self, id: CampaignId) -> Result<(), CliError>;

    /// How a campaign stands, read as cheaply as may be.
    async fn look(&self, id: CampaignId) -> Result<Look, CliError>;

    /// Waits until a campaign may look different. `after` is its latest known event.
    async fn wait(&self, id: CampaignId, after: Option<Cursor>) -> Result<(), CliError>;

    /// Does what a signal to whoever follows a campaign asks for.
    fn leave(&self, id: CampaignId, signal: Signal) -> Leaving;

    /// Brings to rest what works in this process.
    async fn end(&self) -> Result<(), CliError>;
}

/// Where a store is, which decides whether its campaigns run while nobody follows them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StoreLocation {
    /// In a file.
    File,
    /// At a server.
    Server,
}

/// What follows a signal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Leaving {
    /// The following ends, and the campaign goes on.
    Now,
    /// The campaign is pausing. The following ends when it is at rest.
    WhenAtRest,
}

/// How a campaign stands.
#[derive(Clone, Debug)]
pub struct Look {
    /// Its status.
    pub status: CampaignStatus,
    /// How far the running attempt has come.
    pub progress: Option<(Ticket, Progress)>,
}

/// Which campaigns are asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Only those of exactly this name.
    pub name: Option<String>,
    /// Only those with all of these attributes.
    pub attributes: Attributes,
    /// In which order.
    pub order: Order,
}

/// A page of campaigns.
pub struct CampaignPage {
    /// The campaigns.
    pub items: Vec<CampaignView>,
    /// Where to go on, if there may be more.
    pub next: Option<String>,
}

/// A page of records.
pub struct RecordPage {
    /// The records.
    pub records: Vec<Box<RawValue>>,
    /// The index to go on from, if there are more.
    pub next: Option<u64>,
}

/// A campaign's view, with the counts of its records.
pub struct ShownCampaign {
    /// Its view.
    pub view: CampaignView,
    /// How many records each phase's current run has.
    pub records: BTreeMap<PhaseName, u64>,
}

/// Calls `use_it` with each campaign that is asked for.
pub async fn each(
    target: &dyn Target,
    wanted: &Wanted,
    mut use_it: impl FnMut(CampaignView) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut after = None;
    loop {
        let page = target.campaigns(wanted, after).await?;
        page.items.into_iter().try_for_each(&mut use_it)?;
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// The campaigns of exactly this name, newest first.
pub async fn named(target: &dyn Target, name: &str) -> Result<Vec<CampaignView>, CliError> {
    let wanted = Wanted {
        name: Some(name.to_owned()),
        attributes: Attributes::new(),
        order: Order::NewestFirst,
    };
    let mut all = Vec::new();
    let keep = |view| {
        all.push(view);
        Ok(())
    };
    each(target, &wanted, keep).await?;
    Ok(all)
}

/// The unfinished campaign of this name; the newest, if there are several.
pub async fn unfinished(target: &dyn Target, name: &str) -> Result<Option<CampaignView>, CliError> {
    let all = named(target, name).await?;
    Ok(all.into_iter().find(is_unfinished))
}

fn is_unfinished(view: &CampaignView) -> bool {
    view.status != CampaignStatus::Completed
}

/// The campaign of this id or name; of several with one name the unfinished one, else the newest.
pub async fn find(target: &dyn Target, name_or_id: &str) -> Result<CampaignId, CliError> {
    let mut named = named(target, name_or_id).await?;
    if !named.is_empty() {
        let meant = named.iter().position(is_unfinished).unwrap_or(0);
        return Ok(named.swap_remove(meant).id);
    }
    let id = name_or_id.parse::<CampaignId>().map_err(|_| {
        CliError::Usage(format!(
            "there is no campaign named {name_or_id:?} in this store: 'phasegate list' shows which there are"
        ))
    })?;
    // An unknown id is an error before anything is done.
    target.campaign(id).await?;
    Ok(id)
}

/// The records of one run, page by page.
pub struct Records<'a> {
    target: &'a dyn Target,
    id: CampaignId,
    phase: &'a PhaseName,
    run: Run,
    next: Option<u64>,
    read: VecDeque<Box<RawValue>>,
}

impl<'a> Records<'a> {
    /// The records from the index `from` on. The run 0 has none.
    pub fn new(target: &'a dyn Target, id: CampaignId, phase: &'a PhaseName, run: Run, from: u64) -> Self {
        Self {
            target,
            id,
            phase,
            run,
            next: (run.0 > 0).then_some(from),
            read: VecDeque::new(),
        }
    }

    /// The next record, or `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Box<RawValue>>, CliError> {
        loop {
            if let Some(record) = self.read.pop_front() {
                return Ok(Some(record));
            }
            let Some(from) = self.next else {
                return Ok(None);
            };
            let page = self.target.records(self.id, self.phase, self.run, from).await?;
            self.read = page.records.into();
            self.next = page.next;
        }
    }
}
