//! Bytes of each form as they were first written: they read to the same values for ever.

use std::fmt::Write as _;

use super::sample::all;

const GOLDEN: &str = include_str!("golden.txt");

/// The lines of the file: the name of a sample, the number of the form, and the bytes.
fn lines() -> Vec<(&'static str, u8, Vec<u8>)> {
    let lines = GOLDEN.lines().map(|line| {
        let mut parts = line.split(' ');
        let mut part = || parts.next().expect("a line has three parts");
        let (name, form, digits) = (part(), part(), part());
        let bytes = (0..digits.len()).step_by(2);
        let bytes = bytes.map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("two digits"));
        (name, form.parse().expect("a number"), bytes.collect())
    });
    lines.collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").expect("a text takes it");
        digits
    })
}

#[test]
fn every_form_there_ever_was_reads_to_the_same_value() {
    for (name, form, bytes) in lines() {
        assert_eq!(bytes.first(), Some(&form), "{name}");
        let (_, sample) = all()
            .into_iter()
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("{name} is no sample"));
        assert_eq!(sample.read(&bytes).as_ref(), Ok(&sample), "{name} of form {form}");
    }
}

#[test]
fn what_is_written_today_is_in_the_file() {
    let missing = all().into_iter().filter_map(|(name, sample)| {
        let bytes = sample.write();
        let line = (name, bytes[0], bytes);
        (!lines().contains(&line)).then(|| format!("{name} {} {}\n", line.1, hex(&line.2)))
    });
    let missing: String = missing.collect();
    assert!(
        missing.is_empty(),
        "a form that was released never changes: a new form needs a new number, and these lines at the end of golden.txt\n{missing}"
    );
}
