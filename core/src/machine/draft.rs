//! The events of one decision, and the campaign that they lead to.

use crate::campaign::Campaign;
use crate::envelope::Envelope;
use crate::event::{Event, EventKind};
use crate::ids::{PhaseName, Revision};
use crate::json::Digest;
use crate::time::Timestamp;

/// Events as they will stand in the log. Where a rule looks at the campaign, it sees what those before did.
pub(super) struct Draft<'a> {
    before: &'a Campaign,
    /// The campaign after the events that are applied; `None` before the first.
    after: Option<Campaign>,
    applied: usize,
    envelope: &'a Envelope,
    at: Timestamp,
    events: Vec<Event>,
}

impl<'a> Draft<'a> {
    pub(super) fn after(campaign: &'a Campaign, envelope: &'a Envelope, now: Timestamp) -> Self {
        Self {
            before: campaign,
            after: None,
            applied: 0,
            envelope,
            // A log goes forward in time, whatever the clock does.
            at: now.max(campaign.changed_at),
            events: Vec::new(),
        }
    }

    /// The campaign after the events so far.
    pub(super) fn campaign(&mut self) -> &Campaign {
        if self.applied < self.events.len() {
            let after = self.after.get_or_insert_with(|| self.before.clone());
            for event in &self.events[self.applied..] {
                // What a decision says always fits. Where a damaged campaign lets it not fit, whoever folds the events finds that out.
                let _ = after.apply(event);
            }
            self.applied = self.events.len();
        }
        self.after.as_ref().unwrap_or(self.before)
    }

    /// The moment that stands in its events.
    pub(super) fn at(&self) -> Timestamp {
        self.at
    }

    pub(super) fn push(&mut self, kind: EventKind) {
        self.events.push(Event {
            timestamp: self.at,
            envelope: self.envelope.clone(),
            kind,
        });
    }

    /// A config's revision is the number of the event that stores it, so no other config ever has it.
    pub(super) fn configure(&mut self, phase: PhaseName, digest: Digest) {
        let revision = Revision(self.campaign().version.next().0);
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
