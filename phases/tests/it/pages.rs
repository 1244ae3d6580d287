//! Pages of many shapes, each with what Chromium shows of it.

use std::collections::BTreeSet;

use phasegate_phases::http_validation::Page;
use serde::Deserialize;

const FILES: [(&str, &str); 9] = [
    ("blocks", include_str!("pages/blocks.json")),
    ("characters", include_str!("pages/characters.json")),
    ("embedded", include_str!("pages/embedded.json")),
    ("forms", include_str!("pages/forms.json")),
    ("graphics", include_str!("pages/graphics.json")),
    ("hidden", include_str!("pages/hidden.json")),
    ("tables", include_str!("pages/tables.json")),
    ("tags", include_str!("pages/tags.json")),
    ("words", include_str!("pages/words.json")),
];

/// A page. `pages/take.mjs` takes its `innerText`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Shape {
    name: String,
    /// Where real sites have it.
    #[serde(rename = "situation")]
    _situation: String,
    html: String,
    /// What Chromium shows, white space joined.
    inner_text: String,
    /// What is read instead, and why.
    text: Option<String>,
    reason: Option<String>,
}

fn shapes() -> Vec<Shape> {
    let shapes = |(file, text)| -> Vec<Shape> {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{file}: {error}"))
    };
    FILES.into_iter().flat_map(shapes).collect()
}

#[test]
fn a_page_of_any_shape_is_read_as_chromium_shows_it_or_for_a_reason_otherwise() {
    let mut differences = Vec::new();
    for shape in shapes() {
        let page = Page::read(Some("text/html; charset=utf-8"), shape.html.as_bytes(), &|| false);
        let expected = shape.text.as_ref().unwrap_or(&shape.inner_text);
        if page.text != *expected || page.truncated {
            differences.push(format!("{}: {:?}, not {expected:?}", shape.name, page.text));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn a_difference_from_chromium_is_one_and_has_a_reason() {
    for shape in shapes() {
        assert_eq!(shape.text.is_some(), shape.reason.is_some(), "{}", shape.name);
        assert_ne!(shape.text.as_ref(), Some(&shape.inner_text), "{}", shape.name);
    }
}

#[test]
fn there_are_many_shapes_and_each_is_there_once() {
    let names: BTreeSet<String> = shapes().into_iter().map(|shape| shape.name).collect();
    let pages: BTreeSet<String> = shapes().into_iter().map(|shape| shape.html).collect();
    assert_eq!((names.len(), pages.len()), (shapes().len(), shapes().len()));
    assert!(names.len() >= 150, "only {}", names.len());
}
