//! The check of every remaining phase, as a report.

use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::ids::PhaseName;
use crate::problem::{Problem, Problems};

/// What preflight found for one phase.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct PhasePreflight {
    /// The phase.
    pub phase: PhaseName,
    /// Whether a config is stored for it.
    pub configured: bool,
    /// What is wrong with that config; empty when there is none.
    pub problems: Problems,
}

impl PhasePreflight {
    /// Whether the phase could start.
    pub fn is_clean(&self) -> bool {
        self.configured && self.problems.is_empty()
    }
}

/// The check of the remaining phases of a campaign, in pipeline order.
///
/// In JSON it is `{ready, missingPhases, errors, totalErrors}`, where a phase without a config counts as one error
/// with the keyword `config_missing`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PreflightReport {
    phases: Vec<PhasePreflight>,
}

impl PreflightReport {
    /// Makes a report of phases that stand in pipeline order.
    pub fn new(phases: Vec<PhasePreflight>) -> Self {
        Self { phases }
    }

    /// Every phase that was checked, in pipeline order.
    pub fn phases(&self) -> &[PhasePreflight] {
        &self.phases
    }

    /// Whether every checked phase could start.
    pub fn is_ready(&self) -> bool {
        self.phases.iter().all(PhasePreflight::is_clean)
    }

    /// The phases whose config is missing or invalid, in pipeline order.
    pub fn missing_phases(&self) -> Vec<PhaseName> {
        self.phases
            .iter()
            .filter(|phase| !phase.is_clean())
            .map(|phase| phase.phase.clone())
            .collect()
    }

    /// Every problem in pipeline order; a phase without a config has one, `config_missing`.
    pub fn problems(&self) -> Problems {
        let mut all = Problems::none();
        for phase in &self.phases {
            if !phase.configured {
                all.push(Problem::config_missing(phase.phase.clone()));
            }
            all.append(phase.problems.clone());
        }
        all
    }
}

impl fmt::Display for PreflightReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_ready() {
            f.write_str("every phase is ready")
        } else {
            self.problems().fmt(f)
        }
    }
}

impl Serialize for PreflightReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let problems = self.problems();
        let mut report = serializer.serialize_struct("PreflightReport", 4)?;
        report.serialize_field("ready", &self.is_ready())?;
        report.serialize_field("missingPhases", &self.missing_phases())?;
        report.serialize_field("errors", problems.items())?;
        report.serialize_field("totalErrors", &problems.total())?;
        report.end()
    }
}
