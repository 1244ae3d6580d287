//! The shared parts of the probes of the three kinds of resources: their input and their failures.

use phasegate::{Failure, RunError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::value::{object_only, pattern, text_type};

text_type! {
    /// The name of a host: labels of letters, digits and hyphens (RFC 1123, section 2.1). The last label begins with a letter, so
    /// an IP address is not a name.
    #[derive(Debug)]
    Domain, 1 to 253 characters,
    pattern format!("^({}[.])*[A-Za-z]([A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?$", pattern::LABEL),
    "a domain: labels of letters, digits and hyphens, joined by dots, without http:// and a path",
    with {"x-phasegate-domain": true}
}

/// The input of a probe.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Probe")]
pub(crate) struct ProbeInput {
    /// The domain to try the resource with: a host name without a scheme, a port or a dot at the end.
    #[schemars(title = "Domain", example = &"example.com")]
    pub(crate) domain: Domain,
}

object_only!(ProbeInput);

/// Reads a document and the input of its probe.
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
    // The engine has checked it under the schema of this type.
    let input = ProbeInput::deserialize(input)
        .map_err(|error| Failure::new("input_unreadable", format!("the input can't be read: {error}")))?;
    Ok((resource, input.domain.as_str().to_owned()))
}

/// The failure of a probe, from an error that would fail a phase.
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
