//! Tests of phases as jobs, in a store in memory. Where a deadline matters, time is tokio's own and stands still.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod answers;
mod deadline;
mod support;
