//! The check of every remaining phase, as a report.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::PhaseName;
#[cfg(feature = "schema")]
use crate::limits::MAX_PROBLEMS;
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

/// The check of every remaining phase, in pipeline order.
///
/// In JSON it is `{ready, missingPhases, errors, totalErrors}`, where a phase without a config counts as one error
/// with the keyword `config_missing`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Preflight")
)]
#[serde(into = "ReportJson", from = "ReportJson")]
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

/// The JSON of a report.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct ReportJson {
    /// Whether every phase could start.
    #[serde(default)]
    ready: bool,
    /// The phases whose config is missing or invalid, in pipeline order.
    missing_phases: Vec<PhaseName>,
    /// What is wrong, at most 100 of it; a phase without a config has one error, `config_missing`.
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_PROBLEMS)))]
    errors: Vec<Problem>,
    /// How many errors there are in all.
    total_errors: usize,
}

impl From<PreflightReport> for ReportJson {
    fn from(report: PreflightReport) -> Self {
        let problems = report.problems();
        Self {
            ready: report.is_ready(),
            missing_phases: report.missing_phases(),
            errors: problems.items().to_vec(),
            total_errors: problems.total(),
        }
    }
}

impl From<ReportJson> for PreflightReport {
    /// Takes the phases that are not ready. The JSON doesn't name the ready ones.
    fn from(report: ReportJson) -> Self {
        let ReportJson {
            ready: _,
            missing_phases,
            errors,
            total_errors,
        } = report;
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
        Self::new(phases.collect())
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
