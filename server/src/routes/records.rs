//! The records of a phase, by page or as a stream.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use phasegate::CampaignHandle;
use phasegate::core::{PhaseName, Run};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::components;
use crate::extract::{Path, Query, accepted, limit, phase_name};
use crate::problem::Problem;
use crate::routes::commands::PhasePath;
use crate::server::Server;
use crate::shapes::RecordPage;
use crate::slots::slot_of;
use crate::stream;

const JSON: &str = "application/json";
/// JSON, one record a line.
pub const NDJSON: &str = "application/x-ndjson";
/// Comma-separated values (RFC 4180) with a line of names.
pub const CSV: &str = "text/csv";

/// At most this many records are looked at for one page with a filter.
const MOST_LOOKED_AT: u64 = 50_000;
/// How many records are read at once.
const READ: usize = 1_000;

/// Some records of one run.
#[derive(Clone)]
pub struct Records {
    pub server: Server,
    pub campaign: CampaignHandle,
    pub phase: PhaseName,
    pub run: Run,
    pub filter: Filter,
}

/// A filter of records: their members must have these values.
#[derive(Clone, Debug, Default)]
pub struct Filter(Vec<(String, String)>);

impl Filter {
    /// Whether a record passes. A text is compared as it is, any other value as its JSON.
    pub fn takes(&self, record: &RawValue) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let Ok(Value::Object(members)) = serde_json::from_str(record.get()) else {
            return false;
        };
        self.0.iter().all(|(name, wanted)| match members.get(name) {
            Some(Value::String(text)) => text == wanted,
            Some(other) => other.to_string().as_str() == wanted,
            None => false,
        })
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Pages through the records of a phase, or streams all of them
#[utoipa::path(
    get, path = "/campaigns/{id}/phases/{phase}/records", operation_id = "listRecords", tag = "Records",
    params(PhasePath,
        ("cursor" = Option<String>, Query, description = "Where the page before ended", pattern = "^[1-9][0-9]{0,8}\\.[0-9]{1,15}$"),
        ("limit" = Option<u16>, Query, description = "At most so many in a page; 100 unless given", minimum = 1, maximum = 1000),
        ("run" = Option<u32>, Query, description = "An older run; the current one unless given", minimum = 1),
        ("format" = Option<String>, Query, description = "`json`, `ndjson` or `csv`, for clients that can't send Accept", pattern = "^(json|ndjson|csv)$")),
    responses((status = 200, description = "A page of records in their order. As NDJSON or CSV all of them, however many, in a stream. Every other \
        query parameter is a filter: FIELD=VALUE keeps the records whose member FIELD is VALUE.",
        content((components::RecordPage = "application/json"), (String = "application/x-ndjson"), (String = "text/csv")))),
    extensions(("x-codes" = json!(["not_found", "invalid_name", "unknown_phase", "run_not_found", "not_acceptable", "too_many_streams"])))
)]
pub async fn list(
    State(server): State<Server>,
    Path(path): Path<PhasePath>,
    Query(pairs): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut known: BTreeMap<&str, String> = BTreeMap::new();
    let mut filter = Filter::default();
    for (name, value) in pairs {
        match ["cursor", "limit", "run", "format"]
            .into_iter()
            .find(|one| *one == name)
        {
            Some(one) => {
                if known.insert(one, value).is_some() {
                    return Err(wrong(format!("{one} is there more than once")));
                }
            }
            None => filter.0.push((name, value)),
        }
    }
    let form = match known.get("format").map(String::as_str) {
        None => accepted(&headers, &[JSON, NDJSON, CSV])?,
        Some("json") => JSON,
        Some("ndjson") => NDJSON,
        Some("csv") => CSV,
        Some(other) => return Err(wrong(format!("format is json, ndjson or csv, not {other:?}"))),
    };
    let campaign = server.campaign(&path.id).await?;
    let phase = phase_name(&path.phase)?;
    let current = current_run(&campaign, &phase).await?;
    let cursor = known.get("cursor").map(|text| place(text)).transpose()?;
    let asked = match known.get("run") {
        None => cursor.map(|(run, _)| run),
        Some(text) => match text.parse() {
            Ok(run) if run > 0 => Some(Run(run)),
            _ => return Err(wrong(format!("run is not a whole number from 1: {text:?}"))),
        },
    };
    let run = asked.unwrap_or(current);
    let records = Records {
        server: server.clone(),
        campaign,
        phase,
        run,
        filter,
    };
    if run.0 > current.0 {
        return Err(Problem::new(
            "run_not_found",
            format!("{} has no run {run}", records.phase),
        ));
    }
    match form {
        NDJSON => stream::ndjson(records),
        CSV => stream::csv(records).await,
        _ => {
            let size = limit(known.get("limit").map(String::as_str), 100, 1_000)?;
            let from = cursor.filter(|(of, _)| *of == run).map_or(0, |(_, from)| from);
            Ok(Json(records.page(from, size).await?).into_response())
        }
    }
}

