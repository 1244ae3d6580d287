//! The errors of commands.

use std::path::PathBuf;

use phasegate::core::PreflightReport;
use phasegate::storage::StorageError;
use phasegate::{EngineError, Rejection};
use phasegate_sandbox::SandboxError;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::plan::PlanError;
use crate::remote::Refused;
use crate::render::tables;

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
    /// Preflight found configs missing or invalid; nothing was started.
    #[error("nothing was started, since configs are missing or invalid")]
    Preflight {
        /// Every problem.
        report: PreflightReport,
    },
    /// The engine refused or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A server refused or failed, with an error that has no table.
    #[error("{}", .0.detail)]
    Refused(Refused),
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

impl CliError {
    /// Describes an I/O error by what failed.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |reason| Self::Io { what, reason }
    }

    /// The standard output can't be written.
    pub fn output(reason: std::io::Error) -> Self {
        Self::io("the standard output can't be written")(reason)
    }

    /// The report to show as a table, if preflight refused the command.
    pub fn preflight(&self) -> Option<PreflightReport> {
        match self {
            Self::Preflight { report } => Some(report.clone()),
            Self::Engine(EngineError::Rejected(rejection)) => match &**rejection {
                Rejection::PreflightFailed { report } => Some(report.clone()),
                _ => None,
            },
            _ => None,
        }
    }

    /// Every problem as a table, if there may be several.
    pub fn table(&self) -> Option<String> {
        if let Some(report) = self.preflight() {
            return Some(tables::preflight(&report));
        }
        match self {
            Self::Engine(EngineError::Rejected(rejection)) => match &**rejection {
                Rejection::ConfigInvalid { problems } => Some(tables::problems(problems)),
                _ => None,
            },
            Self::Engine(EngineError::ResourceInvalid { resource, problems }) => {
                let rows = problems
                    .iter()
                    .map(|one| [resource.to_string(), one.pointer.clone(), one.message.clone()]);
                Some(tables::rows_of_problems("Resource", rows))
            }
            _ => None,
        }
    }

    /// The error in a sentence, to be printed below [its table](Self::table), if it has one.
    pub fn sentence(&self) -> String {
        if let Some(report) = self.preflight() {
            let missing: Vec<_> = report.missing_phases().iter().map(ToString::to_string).collect();
            return format!(
                "nothing was started, since a valid config is missing for {}: mend what the table names, then try again",
                missing.join(", ")
            );
        }
        match self {
            Self::Engine(EngineError::Rejected(rejection))
                if matches!(**rejection, Rejection::ConfigInvalid { .. }) =>
            {
                "the config is wrong, so nothing was changed: mend what the table names, then try again"
                    .to_owned()
            }
            Self::Engine(EngineError::ResourceInvalid { resource, .. }) => {
                format!(
                    "{resource} is wrong, so nothing was stored: mend what the table names, then try again"
                )
            }
            other => other.to_string(),
        }
    }

    /// The exit code for it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Plan(_) | Self::Usage(_) | Self::NoStore { .. } | Self::TokenNeeded { .. } => Exit::Usage,
            Self::Preflight { .. } => Exit::Refused,
            Self::Engine(EngineError::Rejected(rejection)) => match **rejection {
                Rejection::PreflightFailed { .. } | Rejection::ConfigInvalid { .. } => Exit::Refused,
                _ => Exit::Usage,
            },
            Self::Engine(EngineError::Storage(
                StorageError::Excess(_) | StorageError::InvalidCursor { .. },
            )) => Exit::Usage,
            Self::Engine(EngineError::Storage(_) | EngineError::ShutDown) => Exit::Unexpected,
            Self::Engine(_) => Exit::Usage,
            Self::Refused(refused) if !refused.failed => Exit::Usage,
            Self::Refused(_) | Self::Unreachable { .. } | Self::Foreign { .. } => Exit::Unexpected,
            Self::Token(_) | Self::Sandbox(_) | Self::Io { .. } | Self::Damaged { .. } => Exit::Unexpected,
        }
    }

    /// The error as one JSON object, for `--json`.
    pub fn to_json(&self) -> Value {
        let mut object = match self {
            Self::Engine(EngineError::Rejected(rejection)) => {
                serde_json::to_value(&**rejection).unwrap_or_else(|_| json!({}))
            }
            Self::Refused(refused) => Value::Object(refused.members.clone()),
            _ => json!({}),
        };
        if let Some(report) = self.preflight() {
            object = serde_json::to_value(&report).unwrap_or_else(|_| json!({}));
        }
        object["type"] = json!("error");
        object["code"] = json!(self.code());
        object["message"] = json!(self.sentence());
        object["exitCode"] = json!(self.exit().code());
        object
    }

    fn code(&self) -> &str {
        match self {
            Self::Plan(_) => "plan_invalid",
            Self::Usage(_) => "usage",
            Self::NoStore { .. } => "no_store",
            Self::Preflight { .. } => "preflight_failed",
            Self::Engine(error) => error.code(),
            Self::Refused(refused) => &refused.code,
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
