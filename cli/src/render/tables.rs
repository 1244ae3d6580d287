//! Tables, and the words and numbers in them.

use std::io;
use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::HumanCount;
use phasegate::core::{PreflightReport, Problem, Problems, Timestamp};
use serde_json::Value;
use terminal_size::{Width, terminal_size_of};

/// An empty table with these columns. On a terminal it is no wider than that.
pub fn table<'a>(columns: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(columns.into_iter().collect::<Vec<_>>());
    if let Some((Width(width), _)) = terminal_size_of(io::stdout()) {
        table.set_width(width);
    }
    table
}

/// One row per problem, in the order of the pipeline.
pub fn preflight(report: &PreflightReport) -> String {
    problems(&report.problems())
}

/// One row per problem.
pub fn problems(problems: &Problems) -> String {
    let rows = problems.items().iter().map(|problem| {
        let Problem {
            phase,
            pointer,
            message,
            ..
        } = problem;
        [phase.as_str(), field(pointer), message.as_str()].map(str::to_owned)
    });
    let table = rows_of_problems("Phase", rows);
    match problems.total() - problems.items().len() {
        0 => table,
        more => format!("{table}\nand {} more", HumanCount(more as u64)),
    }
}

/// One row per problem: its owner, its JSON Pointer, and what is wrong.
pub fn rows_of_problems(of: &str, rows: impl Iterator<Item = [String; 3]>) -> String {
    let mut table = table([of, "Field", "Problem"]);
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}

fn field(pointer: &str) -> &str {
    if pointer.is_empty() { "(config)" } else { pointer }
}

/// A moment, to the second.
pub fn moment(time: Timestamp) -> String {
    let seconds = Timestamp::from_unix_ms(time.as_unix_ms().div_euclid(1_000) * 1_000);
    seconds
        .to_string()
        .replacen('T', " ", 1)
        .replace(".000Z", " UTC")
        .replace('Z', " UTC")
}

/// The time between two moments.
pub fn between(from: Timestamp, to: Timestamp) -> Duration {
    let ms = to.as_unix_ms().saturating_sub(from.as_unix_ms());
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

/// A duration in the unit that fits: `340 ms`, `2.4 s`, `3 min 20 s`, `2 h 5 min`.
pub fn duration(time: Duration) -> String {
    let ms = time.as_millis();
    match time.as_secs() {
        0 => format!("{ms} ms"),
        1..60 => format!("{:.1} s", time.as_secs_f64()),
        s @ 60..3_600 => format!("{} min {} s", s / 60, s % 60),
        s => format!("{} h {} min", s / 3_600, s % 3_600 / 60),
    }
}

/// A count with separators.
pub fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// The member of a phase's summary that a person should read, which has a line of its own.
pub const WARNING: &str = "warning";

/// A phase's summary on a few lines, without its warning: simple members by name, then objects without their zero counts, and the first five items
/// of lists.
pub fn members(summary: &Value) -> String {
    const SHOWN: usize = 5;
    let Value::Object(object) = summary else {
        return scalar(summary);
    };
    let mut lines = Vec::new();
    let mut plain = Vec::new();
    for (name, value) in object.iter().filter(|(name, _)| *name != WARNING) {
        match value {
            Value::Object(counts) => {
                let counts = counts.iter().filter(|(_, count)| count.as_u64() != Some(0));
                let told: Vec<_> = counts
                    .map(|(name, value)| format!("{name} {}", scalar(value)))
                    .collect();
                if !told.is_empty() {
                    lines.push(format!("{name}: {}", told.join(", ")));
                }
            }
            Value::Array(items) if !items.is_empty() => {
                let mut shown: Vec<_> = items.iter().take(SHOWN).map(item).collect();
                if items.len() > SHOWN {
                    shown.push(format!("and {} more", items.len() - SHOWN));
                }
                lines.push(format!("{name}: {}", shown.join(", ")));
            }
            Value::Array(_) => {}
            value => plain.push(format!("{name} {}", scalar(value))),
        }
    }
    lines.insert(0, plain.join(", "));
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

fn item(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let (titles, rest): (Vec<_>, Vec<_>) = object.iter().partition(|(_, value)| value.is_string());
            let titles: Vec<_> = titles.into_iter().map(|(_, value)| scalar(value)).collect();
            let rest: Vec<_> = rest
                .into_iter()
                .map(|(name, value)| format!("{name} {}", scalar(value)))
                .collect();
            format!("{} ({})", titles.join(" "), rest.join(", "))
        }
        value => scalar(value),
    }
}

/// A value as a cell shows it: text without quotes, counts with separators, other values as JSON.
pub fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(number), _) => count(number),
            (None, Some(number)) if number.fract() != 0.0 => format!("{number:.2}"),
            _ => number.to_string(),
        },
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn durations_are_told_in_the_unit_that_fits() {
        let told = [0, 999, 1_000, 59_949, 60_000, 3_599_000, 3_600_000, 7_500_000]
            .map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(
            told,
            [
                "0 ms",
                "999 ms",
                "1.0 s",
                "59.9 s",
                "1 min 0 s",
                "59 min 59 s",
                "1 h 0 min",
                "2 h 5 min"
            ]
        );
    }

    #[test]
    fn a_summary_shows_every_member_and_the_head_of_lists() {
        let summary = json!({
            "domains": 2000,
            "meanScore": 1.23456,
            "byStatus": {"resolved": 1400, "refused": 0, "timeout": 20},
            "top": [{"domain": "a.test", "score": 9}, {"domain": "b.test", "score": 8}],
            "none": [],
            "long": [1, 2, 3, 4, 5, 6, 7]
        });
        let expected = "domains 2,000, meanScore 1.23\nbyStatus: resolved 1,400, timeout 20\n\
                        long: 1, 2, 3, 4, 5, and 2 more\ntop: a.test (score 9), b.test (score 8)";
        assert_eq!(members(&summary), expected);
        assert_eq!(members(&json!("done")), "done");
    }
}
