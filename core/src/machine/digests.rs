//! The check of proposed configs against their facts.

use serde_json::Value;

use crate::ids::PhaseName;
use crate::json::Digest;
use crate::known::Known;
use crate::measure::Part;
use crate::problem::{Problem, Problems};
use crate::rejection::Rejection;

/// Checks proposed configs against their facts and sizes, and digests them.
///
/// All problems of all configs are reported together, those of the `refused` configs included. A single refused config keeps
/// its own rejection if nothing else is wrong.
pub(super) fn digest_configs(
    configs: Vec<(&PhaseName, &Value)>,
    known: &Known<'_>,
    mut refused: Vec<(PhaseName, Rejection)>,
) -> Result<Vec<(PhaseName, Digest)>, Rejection> {
    let mut digests = Vec::new();
    let mut problems = Problems::none();
    for (phase, config) in configs {
        if let Err(excess) = Part::Config(phase).measure(config) {
            refused.push((phase.clone(), excess.into()));
            continue;
        }
        digests.push((phase.clone(), Digest::of(config)));
        problems.append(known.proposed(phase));
    }
    match refused.len() {
        0 if problems.is_empty() => Ok(digests),
        1 if problems.is_empty() => Err(refused.remove(0).1),
        _ => {
            let as_problem =
                |(phase, why): (PhaseName, Rejection)| Problem::new(phase, "", why.code(), why.to_string());
            problems.append(refused.into_iter().map(as_problem).collect());
            Err(Rejection::ConfigInvalid { problems })
        }
    }
}
