//! A plan: a campaign as one JSON file.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use phasegate::core::limits::MAX_NAME_CHARS;
use phasegate::core::{Attributes, JsonTextError, ResourceId, ResourceKind, read_json};
use phasegate::{Mode, PhaseName, RetryPolicy};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The largest plan, in bytes.
pub const MAX_PLAN_BYTES: u64 = 32 * 1024 * 1024;

/// What `phasegate run` creates, or carries on with: a name, a mode, attributes, configs, retry policies, skips and resources. Other members are refused.
#[derive(Clone, Debug, Deserialize, PartialEq, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Phasegate plan")]
pub struct Plan {
    /// The campaign's name. An unfinished campaign of this name is carried on.
    #[serde(deserialize_with = "name")]
    #[schemars(title = "Name", length(min = 1, max = 200), example = &"lead-generation")]
    pub name: String,
    /// How the campaign advances: `step_by_step` runs one phase at a time, `full_sequence` runs them all.
    #[serde(default)]
    #[schemars(title = "Mode")]
    pub mode: Mode,
    /// Short texts by which the campaign is found again: at most 32, by keys of 1 to 64 of the characters a-z, 0-9, `_`, `.` and `-`.
    #[serde(default)]
    #[schemars(title = "Attributes")]
    pub attributes: Attributes,
    /// The campaign's own retry policies, by phase, in place of the pipeline's.
    #[serde(default)]
    #[schemars(title = "Retry", with = "BTreeMap<String, RetryPolicy>")]
    pub retry: BTreeMap<PhaseName, RetryPolicy>,
    /// The phases to skip.
    #[serde(default)]
    #[schemars(title = "Skips", with = "BTreeSet<String>")]
    pub skips: BTreeSet<PhaseName>,
    /// The config of each phase, by its name. `phasegate schema PHASE` prints its schema.
    #[serde(default)]
    #[schemars(title = "Configs", with = "BTreeMap<String, Value>")]
    pub configs: BTreeMap<PhaseName, Value>,
    /// The resources that the configs refer to, by kind and id. `phasegate schema KIND` prints their schema.
    #[serde(default)]
    #[schemars(title = "Resources", with = "BTreeMap<String, BTreeMap<String, Value>>")]
    pub resources: BTreeMap<ResourceKind, BTreeMap<ResourceId, Value>>,
}

/// Why a plan can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Its file can't be read.
    #[error("the plan {path} can't be read: {reason}")]
    Unreadable {
        /// The given path.
        path: String,
        /// The system's error.
        reason: std::io::Error,
    },
    /// It is larger than [`MAX_PLAN_BYTES`].
    #[error("the plan is larger than {MAX_PLAN_BYTES} bytes: make it smaller")]
    TooLarge,
    /// It is not JSON in UTF-8, or has two members of one name in an object.
    #[error("the plan is wrong: {reason}")]
    NotJson {
        /// What is wrong, and where.
        reason: JsonTextError,
    },
    /// It is not the JSON of a plan.
    #[error(
        "the plan is wrong: {reason}. A plan has the members name, mode, attributes, configs, retry, skips and resources; 'phasegate schema plan' describes them"
    )]
    Wrong {
        /// What is wrong, with line and column.
        reason: JsonTextError,
    },
}

impl Plan {
    /// Reads a plan from a file, or from the standard input if `path` is `-`.
    ///
    /// # Errors
    ///
    /// As [`PlanError`] says.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let unreadable = |reason| PlanError::Unreadable {
            path: path.display().to_string(),
            reason,
        };
        let mut json = Vec::new();
        let at_most = MAX_PLAN_BYTES + 1;
        if path.as_os_str() == "-" {
            std::io::stdin().take(at_most).read_to_end(&mut json)
        } else {
            let file = std::fs::File::open(path).map_err(unreadable)?;
            file.take(at_most).read_to_end(&mut json)
        }
        .map_err(unreadable)?;
        Self::from_json(&json)
    }

    /// Reads a plan from JSON text.
    ///
    /// # Errors
    ///
    /// [`PlanError::TooLarge`], [`PlanError::NotJson`] for invalid JSON or a repeated member, or [`PlanError::Wrong`] for an
    /// unknown member or a value of the wrong type.
    pub fn from_json(json: &[u8]) -> Result<Self, PlanError> {
        if json.len() as u64 > MAX_PLAN_BYTES {
            return Err(PlanError::TooLarge);
        }
        read_json(json).map_err(|reason| match reason {
            JsonTextError::Unfit { .. } => PlanError::Wrong { reason },
            reason => PlanError::NotJson { reason },
        })
    }

    /// The JSON Schema of a plan, the same as `schemas/plan.schema.json`.
    pub fn schema() -> Value {
        SchemaSettings::draft2020_12()
            .with(|settings| settings.inline_subschemas = true)
            .into_generator()
            .into_root_schema_for::<Self>()
            .to_value()
    }
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    match name.chars().count() {
        1..=MAX_NAME_CHARS => Ok(name),
        chars => Err(D::Error::custom(format!(
            "the name has {chars} characters, not 1 to {MAX_NAME_CHARS}"
        ))),
    }
}
