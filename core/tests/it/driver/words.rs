//! A decision in words: its events with what matters of them, `no event`, or the code of its refusal.

use phasegate_core::{
    Campaign, Event, EventKind, Launch, Passed, Rejection, RunRef, SkipReads, StopReason, Timestamp,
};

/// What was decided of `campaign` at `now`.
pub fn said(campaign: &Campaign, decided: &Result<Vec<Event>, Rejection>, now: Timestamp) -> String {
    match decided {
        Err(rejection) => {
            assert!(!rejection.to_string().is_empty());
            rejection.code().to_owned()
        }
        Ok(events) if events.is_empty() => "no event".to_owned(),
        Ok(events) => {
            let mut campaign = campaign.clone();
            let mut words = Vec::new();
            for event in events {
                // A deletion has nothing after it.
                let _ = campaign.apply(event);
                words.push(word(&campaign, &event.kind, now));
            }
            words.join(", ")
        }
    }
}

fn word(after: &Campaign, kind: &EventKind, now: Timestamp) -> String {
    let mut text = kind.name().to_owned();
    if let Some(phase) = kind.phase() {
        text.push_str(&format!(" {phase}"));
    }
    if let Some(launch) = kind.launch() {
        text.push_str(&format!(" {}.{}", launch.run, launch.attempt));
    }
    let details = details(after, kind, now);
    if !details.is_empty() {
        text.push_str(&format!(" ({})", details.join(", ")));
    }
    text
}

fn details(after: &Campaign, kind: &EventKind, now: Timestamp) -> Vec<String> {
    let later = |moment: Timestamp| format!("+{}", moment.as_unix_ms() - now.as_unix_ms());
    let mut details: Vec<String> = kind
        .launch()
        .and_then(|launch| unusual(after, launch))
        .into_iter()
        .collect();
    match kind {
        EventKind::CampaignDescribed { name, attributes } => {
            details.extend(name.clone());
            for (key, value) in attributes {
                details.push(value.as_ref().map_or_else(
                    || format!("no {key}"),
                    |value| {
                        let value: String = value.chars().take(10).collect();
                        format!("{key} {value}")
                    },
                ));
            }
        }
        EventKind::PhaseRetrySet { policy, .. } => details.push(
            policy
                .as_ref()
                .map_or("none".to_owned(), |policy| format!("{} tries", policy.max_tries)),
        ),
        EventKind::PhaseStopped {
            stop_reason: StopReason::PipelineChanged,
            ..
        } => details.push("pipeline_changed".to_owned()),
        EventKind::PhaseCompleted { records, .. } if *records > 0 => {
            details.push(format!("{records} records"));
        }
        EventKind::PhaseFailed {
            failure,
            tries,
            base_batch,
            retry_at,
            ..
        } => {
            details.push(failure.code.clone());
            details.push(format!("tries {tries} since batch {base_batch}"));
            details.extend(retry_at.map(|at| format!("again {}", later(at))));
        }
        EventKind::PhaseRecovered {
            recoveries,
            base_batch,
            ..
        } => details.push(format!("recoveries {recoveries} since batch {base_batch}")),
        EventKind::PhaseDeferred {
            note,
            form,
            deadline_at,
            ..
        } => {
            details.extend(note.clone());
            details.extend(form.as_ref().map(|_| "a form".to_owned()));
            details.extend(deadline_at.map(|at| format!("until {}", later(at))));
        }
        EventKind::PhaseSkipPlanned { reads, .. } => details.push(reads.as_str().to_owned()),
        EventKind::PhaseSkipped { reads, upstream, .. } => {
            details.push(reads.as_str().to_owned());
            if *reads == SkipReads::PassThrough {
                details.push(what(upstream.as_ref()));
            }
        }
        EventKind::RunPruned { run, .. } => details.push(format!("to {run}")),
        _ => {}
    }
    details
}

/// What a launched run reads, if that isn't the run of the phase before.
fn unusual(after: &Campaign, launch: &Launch) -> Option<String> {
    let before = after.index_of(&launch.phase)?.checked_sub(1)?;
    let usual = match &after.passed[before] {
        Passed::Completed(completion) => Some(RunRef {
            phase: after.phases[before].phase.clone(),
            run: completion.run,
        }),
        Passed::Skipped(_) => None,
    };
    (usual.is_none() || usual != launch.upstream).then(|| format!("reads {}", what(launch.upstream.as_ref())))
}

fn what(upstream: Option<&RunRef>) -> String {
    upstream.map_or("nothing".to_owned(), |run| format!("{} {}", run.phase, run.run))
}
