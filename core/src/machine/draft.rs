//! The events of one decision, and the campaign that they lead to.

use crate::campaign::Campaign;
use crate::envelope::Envelope;
use crate::event::{Event, EventKind};
use crate::ids::{PhaseName, Revision};
use crate::json::Digest;
use crate::time::Timestamp;

/// Events as they will stand in the log. Each is applied to a copy of the campaign, so that the next rule sees what it did.
pub(super) struct Draft {
    pub(super) campaign: Campaign,
    envelope: Envelope,
    at: Timestamp,
    events: Vec<Event>,
}

impl Draft {
    pub(super) fn after(campaign: &Campaign, envelope: &Envelope, now: Timestamp) -> Self {
        Self {
            campaign: campaign.clone(),
            envelope: envelope.clone(),
            // A log goes forward in time, whatever the clock does.
            at: now.max(campaign.changed_at),
            events: Vec::new(),
        }
    }

    /// The moment that stands in its events.
    pub(super) fn at(&self) -> Timestamp {
        self.at
    }

    pub(super) fn push(&mut self, kind: EventKind) {
        let event = Event {
            timestamp: self.at,
            envelope: self.envelope.clone(),
            kind,
        };
        // What a decision says always fits. Where a damaged campaign lets it not fit, whoever folds the events finds that out.
        let _ = self.campaign.apply(&event);
        self.events.push(event);
    }

    /// A config's revision is the number of the event that stores it, so no other config ever has it.
    pub(super) fn configure(&mut self, phase: PhaseName, digest: Digest) {
        let revision = Revision(self.campaign.version.next().0);
        self.push(EventKind::PhaseConfigured {
            phase,
            revision,
            digest,
        });
    }

    pub(super) fn events(self) -> Vec<Event> {
        self.events
    }
}
