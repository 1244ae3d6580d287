//! The check of every remaining phase, as a report.

use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::PhaseName;
use crate::problem::{Problem, Problems};

/// What preflight found for one phase.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct PhasePreflight {
    /// The phase.
    pub phase: PhaseName,
    /// Whether a config is stored for it.
    pub configured: bool,
    /// The problems of that config; empty without a config.
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
    /// Makes a report of these phases, given in pipeline order.
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

    /// Every problem in pipeline order. A phase without a config has the one problem `config_missing`.
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

/// The JSON of a report.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reported {
    missing_phases: Vec<PhaseName>,
    errors: Vec<Problem>,
    total_errors: usize,
}

impl<'de> Deserialize<'de> for PreflightReport {
    /// Reads the phases that are not ready. The JSON doesn't name the ready ones.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Reported {
            missing_phases,
            errors,
            total_errors,
        } = Reported::deserialize(deserializer)?;
        let mut unlisted = total_errors.saturating_sub(errors.len());
        let last = missing_phases.len().saturating_sub(1);
        let phases = missing_phases.into_iter().enumerate().map(|(index, phase)| {
            let (missing, listed): (Vec<_>, Vec<_>) = errors
                .iter()
                .filter(|problem| problem.phase == phase)
                .cloned()
                .partition(|problem| problem.keyword == "config_missing");
            let configured = missing.is_empty();
            // A phase that isn't ready has an error, also where the list was cut before it.
            let more = match (index == last, configured && listed.is_empty()) {
                (true, silent) => unlisted.max(usize::from(silent)),
                (false, silent) => usize::from(silent),
            };
            unlisted = unlisted.saturating_sub(more);
            PhasePreflight {
                phase,
                configured,
                problems: Problems::with_unlisted(listed, more),
            }
        });
        Ok(Self::new(phases.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn report(count: usize) -> PreflightReport {
        let phase = |name: &str, configured, problems: Problems| PhasePreflight {
            phase: PhaseName::new(name).expect("a valid name"),
            configured,
            problems,
        };
        let wrong = |name: &str, count| {
            let name = PhaseName::new(name).expect("a valid name");
            (0..count)
                .map(|index| Problem::new(name.clone(), format!("/{index}"), "type", "it is wrong"))
                .collect()
        };
        PreflightReport::new(vec![
            phase("collect", true, Problems::none()),
            phase("sort", false, Problems::none()),
            phase("count", true, wrong("count", count)),
            phase("send", true, wrong("send", 2)),
        ])
    }

    #[test]
    fn a_report_that_was_written_and_read_says_the_same() {
        for count in [1, 2, 99, 100, 300] {
            let written: Value = serde_json::to_value(report(count)).expect("it is JSON");
            let read: PreflightReport = serde_json::from_value(written.clone()).expect("it is a report");
            assert_eq!(
                serde_json::to_value(&read).expect("it is JSON"),
                written,
                "{count}"
            );
        }
        let clean = json!({"ready": true, "missingPhases": [], "errors": [], "totalErrors": 0});
        let read: PreflightReport = serde_json::from_value(clean).expect("it is a report");
        assert!(read.is_ready());
    }
}
