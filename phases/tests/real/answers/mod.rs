//! Answers of web servers, each server with one config of many sites: what it sends, and what the record makes of it.
//!
//! The expectations say what a browser shows, or why it shows nothing.

mod apache;
mod haproxy;
mod lighttpd;
mod nginx;
mod varnish;

use std::io::Write as _;
use std::net::SocketAddr;

use serde_json::{Value, json};
use url::Url;

use crate::harness::campaign::{Outcome, visit};
use crate::harness::folder::Folder;

/// A site: the first label of its name under `test`, the lines of the server's config for it, and what its record should say, as
/// [`said`] says it. `PORT`, `TLS` and `FILES` in the lines stand for the server's ports and the folder of [`files`]. An
/// expectation that ends with `…` is the beginning.
type Site = (&'static str, &'static str, &'static str);

/// A page, and the same compressed.
const PAGE: &str = "<p>page";
/// How long the text of a long page is, in bytes: more than one piece of any server.
const LONG: usize = 200_000;

/// A folder with what the sites serve.
fn files() -> Folder {
    let folder = Folder::new();
    let packed = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(PAGE.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    folder.write("page.html", PAGE);
    folder.write("page.html.gz", &packed);
    folder.write("wrong.html.gz", PAGE);
    folder.write("long.html", &"word ".repeat(LONG / 5));
    folder.write("utf-8.html", "<meta charset=utf-8><p>caf\u{e9}");
    // A word in windows-1251.
    let word = b"\xef\xf0\xe8\xe2\xe5\xf2";
    folder.write("cyrillic.html", &[&b"<meta charset=utf-8><p>"[..], word].concat());
    folder.write(
        "declared.html",
        &[&b"<meta charset=windows-1251><p>"[..], word].concat(),
    );
    for page in ["alike/one1.html", "alike/one2.html"] {
        std::fs::create_dir_all(folder.path().join("alike")).unwrap();
        folder.write(page, PAGE);
    }
    folder
}

/// A config with one entry for each of the sites. Each character is one byte.
fn config(
    head: &str,
    sites: &[Site],
    entry: impl Fn(&str, &str) -> String,
    values: &[(&str, &str)],
) -> Vec<u8> {
    let mut config = head.to_owned();
    for (name, lines, _) in sites {
        config += &entry(name, lines);
    }
    for (name, value) in values {
        config = config.replace(name, value);
    }
    let bytes = config.chars().map(|letter| u8::try_from(letter).unwrap());
    bytes.collect()
}

/// A persona that requests the sites of a server.
fn persona(scheme: &str, at: SocketAddr) -> Value {
    json!({
        "scheme": scheme, "port": at.port(), "allowPrivateAddresses": true, "retries": 0,
        "userAgent": "phasegate-test/1.0", "concurrency": 4,
    })
}

/// Requests each site of a table, and shows every row that differs.
async fn check_sites(situation: &str, persona: Value, sites: &[Site]) {
    let rows: Vec<_> = sites
        .iter()
        .map(|(name, _, expected)| (*name, *expected))
        .collect();
    check(situation, persona, &rows).await;
}

/// Requests each site, given by the first label of its name, and shows every one that differs.
async fn check(situation: &str, persona: Value, rows: &[(&str, &str)]) -> Outcome {
    let names: Vec<_> = rows.iter().map(|(name, _)| format!("{name}.test")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut outcome = visit(&names, persona, None).await;
    assert_eq!(outcome.failure, None, "{situation}");
    // What follows of a long text stands in parts.
    outcome.records.retain(|record| record["part"].is_null());
    assert_eq!(outcome.records.len(), rows.len(), "{situation}");
    let mut differences = String::new();
    for ((name, expected), record) in rows.iter().zip(&outcome.records) {
        let found = said(record);
        let is_as_expected = match expected.strip_suffix('\u{2026}') {
            Some(beginning) => found.starts_with(beginning),
            None => found == *expected,
        };
        if !is_as_expected {
            let found: String = found.chars().take(200).collect();
            let detail = &record["detail"];
            differences += &format!("  {name}: expected {expected}, found {found}\n    {detail}\n");
        }
    }
    assert!(differences.is_empty(), "{situation}:\n{differences}");
    outcome
}

/// What a record says, in one line: the status, the detail in parentheses, the status of HTTP, where redirects led to (the scheme
/// and the path), and the text.
fn said(record: &Value) -> String {
    let mut said = record["status"].as_str().unwrap().to_owned();
    if let Some(code) = record["detail"]["code"].as_str() {
        said += &format!(" ({code})");
    }
    if let Some(status) = record["httpStatus"].as_u64() {
        said += &format!(" {status}");
    }
    if record["finalUrl"] != record["url"] {
        let url: Url = record["finalUrl"].as_str().unwrap().parse().unwrap();
        said += &format!(" at {} {}", url.scheme(), &url[url::Position::BeforePath..]);
    }
    match record["text"].as_str().unwrap() {
        "" => {}
        text => said += &format!(": {text}"),
    }
    said
}
