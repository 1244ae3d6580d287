//! What a command would do.

use phasegate::DryRun;
use serde::Serialize;
use serde_json::json;

use super::events::happening;
use super::summary;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;

/// Prints the events that a command would make, and the statuses after them; for programs as JSON, one event a line, and then the campaign.
pub fn told(tried: &DryRun, json: bool) -> Result<Exit, CliError> {
    let mut out = Output::new();
    if json {
        for event in &tried.events {
            out.json(event)?;
        }
        out.json(&json!({ "type": "dry_run", "accepted": true, "campaign": tried.campaign }))?;
        return Ok(Exit::Done);
    }
    match tried.events.is_empty() {
        true => out.line("It would be accepted, and change nothing.")?,
        false => out.line("It would be accepted. Nothing is done; this would happen:")?,
    }
    for event in &tried.events {
        let phase = event
            .kind
            .phase()
            .map(|phase| format!("{phase} "))
            .unwrap_or_default();
        let name = event.kind.name();
        out.line(format_args!("  {name:<22} {phase}{}", happening(&event.kind)))?;
    }
    if let Some(view) = &tried.campaign {
        out.line(format_args!(
            "{} would then be {}:",
            view.name,
            view.status.spoken()
        ))?;
        out.line(summary::statuses(view))?;
    }
    out.flush().map(|()| Exit::Done)
}

/// What running a plan would do.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToldRun {
    /// The resources that would be stored.
    pub resources: Vec<String>,
    /// The campaign that would be created.
    pub created: Option<String>,
    /// The campaign that would be changed.
    pub changed: Option<String>,
    /// The phases whose config would be stored.
    pub configured: Vec<String>,
    /// The phases whose config would be taken away.
    pub unconfigured: Vec<String>,
    /// The mode that would be set.
    pub mode: Option<String>,
    /// The attributes that would be set.
    pub attributes: Vec<String>,
    /// The phases whose retry policy would be set.
    pub retry: Vec<String>,
    /// The phases that would be skipped.
    pub skipped: Vec<String>,
    /// The phase that would be started.
    pub started: Option<String>,
}

impl ToldRun {
    /// Prints it.
    pub fn tell(&self, json: bool) -> Result<Exit, CliError> {
        let mut out = Output::new();
        if json {
            out.json(&json!({ "type": "dry_run", "accepted": true, "plan": self }))?;
            return Ok(Exit::Done);
        }
        out.line("It would be accepted. Nothing is done; this would happen:")?;
        let one = |what: &Option<String>| what.iter().cloned().collect();
        let lines: [(&str, Vec<String>); 10] = [
            ("stored", self.resources.clone()),
            ("created", one(&self.created)),
            ("changed", one(&self.changed)),
            ("configured", self.configured.clone()),
            ("config taken away", self.unconfigured.clone()),
            ("mode", one(&self.mode)),
            ("attributes", self.attributes.clone()),
            ("retry policy", self.retry.clone()),
            ("skipped", self.skipped.clone()),
            ("started", one(&self.started)),
        ];
        for (what, all) in lines.iter().filter(|(_, all)| !all.is_empty()) {
            out.line(format_args!("  {what:<22} {}", all.join(", ")))?;
        }
        out.flush().map(|()| Exit::Done)
    }
}