impl Records {
    async fn page(&self, from: u64, size: usize) -> Result<RecordPage, Problem> {
        let mut page = RecordPage {
            items: Vec::new(),
            next_cursor: None,
        };
        let mut next = from;
        let engine = self.server.engine();
        loop {
            let read = if self.filter.is_empty() { size } else { READ };
            let found = engine
                .records(self.campaign.id(), &self.phase, self.run, next, read)
                .await?;
            let end = found.next;
            for (index, record) in (found.from..).zip(found.records) {
                next = index + 1;
                if self.filter.takes(&record) {
                    page.items.push(record);
                }
                if page.items.len() == size {
                    let more = end.is_some()
                        || !engine
                            .records(self.campaign.id(), &self.phase, self.run, next, 1)
                            .await?
                            .records
                            .is_empty();
                    page.next_cursor = more.then(|| self.cursor(next));
                    return Ok(page);
                }
            }
            match end {
                None => return Ok(page),
                Some(end) => next = end,
            }
            if next - from >= MOST_LOOKED_AT || self.filter.is_empty() {
                page.next_cursor = Some(self.cursor(next));
                return Ok(page);
            }
        }
    }

    fn cursor(&self, index: u64) -> String {
        format!("{}.{index}", self.run)
    }
}

fn wrong(why: String) -> Problem {
    Problem::new("invalid_parameter", why)
}

/// A cursor's run and index.
fn place(cursor: &str) -> Result<(Run, u64), Problem> {
    let parts = cursor.split_once('.');
    let place = parts.and_then(|(run, index)| Some((Run(run.parse().ok()?), index.parse().ok()?)));
    place.filter(|(run, _)| run.0 > 0).ok_or_else(|| {
        wrong(format!(
            "{cursor:?} is not a cursor of records: begin without one"
        ))
    })
}

async fn current_run(campaign: &CampaignHandle, phase: &PhaseName) -> Result<Run, Problem> {
    let campaign = campaign.snapshot().await?;
    slot_of(&campaign, phase)?;
    Ok(campaign.current_run(phase).map_or(Run(0), |current| current.run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_compares_texts_as_they_are_and_all_else_as_json() {
        let takes = |name: &str, wanted: &str, record: &str| {
            let record = RawValue::from_string(record.to_owned()).expect("it is JSON");
            Filter(vec![(name.to_owned(), wanted.to_owned())]).takes(&record)
        };
        let record = r#"{"domain": "a.test", "matched": true, "score": 7, "none": null}"#;
        assert!(takes("domain", "a.test", record));
        assert!(!takes("domain", "a", record));
        assert!(takes("matched", "true", record));
        assert!(takes("score", "7", record));
        assert!(takes("none", "null", record));
        assert!(!takes("other", "null", record));
        assert!(!takes("0", "a", r#"["a"]"#));
    }
}
