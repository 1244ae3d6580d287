//! What the probes of the three kinds of resources share: what they are told, and how they fail.

use phasegate::{Failure, RunError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::value::{object_only, pattern, text_type};

text_type! {
    /// The name of a host: labels of letters, digits and hyphens (RFC 1123, section 2.1), the last of which begins with a
    /// letter, so that no IP address is one.
    #[derive(Debug)]
    Domain, 1 to 253 characters,
    pattern format!("^({}[.])*[A-Za-z]([A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?$", pattern::LABEL),
    "a host name: labels of letters, digits and hyphens"
}

/// What a probe is told.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Probe")]
pub(crate) struct ProbeInput {
    /// The domain that the resource is tried with: a host name, without a scheme, a port or a dot at its end.
    #[schemars(title = "Domain", example = &"example.com")]
    pub(crate) domain: Domain,
}

object_only!(ProbeInput);

/// Reads a document and what its probe is told.
pub(crate) fn read<'a, T: Deserialize<'a>>(
    document: &'a Value,
    input: &Value,
) -> Result<(T, String), Failure> {
    let resource = T::deserialize(document).map_err(|error| {
        Failure::new(
            "resource_unreadable",
            format!("the resource can't be read: {error}. Store it again"),
        )
    })?;
    // The engine has checked it under the schema of this very type.
    let input = ProbeInput::deserialize(input)
        .map_err(|error| Failure::new("input_unreadable", format!("the input can't be read: {error}")))?;
    Ok((resource, input.domain.as_str().to_owned()))
}

/// What would fail a phase fails a probe.
pub(crate) fn failure(error: impl Into<RunError>) -> Failure {
    match error.into() {
        RunError::Failed(failure) => failure,
        other => Failure::new("probe_failed", other.to_string()),
    }
}

/// A result as JSON.
pub(crate) fn answer(result: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(result).map_err(|error| Failure::new("result_unwritable", error.to_string()))
}
