//! The suite that every store passes: one macro, with a test for each sentence of the port.
//!
//! # To write a store
//!
//! Implement [`Storage`], whose documentation is the contract, and hand the store over as a [`Fixture`]: how it is opened, and how
//! its clock is moved on. So the store asks a clock that can be moved wherever the port says "by the store's clock", and a monotonic
//! one in [`changed`](Storage::changed). A case never sleeps: it moves the store's clock. Where it waits for something it waits
//! [`WAIT`](subject::WAIT) at most, and it ends within [`CASE_DEADLINE`](subject::CASE_DEADLINE).
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use phasegate_core::storage::Storage;
//! use phasegate_testkit::ManualClock;
//! use phasegate_testkit::storage::{MemoryStorage, conformance::Fixture};
//!
//! struct InMemory(MemoryStorage);
//!
//! #[async_trait::async_trait]
//! impl Fixture for InMemory {
//!     async fn open(&self) -> Arc<dyn Storage> {
//!         Arc::new(self.0.connect())
//!     }
//!
//!     async fn advance(&self, by: Duration) {
//!         self.0.clock().advance(by);
//!     }
//! }
//!
//! async fn an_empty_store() -> InMemory {
//!     InMemory(MemoryStorage::new())
//! }
//!
//! phasegate_testkit::storage_conformance!(an_empty_store);
//! ```
//!
//! What the fixture owns, such as a temporary folder, lives as long as the case.
//!
//! # What stands where
//!
//! | module | sentences about |
//! |---|---|
//! | [`commits`], [`limits`] | [`commit`](Storage::commit): what it writes, what it refuses, and that a refusal writes nothing |
//! | [`deletion`] | what remains of a deleted campaign |
//! | [`output`], [`runs`] | [`append`](Storage::append), a commit's last batch, runs, pruning, and records by page |
//! | [`leases`], [`due`] | leases, and what waits to be taken up |
//! | [`outcomes`] | [`outcome`](Storage::outcome) of every [`WriteRef`](phasegate_core::storage::WriteRef) |
//! | [`campaigns`], [`events`], [`resources`], [`idempotency`] | the reads, with the writes that they tell of |
//! | [`cursors`] | [`cursor`](Storage::cursor) and [`set_cursor`](Storage::set_cursor) |
//! | [`waiting`], [`lifecycle`] | [`changed`](Storage::changed), closing, and what outlives a close |
//!
//! Where [`lease_kind`](Storage::lease_kind) decides what is right, a case asks for it. Leases that expire end when the case moves the
//! clock, those that last while the store is held when it closes and opens the store.
//!
//! [`CASES`] lists the cases for a program.
//!
//! # What the suite can't see
//!
//! A store tests by itself what no caller can bring about:
//!
//! - An acknowledged write outlives a power loss, and one that was cut short is there as a whole or not at all.
//! - Damage is told as [`Damaged`](StorageError::Damaged), and never read as a shorter answer.
//! - A write without an answer ends as [`OutcomeUnknown`](StorageError::OutcomeUnknown) after 30 s.
//! - An append reads no more than the ticket, and a renewal is one write.
//!
//! # What the suite reads into the port
//!
//! - An owner may [release](Storage::release) a ticket that [`due`](Storage::due) gave it and that it has not taken up. The others
//!   see it at once then. It doesn't count as released in order by that: nobody held its lease.
//! - What one owner was given comes back to the others when its time is over, so [`next_in`](Due::next_in) tells of that, too.
//! - The last batch of a commit may come with an answer for a phase that waits for one. Its ticket is one that may be reported, and
//!   need not be one that a runner works on.

pub mod campaigns;
pub mod commits;
pub mod cursors;
pub mod deletion;
pub mod due;
pub mod events;
pub mod idempotency;
pub mod leases;
pub mod lifecycle;
pub mod limits;
pub mod outcomes;
pub mod output;
pub mod resources;
pub mod runs;
mod story;
pub mod subject;
pub mod waiting;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

#[cfg(doc)]
use phasegate_core::storage::{Due, Storage, StorageError};

pub use story::{Story, phase};
pub use subject::{Fixture, Subject, run};

/// A case of the suite.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its name: what it asserts, as a sentence.
    pub name: &'static str,
    /// Its body, which panics when the store does not pass.
    pub body: fn(Subject) -> Pin<Box<dyn Future<Output = ()>>>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Every case of the suite.
pub const CASES: &[Case] = crate::storage_conformance!(@table);

