//! A refusal, in the same words and with the same data from an engine in this process and from a server.

use phasegate::core::Problems;
use phasegate::storage::StorageError;
use phasegate::{EngineError, FieldProblem, PreflightReport};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::exit::Exit;
use crate::render::tables;

/// Why a store didn't do what it was asked.
#[derive(Debug)]
pub struct Refusal {
    /// The stable word for a program.
    pub code: String,
    /// The sentence for a person.
    pub sentence: String,
    /// Whether the store failed. Otherwise the request was wrong, or didn't fit.
    failed: bool,
    /// Its data for a program.
    members: Map<String, Value>,
    listed: Listed,
}

/// What is shown as a table.
#[derive(Debug)]
enum Listed {
    Nothing,
    Preflight(PreflightReport),
    Configs(Problems),
    Resource(String, Vec<FieldProblem>),
}

impl Refusal {
    /// Preflight found configs missing or invalid.
    pub fn of_preflight(report: PreflightReport) -> Self {
        let missing: Vec<_> = report.missing_phases().iter().map(ToString::to_string).collect();
        Self {
            code: "preflight_failed".to_owned(),
            sentence: format!(
                "nothing was started, since a valid config is missing for {}: mend what the table names, then try again",
                missing.join(", ")
            ),
            failed: false,
            members: object(&report),
            listed: Listed::Preflight(report),
        }
    }

    fn of_configs(problems: Problems) -> Self {
        Self {
            code: "config_invalid".to_owned(),
            sentence:
                "the config is wrong, so nothing was changed: mend what the table names, then try again"
                    .to_owned(),
            failed: false,
            members: object(&json!({ "problems": problems })),
            listed: Listed::Configs(problems),
        }
    }

    /// The refusal of a problem document, which is the answer of a server.
    pub fn of_problem(mut problem: Map<String, Value>, failed: bool) -> Self {
        let code = match problem.remove("code") {
            Some(Value::String(code)) => code,
            _ => "unknown".to_owned(),
        };
        match code.as_str() {
            "preflight_failed" => {
                if let Ok(report) = PreflightReport::deserialize(Value::Object(problem.clone())) {
                    return Self::of_preflight(report);
                }
            }
            "config_invalid" => {
                let listed = json!({ "items": problem.get("errors"), "total": problem.get("totalErrors") });
                if let Ok(problems) = Problems::deserialize(listed) {
                    return Self::of_configs(problems);
                }
            }
            _ => {}
        }
        let sentence = match problem.remove("detail") {
            Some(Value::String(detail)) => detail,
            _ => format!("the server refused it: {code}"),
        };
        for name in ["type", "title", "status", "instance"] {
            problem.remove(name);
        }
        // An engine calls this member `status`. In a problem document that is the status of the answer.
        if let Some(state) = problem.remove("state") {
            problem.insert("status".to_owned(), state);
        }
        Self {
            code,
            sentence,
            failed,
            members: problem,
            listed: Listed::Nothing,
        }
    }

    /// Every problem as a table, if there may be several.
    pub fn table(&self) -> Option<String> {
        match &self.listed {
            Listed::Nothing => None,
            Listed::Preflight(report) => Some(tables::preflight(report)),
            Listed::Configs(problems) => Some(tables::problems(problems)),
            Listed::Resource(resource, problems) => {
                let rows = problems
                    .iter()
                    .map(|one| [resource.clone(), one.pointer.clone(), one.message.clone()]);
                Some(tables::rows_of_problems("Resource", rows))
            }
        }
    }

    /// Its data as an object.
    pub fn members(&self) -> Value {
        Value::Object(self.members.clone())
    }

    /// The exit code for it.
    pub fn exit(&self) -> Exit {
        match (&self.listed, self.failed) {
            (Listed::Preflight(_) | Listed::Configs(_), _) => Exit::Refused,
            (_, true) => Exit::Unexpected,
            (_, false) => Exit::Usage,
        }
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        use phasegate::Rejection::{ConfigInvalid, PreflightFailed};
        match error.rejection() {
            Some(PreflightFailed { report }) => return Self::of_preflight(report.clone()),
            Some(ConfigInvalid { problems }) => return Self::of_configs(problems.clone()),
            _ => {}
        }
        let failed = match &error {
            EngineError::Storage(StorageError::Excess(_) | StorageError::InvalidCursor { .. }) => false,
            EngineError::Storage(_) | EngineError::ShutDown => true,
            _ => false,
        };
        let (sentence, listed) = match &error {
            EngineError::ResourceInvalid { resource, problems } => (
                format!(
                    "{resource} is wrong, so nothing was stored: mend what the table names, then try again"
                ),
                Listed::Resource(resource.to_string(), problems.clone()),
            ),
            other => (other.to_string(), Listed::Nothing),
        };
        Self {
            code: error.code().to_owned(),
            sentence,
            failed,
            members: error.data(),
            listed,
        }
    }
}

fn object(value: &impl serde::Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}
