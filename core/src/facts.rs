//! The facts that a decision needs beside the campaign itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::campaign::Campaign;
use crate::ids::{BatchNumber, PhaseName, ResourcePin, Revision};
use crate::options::PhaseOptions;
use crate::problem::Problems;
use crate::storage::RunOutput;

/// How the registered pipeline compares with the pipeline that the campaign pins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PipelineMatch {
    /// It has the same phases in the same order.
    Same,
    /// It has another phase list.
    Changed,
    /// The host registered no pipeline of that id.
    Unknown,
}

/// A phase of the registered pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisteredPhase {
    /// Its name.
    pub name: PhaseName,
    /// What the pipeline says of it.
    pub options: PhaseOptions,
}

/// The result of checking one config by its schema, its resources and the runner's own check.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ConfigFacts {
    /// The checked revision; `None` for a proposed config.
    pub revision: Option<Revision>,
    /// What is wrong with it.
    pub problems: Problems,
    /// The resources it refers to, with the revisions that the check saw.
    pub resources: Vec<ResourcePin>,
}

/// How far the durable output of the run at the position has come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct OutputFacts {
    /// Its latest batch.
    pub batch: BatchNumber,
    /// Its latest batch that was progress: it had records, or another checkpoint.
    pub progress: BatchNumber,
    /// How many records it has.
    pub records: u64,
}

impl From<&RunOutput> for OutputFacts {
    fn from(output: &RunOutput) -> Self {
        Self {
            batch: output.batch,
            progress: output.progress_batch,
            records: output.records,
        }
    }
}

/// The facts of one moment. The commit of a decision fails unless they still hold.
///
/// An absent fact never opens a gate: a stored config that was not checked is a problem. [`needs`](crate::needs) says which
/// facts a decision still lacks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The phases of the registered pipeline, in order; `None` where the host registered none of that id.
    pub pipeline: Option<Arc<[RegisteredPhase]>>,
    /// The check of each stored config that the decision may need.
    pub stored: BTreeMap<PhaseName, ConfigFacts>,
    /// The check of each config that a command brings.
    pub proposed: BTreeMap<PhaseName, ConfigFacts>,
    /// What is wrong with the form that a deferral brings.
    pub form: Option<Problems>,
    /// What is wrong with the reported summary under the form of its phase.
    pub answer: Option<Problems>,
    /// Whether the runner can continue the run at the position from its checkpoint although its config or resources
    /// changed. The runner is asked only after such a change.
    pub can_continue: Option<bool>,
    /// How far the run at the position has come.
    pub output: Option<OutputFacts>,
    /// Whether the lease of the attempt that is to be recovered was released in order.
    pub released: Option<bool>,
}

impl Facts {
    /// The facts about a registered pipeline before anything else is known.
    pub fn of_pipeline(phases: Arc<[RegisteredPhase]>) -> Self {
        Self {
            pipeline: Some(phases),
            ..Self::default()
        }
    }

    /// The facts where the campaign's pipeline is registered as it is pinned, and says nothing of its phases.
    pub fn as_pinned(campaign: &Campaign) -> Self {
        let phases = campaign.phases.iter().map(|slot| RegisteredPhase {
            name: slot.phase.clone(),
            options: PhaseOptions::default(),
        });
        Self::of_pipeline(phases.collect())
    }

    /// How the registered pipeline compares with the one that `campaign` pins.
    pub fn pipeline_match(&self, campaign: &Campaign) -> PipelineMatch {
        match &self.pipeline {
            None => PipelineMatch::Unknown,
            Some(phases)
                if phases
                    .iter()
                    .map(|phase| &phase.name)
                    .eq(campaign.phases.iter().map(|slot| &slot.phase)) =>
            {
                PipelineMatch::Same
            }
            Some(_) => PipelineMatch::Changed,
        }
    }

    /// What the registered pipeline says of a phase; `None` for a phase it doesn't have.
    pub fn options(&self, phase: &PhaseName) -> Option<&PhaseOptions> {
        let phases = self.pipeline.as_ref()?;
        phases
            .iter()
            .find(|registered| registered.name == *phase)
            .map(|registered| &registered.options)
    }
}

/// The facts that a decision still lacks.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Needs {
    /// The check of the stored configs of these phases.
    pub stored: BTreeSet<PhaseName>,
    /// The check of the configs that the command brings for these phases.
    pub proposed: BTreeSet<PhaseName>,
    /// The check of the form that a deferral brings.
    pub form: bool,
    /// The check of the reported summary under the form of its phase.
    pub answer: bool,
    /// The runner's word on whether it can continue.
    pub can_continue: bool,
    /// How far the run at the position has come. A commit of the decision expects its latest batch.
    pub output: bool,
    /// Whether the lease was released in order.
    pub released: bool,
}

impl Needs {
    /// Whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
