//! Suspects: attempts whose process ended again and again. Each is taken up alone, so that it costs nobody else anything.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use phasegate_core::storage::DueItem;
use phasegate_core::{Activity, Campaign, RunState};
use tokio::time::{Instant, sleep_until};

use crate::attempts::LocalAttempt;
use crate::error::EngineError;
use crate::state::EngineState;

/// A suspect that has worked for so long is trusted.
const TRUSTED_AFTER: Duration = Duration::from_secs(30);

/// The suspect that this engine has taken up, if it is still one.
#[derive(Default)]
pub(crate) struct Suspects {
    alone: Mutex<Option<Suspect>>,
}

#[derive(Clone)]
struct Suspect {
    attempt: Arc<LocalAttempt>,
    trusted_at: Instant,
}

impl Suspect {
    /// Waits for its first progress, for its end, or until it has worked long enough.
    async fn cleared(&self) {
        tokio::select! {
            () = self.attempt.progressed.cancelled() => {}
            () = self.attempt.ended.cancelled() => {}
            () = sleep_until(self.trusted_at) => {}
        }
    }

    fn is_cleared(&self) -> bool {
        self.attempt.progressed.is_cancelled()
            || self.attempt.ended.is_cancelled()
            || Instant::now() >= self.trusted_at
    }
}

impl Suspects {
    fn alone(&self) -> Option<Suspect> {
        let alone = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
        alone.clone().filter(|suspect| !suspect.is_cleared())
    }

    /// Whether nothing may be taken up now.
    pub(crate) fn is_alone(&self) -> bool {
        self.alone().is_some()
    }

    /// Lets nothing be taken up beside this attempt.
    pub(crate) fn leave_alone(&self, attempt: Arc<LocalAttempt>) {
        let trusted_at = Instant::now() + TRUSTED_AFTER;
        let mut alone = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
        *alone = Some(Suspect { attempt, trusted_at });
    }

    /// Waits until others may be taken up again.
    pub(crate) async fn cleared(&self) {
        if let Some(suspect) = self.alone() {
            suspect.cleared().await;
        }
    }
}

impl EngineState {
    /// Whether taking up something that is due launches a suspect: as a recovery or as a retry.
    pub(crate) async fn is_suspect(&self, item: &DueItem) -> Result<bool, EngineError> {
        let Some(campaign) = self.storage.campaign(item.campaign()).await?.campaign else {
            return Ok(false);
        };
        let (Some(run), Some(slot)) = (launched_by(item, &campaign), campaign.current()) else {
            return Ok(false);
        };
        if run.recoveries.count == 0 {
            return Ok(false);
        }
        let output = self.storage.run_output(campaign.id, &slot.phase, run.run).await?;
        Ok(run.is_suspect(output.unwrap_or_default().progress_batch))
    }
}

/// The run whose next attempt is launched when something that is due is taken up; a deadline launches none.
fn launched_by<'a>(item: &DueItem, campaign: &'a Campaign) -> Option<&'a RunState> {
    let launches = match item {
        DueItem::Attempt { ticket, .. } => campaign.working_ticket().as_ref() == Some(ticket),
        DueItem::Moment { .. } => matches!(campaign.activity, Activity::Failed { .. }),
    };
    campaign.activity.run().filter(|_| launches)
}
