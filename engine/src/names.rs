//! Phases in a line of the log.

use phasegate_core::PhaseName;

pub(crate) fn names(phases: &[PhaseName]) -> String {
    phases
        .iter()
        .map(PhaseName::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}
