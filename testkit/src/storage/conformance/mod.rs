//! The suite that every store passes: one macro, with a test for each sentence of the port.
//!
//! # To write a store
//!
//! Implement [`Storage`], whose documentation is the contract, and hand the store over as a [`Fixture`]: how it is opened, and how its
//! clock is moved on. A case never sleeps. It moves the store's clock, and where it waits for something it waits
//! [`WAIT`](subject::WAIT) at most; a case ends within [`CASE_DEADLINE`](subject::CASE_DEADLINE). So the store has to ask a clock that can be moved
//! whenever the port says "by the store's clock", and a monotonic one in [`changed`](Storage::changed).
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
//! | [`waiting`], [`lifecycle`] | [`changed`](Storage::changed), closing, and what outlives a close |
//!
//! Where [`lease_kind`](Storage::lease_kind) decides what is right, a case holds for one kind, and its name says for which.
//!
//! [`CASES`] lists the cases for a program.

pub mod campaigns;
pub mod commits;
pub mod deletion;
pub mod events;
pub mod idempotency;
pub mod lifecycle;
pub mod limits;
pub mod output;
pub mod resources;
mod story;
pub mod subject;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

#[cfg(doc)]
use phasegate_core::storage::Storage;

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
            events {
                events_are_numbered_without_gaps_from_1,
                the_store_wide_log_keeps_the_order_of_commits,
                pages_of_events_follow_each_other_and_end,
                pages_of_one_campaign_s_events_follow_each_other_and_end,
                a_cursor_of_another_campaign_s_event_serves_too,
                a_cursor_that_the_store_did_not_make_is_refused,
                the_latest_cursor_is_that_of_the_last_event,
            }
            campaigns {
                campaigns_are_listed_in_both_orders_page_by_page,
                each_filter_narrows_the_list,
                a_changed_campaign_moves_in_the_lists,
                a_limit_out_of_range_is_moved_to_its_nearest_end,
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
            }
            resources {
                a_resource_is_written_read_and_deleted,
                revisions_only_grow_also_over_a_deletion,
                a_resource_that_is_not_as_expected_is_left_alone,
                a_commit_expects_its_resources,
                resources_are_paged_by_kind_in_the_order_of_their_ids,
            }
            deletion {
                of_a_deleted_campaign_only_the_deletion_remains,
                a_deleted_id_is_never_used_again,
                a_deletion_leaves_other_campaigns_alone,
                a_deleted_campaign_takes_no_output,
                a_deletion_keeps_its_own_idempotency_key_and_no_other,
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
            }
            limits {
                a_config_beyond_its_limit_is_refused,
                an_event_or_summary_beyond_its_limit_is_refused,
                a_record_batch_or_checkpoint_beyond_its_limit_is_refused,
                a_resource_beyond_its_limit_is_refused,
                what_is_nested_too_deeply_is_refused,
                the_largest_batch_is_taken,
            }
            lifecycle {
                a_closed_store_refuses_everything,
                a_dropped_write_is_there_or_not_and_the_store_goes_on,
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
