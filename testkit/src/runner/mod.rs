//! The suite that every runner passes: one macro, with a test for each promise that the engine relies on.
//!
//! A phase is put on its own, with a config and the records that it reads, and is disturbed at each of its commits: its process is
//! killed just before and just after, or the phase is paused. Time is virtual, so nothing waits; a runner that opens a socket is not
//! for this suite, unless what it calls is replaced.
//!
//! ```
//! use phasegate::{Phase, PhaseContext, PhaseDefinition, PhaseName, Pipeline, RunError, RunOutcome};
//! use phasegate_testkit::PhaseCase;
//! use serde_json::json;
//!
//! struct Double;
//!
//! #[async_trait::async_trait]
//! impl Phase for Double {
//!     type Config = serde_json::Value;
//!     type Input = u64;
//!     type Record = u64;
//!     type Checkpoint = u64; // how many numbers are doubled
//!     type Summary = ();
//!
//!     fn definition(&self) -> PhaseDefinition {
//!         PhaseDefinition::new(PhaseName::new("double").expect("a valid name"), json!({ "type": "object" }))
//!     }
//!
//!     async fn run(&self, ctx: PhaseContext<Self>) -> Result<RunOutcome<()>, RunError> {
//!         let mut numbers = ctx.upstream(ctx.checkpoint().copied().unwrap_or(0));
//!         while let Some((index, number)) = numbers.next().await? {
//!             ctx.ensure_running()?;
//!             ctx.commit(&[2 * number], &(index + 1), index + 1, None).await?;
//!         }
//!         Ok(RunOutcome::Completed(()))
//!     }
//! }
//!
//! fn doubling() -> PhaseCase {
//!     let pipeline = Pipeline::builder("numbers").phase(Double).build().expect("a valid pipeline");
//!     PhaseCase::of(pipeline, "double").config(json!({})).upstream([1, 2, 3])
//! }
//!
//! phasegate_testkit::runner_conformance!(doubling);
//! ```

mod case;
pub mod conformance;
mod play;
mod watched;

pub use case::PhaseCase;
pub(crate) use play::undisturbed;

/// Expands to the tests that every runner passes. Its argument names a `fn` without arguments that gives the
/// [`PhaseCase`](crate::PhaseCase) to be tested.
#[macro_export]
macro_rules! runner_conformance {
    ($make:path) => {
        $crate::runner_conformance! { @tests $make;
            two_undisturbed_runs_make_the_same_records,
            after_a_kill_at_any_commit_the_records_are_the_same,
            after_a_kill_at_most_one_batch_is_done_again,
            a_cancelled_run_comes_to_rest_in_time,
            after_a_pause_at_any_commit_the_records_are_the_same,
        }
    };
    (@tests $make:path; $($case:ident,)*) => {
        $(
            #[test]
            fn $case() {
                if let Err(broken) = $crate::runner::conformance::$case(&$make()) {
                    panic!("{broken}");
                }
            }
        )*
    };
}
