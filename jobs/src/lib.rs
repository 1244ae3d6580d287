//! Phases as jobs: work that somebody else takes and answers, such as a program in another language.
//!
//! A [`JobRunner`] is the runner of such a phase. What the engine asks of it (to run, to check a config, to say whether a run can
//! continue) becomes a [`Job`] in the [`JobQueue`]. Whoever does the work takes it with [`JobQueue::next`] and answers it with one
//! call. So nobody is called: a failure of the worker never reaches the engine, and no thread of the engine waits for its code.
//!
//! A job ends by its answer, when it is dropped without one, when its attempt ends without it, or by its **deadline**: one that was
//! taken and then neither answers nor commits nor tells of progress for so long is taken away again, and its attempt fails with the
//! code [`JOB_EXPIRED`], which is tried again where the phase has a retry policy. What comes after the end of a job changes nothing.

mod attention;
mod job;
mod queue;
mod runner;

pub use job::{Job, JobError, JobKind, RecordPage};
pub use queue::JobQueue;
pub use runner::{JOB_EXPIRED, JobRunner};
