//! Tables of situations and what a record should say of them.

use serde_json::Value;

use super::campaign::Outcome;

/// A name, and what its record should say: the status, the detail in parentheses, and the addresses or the status of HTTP.
pub type Row = (&'static str, &'static str);

/// The names of a table.
pub fn names(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// Compares a completed phase with a table, and shows every row that differs.
pub fn check(situation: &str, rows: &[Row], outcome: &Outcome) {
    assert_eq!(outcome.failure, None, "{situation}");
    assert_eq!(outcome.records.len(), rows.len(), "{situation}");
    let mut differences = String::new();
    for ((name, expected), record) in rows.iter().zip(&outcome.records) {
        let found = said(record);
        if record["domain"] != **name || found != *expected {
            differences += &format!("  {name}: expected {expected}, found {found}\n    {record}\n");
        }
    }
    assert!(differences.is_empty(), "{situation}:\n{differences}");
}

/// Checks that all of a number of names resolved, and counts what became of the others.
pub fn all_resolve(situation: &str, count: usize, outcome: &Outcome) {
    let mut others = std::collections::BTreeMap::<String, usize>::new();
    for record in outcome
        .records
        .iter()
        .filter(|record| record["status"] != "resolved")
    {
        *others.entry(said(record)).or_default() += 1;
    }
    assert_eq!(outcome.failure, None, "{situation}: {others:?}");
    assert!(others.is_empty(), "{situation}: of {count} names {others:?}");
    assert_eq!(outcome.records.len(), count, "{situation}");
}

/// Checks that the phase failed for this reason.
pub fn fails(situation: &str, code: &str, outcome: &Outcome) -> String {
    let said: Vec<_> = outcome.records.iter().take(3).map(said).collect();
    let Some((found, message)) = &outcome.failure else {
        panic!("{situation}: it didn't fail with {code}, the records begin with {said:?}");
    };
    assert_eq!(found, code, "{situation}: {message}");
    message.clone()
}

/// What a record says, in one line.
pub fn said(record: &Value) -> String {
    let mut said = record["status"].as_str().unwrap_or("no status").to_owned();
    if let (Some(code), true) = (
        record["detail"]["code"].as_str(),
        record.get("addresses").is_some(),
    ) {
        said += &format!(" ({code})");
    }
    for address in record["addresses"].as_array().into_iter().flatten() {
        said += &format!(" {}", address.as_str().unwrap());
    }
    if let Some(status) = record.get("httpStatus").and_then(Value::as_u64) {
        said += &format!(" {status}");
    }
    said
}
