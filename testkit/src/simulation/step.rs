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

/// What a step describes the campaign with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Description {
    /// The name of this number.
    Name(u8),
    /// An attribute with this number, or without it none.
    Tag(Option<u8>),
    /// A blank name.
    Blank,
    /// An attribute whose key can't be.
    BadKey,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// There is none: every answer fits.
    Absent,
    /// One that not every answer fits.
    Asks,
    /// One that doesn't compile.
    Broken,
}

/// How a runner leaves its outcome to somebody else.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Deferral {
    /// The form of the answer.
    pub form: Form,
    /// Whether it has a deadline.
    pub deadline: bool,
}

/// What somebody answers for a phase that waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GivenAnswer {
    /// It completed, with so many records.
    Completed(u8),
    /// It completed, with a summary that doesn't fit the form, if there is one.
    Unfit,
    /// It failed.
    Failed,
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
    /// The campaign gets its own retry policy of so many tries for a phase, or none. No policy has 0 tries.
    SetRetry(usize, Option<u8>),
    /// The campaign is described.
    Describe(Description),
    /// A phase is skipped, for the reason of this number.
    Skip(usize, u8),
    /// The plan to skip a phase is withdrawn.
    Unskip(usize),
    /// All but so many runs of a phase are pruned, or of all phases.
    Prune(u8, Option<usize>),
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
    /// The runner fails, and says that it is final.
    FailForGood,
    /// The runner comes to rest, whether it was asked to or not.
    Rest,
    /// The runner leaves its outcome to somebody else.
    Defer(Deferral),
    /// Somebody answers for the phase that waits.
    Answer(GivenAnswer),
    /// So much time passes that whatever is waited for is due.
    PassTime,
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

fn description() -> impl Strategy<Value = Description> {
    prop_oneof![
        2 => (0..3u8).prop_map(Description::Name),
        2 => proptest::option::of(0..3u8).prop_map(Description::Tag),
        1 => Just(Description::Blank),
        1 => Just(Description::BadKey),
    ]
}

fn deferral() -> impl Strategy<Value = Deferral> {
    let form = prop_oneof![3 => Just(Form::Absent), 2 => Just(Form::Asks), 1 => Just(Form::Broken)];
    (form, any::<bool>()).prop_map(|(form, deadline)| Deferral { form, deadline })
}

fn answer() -> impl Strategy<Value = GivenAnswer> {
    prop_oneof![
        3 => (0..3u8).prop_map(GivenAnswer::Completed),
        1 => Just(GivenAnswer::Unfit),
        1 => Just(GivenAnswer::Failed),
    ]
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![1 => Just(Mode::StepByStep), 2 => Just(Mode::FullSequence)]
}

/// One step that somebody asks for.
fn asked(phases: usize) -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..phases, config()).prop_map(|(phase, config)| Step::Configure(phase, config)),
        2 => (config(), 0..phases, config()).prop_map(|(all, phase, one)| Step::ConfigureAll(all, phase, one)),
        2 => (0..phases).prop_map(Step::Unconfigure),
        2 => mode().prop_map(Step::SetMode),
        2 => (0..phases, proptest::option::of(0..4u8)).prop_map(|(phase, tries)| Step::SetRetry(phase, tries)),
        1 => description().prop_map(Step::Describe),
        3 => (0..phases, 0..3u8).prop_map(|(phase, reason)| Step::Skip(phase, reason)),
        1 => (0..phases).prop_map(Step::Unskip),
        1 => (0..3u8, proptest::option::of(0..phases)).prop_map(|(keep, phase)| Step::Prune(keep, phase)),
        8 => (0..phases).prop_map(Step::Start),
        2 => (0..phases, proptest::option::of(config())).prop_map(|(phase, config)| Step::Restart(phase, config)),
        3 => Just(Step::Pause),
        3 => Just(Step::Resume),
        2 => Just(Step::Stop),
    ]
}

/// One step that happens.
fn happening() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..4u8).prop_map(Step::Commit),
        9 => Just(Step::Complete),
        4 => Just(Step::Fail),
        1 => Just(Step::FailForGood),
        4 => Just(Step::Rest),
        3 => deferral().prop_map(Step::Defer),
        3 => answer().prop_map(Step::Answer),
        4 => Just(Step::PassTime),
        2 => Just(Step::ReportAgain),
        1 => Just(Step::ReportForged),
        1 => Just(Step::ToggleResource),
        1 => Just(Step::Restarted),
        1 => Just(Step::RestartedWithout),
    ]
}

/// One step without a power loss.
pub fn calm_step(phases: usize) -> impl Strategy<Value = Step> {
    prop_oneof![asked(phases), happening()]
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
    let configured = |mode| {
        vec![
            Step::ConfigureAll(ConfigChoice::Valid(1), 0, ConfigChoice::WithResource(1)),
            Step::SetMode(mode),
        ]
    };
    let opening = prop_oneof![
        8 => mode().prop_map(move |mode| {
            let mut opening = configured(mode);
            opening.push(Step::Start(0));
            opening
        }),
        1 => mode().prop_map(configured),
        1 => Just(Vec::new()),
    ];
    (opening, proptest::collection::vec(step(phases), 1..length)).prop_map(|(mut opening, rest)| {
        opening.extend(rest);
        opening
    })
}
