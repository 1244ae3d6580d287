//! What a simulation is made of.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use phasegate::Pipeline;
use phasegate::core::PhaseName;
use phasegate::core::storage::Storage;
use serde_json::Value;

type Interposes = Box<dyn Fn(Arc<dyn Storage>) -> Arc<dyn Storage> + Send + Sync>;

/// What a simulation is made of.
pub(super) struct Plan {
    pub(super) pipeline: Box<dyn Fn() -> Pipeline + Send + Sync>,
    pub(super) configs: BTreeMap<PhaseName, Vec<Value>>,
    pub(super) wrong: BTreeMap<PhaseName, Vec<Value>>,
    pub(super) resources: Vec<(String, String, Value)>,
    pub(super) answers: BTreeMap<PhaseName, Value>,
    pub(super) engines: usize,
    pub(super) campaigns: usize,
    pub(super) steps: usize,
    pub(super) same_records: bool,
    pub(super) interpose: Interposes,
    pub(super) undisturbed: Mutex<BTreeMap<String, Vec<String>>>,
}

impl Plan {
    /// The records of an undisturbed run, which is made at most once for each `key`.
    pub(super) fn undisturbed(
        &self,
        key: String,
        run: impl FnOnce() -> Result<Vec<String>, String>,
    ) -> Result<Vec<String>, String> {
        let mut known = self.undisturbed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(records) = known.get(&key) {
            return Ok(records.clone());
        }
        let records = run()?;
        known.insert(key, records.clone());
        Ok(records)
    }

    /// A phase by number.
    pub(super) fn phase(&self, number: u8) -> &PhaseName {
        let number = usize::from(number) % self.configs.len();
        self.configs.keys().nth(number).expect("it is below the length")
    }

    /// One of a phase's valid configs.
    pub(super) fn config(&self, phase: &PhaseName, number: u8) -> Value {
        one_of(&self.configs[phase], number).unwrap_or_default()
    }

    /// One of a phase's wrong configs, if it has any.
    pub(super) fn wrong_config(&self, phase: &PhaseName, number: u8) -> Option<Value> {
        one_of(self.wrong.get(phase)?, number)
    }

    /// Whether a config is one of a phase's valid ones.
    pub(super) fn is_valid(&self, phase: &PhaseName, config: &Value) -> bool {
        self.configs
            .get(phase)
            .is_some_and(|configs| configs.contains(config))
    }

    /// The document of a resource, or that of the disabled one.
    pub(super) fn resource(&self, number: u8, disabled: bool) -> Option<(String, String, Value)> {
        let (kind, id, mut document) = one_of(&self.resources, number)?;
        if disabled && let Value::Object(members) = &mut document {
            members.insert("enabled".to_owned(), Value::Bool(false));
        }
        Some((kind, id, document))
    }
}

fn one_of<T: Clone>(all: &[T], number: u8) -> Option<T> {
    all.get(usize::from(number).checked_rem(all.len())?).cloned()
}
