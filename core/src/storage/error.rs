//! How a store fails.

use super::write::WriteRef;
use crate::error_codes;
use crate::ids::{BatchNumber, CampaignId, PhaseName, ResourceRef, Revision, Run, Ticket, Version};
use crate::measure::Excess;

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// Somebody else committed first. Read the campaign again and decide again.
    #[error("campaign {campaign} is at version {actual}, not {expected}")]
    Conflict {
        /// The campaign.
        campaign: CampaignId,
        /// The version that the commit followed.
        expected: Version,
        /// The version in force; 0 for a campaign that was never there, the number of the deletion for a deleted one.
        actual: Version,
    },
    /// A resource changed meanwhile. Gather the facts again and decide again.
    #[error("{resource} is not at the expected revision")]
    ResourceConflict {
        /// The resource.
        resource: ResourceRef,
        /// The revision in force, if the resource is there.
        actual: Option<Revision>,
    },
    /// The output of a run changed meanwhile. Gather the facts again and decide again.
    #[error("{phase} run {run} of campaign {campaign} is not at the expected batch, but at {actual}")]
    BatchConflict {
        /// The campaign.
        campaign: CampaignId,
        /// The phase.
        phase: PhaseName,
        /// The run.
        run: Run,
        /// Its latest batch.
        actual: BatchNumber,
    },
    /// The lease of the attempt that was to be taken over is not over.
    #[error("somebody works on {ticket}")]
    LeaseHeld {
        /// The attempt.
        ticket: Ticket,
    },
    /// The idempotency key was used before. Look up what for.
    #[error("the idempotency key {key:?} was used before")]
    KeyUsed {
        /// The key.
        key: String,
    },
    /// Output came from an attempt that is not the running one.
    #[error("{ticket} is not running")]
    StaleTicket {
        /// The ticket that was presented.
        ticket: Ticket,
    },
    /// A batch is not the next one of its run.
    #[error("batch {actual} of {ticket} is not the next one, {expected}")]
    BatchOutOfOrder {
        /// The ticket.
        ticket: Ticket,
        /// The number that comes next.
        expected: BatchNumber,
        /// The number that was presented.
        actual: BatchNumber,
    },
    /// A part of what was to be written is beyond its [limit](crate::limits).
    #[error(transparent)]
    Excess(#[from] Excess),
    /// A transition contradicts itself; a decision of the core never does.
    #[error("the transition of campaign {campaign} contradicts itself: {reason}")]
    Contradiction {
        /// The campaign.
        campaign: CampaignId,
        /// What doesn't fit.
        reason: &'static str,
    },
    /// A cursor was not made by this store.
    #[error("{cursor:?} is not a cursor of this store: begin without one")]
    InvalidCursor {
        /// The cursor's text.
        cursor: String,
    },
    /// A stored value is damaged: its checksum, its form, or what it refers to is wrong.
    #[error("the stored value {table}[{key}] is damaged ({reason}): restore the store from a backup")]
    Damaged {
        /// The table.
        table: &'static str,
        /// The key, readable.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// The store was written by a newer release.
    #[error("the store has format {found}, and this release reads up to {supported}: use a newer release")]
    NewerFormat {
        /// The format that was found.
        found: u32,
        /// The newest format that this release reads.
        supported: u32,
    },
    /// Another process, or another handle in this one, has the store open.
    #[error("{path} is held by another process: stop it, or work through it")]
    Held {
        /// The store.
        path: String,
    },
    /// A write may or may not have been done, and the store could not find out.
    #[error(
        "{write} failed and may or may not be there ({reason}): look it up when the store can be read again"
    )]
    OutcomeUnknown {
        /// The write, to look up its outcome by.
        write: Box<WriteRef>,
        /// What the system said.
        reason: String,
    },
    /// The store can't be reached, opened or read; nothing was written.
    #[error("the store can't be used: {reason}")]
    Unavailable {
        /// What the system said.
        reason: String,
    },
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}

// Who asks a store through an engine can do the same about several of these, so they have one code.
error_codes! {
    StorageError {
        Conflict { ; campaign, expected, actual } = "storage_failed",
        ResourceConflict { ; resource, actual } = "resource_conflict",
        BatchConflict { ; campaign, phase, run, actual } = "storage_failed",
        LeaseHeld { ; ticket } = "lease_held",
        KeyUsed { ; key } = "storage_failed",
        StaleTicket { ; ticket } = "fenced",
        BatchOutOfOrder { ; ticket, expected, actual } = "storage_failed",
        Contradiction { ; campaign, reason } = "storage_failed",
        InvalidCursor { ; cursor } = "invalid_cursor",
        Damaged { ; table, key, reason } = "damaged",
        NewerFormat { ; found, supported } = "newer_format",
        Held { ; path } = "held",
        OutcomeUnknown { write ; reason } = "outcome_unknown",
        Unavailable { ; reason } = "storage_failed",
        Closed {} = "closed",
    }
    within {
        Excess(excess) => excess.code(), excess.data(), Excess::codes();
    }
}
