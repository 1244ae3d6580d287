//! What the two builds gave, and the table of it.

use serde::Deserialize;

/// One measurement, as the measuring program prints it.
#[derive(Debug, Deserialize)]
pub struct Measured {
    measurement: String,
    numbers: Vec<Number>,
}

#[derive(Debug, Deserialize)]
struct Number {
    what: String,
    value: f64,
}

/// Which of the two builds measured.
#[derive(Clone, Copy, Debug)]
pub enum Side {
    Before,
    After,
}

/// The numbers of all rounds.
#[derive(Debug, Default)]
pub struct Comparison {
    rows: Vec<Row>,
}

/// What one number of one measurement was, round by round.
#[derive(Debug)]
struct Row {
    measurement: String,
    what: String,
    before: Vec<f64>,
    after: Vec<f64>,
}

impl Comparison {
    /// Adds what one build gave in one round.
    pub fn add(&mut self, side: Side, measured: Measured) {
        for Number { what, value } in measured.numbers {
            let row = self.row(&measured.measurement, what);
            match side {
                Side::Before => row.before.push(value),
                Side::After => row.after.push(value),
            }
        }
    }

    fn row(&mut self, measurement: &str, what: String) -> &mut Row {
        let place = self
            .rows
            .iter()
            .position(|row| row.measurement == measurement && row.what == what);
        let place = place.unwrap_or_else(|| {
            self.rows.push(Row {
                measurement: measurement.to_owned(),
                what,
                before: Vec::new(),
                after: Vec::new(),
            });
            self.rows.len() - 1
        });
        &mut self.rows[place]
    }

    /// For each number the median of each build, the median of the ratios after / before of each round, and the least and the
    /// greatest of them.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<32}{:>12}{:>12}{:>9}   least to greatest\n",
            "medians", "before", "after", "ratio"
        );
        let mut measurement = "";
        for row in &self.rows {
            if row.measurement != measurement {
                measurement = &row.measurement;
                text += &format!("{measurement}\n");
            }
            let pairs = row.before.iter().zip(&row.after);
            let mut ratios: Vec<f64> = pairs.map(|(before, after)| after / before).collect();
            let (before, after, ratio) = (median(&row.before), median(&row.after), median(&ratios));
            ratios.sort_by(f64::total_cmp);
            let spread = match ratios.as_slice() {
                [] => String::new(),
                [least, .., greatest] => format!("{least:.2} to {greatest:.2}"),
                [only] => format!("{only:.2}"),
            };
            text += &format!(
                "  {:<30}{}{}{}   {spread}\n",
                row.what,
                number(before, 12, 1),
                number(after, 12, 1),
                number(ratio, 9, 2)
            );
        }
        text
    }
}

/// The middle one, or the mean of the two in the middle; `None` of none.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        count if count % 2 == 0 => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
        _ => Some(sorted[middle]),
    }
}

fn number(value: Option<f64>, width: usize, decimals: usize) -> String {
    match value {
        Some(value) => format!("{value:>width$.decimals$}"),
        None => format!("{:>width$}", "-"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(measurement: &str, numbers: &[(&str, f64)]) -> Measured {
        let numbers = numbers.iter().map(|(what, value)| Number {
            what: (*what).to_owned(),
            value: *value,
        });
        Measured {
            measurement: measurement.to_owned(),
            numbers: numbers.collect(),
        }
    }

    #[test]
    fn a_slow_round_changes_neither_median() {
        let mut comparison = Comparison::default();
        for (before, after) in [(100.0, 200.0), (10.0, 25.0), (110.0, 209.0)] {
            comparison.add(Side::After, measured("chains", &[("a second", after)]));
            comparison.add(Side::Before, measured("chains", &[("a second", before)]));
        }
        comparison.add(Side::After, measured("chains", &[("bytes", 7.0)]));
        let expected = [
            "medians                               before       after    ratio   least to greatest",
            "chains",
            "  a second                             100.0       200.0     2.00   1.90 to 2.50",
            "  bytes                                    -         7.0        -",
        ];
        let table = comparison.table();
        let lines: Vec<_> = table.lines().map(str::trim_end).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        assert_eq!(median(&[4.0, 1.0, 2.0, 100.0]), Some(3.0));
        assert_eq!(median(&[]), None);
    }
}
