//! The steps that can happen to a campaign, and proptest strategies for sequences of them.

use phasegate_core::Mode;
use proptest::prelude::*;

/// A config that a step stores.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConfigChoice {
    /// A valid config with this value.
    Valid(u8),
    /// A valid config that refers to the shared resource.
    WithResource(u8),
    /// A config that breaks the schema.
    Invalid,
}

/// One step. Phases are indexes, taken modulo the number of phases.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// A config is stored for one phase.
    Configure(usize, ConfigChoice),
    /// One config is stored for all phases at once, another for the phase of that index.
    ConfigureAll(ConfigChoice, usize, ConfigChoice),
    /// A config is removed.
    Unconfigure(usize),
    /// The mode is set.
    SetMode(Mode),
    /// A phase is started.
    Start(usize),
    /// A phase is begun afresh.
    Restart(usize, Option<ConfigChoice>),
    /// A pause is requested. The runner heeds it at the next [`Step::Rest`].
    Pause,
    /// A resume is requested.
    Resume,
    /// A stop is requested. The runner heeds it at the next [`Step::Rest`].
    Stop,
    /// The runner commits records.
    Commit(u8),
    /// The runner completes.
    Complete,
    /// The runner fails.
    Fail,
    /// The runner comes to rest, whether it was asked to or not.
    Rest,
    /// The last recorded outcome is reported again.
    ReportAgain,
    /// An outcome is reported with a ticket that never existed.
    ReportForged,
    /// The shared resource is disabled, or enabled again.
    ToggleResource,
    /// The process ends in order, and another one opens the store and recovers.
    Restarted,
    /// The process ends in order. A process without the pipeline recovers, and then one with the pipeline.
    RestartedWithout,
    /// The power fails at once. Then another process opens the store and recovers.
    PowerLoss {
        /// Decides which unsynced writes survive.
        seed: u64,
    },
    /// The power fails so many operations of the storage device after the step has begun.
    PowerLossDuring {
        /// The step.
        step: Box<Step>,
        /// How many operations still succeed.
        operations: u8,
        /// Decides which unsynced writes survive.
        seed: u64,
    },
}

fn config() -> impl Strategy<Value = ConfigChoice> {
    prop_oneof![
        6 => (0..3u8).prop_map(ConfigChoice::Valid),
        2 => (0..3u8).prop_map(ConfigChoice::WithResource),
        1 => Just(ConfigChoice::Invalid),
    ]
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![1 => Just(Mode::StepByStep), 2 => Just(Mode::FullSequence)]
}

/// One step without a power loss.
pub fn calm_step(phases: usize) -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..phases, config()).prop_map(|(phase, config)| Step::Configure(phase, config)),
        2 => (config(), 0..phases, config()).prop_map(|(all, phase, one)| Step::ConfigureAll(all, phase, one)),
        2 => (0..phases).prop_map(Step::Unconfigure),
        2 => mode().prop_map(Step::SetMode),
        8 => (0..phases).prop_map(Step::Start),
        2 => (0..phases, proptest::option::of(config())).prop_map(|(phase, config)| Step::Restart(phase, config)),
        3 => Just(Step::Pause),
        3 => Just(Step::Resume),
        2 => Just(Step::Stop),
        5 => (0..4u8).prop_map(Step::Commit),
        9 => Just(Step::Complete),
        2 => Just(Step::Fail),
        4 => Just(Step::Rest),
        2 => Just(Step::ReportAgain),
        1 => Just(Step::ReportForged),
        1 => Just(Step::ToggleResource),
        1 => Just(Step::Restarted),
        1 => Just(Step::RestartedWithout),
    ]
}

/// Any step.
pub fn step(phases: usize) -> impl Strategy<Value = Step> {
    let during = (calm_step(phases), 0..24u8, any::<u64>());
    prop_oneof![
        20 => calm_step(phases),
        1 => any::<u64>().prop_map(|seed| Step::PowerLoss { seed }),
        3 => during.prop_map(|(step, operations, seed)| Step::PowerLossDuring { step: Box::new(step), operations, seed }),
    ]
}

/// A whole history. As in real use, most begin by configuring all phases and setting a mode.
pub fn history(phases: usize, length: usize) -> impl Strategy<Value = Vec<Step>> {
    let opening = prop_oneof![
        4 => mode().prop_map(|mode| vec![
            Step::ConfigureAll(ConfigChoice::Valid(1), 0, ConfigChoice::WithResource(1)),
            Step::SetMode(mode),
            Step::Start(0),
        ]),
        1 => Just(Vec::new()),
    ];
    (opening, proptest::collection::vec(step(phases), 1..length)).prop_map(|(mut opening, rest)| {
        opening.extend(rest);
        opening
    })
}
