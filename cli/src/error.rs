//! The errors of commands.

use std::path::PathBuf;

use phasegate::{EngineError, PreflightReport};
use phasegate_sandbox::SandboxError;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::plan::PlanError;
use crate::refusal::Refusal;

/// Why a command failed. Each error says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// The plan can't be used.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The command doesn't fit the store or the state of the campaign.
    #[error("{0}")]
    Usage(String),
    /// There is no store yet.
    #[error("there is no store at {}: 'phasegate run PLAN.json' makes one, and --db FILE names another", path.display())]
    NoStore {
        /// The path of the store.
        path: PathBuf,
    },
    /// A store refused or failed.
    #[error("{}", .0.sentence)]
    Refused(Box<Refusal>),
    /// A server asks for a token, and none is known for it.
    #[error(
        "the server at {url} asks for a token: name its file with --token-file, or set PHASEGATE_TOKEN; phasegate.redb.token in this \
         folder is taken for a server on this machine only"
    )]
    TokenNeeded {
        /// The server.
        url: String,
    },
    /// A server can't be reached, or doesn't answer.
    #[error("the server at {url} can't be reached: {reason}")]
    Unreachable {
        /// The server.
        url: String,
        /// The system's error.
        reason: String,
    },
    /// The address is not that of a Phasegate server, or of one of another version.
    #[error("no server of this version answers at {url}: {reason}")]
    Foreign {
        /// The server.
        url: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The sandbox can't start.
    #[error("the sandbox can't start: {0}")]
    Sandbox(#[from] SandboxError),
    /// There is no token to serve with.
    #[error(transparent)]
    Token(#[from] phasegate_server::TokenError),
    /// A file or a stream can't be read or written.
    #[error("{what}: {reason}")]
    Io {
        /// What failed.
        what: String,
        /// The system's error.
        reason: std::io::Error,
    },
    /// The integrity of a store is broken.
    #[error("{path} is damaged: {findings} findings, listed above. Restore it from a backup", path = path.display())]
    Damaged {
        /// The store.
        path: PathBuf,
        /// How many findings there are.
        findings: u64,
    },
}

impl From<EngineError> for CliError {
    fn from(error: EngineError) -> Self {
        Self::Refused(Box::new(error.into()))
    }
}

impl CliError {
    /// Preflight found configs missing or invalid; nothing was started.
    pub fn preflight(report: PreflightReport) -> Self {
        Self::Refused(Box::new(Refusal::of_preflight(report)))
    }

    /// Describes an I/O error by what failed.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |reason| Self::Io { what, reason }
    }

    /// The standard output can't be written.
    pub fn output(reason: std::io::Error) -> Self {
        Self::io("the standard output can't be written")(reason)
    }

    /// Every problem as a table, if there may be several.
    pub fn table(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => refusal.table(),
            _ => None,
        }
    }

    /// The exit code for it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Plan(_) | Self::Usage(_) | Self::NoStore { .. } | Self::TokenNeeded { .. } => Exit::Usage,
            Self::Refused(refusal) => refusal.exit(),
            Self::Unreachable { .. } | Self::Foreign { .. } => Exit::Unexpected,
            Self::Token(_) | Self::Sandbox(_) | Self::Io { .. } | Self::Damaged { .. } => Exit::Unexpected,
        }
    }

    /// The error as one JSON object, for `--json`.
    pub fn to_json(&self) -> Value {
        let mut object = match self {
            Self::Refused(refusal) => refusal.members(),
            _ => json!({}),
        };
        object["type"] = json!("error");
        object["code"] = json!(self.code());
        object["message"] = json!(self.to_string());
        object["exitCode"] = json!(self.exit().code());
        object
    }

    fn code(&self) -> &str {
        match self {
            Self::Plan(_) => "plan_invalid",
            Self::Usage(_) => "usage",
            Self::NoStore { .. } => "no_store",
            Self::Refused(refusal) => &refusal.code,
            Self::TokenNeeded { .. } => "unauthorized",
            Self::Unreachable { .. } => "server_unreachable",
            Self::Foreign { .. } => "server_unknown",
            Self::Token(_) => "token_unusable",
            Self::Sandbox(_) => "sandbox_failed",
            Self::Io { .. } => "io_failed",
            Self::Damaged { .. } => "damaged",
        }
    }
}
