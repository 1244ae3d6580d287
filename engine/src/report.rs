//! Reports from outside a phase's runner.

use std::sync::Arc;

use phasegate_core::storage::Output;
use phasegate_core::{Answer, BatchNumber, Envelope, LastBatch, Signal, Ticket, word_type};
use serde_json::value::RawValue;

use crate::commit::Terms;
use crate::engine::Engine;
use crate::error::EngineError;
use phasegate_core::storage::StorageError;

word_type! {
    /// The result of a report.
    pub enum Reported {
        /// It was recorded, and took effect.
        Recorded = "recorded",
        /// This outcome of this attempt was recorded before; nothing changed.
        AlreadyRecorded = "already_recorded",
        /// The ticket's attempt is not the current one; nothing changed.
        Stale = "stale",
    }
}

impl Engine {
    /// Reports how a phase ended, on behalf of its runner: an approval, a remote job.
    ///
    /// Reports may be repeated and may race: only the first report of a ticket takes effect. A completion starts the next
    /// phase in the same commit. A failure of a phase that waits for its report is a rejection, and final.
    ///
    /// # Errors
    ///
    /// [`Rejection::AnswerInvalid`](crate::Rejection::AnswerInvalid) when a summary doesn't fit the form that the phase asks for,
    /// [`Rejection::UnknownPipeline`](crate::Rejection::UnknownPipeline) for a completion where the pipeline isn't registered,
    /// [`Rejection::TooLarge`](crate::Rejection::TooLarge) or [`Rejection::TooDeep`](crate::Rejection::TooDeep) for a summary
    /// beyond its [limit](phasegate_core::limits), or [`EngineError::Storage`].
    pub async fn report(&self, ticket: &Ticket, answer: Answer) -> Result<Reported, EngineError> {
        self.report_with(ticket, answer, Vec::new(), Envelope::none())
            .await
    }

    /// Reports as [`report`](Self::report) does, with records to append in the same commit, and with who reports and why.
    ///
    /// # Errors
    ///
    /// Those of [`report`](Self::report), and [`EngineError::Storage`] for records beyond their limits.
    pub async fn report_with(
        &self,
        ticket: &Ticket,
        answer: Answer,
        records: Vec<Box<RawValue>>,
        envelope: Envelope,
    ) -> Result<Reported, EngineError> {
        let count = records.len() as u64;
        let last_batch = (count > 0).then_some(LastBatch {
            records: count,
            is_progress: true,
        });
        let signal = Signal::Report {
            ticket: ticket.clone(),
            outcome: answer.into(),
            last_batch,
            envelope,
        };
        let output = match last_batch {
            Some(_) => Some(self.last_batch(ticket, records).await?),
            None => None,
        };
        let terms = Terms {
            output,
            ..Terms::default()
        };
        let inner = Arc::clone(&self.inner);
        match inner.run_command(ticket.campaign, signal.into(), terms).await {
            Ok(receipt) if receipt.changed => Ok(Reported::Recorded),
            Ok(_) => Ok(Reported::AlreadyRecorded),
            Err(error) if error.is_gone_or_stale() => Ok(Reported::Stale),
            Err(EngineError::Storage(StorageError::StaleTicket { .. })) => Ok(Reported::Stale),
            Err(error) => Err(error),
        }
    }

    /// The records as the next batch of the run. Nobody else appends to a phase that waits for its report.
    async fn last_batch(&self, ticket: &Ticket, records: Vec<Box<RawValue>>) -> Result<Output, EngineError> {
        let storage = &self.inner.storage;
        let output = storage
            .run_output(ticket.campaign, &ticket.phase, ticket.run)
            .await?;
        let batch: BatchNumber = output.unwrap_or_default().batch.next();
        Ok(Output {
            ticket: ticket.clone(),
            batch,
            records,
            checkpoint: None,
            progress: None,
        })
    }
}
