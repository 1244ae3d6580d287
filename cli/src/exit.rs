//! The exit codes of the command.

/// The exit codes of `phasegate`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// The command is done.
    Done,
    /// An unexpected failure of the store, the disk or the program.
    Unexpected,
    /// The command, its arguments or the plan are wrong, or don't fit the campaign's state.
    Usage,
    /// Preflight refused the command: configs are missing or invalid.
    Refused,
    /// A phase failed.
    PhaseFailed,
    /// The chain waits for configuration.
    Waiting,
    /// It was interrupted (SIGINT), and paused.
    Interrupted,
    /// It was asked to end (SIGTERM), and left the running phase to the next start.
    Terminated,
}

impl Exit {
    /// The number for the shell.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::PhaseFailed => 4,
            Self::Waiting => 5,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}
