//! The queue, from the runners of an engine to whoever works for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::job::{Job, JobAnswer, JobRequest};

/// The jobs of one engine. Cloning it is cheap; all clones are the same queue.
#[derive(Clone)]
pub struct JobQueue {
    shared: Arc<QueueState>,
}

struct QueueState {
    sender: mpsc::UnboundedSender<Arc<Job>>,
    receiver: tokio::sync::Mutex<mpsc::UnboundedReceiver<Arc<Job>>>,
    closed: CancellationToken,
}

/// How a job ended, as its runner needs to know it.
pub(crate) enum JobEnd {
    Answered(JobAnswer),
    /// The worker was silent for as long as it may be.
    Expired,
    /// The worker dropped the job.
    Dropped,
    /// The queue is closed.
    Closed,
}

impl Default for JobQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl JobQueue {
    /// An empty queue.
    pub fn new() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self {
            shared: Arc::new(QueueState {
                sender,
                receiver: tokio::sync::Mutex::new(receiver),
                closed: CancellationToken::new(),
            }),
        }
    }

    /// Takes the next job that is not over yet; `None` once the queue is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes no job.
    pub async fn next(&self) -> Option<Arc<Job>> {
        let mut receiver = self.shared.receiver.lock().await;
        loop {
            let job = tokio::select! {
                biased;
                () = self.shared.closed.cancelled() => None,
                job = receiver.recv() => job,
            }?;
            if job.take() {
                return Some(job);
            }
        }
    }

    /// Ends every job, and takes no more: the runners of their phases come to rest. For a worker that goes away.
    pub fn close(&self) {
        self.shared.closed.cancel();
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.shared.closed.is_cancelled()
    }

    /// Hands a job to a worker, and gives how it ended. The end of this future ends the job.
    ///
    /// With a `deadline`, a job that runs a phase ends when its worker is silent for so long, unless the attempt was asked to come to
    /// rest: then the engine's own grace holds.
    pub(crate) async fn answer(&self, request: JobRequest, deadline: Option<Duration>) -> JobEnd {
        let (tell, answered) = oneshot::channel();
        let ended = CancellationToken::new();
        let _guard = ended.clone().drop_guard();
        let asked = request.cancellation();
        let job = Job::new(request, tell, ended);
        let mut watch = job.watch();
        if self.shared.sender.send(Arc::new(job)).is_err() {
            return JobEnd::Closed;
        }
        let silent = async {
            match deadline {
                Some(limit) => watch.silent_for(limit).await,
                None => std::future::pending().await,
            }
            if asked.is_cancelled() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            answer = answered => answer.map_or(JobEnd::Dropped, JobEnd::Answered),
            () = self.shared.closed.cancelled() => JobEnd::Closed,
            () = silent => JobEnd::Expired,
        }
    }
}
