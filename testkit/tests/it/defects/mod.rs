//! The suite finds defects: each of these stores is right in everything but one sentence, and the case of that sentence fails.

mod defect;
mod store;

use std::panic::{AssertUnwindSafe, catch_unwind};

use phasegate_testkit::storage::MemoryStorage;
use phasegate_testkit::storage::conformance::{CASES, run};

use defect::Defect;
use store::Defective;

/// Asserts that `case` fails over a store with this defect, and passes without it.
fn check(defect: Defect, case: &str) {
    let case = CASES.iter().find(|known| known.name == case);
    let case = case.expect("the suite has that case");
    let passes = |defect| {
        let fixture = Defective::new(MemoryStorage::new(), defect);
        catch_unwind(AssertUnwindSafe(|| run(|| async { fixture }, case.body))).is_ok()
    };
    assert!(passes(None), "{} passes without a defect", case.name);
    assert!(!passes(Some(defect)), "{} does not find {defect:?}", case.name);
}

macro_rules! found {
    ($($test:ident: $defect:ident by $case:ident,)*) => {
        $(
            #[test]
            fn $test() {
                check(Defect::$defect, stringify!($case));
            }
        )*

        #[test]
        fn every_defect_is_looked_for() {
            assert_eq!([$(Defect::$defect),*], Defect::ALL);
        }
    };
}

found! {
    a_commit_on_an_old_version: CommitsOnAnOldVersion by a_commit_that_follows_another_version_conflicts_and_writes_nothing,
    expected_resources_forgotten: ForgetsExpectedResources by a_commit_expects_its_resources,
    an_expected_batch_ignored: IgnoresTheExpectedBatch by a_commit_expects_its_batch,
    a_deleted_id_used_again: UsesADeletedIdAgain by a_deleted_id_is_never_used_again,
    output_written_although_its_commit_conflicts: WritesOutputOfAConflict by a_last_batch_is_not_written_when_its_commit_conflicts,
    an_append_for_a_deferred_ticket: AppendsForADeferredTicket by a_run_that_waits_for_a_report_takes_no_batch,
    another_batch_acknowledged_under_the_same_number: AcknowledgesAnotherBatch by the_latest_batch_with_other_content_is_out_of_order,
    every_batch_counted_as_progress: CountsEveryBatchAsProgress by a_batch_is_progress_with_records_or_another_checkpoint,
    pruned_runs_still_shown: ShowsPrunedRuns by a_pruned_run_is_hidden_at_once,
    records_of_a_deleted_campaign_shown: ShowsDeletedRecords by of_a_deleted_campaign_only_the_deletion_remains,
    a_lease_given_to_another_owner: GivesTheLeaseToAnotherOwner by a_commit_that_launches_an_attempt_gives_its_owner_the_lease,
    a_lease_renewed_by_every_commit: RenewsByEveryCommit by a_commit_that_keeps_the_attempt_leaves_its_lease_as_it_is,
    a_lease_that_is_over_called_renewed: RenewsWhatIsOver by an_expiring_lease_that_is_over_is_lost_and_not_renewed,
    a_takeover_of_a_held_lease: TakesOverAHeldLease by a_takeover_needs_a_lease_that_is_over,
    a_release_forgotten: ForgetsThatItWasReleased by that_a_lease_was_released_is_kept_over_a_close_until_it_is_taken_up,
    pipelines_ignored: DueIgnoresPipelines by only_what_is_of_the_named_pipelines_is_due,
    nothing_hidden: DueHidesNothing by what_is_given_to_one_owner_is_hidden_from_the_others,
    nothing_given_back: GivesNothingBack by what_is_given_back_is_shown_to_the_others_and_was_not_released_in_order,
    the_next_moment_told_too_late: TellsTheNextMomentTooLate by the_next_moment_is_told_and_not_too_late,
    a_mark_that_never_changes: NeverChangesTheMark by a_commit_that_brings_an_earlier_moment_wakes_the_sleeper,
    a_wait_that_ends_for_nothing: WakesForNothing by a_wait_for_one_campaign_heeds_no_other_event,
    any_event_taken_for_rest: TakesAnyEventForRest by a_wait_for_rest_ends_when_nothing_of_the_campaign_is_under_way,
    a_wait_that_never_ends: NeverWakes by a_wait_ends_with_the_next_event,
    a_gap_in_the_numbers_of_events: LeavesAGapInTheNumbers by events_are_numbered_without_gaps_from_1,
    a_cursor_lost_with_its_event: LosesACursorWithItsEvent by a_cursor_serves_on_when_a_deletion_has_removed_its_event,
    an_event_skipped_between_two_pages: SkipsOneBetweenPages by pages_of_events_follow_each_other_and_end,
    no_event_of_a_resource: TellsNothingOfResources by the_store_wide_log_tells_of_resources,
    a_key_in_another_scope: FindsKeysOfOtherScopes by keys_are_scoped_to_their_campaign,
    a_key_kept_beyond_its_end: KeepsKeysBeyondTheirEnd by a_key_is_kept_until_it_expires_by_the_store_s_clock,
    an_unknown_commit_called_done: SaysYesOfAnUnknownCommit by a_commit_is_found_by_its_id_and_the_version_it_followed,
    a_second_attribute_ignored: IgnoresASecondAttribute by a_list_is_narrowed_by_every_attribute,
    a_named_cursor_lost_at_a_close: LosesNamedCursorsAtAClose by what_was_written_is_there_after_a_close,
    a_token_secret_drawn_at_each_open: DrawsTheTokenSecretAnew by what_was_written_is_there_after_a_close,
}