/// Expands to the tests that every store passes. Its argument names an `async fn` without arguments that gives the
/// [`Fixture`](crate::storage::conformance::Fixture) of an empty store.
#[macro_export]
macro_rules! storage_conformance {
    ($make:path) => {
        $crate::storage_conformance! { @cases @tests $make }
    };
    (@table) => {
        $crate::storage_conformance! { @cases @table CASES }
    };
    (@cases @$what:ident $given:path) => {
        $crate::storage_conformance! { @$what $given;
            commits {
                a_commit_writes_its_snapshot_its_events_and_its_configs,
                a_commit_that_follows_another_version_conflicts_and_writes_nothing,
                a_campaign_is_created_once,
                a_transition_that_contradicts_itself_is_refused,
                of_many_racing_commits_on_one_version_exactly_one_wins,
                of_commits_at_the_same_time_a_conflict_fails_alone,
                every_revision_of_a_config_is_kept,
                numbers_come_back_exactly,
            }
            limits {
                a_config_beyond_its_limit_is_refused,
                an_event_summary_or_form_beyond_its_limit_is_refused,
                a_record_batch_or_checkpoint_beyond_its_limit_is_refused,
                a_resource_beyond_its_limit_is_refused,
                what_is_nested_too_deeply_is_refused,
                the_largest_batch_is_taken,
            }
            deletion {
                of_a_deleted_campaign_only_the_deletion_remains,
                a_deleted_id_is_never_used_again,
                a_deletion_leaves_other_campaigns_alone,
                a_deleted_campaign_takes_no_output,
                a_deletion_keeps_its_own_idempotency_key_and_no_other,
            }
            output {
                a_batch_is_stored_with_its_checkpoint_and_progress,
                a_batch_without_checkpoint_keeps_the_one_before,
                the_latest_batch_is_acknowledged_again_and_not_written_twice,
                a_batch_that_is_not_the_next_is_refused,
                a_ticket_that_is_not_running_is_refused,
                an_append_leaves_the_campaign_as_it_is,
                records_are_paged_from_any_index,
                a_page_of_records_ends_before_16_mib,
                runs_keep_their_own_records,
                the_latest_batch_with_other_content_is_out_of_order,
                the_latest_batch_of_another_attempt_is_out_of_order,
            }
            runs {
                a_run_is_there_from_its_launch_on,
                a_run_names_the_event_that_launched_its_first_attempt,
                runs_are_paged_from_the_oldest,
                a_pruned_run_is_hidden_at_once,
                a_batch_is_progress_with_records_or_another_checkpoint,
                a_commit_expects_its_batch,
                a_commit_writes_the_last_batch_of_the_run_that_it_ends,
                a_last_batch_is_not_written_when_its_commit_conflicts,
                an_answer_brings_the_last_batch_of_a_run_that_waits_for_it,
                a_run_that_waits_for_a_report_takes_no_batch,
                a_run_that_is_asked_to_pause_or_stop_takes_batches_still,
            }
            leases {
                a_commit_that_launches_an_attempt_gives_its_owner_the_lease,
                a_commit_that_launches_another_attempt_gives_its_own_owner_the_lease,
                a_commit_that_keeps_the_attempt_leaves_its_lease_as_it_is,
                a_commit_that_ends_the_attempt_frees_its_lease,
                an_attempt_that_waits_for_a_report_has_no_lease,
                a_renewal_holds_every_lease_of_its_owner_however_few_it_names,
                a_renewal_names_what_is_lost_and_what_was_asked,
                an_expiring_lease_that_is_over_is_lost_and_not_renewed,
                a_lease_of_a_held_store_lasts_while_it_is_held,
                a_lease_that_is_over_fences_nobody_by_itself,
                a_takeover_needs_a_lease_that_is_over,
                a_released_lease_is_over_and_was_released_in_order,
                that_a_lease_was_released_is_kept_over_a_close_until_it_is_taken_up,
                a_release_leaves_what_its_owner_does_not_hold_alone,
            }
            due {
                a_campaign_s_moment_comes_by_the_store_s_clock,
                a_moment_goes_with_the_commit_that_takes_it_up,
                an_attempt_whose_lease_is_over_is_due,
                only_what_is_of_the_named_pipelines_is_due,
                what_is_given_to_one_owner_is_hidden_from_the_others,
                what_is_given_and_released_is_shown_to_the_others_and_was_not_released_in_order,
                what_is_given_back_is_shown_to_the_others_and_was_not_released_in_order,
                what_another_owner_was_given_is_not_given_back,
                of_many_that_ask_at_once_each_attempt_goes_to_one,
                no_more_is_due_at_once_than_the_limit,
                the_next_moment_is_told_and_not_too_late,
                a_commit_that_brings_an_earlier_moment_wakes_the_sleeper,
                a_release_wakes_the_sleeper,
                what_brings_no_moment_wakes_nobody_who_waits_for_one,
                a_deleted_campaign_is_never_due,
            }
            outcomes {
                a_commit_is_found_by_its_id_and_the_version_it_followed,
                a_commit_without_events_counts_as_not_done,
                a_deletion_is_found_by_its_commit_id,
                the_latest_batch_is_found_by_its_attempt_and_its_digest,
                the_latest_write_of_a_resource_is_found_by_its_id,
                a_remembered_key_and_a_kept_cursor_are_found,
            }
            campaigns {
                campaigns_are_listed_in_both_orders_page_by_page,
                each_filter_narrows_the_list,
                a_changed_campaign_moves_in_the_lists,
                a_limit_out_of_range_is_moved_to_its_nearest_end,
                a_campaign_comes_with_the_time_by_the_store_s_clock,
                a_list_is_narrowed_by_every_attribute,
                a_described_campaign_moves_in_the_lists,
                a_page_of_campaigns_ends_before_16_mib,
            }
            events {
                events_are_numbered_without_gaps_from_1,
                the_store_wide_log_keeps_the_order_of_commits,
                pages_of_events_follow_each_other_and_end,
                pages_of_one_campaign_s_events_follow_each_other_and_end,
                a_cursor_of_another_campaign_s_event_serves_too,
                a_cursor_that_the_store_did_not_make_is_refused,
                the_latest_cursor_is_that_of_the_last_event,
                one_event_is_read_by_its_number,
                the_store_wide_log_tells_of_resources,
                a_cursor_serves_on_when_a_deletion_has_removed_its_event,
                a_page_of_events_ends_before_16_mib,
            }
            resources {
                a_resource_is_written_read_and_deleted,
                revisions_only_grow_also_over_a_deletion,
                a_resource_that_is_not_as_expected_is_left_alone,
                a_commit_expects_its_resources,
                resources_are_paged_by_kind_in_the_order_of_their_ids,
            }
            idempotency {
                a_key_is_stored_with_its_outcome_in_the_commit,
                a_used_key_refuses_the_commit,
                a_refused_commit_stores_no_key,
                keys_are_scoped_to_their_campaign,
                a_key_is_stored_without_events_too,
                a_key_that_has_expired_refuses_nothing,
                a_key_without_a_commit_is_stored_with_its_outcome,
                a_key_without_a_commit_is_used_once_in_the_store_s_scope,
                a_key_without_a_commit_takes_the_place_of_an_expired_one,
                a_key_of_a_campaign_is_not_stored_without_a_commit,
                an_outcome_beyond_its_limit_is_not_remembered,
                of_many_that_remember_one_key_at_once_exactly_one_does,
                a_key_is_kept_until_it_expires_by_the_store_s_clock,
            }
            cursors {
                a_cursor_is_kept_under_its_name,
                a_cursor_of_another_store_or_without_a_name_is_not_kept,
            }
            waiting {
                a_wait_ends_at_once_when_there_is_something_newer,
                a_wait_ends_with_the_next_event,
                a_wait_for_one_campaign_heeds_no_other_event,
                a_wait_for_rest_ends_when_nothing_of_the_campaign_is_under_way,
                a_wait_for_the_store_ends_with_an_event_of_a_resource,
                a_wait_is_by_a_monotonic_clock,
                a_wait_may_be_as_long_as_there_is_time,
                a_wait_ends_when_the_store_is_closed,
            }
            lifecycle {
                a_closed_store_refuses_everything,
                a_dropped_write_is_there_or_not_and_the_store_goes_on,
                what_was_written_is_there_after_a_close,
                the_token_secret_is_drawn_once,
            }
        }
    };
    (@tests $make:path; $($module:ident { $($case:ident,)* })*) => {
        $($(
            #[test]
            fn $case() {
                $crate::storage::conformance::run($make, $crate::storage::conformance::$module::$case);
            }
        )*)*
    };
    (@table $given:path; $($module:ident { $($case:ident,)* })*) => {
        &[$($(
            $crate::storage::conformance::Case {
                name: stringify!($case),
                body: |subject| Box::pin($crate::storage::conformance::$module::$case(subject)),
            },
        )*)*]
    };
}
