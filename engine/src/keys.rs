//! Idempotency keys of commands: their digest, their outcome again, and their expiry.

use phasegate_core::storage::{IdempotencyEntry, IdempotencyKey, StorageError};
use phasegate_core::{CampaignId, Command, Digest, Input, Part, Timestamp};
use serde_json::Value;

use crate::commit::Receipt;
use crate::error::EngineError;
use crate::state::EngineState;

/// A key that a command carries, with the digest of the command.
pub(crate) struct UsedKey {
    key: IdempotencyKey,
    scope: Option<CampaignId>,
    digest: Digest,
}

impl UsedKey {
    /// The key of a command; `None` for an input that is none, or in which a document is nested too deeply. Such a command is
    /// refused and needs no digest.
    pub(crate) fn of(key: &IdempotencyKey, scope: Option<CampaignId>, input: &Input) -> Option<Self> {
        let Input::Command { command, .. } = input else {
            return None;
        };
        let digest = digest_of(command)?;
        Some(Self::new(key, scope, digest))
    }

    pub(crate) fn new(key: &IdempotencyKey, scope: Option<CampaignId>, digest: Digest) -> Self {
        Self {
            key: key.clone(),
            scope,
            digest,
        }
    }
}

impl EngineState {
    /// The outcome of an earlier command with the same key. The store's clock tells whether the key has expired, as it does for
    /// commits.
    pub(crate) async fn replay(&self, used: Option<&UsedKey>) -> Result<Option<Receipt>, EngineError> {
        let Some(UsedKey { key, scope, digest }) = used else {
            return Ok(None);
        };
        match self.storage.idempotency(*scope, key).await? {
            Some(entry) => {
                if entry.command != *digest {
                    return Err(EngineError::KeyReused { key: key.to_string() });
                }
                serde_json::from_value(entry.outcome).map(Some).map_err(|error| {
                    let reason = format!("its outcome can't be read: {error}");
                    StorageError::Damaged {
                        table: "idempotency",
                        key: key.to_string(),
                        reason,
                    }
                    .into()
                })
            }
            None => Ok(None),
        }
    }

    /// The answer to a refused command. If a twin with the same key was carried out between the reads of the key and of the
    /// campaign, it is the twin's outcome.
    pub(crate) async fn refused(
        &self,
        used: Option<&UsedKey>,
        refusal: EngineError,
    ) -> Result<Receipt, EngineError> {
        self.replay(used).await?.ok_or(refusal)
    }

    /// What is kept of a command with a key.
    pub(crate) fn entry(&self, used: &UsedKey, receipt: &Receipt, now: Timestamp) -> IdempotencyEntry {
        IdempotencyEntry {
            key: used.key.clone(),
            campaign: used.scope,
            command: used.digest,
            outcome: serde_json::to_value(receipt).unwrap_or_default(),
            expires_at: self.key_expiry(now),
        }
    }
}

/// The digest of a command; `None` if a document in it is nested too deeply.
fn digest_of(command: &Command) -> Option<Digest> {
    let within = match command {
        Command::Configure { configs } => configs.values().all(is_within_depth),
        Command::Restart {
            config: Some(document),
            ..
        } => is_within_depth(document),
        _ => true,
    };
    // Writing out or copying a document recurses as deeply as the document is nested.
    within.then(|| Digest::of(&serde_json::to_value(command).unwrap_or(Value::Null)))
}

pub(crate) fn is_within_depth(document: &Value) -> bool {
    Part::Request.measure(document).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use phasegate_core::PhaseName;
    use phasegate_core::limits::MAX_JSON_DEPTH;
    use serde_json::json;

    #[test]
    fn of_a_command_that_is_nested_too_deeply_no_digest_is_taken() {
        let configure = |config| Command::Configure {
            configs: [(PhaseName::new("collect").expect("a valid name"), config)].into(),
        };
        let mut deep = json!(1);
        for _ in 0..MAX_JSON_DEPTH {
            deep = json!([deep]);
        }
        assert!(digest_of(&configure(deep.clone())).is_some());
        assert!(digest_of(&configure(json!([deep]))).is_none());
    }
}
