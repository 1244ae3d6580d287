//! A simulated world: processes on one store, and what happens to them.

use std::collections::BTreeSet;
use std::sync::Arc;

use phasegate::core::storage::{CampaignQuery, Storage, TokenSecret};
use phasegate::core::{Campaign, CampaignId, Command, Failure};
use phasegate::{Answer, NewCampaign};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use super::at_work::AtWork;
use super::happening::{Asked, Happening, Step};
use super::plan::Plan;
use super::process::{Opening, Process};
use super::requests::{Request, Requests};
use super::told::Subscriber;
use super::witness::Witness;
use crate::storage::MemoryStorage;
use crate::world_time::WorldTime;

/// How long everything may take to come to rest at the end, by the true time.
const REST_WITHIN_MS: u64 = 20 * 60 * 1_000;

pub(super) struct World<'a> {
    pub(super) plan: &'a Plan,
    pub(super) pipeline: phasegate::Pipeline,
    seed: u64,
    pub(super) store: MemoryStorage,
    pub(super) time: WorldTime,
    pub(super) witness: Witness,
    pub(super) at_work: AtWork,
    pub(super) requests: Requests,
    pub(super) subscribers: Vec<Subscriber>,
    processes: Vec<Option<Process>>,
    opened: u64,
    now_ms: u64,
    outside: Runtime,
}

