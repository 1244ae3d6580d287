//! Reporting the progress of a campaign while it runs.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use phasegate::core::EventKind;
use phasegate::storage::{LoggedEvent, Progress};
use phasegate::{CampaignView, PhaseName, PhaseStatus, Ticket};
use serde_json::json;

use super::events::happening;
use super::tables::{count, duration};
use crate::error::CliError;
use crate::output::Output;
use crate::screen;

/// How often a line reports the progress without bars.
const LINE_EVERY: Duration = Duration::from_secs(2);
/// How often `--json` reports the progress.
const JSON_EVERY: Duration = Duration::from_secs(1);

/// Reports how far a campaign has come, by bars, by lines, or by JSON.
pub struct Reporter {
    report_style: ReportStyle,
    speeds: HashMap<PhaseName, AttemptSpeed>,
}

/// The form of a report.
enum ReportStyle {
    Bars(HashMap<PhaseName, ProgressBar>),
    Lines { last: Instant },
    Json { out: Output, last: Instant },
}

/// How fast an attempt is.
struct AttemptSpeed {
    ticket: Ticket,
    since: Instant,
    from: u64,
    latest: Progress,
}

impl AttemptSpeed {
    /// The speed in items per second; `None` before the first.
    fn per_second(&self) -> Option<u64> {
        let seconds = self.since.elapsed().as_secs_f64();
        let done = self.latest.done.saturating_sub(self.from);
        (done > 0 && seconds > 0.05).then(|| (done as f64 / seconds).round() as u64)
    }

    fn rate(&self) -> String {
        self.per_second()
            .map(|rate| format!("{}/s", count(rate)))
            .unwrap_or_default()
    }
}

impl Reporter {
    /// Reports by bars on a terminal, else by lines.
    pub fn for_people(view: &CampaignView) -> Self {
        let report_style = if screen::is_terminal() {
            ReportStyle::Bars(bars(view))
        } else {
            ReportStyle::Lines { last: Instant::now() }
        };
        Self {
            report_style,
            speeds: HashMap::new(),
        }
    }

    /// Reports by JSON on the standard output.
    pub fn for_programs() -> Self {
        Self {
            report_style: ReportStyle::Json {
                out: Output::new(),
                last: Instant::now(),
            },
            speeds: HashMap::new(),
        }
    }

    /// Reports an event.
    pub fn event(&mut self, event: &LoggedEvent) -> Result<(), CliError> {
        let kind = &event.event.kind;
        let phase = kind.phase();
        match &mut self.report_style {
            ReportStyle::Json { out, .. } => return out.json(event),
            ReportStyle::Lines { .. } => match phase {
                Some(phase) => screen::say(format_args!("{phase}: {}", happening(kind))),
                None => screen::say(happening(kind)),
            },
            ReportStyle::Bars(bars) => {
                let Some(bar) = phase.and_then(|phase| bars.get(phase)) else {
                    return Ok(());
                };
                match kind {
                    EventKind::PhaseCompleted { .. } => {
                        bar.set_style(ended());
                        if let Some(total) = bar.length() {
                            bar.set_position(total);
                        }
                        bar.finish_with_message(format!("completed in {}", duration(bar.elapsed())));
                    }
                    EventKind::PhaseFailed { .. }
                    | EventKind::PhasePaused { .. }
                    | EventKind::PhaseStopped { .. } => {
                        bar.set_style(ended());
                        bar.abandon_with_message(happening(kind));
                    }
                    _ => bar.set_message(happening(kind)),
                }
            }
        }
        Ok(())
    }

    /// Reports how far the running attempt has come. Call it several times a second.
    pub fn progress(&mut self, latest: Option<(Ticket, Progress)>) -> Result<(), CliError> {
        let Some((ticket, latest)) = latest else {
            return Ok(());
        };
        let speed = self
            .speeds
            .entry(ticket.phase.clone())
            .or_insert_with(|| AttemptSpeed {
                ticket: ticket.clone(),
                since: Instant::now(),
                from: latest.done,
                latest,
            });
        if speed.ticket != ticket {
            (speed.ticket, speed.since, speed.from) = (ticket.clone(), Instant::now(), latest.done);
        }
        speed.latest = latest;
        match &mut self.report_style {
            ReportStyle::Bars(bars) => {
                let Some(bar) = bars.get(&ticket.phase) else {
                    return Ok(());
                };
                if bar.length() != latest.total || bar.position() == 0 {
                    bar.set_style(if latest.total.is_some() {
                        running()
                    } else {
                        counting()
                    });
                    if let Some(total) = latest.total {
                        bar.set_length(total);
                    }
                    bar.reset_elapsed();
                }
                bar.set_position(latest.done);
                bar.set_message(speed.rate());
            }
            ReportStyle::Lines { last } => {
                if last.elapsed() >= LINE_EVERY {
                    *last = Instant::now();
                    screen::say(format_args!("{}: {}", ticket.phase, told(speed)));
                }
            }
            ReportStyle::Json { out, last } => {
                if last.elapsed() >= JSON_EVERY {
                    *last = Instant::now();
                    return out.json(&json!({
                        "type": "progress",
                        "campaignId": ticket.campaign,
                        "phase": ticket.phase,
                        "run": ticket.run,
                        "attempt": ticket.attempt,
                        "done": latest.done,
                        "total": latest.total,
                        "perSecond": speed.per_second(),
                    }));
                }
            }
        }
        Ok(())
    }

    /// Ends the report, by JSON with the result.
    pub fn end(self, view: &CampaignView, exit_code: u8) -> Result<(), CliError> {
        match self.report_style {
            ReportStyle::Bars(bars) => {
                for bar in bars.values().filter(|bar| !bar.is_finished()) {
                    bar.abandon();
                }
                Ok(())
            }
            ReportStyle::Lines { .. } => Ok(()),
            ReportStyle::Json { mut out, .. } => {
                out.json(&json!({ "type": "result", "exitCode": exit_code, "campaign": view }))
            }
        }
    }
}

fn told(speed: &AttemptSpeed) -> String {
    let Progress { done, total } = speed.latest;
    let of = match total {
        Some(total) => format!(" of {} ({} %)", count(total), done * 100 / total.max(1)),
        None => String::new(),
    };
    let rate = speed.rate();
    let comma = if rate.is_empty() { "" } else { ", " };
    format!("{}{of}{comma}{rate}", count(done))
}

fn bars(view: &CampaignView) -> HashMap<PhaseName, ProgressBar> {
    let width = view.phases.iter().map(|one| one.phase.as_str().len()).max();
    let bar = |(name, status): (&PhaseName, PhaseStatus)| {
        let bar = screen::bars().add(ProgressBar::no_length());
        bar.set_style(ended());
        bar.set_prefix(format!(
            "{name:<width$}",
            name = name.as_str(),
            width = width.unwrap_or(0)
        ));
        if status == PhaseStatus::Completed {
            bar.finish_with_message("completed before");
        } else {
            bar.set_message(status.spoken());
            bar.tick();
        }
        (name.clone(), bar)
    };
    view.phases
        .iter()
        .map(|one| bar((&one.phase, one.status)))
        .collect()
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the template is fixed, and tested")
        .progress_chars("━╸─")
}

fn running() -> ProgressStyle {
    style("{prefix}  {bar:30.cyan/dim}  {human_pos} of {human_len}  {msg}")
}

fn counting() -> ProgressStyle {
    style("{prefix}  {spinner}  {human_pos}  {msg}")
}

fn ended() -> ProgressStyle {
    style("{prefix}  {msg}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_style_is_a_valid_template() {
        let _ = [running(), counting(), ended()];
    }
}
