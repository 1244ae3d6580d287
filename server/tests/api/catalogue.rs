//! The tests meet every refusal that there is.

use std::fs;
use std::path::Path;

use phasegate_server::catalogue;

/// It reads the other tests, which compare an answer's status and code with a pair of literals: there is no moment at which all
/// of them have run.
#[test]
fn every_code_of_the_catalogue_is_met_with_each_of_its_statuses() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api");
    let mut tests = String::new();
    for entry in fs::read_dir(folder).expect("the folder of this file") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            let text = fs::read_to_string(&path).expect("a file of this crate");
            // However the pair is laid out.
            tests.extend(text.split_whitespace());
        }
    }
    let mut unmet = Vec::new();
    for entry in catalogue::ALL {
        for status in entry.statuses {
            let pair = format!("({status},\"{}\"", entry.code);
            if !tests.contains(&pair) {
                unmet.push(pair);
            }
        }
    }
    assert!(unmet.is_empty(), "no test meets {unmet:?}");
}
