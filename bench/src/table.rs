//! Rows of numbers.

use std::time::Duration;

/// Prints a row: what was measured, and each number with its unit.
pub fn row(what: &str, numbers: &[(f64, &str)]) {
    let mut line = format!("  {what:<44}");
    for (number, unit) in numbers {
        let decimals = if *number < 100.0 { 1 } else { 0 };
        line += &format!("{number:>12.decimals$} {unit}");
    }
    println!("{line}");
}

/// The middle one of some times, and the longest.
///
/// # Panics
///
/// When there are none.
pub fn middle_and_longest(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort();
    (times[times.len() / 2], times[times.len() - 1])
}

pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// How many a second.
pub fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}