impl<'a> World<'a> {
    pub(super) fn new(plan: &'a Plan, seed: u64) -> Self {
        let (time, witness) = (WorldTime::default(), Witness::default());
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&seed.to_be_bytes());
        let outside = Builder::new_current_thread().build().expect("a runtime");
        let mut world = Self {
            plan,
            pipeline: (plan.pipeline)(),
            seed,
            store: MemoryStorage::with_clock_and_secret(time.clock().clone(), TokenSecret(secret)),
            at_work: AtWork::new(time.clone(), witness.clone()),
            requests: Requests::new(witness.clone()),
            subscribers: (0..plan.engines)
                .map(|_| Subscriber::new(witness.clone()))
                .collect(),
            processes: (0..plan.engines).map(|_| None).collect(),
            opened: 0,
            now_ms: 0,
            outside,
            time,
            witness,
        };
        for place in 0..plan.engines {
            world.open(place);
        }
        for (kind, id, document) in &plan.resources {
            world.put_resource(0, (kind.clone(), id.clone(), document.clone()));
        }
        if !plan.resources.is_empty() {
            world.pass(1_000);
        }
        world
    }

    /// Reads the store, past every line.
    pub(super) fn read<T>(&self, look: impl Future<Output = T>) -> T {
        self.outside.block_on(look)
    }

    fn place(&self, number: u8) -> usize {
        usize::from(number) % self.processes.len()
    }

    fn open(&mut self, place: usize) {
        if self.processes[place].is_some() {
            return;
        }
        self.opened += 1;
        self.processes[place] = Some(Process::open(Opening {
            number: self.opened,
            seed: mix(self.seed, self.opened),
            now_ms: self.now_ms,
            store: (self.plan.interpose)(Arc::new(self.store.connect())),
            pipeline: &self.pipeline,
            time: self.time.clone(),
            witness: self.witness.clone(),
            at_work: &self.at_work,
            subscriber: &self.subscribers[place],
        }));
    }

    fn kill(&mut self, place: usize) {
        if let Some(process) = self.processes[place].take() {
            self.requests.gone(process.number);
        }
    }

    /// Lets time pass for everybody, bit by bit.
    fn pass(&mut self, ms: u64) {
        let bit = match ms {
            0..=100 => 4,
            101..=2_000 => 40,
            _ => 400,
        };
        let end = self.now_ms + ms;
        while self.now_ms < end {
            let to_ms = end.min(self.now_ms + bit);
            // Nobody is always the first.
            let first = usize::try_from(to_ms / bit).unwrap_or(0);
            for index in 0..self.processes.len() {
                let place = (first + index) % self.processes.len();
                let process = &mut self.processes[place];
                if let Some(running) = process {
                    running.drive(to_ms);
                    if running.is_gone() {
                        self.requests.gone(running.number);
                        *process = None;
                    }
                }
            }
            self.now_ms = to_ms;
            self.time.reach(to_ms);
        }
    }

    pub(super) fn campaigns(&self) -> Vec<Campaign> {
        let query = CampaignQuery {
            limit: 1_000,
            ..CampaignQuery::default()
        };
        let page = self.read(self.store.campaigns(query));
        page.expect("the store can be read").items
    }

    fn campaign(&self, number: u8) -> Option<Campaign> {
        let mut all = self.campaigns();
        let number = usize::from(number).checked_rem(all.len())?;
        Some(all.swap_remove(number))
    }

    pub(super) fn step(&mut self, step: &Step) {
        self.happens(&step.happening);
        self.pass(u64::from(step.then_ms));
    }

    fn happens(&mut self, happening: &Happening) {
        match *happening {
            Happening::Create {
                engine,
                mode,
                config,
                without,
                keyed,
            } => {
                if self.campaigns().len() < self.plan.campaigns {
                    let new = self.new_campaign(config, without).mode(mode);
                    self.request(engine, Request::Create(Box::new(new)), keyed, false);
                }
            }
            Happening::Ask {
                engine,
                campaign,
                asked,
                keyed,
            } => {
                if let Some(campaign) = self.campaign(campaign)
                    && let Some(command) = self.command(&campaign, asked)
                {
                    let refused = matches!(asked, Asked::ConfigureWrongly(_));
                    self.request(
                        engine,
                        Request::Ask(campaign.id, Box::new(command)),
                        keyed,
                        refused,
                    );
                }
            }
            Happening::AskAgain { engine, request } => {
                if let (Some((request, key)), Some(process)) = (
                    self.requests.sent_before(request),
                    &self.processes[self.place(engine)],
                ) {
                    let refused = false;
                    process.spawn(self.requests.send(
                        &process.engine,
                        process.number,
                        request,
                        Some(key),
                        refused,
                    ));
                }
            }
            Happening::Answer {
                engine,
                campaign,
                completed,
            } => self.answer(engine, campaign, completed),
            Happening::PutResource {
                engine,
                resource,
                disabled,
            } => {
                if let Some(resource) = self.plan.resource(resource, disabled) {
                    self.put_resource(engine, resource);
                }
            }
            Happening::Pass(ms) => self.pass(u64::from(ms)),
            Happening::Freeze(place) => self.on(place, Process::freeze),
            Happening::Thaw(place, clock_went_on) => {
                let now_ms = self.now_ms;
                self.on(place, |process| process.thaw(now_ms, clock_went_on));
            }
            Happening::CutOff(place) => self.on(place, |process| process.cut.cut()),
            Happening::Reconnect(place) => self.on(place, |process| process.cut.join()),
            Happening::Kill(place) => self.kill(self.place(place)),
            Happening::ShutDown(place) => {
                let witness = self.witness.clone();
                self.on(place, |process| process.shut_down(&witness));
            }
            Happening::Open(place) => self.open(self.place(place)),
            Happening::ClockJumps(by_ms) => self.time.jump(i64::from(by_ms)),
            Happening::ClockStands(still) => self.time.stand(still),
            Happening::ClockDrifts(place, percent) => self.on(place, |process| process.drift(percent)),
        }
    }

    fn on(&mut self, place: u8, happens: impl FnOnce(&mut Process)) {
        let place = self.place(place);
        if let Some(process) = &mut self.processes[place] {
            happens(process);
        }
    }

    fn new_campaign(&self, config: u8, without: u8) -> NewCampaign {
        let mut new = NewCampaign::new("simulated");
        for (index, phase) in self.plan.configs.keys().enumerate() {
            if index >= 8 || without & (1 << index) == 0 {
                new = new.config(phase.as_str(), self.plan.config(phase, config));
            }
        }
        new
    }

    fn request(&self, engine: u8, request: Request, keyed: bool, refused: bool) {
        let Some(process) = &self.processes[self.place(engine)] else {
            return;
        };
        let (request, key) = match keyed && !refused {
            true => {
                let (request, key) = self.requests.with_key(request);
                (request, Some(key))
            }
            false => (request, None),
        };
        process.spawn(
            self.requests
                .send(&process.engine, process.number, request, key, refused),
        );
    }

    fn command(&self, campaign: &Campaign, asked: Asked) -> Option<Command> {
        let phase = |number| self.plan.phase(number).clone();
        let one = |phase, config: Value| Command::Configure {
            configs: [(phase, config)].into(),
        };
        Some(match asked {
            Asked::Configure(number, config) => {
                let phase = phase(number);
                let config = self.plan.config(&phase, config);
                one(phase, config)
            }
            Asked::ConfigureWrongly(number) => {
                let phase = phase(number);
                let config = self.plan.wrong_config(&phase, number)?;
                one(phase, config)
            }
            Asked::Unconfigure(number) => Command::Unconfigure { phase: phase(number) },
            Asked::SetMode(mode) => Command::SetMode { mode },
            Asked::Start(number) => Command::Start { phase: phase(number) },
            Asked::StartNext => Command::Start {
                phase: campaign.phases[campaign.next_unmarked()?].phase.clone(),
            },
            Asked::Restart(number, config) => {
                let phase = phase(number);
                let config = config.map(|number| self.plan.config(&phase, number));
                Command::Restart { phase, config }
            }
            Asked::Pause => Command::Pause {},
            Asked::Resume => Command::Resume {},
            Asked::Stop => Command::Stop {},
            Asked::Skip(number) => Command::Skip { phase: phase(number) },
            Asked::Unskip => Command::Unskip {
                phase: campaign
                    .phases
                    .iter()
                    .find(|slot| slot.mark.is_some())?
                    .phase
                    .clone(),
            },
            Asked::Prune(keep_runs) => Command::Prune {
                keep_runs: u32::from(keep_runs),
                phase: None,
            },
            Asked::Delete => Command::Delete {},
        })
    }

    fn answer(&self, engine: u8, campaign: u8, completed: bool) {
        let ticket = self.campaign(campaign).and_then(|campaign| campaign.ticket());
        let (Some(ticket), Some(process)) = (ticket, &self.processes[self.place(engine)]) else {
            return;
        };
        let answer = match completed {
            true => Answer::Completed(self.plan.answers.get(&ticket.phase).cloned().unwrap_or_default()),
            false => Answer::Failed(Failure::new("rejected", "as the history has it")),
        };
        self.at_work.is_answered(&ticket);
        process.spawn(
            self.requests
                .answer(&process.engine, process.number, ticket, answer),
        );
    }

    fn put_resource(&self, engine: u8, resource: (String, String, Value)) {
        if let Some(process) = &self.processes[self.place(engine)] {
            process.spawn(
                self.requests
                    .put_resource(&process.engine, process.number, resource),
            );
        }
    }

    /// Takes everything up, and lets it come to rest.
    pub(super) fn come_to_rest(&mut self) -> Result<(), String> {
        self.time.stand(false);
        let now_ms = self.now_ms;
        for place in 0..self.processes.len() {
            if let Some(process) = &mut self.processes[place] {
                process.drift(100);
                process.thaw(now_ms, true);
                process.cut.join();
            }
            self.open(place);
        }
        let end = self.now_ms + REST_WITHIN_MS;
        loop {
            self.pass(4_000);
            // An engine that was about to shut down is gone by now.
            for place in 0..self.processes.len() {
                self.open(place);
            }
            let restless = self.restless();
            let unanswered = self.requests.unanswered();
            if restless.is_empty() && unanswered.is_empty() {
                break;
            }
            if self.now_ms >= end {
                return Err(format!(
                    "after {REST_WITHIN_MS} ms these campaigns are not at rest: {restless:?}; \
                     and these requests have no answer: {unanswered:?}"
                ));
            }
        }
        self.pass(4_000);
        for process in self.processes.iter().flatten() {
            process.shut_down(&self.witness);
        }
        for _ in 0..20 {
            self.pass(400);
        }
        match self.processes.iter().flatten().count() {
            0 => Ok(()),
            left => Err(format!("{left} engines don't shut down within 8 s of rest")),
        }
    }

    /// The campaigns that a runner works on, or that are due some day.
    fn restless(&self) -> BTreeSet<CampaignId> {
        self.campaigns()
            .into_iter()
            .filter(|campaign| campaign.working_ticket().is_some() || campaign.due().is_some())
            .map(|campaign| campaign.id)
            .collect()
    }
}

/// Another seed for each number.
pub(super) const fn mix(seed: u64, number: u64) -> u64 {
    let mut mixed = seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
