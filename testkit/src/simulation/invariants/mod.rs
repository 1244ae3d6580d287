//! The invariants of every log.

mod attempts;
mod passed;
mod walk;

use phasegate_core::storage::LoggedEvent;
use phasegate_core::{Campaign, CampaignId, Event, EventKind, Version};

use walk::LogWalk;

/// Checks a campaign's whole log, and that its snapshot is the fold of the log.
///
/// # Errors
///
/// A sentence that names the invariant and the event that breaks it.
pub fn check_log(log: &[LoggedEvent], snapshot: &Campaign) -> Result<(), String> {
    for (index, logged) in log.iter().enumerate() {
        let number = Version(index as u64 + 1);
        if logged.seq != Some(number) {
            return Err(format!(
                "numbers are gapless from 1, but event {number} has {:?}",
                logged.seq
            ));
        }
    }
    let events: Vec<Event> = log.iter().map(|logged| logged.event.clone()).collect();
    check_events(&events, snapshot)
}

/// Checks the events of a campaign's whole log, and that its snapshot is their fold.
///
/// # Errors
///
/// As [`check_log`].
pub fn check_events(events: &[Event], snapshot: &Campaign) -> Result<(), String> {
    match Campaign::fold(snapshot.id, events) {
        Err(misfit) => return Err(misfit.to_string()),
        Ok(folded) if folded.as_ref() != Some(snapshot) => {
            return Err(format!(
                "the snapshot is not the fold of its log:\n{snapshot:#?}\n{folded:#?}"
            ));
        }
        Ok(_) => {}
    }
    each_changes_something(snapshot.id, events)?;
    LogWalk::default().check(events, snapshot)
}

/// Checks that every event changes something.
fn each_changes_something(id: CampaignId, events: &[Event]) -> Result<(), String> {
    let mut before: Option<Campaign> = None;
    for (index, event) in events.iter().enumerate() {
        let after = match before.clone() {
            None => Campaign::created(id, event),
            Some(mut campaign) => campaign.apply(event).map(|()| campaign),
        };
        let after = after.map_err(|misfit| misfit.to_string())?;
        if let Some(before) = &mut before {
            (before.version, before.changed_at) = (after.version, after.changed_at);
            let told = matches!(event.kind, EventKind::CampaignCompleted {});
            if *before == after && !told {
                return Err(format!(
                    "every event changes something, but event {index} doesn't: {event:?}"
                ));
            }
        }
        before = Some(after);
    }
    Ok(())
}
