//! The cases of the suite. Each says in words what is broken.

use super::case::PhaseCase;
use super::play::{Played, play};
use super::watched::Disturbance;

/// At how many commits at most a run is disturbed; of a run with more they are spread evenly.
const POINTS: u64 = 60;

type Checked = Result<(), String>;

/// Two runs that nothing disturbs make the same records, and there is a commit to disturb them at. The other cases rely on it.
///
/// # Errors
///
/// How they differ, or why the run doesn't complete.
pub fn two_undisturbed_runs_make_the_same_records(case: &PhaseCase) -> Checked {
    let first = play(case, Disturbance::Never)?;
    if first.first.batches.is_empty() != case.commits_nothing {
        return Err(match case.commits_nothing {
            true => format!("a run of {} commits something after all", case.phase),
            false => format!(
                "a run of {} commits nothing, so nothing is tested: give it upstream(..), or a config with which it does, or say commits_nothing()",
                case.phase
            ),
        });
    }
    let second = play(case, Disturbance::Never)?;
    same(case, &first, &second, "the second time")
}

/// After a kill just before or just after any commit, the run has the same records as without one.
///
/// # Errors
///
/// The kill, and how the records differ.
pub fn after_a_kill_at_any_commit_the_records_are_the_same(case: &PhaseCase) -> Checked {
    let whole = play(case, Disturbance::Never)?;
    for number in points(&whole) {
        for kill in [Disturbance::KillBefore(number), Disturbance::KillAfter(number)] {
            let killed = play(case, kill)?;
            same(case, &whole, &killed, &described(kill))?;
        }
    }
    Ok(())
}

/// After a kill the next attempt goes on from the checkpoint: it hands over no record again that is durable, and reads the records of
/// the phase before from where its checkpoint is. A later checkpoint never stands before an earlier one, and after the last batch not
/// at the beginning.
///
/// # Errors
///
/// The kill, and what is done again.
pub fn after_a_kill_at_most_one_batch_is_done_again(case: &PhaseCase) -> Checked {
    let whole = play(case, Disturbance::Never)?;
    let batches = whole.first.batches.len() as u64;
    let mut before = 0;
    for number in points(&whole).filter(|number| *number <= batches) {
        let kill = Disturbance::KillAfter(number);
        let killed = play(case, kill)?;
        let Some(second) = &killed.second else { continue };
        let durable: usize = killed.first.batches.iter().map(Vec::len).sum();
        let again: usize = second.batches.iter().map(Vec::len).sum();
        if durable + again > whole.records.len() {
            return Err(format!(
                "{}, {durable} of {} records are durable, and {again} more are handed over",
                described(kill),
                whole.records.len()
            ));
        }
        let Some(begins_at) = second.begins_at else {
            continue;
        };
        if begins_at < before {
            return Err(format!(
                "{}, the records of the phase before are read from {begins_at} on, and from {before} on after an earlier kill",
                described(kill)
            ));
        }
        before = begins_at;
        if number == batches && batches > 1 && begins_at == 0 && case.upstream_total() > 1 {
            return Err(format!(
                "{}, which was the last batch, all records of the phase before are read again",
                described(kill)
            ));
        }
    }
    Ok(())
}

/// A run that is paused at its launch or after any commit comes to rest in time, by itself.
///
/// # Errors
///
/// The pause, and how long it took.
pub fn a_cancelled_run_comes_to_rest_in_time(case: &PhaseCase) -> Checked {
    let whole = play(case, Disturbance::Never)?;
    for number in std::iter::once(0).chain(points(&whole)) {
        let pause = Disturbance::Pause(number);
        let paused = play(case, pause)?;
        if let Some(rested_in) = paused.rested_in.filter(|took| *took > case.rests_within) {
            return Err(format!(
                "{}, the run takes {rested_in:?} to come to rest, and may take {:?}",
                described(pause),
                case.rests_within
            ));
        }
    }
    Ok(())
}

/// After a pause and a resume the run has the same records as without them.
///
/// # Errors
///
/// The pause, and how the records differ.
pub fn after_a_pause_at_any_commit_the_records_are_the_same(case: &PhaseCase) -> Checked {
    let whole = play(case, Disturbance::Never)?;
    for number in std::iter::once(0).chain(points(&whole)) {
        let pause = Disturbance::Pause(number);
        let paused = play(case, pause)?;
        same(case, &whole, &paused, &described(pause))?;
    }
    Ok(())
}

/// The writes at which a run is disturbed.
fn points(whole: &Played) -> impl Iterator<Item = u64> + use<> {
    let writes = whole.first.writes;
    let every = writes.div_ceil(POINTS).max(1);
    (1..=writes).filter(move |number| *number % every == 0 || *number == 1 || *number == writes)
}

fn described(disturbance: Disturbance) -> String {
    match disturbance {
        Disturbance::Never => "undisturbed".to_owned(),
        Disturbance::KillBefore(number) => format!("after a kill before commit {number}"),
        Disturbance::KillAfter(number) => format!("after a kill at commit {number}"),
        Disturbance::Pause(0) => "after a pause at the launch".to_owned(),
        Disturbance::Pause(number) => format!("after a pause at commit {number}"),
    }
}

fn same(case: &PhaseCase, whole: &Played, other: &Played, when: &str) -> Checked {
    let differs = whole
        .records
        .iter()
        .zip(&other.records)
        .position(|(one, another)| one != another);
    if let Some(index) = differs {
        return Err(format!(
            "{when}, record {index} of {} is {}, and was {}",
            case.phase, other.records[index], whole.records[index]
        ));
    }
    if whole.records.len() != other.records.len() {
        return Err(format!(
            "{when}, {} has {} records, and had {}",
            case.phase,
            other.records.len(),
            whole.records.len()
        ));
    }
    if whole.summary.is_some() != other.summary.is_some() {
        return Err(format!("{when}, {} ends in another way", case.phase));
    }
    if case.same_summary && whole.summary != other.summary {
        return Err(format!(
            "{when}, the summary of {} is {:?}, and was {:?}",
            case.phase, other.summary, whole.summary
        ));
    }
    Ok(())
}
