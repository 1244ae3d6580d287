//! A pipeline of a program of its own, as `docs/testing.md` tests it: letters are written, and then posted.

use std::sync::Arc;

use async_trait::async_trait;
use phasegate::{
    Phase, PhaseContext, PhaseDefinition, PhaseName, Pipeline, PipelineError, RetryPolicy, RunError,
    RunOutcome,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A letter.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Letter {
    /// Who gets it.
    pub to: String,
    /// What it says.
    pub text: String,
}

/// Writes a letter to each name.
pub struct Write;

/// The config of [`Write`].
#[derive(Deserialize)]
pub struct WriteConfig {
    names: Vec<String>,
    greeting: String,
}

/// How many letters are in a batch.
const BATCH: usize = 2;

#[async_trait]
impl Phase for Write {
    type Config = WriteConfig;
    type Input = serde::de::IgnoredAny;
    type Record = Letter;
    type Checkpoint = usize; // how many letters are written
    type Summary = usize;

    fn definition(&self) -> PhaseDefinition {
        let config = json!({
            "type": "object",
            "properties": {
                "names": { "type": "array", "items": { "type": "string" }, "minItems": 1 },
                "greeting": { "type": "string", "minLength": 1 }
            },
            "required": ["names", "greeting"],
            "additionalProperties": false
        });
        PhaseDefinition::new(PhaseName::new("write").expect("a valid name"), config)
    }

    async fn run(&self, ctx: PhaseContext<Self>) -> Result<RunOutcome<usize>, RunError> {
        let WriteConfig { names, greeting } = ctx.config();
        let mut done = ctx.checkpoint().copied().unwrap_or(0);
        while done < names.len() {
            ctx.ensure_running()?; // a pause, a stop or a shutdown ends the attempt here
            let batch: Vec<_> = names[done..]
                .iter()
                .take(BATCH)
                .map(|name| Letter {
                    to: name.clone(),
                    text: format!("{greeting}, {name}!"),
                })
                .collect();
            done += batch.len();
            ctx.commit(&batch, &done, done as u64, Some(names.len() as u64))
                .await?;
        }
        Ok(RunOutcome::Completed(names.len()))
    }
}

/// What carries letters. A program has one that uses the network; a test has one of its own.
#[async_trait]
pub trait Carrier: Send + Sync + 'static {
    /// Posts a letter, and gives its number. The same `key` is the same letter, however often it is posted.
    async fn post(&self, key: &str, letter: &Letter) -> Result<u64, String>;
}

/// Posts each letter.
pub struct Post {
    carrier: Arc<dyn Carrier>,
}

/// A letter that is posted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Posted {
    /// Who gets it.
    pub to: String,
    /// Its number, from the carrier.
    pub number: u64,
}

#[async_trait]
impl Phase for Post {
    type Config = serde_json::Value;
    type Input = Letter;
    type Record = Posted;
    type Checkpoint = u64; // how many letters are posted
    type Summary = u64;

    fn definition(&self) -> PhaseDefinition {
        let config = json!({ "type": "object", "additionalProperties": false });
        PhaseDefinition::new(PhaseName::new("post").expect("a valid name"), config).retry(RetryPolicy::new(3))
    }

    async fn run(&self, ctx: PhaseContext<Self>) -> Result<RunOutcome<u64>, RunError> {
        let mut letters = ctx.upstream(ctx.checkpoint().copied().unwrap_or(0));
        let mut done = 0;
        while let Some((index, letter)) = letters.next().await? {
            ctx.ensure_running()?;
            // After a crash a letter is posted again: the carrier knows it by its key.
            let key = format!("{}/{index}", ctx.run_key());
            let number = self
                .carrier
                .post(&key, &letter)
                .await
                .map_err(|error| RunError::failed("not_posted", error))?;
            done = index + 1;
            let posted = Posted {
                to: letter.to,
                number,
            };
            ctx.commit(&[posted], &done, done, None).await?;
        }
        Ok(RunOutcome::Completed(done))
    }
}

/// The pipeline.
///
/// # Errors
///
/// None: its names and schemas are fixed.
pub fn pipeline(carrier: Arc<dyn Carrier>) -> Result<Pipeline, PipelineError> {
    Pipeline::builder("letters")
        .phase(Write)
        .phase(Post { carrier })
        .build()
}
