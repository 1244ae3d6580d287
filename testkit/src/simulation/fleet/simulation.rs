//! The simulation of a user's own pipeline.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use phasegate::Pipeline;
use phasegate::core::PhaseName;
use phasegate::core::storage::{EventScope, Storage};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

use super::checks;
use super::happening::{Step, history};
use super::plan::Plan;
use super::world::{World, mix};

/// How often a history that breaks a promise is played again to make it shorter.
const SHORTENINGS: usize = 400;
/// How many threads play histories.
const THREADS: u64 = 2;

/// Plays random histories of a pipeline, with several engines on one store, and checks after each that every promise was kept.
///
/// See [the module](super) for what happens in a history, what is checked, and what a runner must heed to be simulated.
pub struct Simulation {
    plan: Plan,
    seeds: Range<u64>,
}

impl Simulation {
    /// A simulation of the pipeline that `pipeline` makes: 2 engines, 3 campaigns, 40 steps a history at most, 100 histories.
    ///
    /// Each history makes a pipeline of its own, which its engines share.
    pub fn of(pipeline: impl Fn() -> Pipeline + Send + Sync + 'static) -> Self {
        Self {
            plan: Plan {
                pipeline: Box::new(pipeline),
                configs: BTreeMap::new(),
                wrong: BTreeMap::new(),
                resources: Vec::new(),
                answers: BTreeMap::new(),
                engines: 2,
                campaigns: 3,
                steps: 40,
                same_records: false,
                interpose: Box::new(|store| store),
                undisturbed: Mutex::default(),
            },
            seeds: 0..100,
        }
    }

    /// Adds a valid config of a phase. Each phase needs one; with several a history draws among them.
    ///
    /// # Panics
    ///
    /// When `phase` is no name of a phase.
    #[must_use]
    pub fn config(mut self, phase: &str, config: Value) -> Self {
        self.plan.configs.entry(named(phase)).or_default().push(config);
        self
    }

    /// Adds a config that must be refused.
    ///
    /// # Panics
    ///
    /// When `phase` is no name of a phase.
    #[must_use]
    pub fn wrong_config(mut self, phase: &str, config: Value) -> Self {
        self.plan.wrong.entry(named(phase)).or_default().push(config);
        self
    }

    /// Adds a resource, which is stored before anything else happens. A history disables it, and stores it again.
    #[must_use]
    pub fn resource(mut self, kind: &str, id: &str, document: Value) -> Self {
        self.plan
            .resources
            .push((kind.to_owned(), id.to_owned(), document));
        self
    }

    /// Sets the summary of whoever answers for a phase; `null` unless it is set.
    ///
    /// # Panics
    ///
    /// When `phase` is no name of a phase.
    #[must_use]
    pub fn answer(mut self, phase: &str, summary: Value) -> Self {
        self.plan.answers.insert(named(phase), summary);
        self
    }

    /// Sets how many engines work on the store.
    #[must_use]
    pub fn engines(mut self, engines: usize) -> Self {
        self.plan.engines = engines.max(1);
        self
    }

    /// Sets how many campaigns there are at once at most.
    #[must_use]
    pub fn campaigns(mut self, campaigns: usize) -> Self {
        self.plan.campaigns = campaigns.max(1);
        self
    }

    /// Sets how many steps a history has at most.
    #[must_use]
    pub fn steps(mut self, steps: usize) -> Self {
        self.plan.steps = steps;
        self
    }

    /// Says that each phase makes the same records of the same config, resources and upstream records, so that every completed run is
    /// compared with one that nothing disturbs.
    #[must_use]
    pub fn same_records(mut self) -> Self {
        self.plan.same_records = true;
        self
    }

    /// Puts a store of the caller's between each engine and the store, to see whether the simulation finds what it does wrong.
    #[must_use]
    pub fn interpose(
        mut self,
        interpose: impl Fn(Arc<dyn Storage>) -> Arc<dyn Storage> + Send + Sync + 'static,
    ) -> Self {
        self.plan.interpose = Box::new(interpose);
        self
    }

    /// Sets how many histories [`run`](Self::run) plays.
    ///
    /// The environment variable `PHASEGATE_SEEDS` goes before it: a number of histories, or the seeds as in `5000..10000`; so
    /// `17..18` plays one again.
    #[must_use]
    pub fn seeds(mut self, seeds: u64) -> Self {
        self.seeds = 0..seeds;
        self
    }

    /// Plays the histories.
    ///
    /// # Panics
    ///
    /// With a [`Counterexample`] when a promise is broken, or when a phase has no config or one that its schema refuses.
    pub fn run(&self) {
        let seeds = std::env::var("PHASEGATE_SEEDS").ok();
        let seeds = seeds.map_or_else(
            || self.seeds.clone(),
            |text| parse(&text).unwrap_or_else(|| panic!("PHASEGATE_SEEDS is {text}, and not 100 or 0..100")),
        );
        if let Err(counterexample) = self.explore(seeds) {
            panic!("{counterexample}");
        }
    }

