//! What is measured, and how.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::{Deserialize, Serialize};

use crate::host::Host;
use crate::process;

/// One measurement.
#[derive(Debug)]
pub struct Measurement {
    /// What it is called, and asked for by.
    pub name: &'static str,
    /// How many campaigns are under way at once.
    at_once: u64,
    work: Work,
}

#[derive(Clone, Copy, Debug)]
enum Work {
    /// So many chains in all: each is created with its configs, started, and awaited.
    Chains(u64),
    /// So many batches of each campaign, all of which exist before.
    Appends(u64),
}

/// Every measurement. The counts are those that give seconds, and files whose first pages no longer matter, on a machine of two
/// processors.
pub const MEASUREMENTS: &[Measurement] = &[
    Measurement::new("chains, 1 at once", 1, Work::Chains(300)),
    Measurement::new("chains, 64 at once", 64, Work::Chains(5_000)),
    Measurement::new("chains, 1,000 at once", 1_000, Work::Chains(10_000)),
    Measurement::new("appends, 1 at once", 1, Work::Appends(1_000)),
    Measurement::new("appends, 64 at once", 64, Work::Appends(300)),
];

/// What a measurement gave.
#[derive(Debug, Deserialize, Serialize)]
pub struct Measured {
    /// The measurement's name.
    pub measurement: String,
    /// In the order in which a table shows them. A number that this system can't give is left out.
    pub numbers: Vec<Number>,
}

/// A number with what it counts.
#[derive(Debug, Deserialize, Serialize)]
pub struct Number {
    /// What it counts, and in which unit.
    pub what: String,
    /// How much.
    pub value: f64,
}

impl Measurement {
    const fn new(name: &'static str, at_once: u64, work: Work) -> Self {
        Self { name, at_once, work }
    }

    /// Measures, with the store in `folder`, which must be empty.
    ///
    /// # Errors
    ///
    /// When the folder is missing or not empty, or the measured work fails.
    pub fn measure(&self, folder: &Path) -> anyhow::Result<Measured> {
        let mut files =
            std::fs::read_dir(folder).map_err(|error| anyhow::anyhow!("{}: {error}", folder.display()))?;
        ensure!(files.next().is_none(), "{} isn't empty", folder.display());
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let memory = process::peak_of_memory()?;
        let (count, cost) = runtime.block_on(async {
            match self.work {
                Work::Chains(count) => Ok::<_, anyhow::Error>((count, self.chains(folder, count).await?)),
                Work::Appends(each) => Ok((each * self.at_once, self.appends(folder, each).await?)),
            }
        })?;
        let grown = memory
            .zip(process::peak_of_memory()?)
            .map(|(before, after)| after - before);
        let count = count as f64;
        let numbers = [
            ("a second", Some(count / cost.time.as_secs_f64())),
            (
                "processor, us each",
                cost.processor.map(|time| time.as_secs_f64() * 1e6 / count),
            ),
            (
                "peak of memory, MiB more",
                grown.map(|bytes| bytes as f64 / (1024.0 * 1024.0)),
            ),
            (
                "file, bytes more each",
                Some((process::allocated(folder)? - cost.file_before) as f64 / count),
            ),
        ];
        let given = numbers.into_iter().filter_map(|(what, value)| {
            Some(Number {
                what: what.to_owned(),
                value: value?,
            })
        });
        Ok(Measured {
            measurement: self.name.to_owned(),
            numbers: given.collect(),
        })
    }

    async fn chains(&self, folder: &Path, count: u64) -> anyhow::Result<Cost> {
        let host = Arc::new(Host::with_chains(folder).await?);
        let next = Arc::new(AtomicU64::new(0));
        let meter = Meter::start(folder)?;
        let workers = (0..self.at_once).map(|_| {
            let (host, next) = (Arc::clone(&host), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return anyhow::Ok(());
                    }
                    host.run(host.create(number).await?).await?;
                }
            })
        });
        for worker in workers.collect::<Vec<_>>() {
            worker.await??;
        }
        let cost = meter.stop()?;
        close(host).await?;
        Ok(cost)
    }

    async fn appends(&self, folder: &Path, each: u64) -> anyhow::Result<Cost> {
        let host = Arc::new(Host::with_appends(folder, each).await?);
        let mut ready = Vec::new();
        for number in 0..self.at_once {
            ready.push(host.create(number).await?);
        }
        let meter = Meter::start(folder)?;
        let runs = ready.into_iter().map(|campaign| {
            let host = Arc::clone(&host);
            tokio::spawn(async move { host.run(campaign).await })
        });
        for run in runs.collect::<Vec<_>>() {
            run.await??;
        }
        let cost = meter.stop()?;
        close(host).await?;
        Ok(cost)
    }
}

async fn close(host: Arc<Host>) -> anyhow::Result<()> {
    let host = Arc::into_inner(host);
    host.expect("every task that had it has ended").close().await
}

/// What the measured work took.
struct Cost {
    time: Duration,
    processor: Option<Duration>,
    /// What the file took before it.
    file_before: u64,
}

/// Measures what work takes, from its start on.
struct Meter {
    begun: Instant,
    processor: Option<Duration>,
    file_before: u64,
}

impl Meter {
    fn start(folder: &Path) -> anyhow::Result<Self> {
        let file_before = process::allocated(folder)?;
        let processor = process::processor_time()?;
        Ok(Self {
            begun: Instant::now(),
            processor,
            file_before,
        })
    }

    fn stop(self) -> anyhow::Result<Cost> {
        let time = self.begun.elapsed();
        let after = process::processor_time()?;
        let processor = self.processor.zip(after).map(|(before, after)| after - before);
        Ok(Cost {
            time,
            processor,
            file_before: self.file_before,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(at_once: u64, work: Work) {
        let folder = tempfile::tempdir().unwrap();
        let measured = Measurement::new("a small one", at_once, work)
            .measure(folder.path())
            .unwrap();
        for what in ["a second", "file, bytes more each"] {
            let number = measured.numbers.iter().find(|number| number.what == what);
            assert!(number.is_some_and(|number| number.value > 0.0), "{measured:?}");
        }
        let again = Measurement::new("another one", at_once, work).measure(folder.path());
        assert!(again.unwrap_err().to_string().contains("isn't empty"));
    }

    #[test]
    fn chains_run_to_their_end() {
        check(3, Work::Chains(7));
    }

    #[test]
    fn every_campaign_makes_its_appends() {
        check(2, Work::Appends(5));
    }
}
