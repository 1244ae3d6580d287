//! The first phase: generates the domains of a pattern, from an offset on.

mod config;
mod odometer;
mod pattern;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use phasegate::core::{PhaseDefinition, PhaseName};
use phasegate::{FieldProblem, InputChange, Phase, PhaseContext, Resources, RunError, RunOutcome};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize, Serializer};

pub use config::{CharacterSet, Config, ConstantString, PatternType, Tld};

use crate::schema;
use crate::value::MAX_SAFE;
use odometer::Odometer;
use pattern::Pattern;

/// Generates domains, offset by offset. The digits of an offset in base N are the variable parts of a label.
///
/// The pattern `both` continues the digits of the first variable part in the second, the most significant first. Without a
/// constant a label has only its variable parts.
#[derive(Clone, Copy, Debug, Default)]
pub struct DomainGeneration;

/// A generated domain.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Record {
    /// The domain, in lower case.
    pub domain: String,
    /// Its offset.
    pub offset: Offset,
}

/// The offset of a domain. In JSON it is a number up to 2^53 - 1, and beyond that a string of decimal digits, so that every
/// reader gets it exactly.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Offset(pub u64);

impl Serialize for Offset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 <= MAX_SAFE {
            serializer.serialize_u64(self.0)
        } else {
            serializer.collect_str(&self.0)
        }
    }
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// How many domains are committed.
    pub next: u64,
}

/// The summary of a completed run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// How many domains were generated.
    pub domains: u64,
    /// The first domain.
    pub first_domain: String,
    /// The last domain.
    pub last_domain: String,
    /// The capacity of the pattern: the number of its domains, in decimal digits.
    pub capacity: String,
}

#[async_trait]
impl Phase for DomainGeneration {
    type Config = Config;
    type Input = IgnoredAny;
    type Record = Record;
    type Checkpoint = Checkpoint;
    type Summary = Summary;

    fn definition(&self) -> PhaseDefinition {
        PhaseDefinition::new(
            PhaseName::new("domain_generation").expect("a valid phase name"),
            schema::of::<Config>(),
        )
        .title("Domain generation")
    }

    async fn check(&self, config: &Config, _: &Resources) -> Vec<FieldProblem> {
        Pattern::new(config).problems(config)
    }

    async fn run(&self, ctx: PhaseContext<Self>) -> Result<RunOutcome<Summary>, RunError> {
        let config = ctx.config();
        let pattern = Pattern::new(config);
        let total = config.num_domains.get();
        let start = config.offset_start.get();
        let mut next = ctx.checkpoint().map_or(0, |checkpoint| checkpoint.next);
        let mut odometer = at(&pattern, start.saturating_add(next))?;
        while next < total {
            ctx.ensure_running()?;
            let size = config.batch_size.get().min(total - next);
            let mut records = Vec::with_capacity(config.batch_size.size());
            for offset in (start + next..).take(usize::try_from(size).unwrap_or(usize::MAX)) {
                records.push(Record {
                    domain: odometer.domain(),
                    offset: Offset(offset),
                });
                odometer.advance();
            }
            next += size;
            let checkpoint = Checkpoint { next };
            if next < total {
                ctx.commit(&records, &checkpoint, next, Some(total)).await?;
            } else {
                ctx.commit_with_outcome(&records, &checkpoint, next, Some(total))
                    .await?;
            }
        }
        Ok(RunOutcome::Completed(Summary {
            domains: total,
            first_domain: at(&pattern, start)?.domain(),
            last_domain: at(&pattern, start + (total - 1))?.domain(),
            capacity: pattern.capacity().to_string(),
        }))
    }

    /// A run can continue with another batch size: its domains stay the same.
    async fn can_continue(&self, change: InputChange<'_>) -> bool {
        let without_batch_size = |config: &serde_json::Value| {
            let mut config = config.clone();
            if let Some(members) = config.as_object_mut() {
                members.remove("batch_size");
            }
            config
        };
        without_batch_size(change.old_config) == without_batch_size(change.new_config)
    }
}

fn at(pattern: &Pattern, offset: u64) -> Result<Odometer, RunError> {
    // At the end of the capacity there is no odometer, and nobody asks for a domain.
    Odometer::new(pattern, offset)
        .or_else(|| Odometer::new(pattern, 0))
        .ok_or_else(|| RunError::failed("pattern_empty", "the pattern has no domain"))
}