    /// Plays the histories of these seeds, and gives the counterexample of the smallest seed that has one.
    ///
    /// # Errors
    ///
    /// The counterexample, shortened.
    ///
    /// # Panics
    ///
    /// When a phase has no config, or one that its schema refuses.
    pub fn explore(&self, seeds: Range<u64>) -> Result<(), Box<Counterexample>> {
        self.expect_configs();
        let part = seeds.end.saturating_sub(seeds.start).div_ceil(THREADS).max(1);
        let parts = (0..THREADS).map(|thread| {
            let start = seeds.end.min(seeds.start + thread * part);
            start..seeds.end.min(start + part)
        });
        let found = std::thread::scope(|scope| {
            let threads: Vec<_> = parts
                .map(|mut part| scope.spawn(move || part.find_map(|seed| self.broken_by(seed).map(|_| seed))))
                .collect();
            let found = threads
                .into_iter()
                .map(|thread| thread.join().expect("what panics in a history is caught"));
            found.flatten().min()
        });
        match found {
            Some(seed) => Err(Box::new(self.shortened(seed))),
            None => Ok(()),
        }
    }

    /// Every write of the history of a seed that the store has accepted or refused, and the log that it has left, as text: the same for
    /// the same seed.
    ///
    /// # Errors
    ///
    /// The promise that it breaks.
    pub fn trace(&self, seed: u64) -> Result<String, String> {
        self.expect_configs();
        let world = self.play(seed, &self.tree(seed).current())?;
        let mut trace = String::new();
        for written in world.witness.written() {
            trace.push_str(&format!("{written:?}\n"));
        }
        for refusal in world.witness.refusals() {
            trace.push_str(&format!("refused: {refusal:?}\n"));
        }
        for logged in checks::events(&world, EventScope::Store)? {
            trace.push_str(&serde_json::to_string(&logged).map_err(|error| error.to_string())?);
            trace.push('\n');
        }
        Ok(trace)
    }

    fn expect_configs(&self) {
        let pipeline = (self.plan.pipeline)();
        for phase in pipeline.phases() {
            assert!(
                self.plan.configs.contains_key(phase),
                "the simulation has no config of {phase}: add one with config(..)"
            );
        }
        for (phase, configs) in &self.plan.configs {
            let schema = pipeline.schemas().config_schema(phase);
            let schema = schema.unwrap_or_else(|| panic!("{phase} is no phase of the pipeline"));
            for config in configs {
                let problems = schema.problems(phase, config);
                assert!(
                    problems.is_empty(),
                    "a config of the simulation is not valid, so no history would get past it; wrong_config(..) is for those: {problems}"
                );
            }
        }
    }

    fn tree(&self, seed: u64) -> impl ValueTree<Value = Vec<Step>> + use<> {
        let mut bytes = [0; 32];
        for (index, part) in bytes.chunks_mut(8).enumerate() {
            part.copy_from_slice(&mix(seed, index as u64).to_be_bytes());
        }
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(Config::default(), random);
        history(self.plan.steps)
            .new_tree(&mut runner)
            .expect("no part of a history is filtered out")
    }

    fn play(&self, seed: u64, steps: &[Step]) -> Result<World<'_>, String> {
        let played = catch_unwind(AssertUnwindSafe(|| {
            let mut world = World::new(&self.plan, seed);
            for step in steps {
                world.step(step);
            }
            world.come_to_rest()?;
            checks::check(&world)?;
            Ok(world)
        }));
        played.unwrap_or_else(|panic| {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            Err(format!("the history panics: {}", text.unwrap_or("without words")))
        })
    }

    fn broken_by(&self, seed: u64) -> Option<String> {
        self.play(seed, &self.tree(seed).current()).err()
    }

    fn shortened(&self, seed: u64) -> Counterexample {
        let mut tree = self.tree(seed);
        let steps = tree.current();
        let mut found = Counterexample {
            seed,
            length: steps.len(),
            broken: self.play(seed, &steps).err().unwrap_or_default(),
            steps,
        };
        let mut goes_on = tree.simplify();
        for _ in 0..SHORTENINGS {
            if !goes_on {
                break;
            }
            let steps = tree.current();
            goes_on = match self.play(seed, &steps).err() {
                Some(broken) => {
                    found.steps = steps;
                    found.broken = broken;
                    tree.simplify()
                }
                None => tree.complicate(),
            };
        }
        found
    }
}

/// A history that breaks a promise.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// The seed: [`Simulation::explore`] finds it again with this one alone.
    pub seed: u64,
    /// How many steps the history had before it was shortened.
    pub length: usize,
    /// The steps.
    pub steps: Vec<Step>,
    /// The promise, and what breaks it.
    pub broken: String,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} breaks a promise: {}", self.seed, self.broken)?;
        writeln!(f, "{} of its {} steps do so:", self.steps.len(), self.length)?;
        for step in &self.steps {
            writeln!(f, "  {:?}, then {} ms", step.happening, step.then_ms)?;
        }
        write!(
            f,
            "PHASEGATE_SEEDS={}..{} plays it again",
            self.seed,
            self.seed + 1
        )
    }
}

impl std::error::Error for Counterexample {}

fn named(phase: &str) -> PhaseName {
    PhaseName::new(phase).unwrap_or_else(|error| panic!("{error}"))
}

fn parse(text: &str) -> Option<Range<u64>> {
    let seeds = match text.split_once("..") {
        Some((start, end)) => start.parse().ok()?..end.parse().ok()?,
        None => 0..text.parse().ok()?,
    };
    (!seeds.is_empty()).then_some(seeds)
}
