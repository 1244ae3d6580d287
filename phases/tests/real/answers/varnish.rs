//! Answers of Varnish, which has some of them from Apache.

use super::{Site, apache, check_sites, config, persona};
use crate::harness::folder::Folder;
use crate::harness::ports;
use crate::servers::varnish;

/// The lines are those for the answer of the origin, whose sites have the same names.
const SITES: &[Site] = &[
    ("plain", "", "ok 200: page"),
    ("deflated", "", "ok 200: word word\u{2026}"),
    ("raw-folded", "", "ok 200: page"),
    ("raw-many", "", "http_error (server_error) 503"),
    ("raw-no-colon", "", "http_error (server_error) 503"),
    ("raw-nothing", "", "http_error (server_error) 503"),
    // It begins with an answer before it has the whole one, and can't take it back.
    ("raw-later-no-last-chunk", "", "ok (cut_short) 200: page"),
    // It waits for the whole one.
    (
        "raw-short",
        "set beresp.do_stream = false;",
        "http_error (server_error) 503",
    ),
    ("coding-none", "", "ok 200: page"),
    ("raw-lines", "", "ok 200: page"),
    ("raw-latin-1", "", "ok 200: page"),
    ("raw-half-a-head", "", "http_error (server_error) 503"),
    // It passes on both.
    ("raw-two-lengths", "", "invalid_response (invalid_answer)"),
    // It looks whether the page is compressed, as it is said to be.
    (
        "coding-gzip",
        "set beresp.do_stream = false;",
        "http_error (server_error) 503",
    ),
    // It puts the page together of compressed pieces.
    (
        "composed",
        "set beresp.do_esi = true; set beresp.do_gzip = true;",
        "ok 200: before page after",
    ),
    ("packed", "set beresp.do_esi = true;", "ok 200: page"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_varnish_answers_is_read_as_browsers_read_it() {
    let origin = apache::start().await;
    let at = ports::free();
    let head = format!(
        "vcl 4.1;\nbackend origin {{ .host = \"127.0.0.1\"; .port = \"{}\"; }}\n\
         backend nowhere {{ .host = \"127.0.0.2\"; .port = \"1\"; }}\n\
         sub vcl_recv {{\nif (req.http.host ~ \"^nowhere\\.test\") {{ set req.backend_hint = nowhere; }}\n\
         if (req.http.host ~ \"^made\\.test\") {{ return (synth(200)); }}\n}}\n\
         sub vcl_synth {{ if (resp.status == 200) {{ synthetic(\"<p>page\"); return (deliver); }} }}\n",
        origin.at.port()
    );
    let entry = |name: &str, lines: &str| {
        format!("sub vcl_backend_response {{ if (bereq.http.host ~ \"^{name}\\.test\") {{ {lines} }} }}\n")
    };
    let server = varnish::start(Folder::new(), at, &config(&head, SITES, entry, &[])).await;
    check_sites("varnish", persona("http", server.at), SITES).await;
    let own = [
        ("made", "", "ok 200: page"),
        // Its page has the title "503 Backend fetch failed".
        ("nowhere", "", "http_error (server_error) 503"),
    ];
    check_sites("varnish without an origin", persona("http", server.at), &own).await;
}
