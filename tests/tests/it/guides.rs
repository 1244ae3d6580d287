//! The guides show code that is compiled and run: each of their Rust blocks stands in the example that they speak of.

use std::path::Path;

const GUIDES: &[&str] = &["docs/testing.md", "docs/stores.md"];
const SOURCES: &[&str] = &[
    "examples/letters/src/lib.rs",
    "examples/letters/tests/promises.rs",
    "examples/letters/tests/store.rs",
];

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text without what a formatter decides: where lines break, and how far they are indented.
fn unformatted(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn the_code_of_the_guides_stands_in_the_example() {
    let sources: Vec<_> = SOURCES.iter().map(|path| unformatted(&read(path))).collect();
    let mut blocks = 0;
    for guide in GUIDES {
        let text = read(guide);
        for block in text.split("```rust\n").skip(1) {
            let (code, _) = block.split_once("```").expect("a block ends");
            blocks += 1;
            // A formatter may add a comma where it breaks a line.
            let stands_in = |source: &String| {
                source
                    .replace(",)", ")")
                    .contains(&unformatted(code).replace(",)", ")"))
            };
            assert!(
                sources.iter().any(stands_in),
                "{guide} has code that no example has:\n{code}"
            );
        }
    }
    assert!(blocks >= 6, "the guides have their code: {blocks}");
}
