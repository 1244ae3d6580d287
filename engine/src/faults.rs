//! Runs that the store has failed. That is no failure of the phase: the run stays running in the store and is taken up again from its
//! checkpoint, after a pause that grows while nothing but that happens.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use phasegate_core::storage::StorageError;
use phasegate_core::{CampaignId, PhaseName, Run, Ticket};
use tokio::time::Instant;

use crate::attempts::Reservation;
use crate::state::EngineState;

/// The pause after the first fault. Each further one without progress of the run doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);
/// A fault that is so long ago is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60 * 60);

/// The longest wait between two tries to write what must be written in the end.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How long to wait before each retry of a write: twice as long each time.
pub(crate) fn retry_waits() -> impl Iterator<Item = Duration> {
    (0..).map(|retry: u32| Duration::from_millis(100 << retry.min(20)).min(LONGEST_WAIT))
}

/// The runs that the store has failed while this engine worked on them.
#[derive(Default)]
pub(crate) struct Faults {
    by_run: Mutex<BTreeMap<(CampaignId, PhaseName, Run), Fault>>,
}

#[derive(Clone, Copy)]
struct Fault {
    in_a_row: u32,
    latest: Instant,
}

impl Faults {
    /// Counts one more; gives how many there were in a row without progress of the run.
    fn once_more(&self, ticket: &Ticket, has_progressed: bool) -> u32 {
        let mut by_run = self.by_run.lock().unwrap_or_else(PoisonError::into_inner);
        by_run.retain(|_, fault| fault.latest.elapsed() < FORGOTTEN_AFTER);
        let run = (ticket.campaign, ticket.phase.clone(), ticket.run);
        let before = by_run.get(&run).filter(|_| !has_progressed);
        let fault = Fault {
            in_a_row: before.map_or(0, |fault| fault.in_a_row).saturating_add(1),
            latest: Instant::now(),
        };
        by_run.insert(run, fault);
        fault.in_a_row
    }
}

/// How long a run is left alone after so many faults in a row.
fn pause_after(in_a_row: u32) -> Duration {
    let doubled = 1 << in_a_row.saturating_sub(1).min(16);
    FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE)
}

impl EngineState {
    /// Leaves an attempt running in the store, which has failed it. Its lease is given up after a pause, so that the run is taken up again;
    /// at once where something has come meanwhile that lets nothing be launched again.
    pub(crate) async fn leave(&self, reservation: &Reservation, error: &impl Display) {
        let (ticket, attempt) = (reservation.ticket(), &reservation.attempt);
        let in_a_row = self.faults.once_more(ticket, attempt.progressed.is_cancelled());
        let pause = pause_after(in_a_row);
        tracing::warn!(%ticket, %error, in_a_row, pause_s = pause.as_secs(), "the store has failed a run: recover() takes it up again from its checkpoint");
        attempt.left_alone(pause).await;
        self.give_up_in_the_end(ticket).await;
    }

    /// Gives up the lease of an attempt whose end is not recorded. It tries until the store has taken that: a lease that its owner doesn't
    /// give up is renewed with the others.
    pub(crate) async fn give_up_in_the_end(&self, ticket: &Ticket) {
        let mut waits = retry_waits();
        while let Err(error) = self.give_up(ticket).await {
            let (false, Some(wait)) = (error == StorageError::Closed, waits.next()) else {
                return;
            };
            tracing::warn!(%ticket, %error, retry_s = wait.as_secs_f64(), "a lease could not be given up yet");
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}
