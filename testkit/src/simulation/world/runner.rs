//! The pipeline of a simulated campaign, and its runners.

use async_trait::async_trait;
use phasegate::core::{PhaseDefinition, PhaseName};
use phasegate::{InputChange, PhaseRunner, Pipeline, RunContext, RunError, RunOutcome};
use serde_json::{Value, json};

use crate::simulation::rules::{can_continue, rules};
use crate::simulation::step::ConfigChoice;
use crate::stage::Stage;

pub(super) const RESOURCE: &str = "shared";

pub(super) fn phase_name(index: usize) -> String {
    format!("phase_{index}")
}

pub(super) fn pipeline(stage: &Stage, phases: usize) -> Pipeline {
    let schema = json!({
        "type": "object",
        "required": ["value"],
        "properties": {
            "value": {"type": "integer", "minimum": 0},
            "resourceId": {"type": "string", "x-phasegate-resource": "thing"}
        },
        "additionalProperties": false
    });
    let mut builder =
        Pipeline::builder("simulated").resource_kind("thing", "Thing", json!({"type": "object"}));
    for index in 0..phases {
        let name = PhaseName::new(phase_name(index)).expect("a valid phase name");
        let definition = rules(index).on(PhaseDefinition::new(name, schema.clone()));
        let runner = Simulated {
            on_stage: stage.runner(),
        };
        builder = builder.runner(definition, runner);
    }
    builder.build().expect("a valid pipeline")
}

pub(super) fn config(choice: ConfigChoice) -> Value {
    match choice {
        ConfigChoice::Valid(value) => json!({ "value": value }),
        ConfigChoice::WithResource(value) => json!({ "value": value, "resourceId": RESOURCE }),
        ConfigChoice::Invalid => json!({ "value": -1 }),
    }
}

/// A runner that plays on the stage, and continues with some configs.
struct Simulated<R> {
    on_stage: R,
}

#[async_trait]
impl<R: PhaseRunner> PhaseRunner for Simulated<R> {
    async fn run(&self, ctx: RunContext) -> Result<RunOutcome, RunError> {
        self.on_stage.run(ctx).await
    }

    async fn can_continue(&self, change: InputChange<'_>) -> bool {
        let value = change.new_config["value"]
            .as_u64()
            .and_then(|value| u8::try_from(value).ok());
        value.is_some_and(|value| can_continue(ConfigChoice::Valid(value)))
    }
}
