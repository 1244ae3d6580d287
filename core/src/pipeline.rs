//! The definition of a pipeline.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::ids::{PhaseName, PipelineId, ResourceKind};
use crate::options::{OnSkip, PhaseOptions};
use crate::retry::RetryPolicy;

/// A pipeline as data, its manifest: its phases in the order they run, and the kinds of resources that their configs may refer to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Pipeline", title = "Pipeline")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PipelineDefinition {
    /// The id that campaigns pin.
    #[cfg_attr(feature = "schema", schemars(title = "Id", example = &"lead_generation"))]
    pub id: PipelineId,
    /// What a person calls it.
    #[cfg_attr(feature = "schema", schemars(title = "Title"))]
    #[serde(default)]
    pub title: String,
    /// The phases in the order they run.
    #[cfg_attr(feature = "schema", schemars(title = "Phases", length(min = 1, max = crate::limits::MAX_PHASES)))]
    pub phases: Vec<PhaseDefinition>,
    /// The kinds of resources that configs may refer to.
    #[cfg_attr(feature = "schema", schemars(title = "Resource kinds"))]
    #[serde(default)]
    pub resource_kinds: Vec<ResourceKindDefinition>,
}

/// One phase of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PhaseDefinition {
    /// Its name, unique in the pipeline.
    #[cfg_attr(feature = "schema", schemars(title = "Name", example = &"domain_generation"))]
    pub name: PhaseName,
    /// What a person calls it.
    #[cfg_attr(feature = "schema", schemars(title = "Title"))]
    #[serde(default)]
    pub title: String,
    /// The JSON Schema (draft 2020-12) of its config. A string member with `"x-phasegate-resource": KIND` holds the id of a
    /// resource of that kind; the pipeline must have the kind.
    #[cfg_attr(feature = "schema", schemars(title = "Config schema", with = "AnySchema"))]
    pub config_schema: Value,
    /// The JSON Schema (draft 2020-12) of its records, for whoever reads them. The engine checks no record.
    #[cfg_attr(feature = "schema", schemars(title = "Record schema", with = "AnySchema"))]
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub record_schema: Option<Value>,
    /// How long the work of one attempt may take, in milliseconds. Then the phase fails with the code `timed_out`.
    ///
    /// The time begins when the attempt's turn comes, and ends when it defers its outcome: an approval may take days, and has a
    /// deadline of its own.
    #[cfg_attr(feature = "schema", schemars(title = "Timeout in ms"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// When its failures are tried again, unless a campaign has a policy of its own. Without one there is no retry.
    #[cfg_attr(feature = "schema", schemars(title = "Retry"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPolicy>,
    /// How many recoveries in a row are counted without progress before the run fails with the code `crash_loop`; 5 if it isn't said.
    #[cfg_attr(feature = "schema", schemars(title = "Most recoveries"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_recoveries: Option<u32>,
    /// Whether it may be skipped, and what the phase after it reads then.
    #[cfg_attr(feature = "schema", schemars(title = "On skip"))]
    #[serde(default)]
    pub on_skip: OnSkip,
}

impl PhaseDefinition {
    /// A phase without a title, of which nothing else is said.
    pub fn new(name: PhaseName, config_schema: Value) -> Self {
        Self {
            name,
            title: String::new(),
            config_schema,
            record_schema: None,
            timeout_ms: None,
            retry: None,
            max_recoveries: None,
            on_skip: OnSkip::default(),
        }
    }

    /// Sets what a person calls it.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Sets the JSON Schema of its records.
    #[must_use]
    pub fn record_schema(mut self, schema: Value) -> Self {
        self.record_schema = Some(schema);
        self
    }

    /// Sets how long the work of one attempt may take, to the millisecond.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout_ms = Some(timeout.as_millis().try_into().unwrap_or(u64::MAX));
        self
    }

    /// Sets when its failures are tried again.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// Sets how many recoveries in a row are counted without progress before the run fails.
    #[must_use]
    pub const fn max_recoveries(mut self, recoveries: u32) -> Self {
        self.max_recoveries = Some(recoveries);
        self
    }

    /// Sets whether it may be skipped.
    #[must_use]
    pub const fn on_skip(mut self, on_skip: OnSkip) -> Self {
        self.on_skip = on_skip;
        self
    }

    /// What the machine heeds of it.
    pub fn options(&self) -> PhaseOptions {
        PhaseOptions {
            retry: self.retry.clone(),
            max_recoveries: self.max_recoveries,
            on_skip: self.on_skip,
        }
    }
}

/// One kind of resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ResourceKind")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceKindDefinition {
    /// The kind, unique in the pipeline.
    #[cfg_attr(feature = "schema", schemars(title = "Kind", example = &"dns_persona"))]
    pub kind: ResourceKind,
    /// What a person calls it.
    #[cfg_attr(feature = "schema", schemars(title = "Title"))]
    #[serde(default)]
    pub title: String,
    /// The JSON Schema (draft 2020-12) of its documents. A document with `"enabled": false` is disabled: a config that refers to
    /// it has a problem.
    #[cfg_attr(feature = "schema", schemars(title = "Schema", with = "AnySchema"))]
    pub schema: Value,
    /// The JSON Schema (draft 2020-12) of the input of a probe of such a resource. A kind without a probe has none.
    #[cfg_attr(feature = "schema", schemars(title = "Probe schema", with = "AnySchema"))]
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub probe_schema: Option<Value>,
}

/// The schema of a schema, as far as a manifest says.
#[cfg(feature = "schema")]
struct AnySchema;

#[cfg(feature = "schema")]
impl schemars::JsonSchema for AnySchema {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AnySchema".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["object", "boolean"] })
    }
}

/// Reads an optional schema. A `null` is a schema, and an invalid one; only an absent member stands for `None`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
