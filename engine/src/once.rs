//! Work that is done once for its idempotency key, beside the commands of campaigns.

use std::future::Future;
use std::sync::Arc;

use phasegate_core::storage::{IdempotencyEntry, IdempotencyKey, StorageError};
use phasegate_core::{Digest, Part};
use serde_json::{Value, json};
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::state::EngineState;

impl Engine {
    /// Does `work` once for `key`. The same key and request give the same outcome again.
    ///
    /// The outcome is durable on return, and kept as long as every idempotency key. A second caller in this process waits while
    /// the work is done. The work itself is done at least once: after a crash, or in another process on the same store, it may
    /// be done again; then one outcome is kept and given to all. Failed work is not remembered.
    ///
    /// The key is in the store's own scope, as the keys of creations are.
    ///
    /// # Errors
    ///
    /// [`EngineError::KeyReused`] when the key was used for another request, or for a creation; the errors of `work`;
    /// [`EngineError::ShutDown`] once a shutdown has begun. [`EngineError::Storage`] when the outcome is
    /// beyond its [limit](phasegate_core::limits), or the request is too deep. A storage error may come after the work was done.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future doesn't end the work: it is finished and remembered. A shutdown waits for it for the
    /// [grace period](crate::EngineBuilder::cancellation_grace), as it does for a runner; then the work is dropped and not
    /// remembered.
    pub async fn once(
        &self,
        key: IdempotencyKey,
        request: &Value,
        work: impl Future<Output = Result<Value, EngineError>> + Send + 'static,
    ) -> Result<Value, EngineError> {
        Part::Request.measure(request)?;
        // No command has this form, so a creation with the same key counts as another request.
        let digest = Digest::of(&json!({ "once": request }));
        let inner = Arc::clone(&self.inner);
        self.inner
            .detached(async move {
                let place = inner.keys_at_work.join(&key);
                let _turn = place.turn.lock().await;
                if let Some(outcome) = inner.remembered(&key, &digest).await? {
                    return Ok(outcome);
                }
                if inner.shutdown.is_cancelled() {
                    return Err(EngineError::ShutDown);
                }
                let outcome = inner.work_within_grace(work).await?;
                inner.remember(&key, &digest, outcome).await
            })
            .await
    }
}

impl EngineState {
    /// The outcome that a key of the store is remembered with.
    async fn remembered(&self, key: &IdempotencyKey, digest: &Digest) -> Result<Option<Value>, EngineError> {
        match self.storage.idempotency(None, key).await? {
            Some(entry) if entry.command == *digest => Ok(Some(entry.outcome)),
            Some(_) => Err(EngineError::KeyReused { key: key.to_string() }),
            None => Ok(None),
        }
    }

    /// Does `work` to its end, unless a shutdown begins and it outstays the grace period.
    async fn work_within_grace(
        &self,
        work: impl Future<Output = Result<Value, EngineError>> + Send + 'static,
    ) -> Result<Value, EngineError> {
        // A shutdown must not wait for this task: work that blocks its thread can't be dropped.
        let mut task = AbortOnDropHandle::new(self.handle.spawn(work));
        let grace_over = async {
            self.shutdown.cancelled().await;
            tokio::time::sleep(self.grace).await;
        };
        let ended = tokio::select! {
            biased;
            ended = &mut task => ended,
            () = grace_over => {
                let grace_s = self.grace.as_secs_f64();
                tracing::warn!(grace_s, "keyed work outstayed a shutdown and was dropped");
                return Err(EngineError::ShutDown);
            }
        };
        match ended.map_err(JoinError::try_into_panic) {
            Ok(outcome) => outcome,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // The runtime is going down.
            Err(Err(_)) => Err(EngineError::ShutDown),
        }
    }

    /// Remembers an outcome, and gives the outcome that is kept: a twin's if the twin was quicker.
    async fn remember(
        &self,
        key: &IdempotencyKey,
        digest: &Digest,
        outcome: Value,
    ) -> Result<Value, EngineError> {
        loop {
            let entry = IdempotencyEntry {
                key: key.clone(),
                campaign: None,
                command: *digest,
                outcome: outcome.clone(),
                expires_at: self.key_expiry(self.storage.now().await?),
            };
            match self.storage.remember(entry).await {
                Ok(()) => return Ok(outcome),
                Err(StorageError::KeyUsed { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            if let Some(twin) = self.remembered(key, digest).await? {
                return Ok(twin);
            }
            // The twin's outcome has expired by now.
        }
    }
}
