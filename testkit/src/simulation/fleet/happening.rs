//! What can happen to a fleet of engines, and strategies for whole histories.

use phasegate_core::Mode;
use proptest::prelude::*;

/// A command that somebody sends to one of the engines. Phases and configs are numbers, taken modulo how many there are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Asked {
    /// One of its valid configs is stored for a phase.
    Configure(u8, u8),
    /// A config that must be refused.
    ConfigureWrongly(u8),
    /// A config is removed.
    Unconfigure(u8),
    /// The mode is set.
    SetMode(Mode),
    /// A phase is started.
    Start(u8),
    /// The phase at the position is started.
    StartNext,
    /// A phase is begun afresh, with another of its configs or with the one that it has.
    Restart(u8, Option<u8>),
    /// A pause.
    Pause,
    /// A resume.
    Resume,
    /// A stop.
    Stop,
    /// A phase is skipped.
    Skip(u8),
    /// The first plan to skip a phase is withdrawn.
    Unskip,
    /// All runs but so many are pruned.
    Prune(u8),
    /// The campaign is deleted.
    Delete,
}

/// Something that happens. Engines and campaigns are numbers, taken modulo how many there are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Happening {
    /// A campaign is created, with a valid config for each phase that gets one.
    Create {
        /// The engine.
        engine: u8,
        /// Its mode.
        mode: Mode,
        /// Which of its configs each phase gets.
        config: u8,
        /// A bit for each phase that gets none.
        without: u8,
        /// Whether the creation carries an idempotency key.
        keyed: bool,
    },
    /// A command.
    Ask {
        /// The engine.
        engine: u8,
        /// The campaign.
        campaign: u8,
        /// The command.
        asked: Asked,
        /// Whether it carries an idempotency key.
        keyed: bool,
    },
    /// An earlier request with a key is sent once more, to any engine.
    AskAgain {
        /// The engine.
        engine: u8,
        /// Which of the requests.
        request: u8,
    },
    /// Somebody answers for the phase that waits, or that works.
    Answer {
        /// The engine.
        engine: u8,
        /// The campaign.
        campaign: u8,
        /// Whether it completed.
        completed: bool,
    },
    /// A resource is disabled, or stored as it was given.
    PutResource {
        /// The engine.
        engine: u8,
        /// Which of the resources.
        resource: u8,
        /// Whether it is disabled.
        disabled: bool,
    },
    /// Time passes, in milliseconds.
    Pass(u32),
    /// A process is stopped as a whole.
    Freeze(u8),
    /// A stopped process goes on. Its clock has gone on meanwhile, or has not.
    Thaw(u8, bool),
    /// An engine can't reach the store: its calls wait. Its runners go on.
    CutOff(u8),
    /// It can reach the store again.
    Reconnect(u8),
    /// A process is killed.
    Kill(u8),
    /// An engine is shut down in order.
    ShutDown(u8),
    /// Another process takes the place of one that is gone.
    Open(u8),
    /// The store's clock is moved.
    ClockJumps(i32),
    /// The store's clock stands still, or goes on.
    ClockStands(bool),
    /// The clock of a process goes at so many hundredths of its speed.
    ClockDrifts(u8, u8),
}

/// Something that happens, and how long after it the next thing does, in milliseconds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    /// What happens.
    pub happening: Happening,
    /// How long it takes until the next step.
    pub then_ms: u8,
}

/// How long the leases of a simulated engine last, in milliseconds.
pub(super) const LEASE_MS: u32 = 6_000;

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![1 => Just(Mode::StepByStep), 3 => Just(Mode::FullSequence)]
}

fn asked() -> impl Strategy<Value = Asked> {
    prop_oneof![
        3 => any::<(u8, u8)>().prop_map(|(phase, config)| Asked::Configure(phase, config)),
        1 => any::<u8>().prop_map(Asked::ConfigureWrongly),
        1 => any::<u8>().prop_map(Asked::Unconfigure),
        2 => mode().prop_map(Asked::SetMode),
        2 => any::<u8>().prop_map(Asked::Start),
        9 => Just(Asked::StartNext),
        3 => any::<(u8, Option<u8>)>().prop_map(|(phase, config)| Asked::Restart(phase, config)),
        6 => Just(Asked::Pause),
        8 => Just(Asked::Resume),
        3 => Just(Asked::Stop),
        3 => any::<u8>().prop_map(Asked::Skip),
        3 => Just(Asked::Unskip),
        3 => (0..2u8).prop_map(Asked::Prune),
        1 => Just(Asked::Delete),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    let ask = (any::<(u8, u8)>(), asked(), any::<bool>());
    prop_oneof![
        3 => (any::<(u8, u8)>(), mode(), 0..32u8, any::<bool>()).prop_map(|((engine, config), mode, without, keyed)| {
            // Most campaigns are complete.
            let without = without.saturating_sub(24);
            Happening::Create { engine, mode, config, without, keyed }
        }),
        26 => ask.prop_map(|((engine, campaign), asked, keyed)| Happening::Ask { engine, campaign, asked, keyed }),
        5 => any::<(u8, u8)>().prop_map(|(engine, request)| Happening::AskAgain { engine, request }),
        4 => any::<(u8, u8, bool)>()
            .prop_map(|(engine, campaign, completed)| Happening::Answer { engine, campaign, completed }),
        4 => any::<(u8, u8, bool)>()
            .prop_map(|(engine, resource, disabled)| Happening::PutResource { engine, resource, disabled }),
        5 => (0..1_000u32).prop_map(Happening::Pass),
        3 => (LEASE_MS / 3..2 * LEASE_MS).prop_map(Happening::Pass),
        2 => any::<u8>().prop_map(Happening::Freeze),
        3 => any::<(u8, bool)>().prop_map(|(engine, clock)| Happening::Thaw(engine, clock)),
        2 => any::<u8>().prop_map(Happening::CutOff),
        3 => any::<u8>().prop_map(Happening::Reconnect),
        3 => any::<u8>().prop_map(Happening::Kill),
        1 => any::<u8>().prop_map(Happening::ShutDown),
        5 => any::<u8>().prop_map(Happening::Open),
        1 => (-5_000..20_000i32).prop_map(Happening::ClockJumps),
        1 => any::<bool>().prop_map(Happening::ClockStands),
        1 => (any::<u8>(), 60..160u8).prop_map(|(engine, percent)| Happening::ClockDrifts(engine, percent)),
    ]
}

/// A whole history of so many steps at most. It begins with a campaign that is started.
pub fn history(steps: usize) -> impl Strategy<Value = Vec<Step>> {
    let create = (any::<(u8, u8)>(), mode()).prop_map(|((engine, config), mode)| Happening::Create {
        engine,
        mode,
        config,
        without: 0,
        keyed: false,
    });
    let start = any::<u8>().prop_map(|engine| Happening::Ask {
        engine,
        campaign: 0,
        asked: Asked::StartNext,
        keyed: false,
    });
    let opening = (create, start).prop_map(|(create, start)| {
        [create, start].map(|happening| Step {
            happening,
            then_ms: 60,
        })
    });
    // Much happens at once.
    let then_ms = prop_oneof![2 => 0..5u8, 3 => 0..100u8];
    let step = (happening(), then_ms).prop_map(|(happening, then_ms)| Step { happening, then_ms });
    (opening, proptest::collection::vec(step, 1..=steps.max(1))).prop_map(|(opening, rest)| {
        let mut history = opening.to_vec();
        history.extend(rest);
        history
    })
}
