//! Answers of HAProxy, which has some of them from Apache.

use serde_json::json;

use super::{Site, apache, check, check_sites, config, persona};
use crate::harness::folder::Folder;
use crate::harness::ports;
use crate::servers::haproxy;

const SITES: &[Site] = &[
    ("no-server", "", "http_error (server_error) 503"),
    ("down", "server down 127.0.0.2:1", "http_error (server_error) 503"),
    (
        "returned",
        r#"http-request return status 200 content-type text/html string "<p>page""#,
        "ok 200: page",
    ),
    (
        "denied",
        "http-request deny deny_status 429",
        "http_error (client_error) 429",
    ),
    (
        "cookie",
        r#"http-request redirect code 302 location / set-cookie seen=1 unless { req.cook(seen) -m found }
  http-request return status 200 content-type text/html string "<p>page""#,
        "ok 200: page",
    ),
    // The file for an error is a page.
    ("file", "errorfile 503 FILES/page.http", "ok 200: page"),
    ("file-folded", "errorfile 503 FILES/folded.http", "ok 200: page"),
    (
        "file-gzip",
        "errorfile 503 FILES/gzip.http",
        "invalid_response (wrong_coding) 200",
    ),
    (
        "file-latin-1",
        r#"errorfile 503 FILES/latin-1.http
  http-request return status 200 content-type text/html string "<p>page" if { path -m beg /caf }"#,
        "ok 200 at http /caf%E9: page",
    ),
    ("plain", "server origin ORIGIN", "ok 200: page"),
    ("raw-folded", "server origin ORIGIN", "ok 200: page"),
    (
        "raw-many",
        "server origin ORIGIN",
        "http_error (server_error) 502",
    ),
    (
        "raw-no-colon",
        "server origin ORIGIN",
        "http_error (server_error) 502",
    ),
    (
        "raw-space",
        "server origin ORIGIN",
        "http_error (server_error) 502",
    ),
    (
        "raw-no-length",
        "server origin ORIGIN",
        "http_error (server_error) 502",
    ),
    (
        "raw-nothing",
        "server origin ORIGIN",
        "http_error (server_error) 502",
    ),
    (
        "raw-long-short",
        "server origin ORIGIN",
        "ok (cut_short) 200: word word\u{2026}",
    ),
    (
        "raw-long-no-last-chunk",
        "server origin ORIGIN",
        "ok (cut_short) 200: word word\u{2026}",
    ),
    // With a name of a header that it refuses unless it is told otherwise.
    (
        "space-let-through",
        "option accept-invalid-http-response\n  http-request set-header Host raw-space.test\n  server origin ORIGIN",
        "ok 200: page",
    ),
    (
        "compressed",
        "filter compression\n  compression algo gzip\n  compression type text/html\n  \
         http-request set-header Host plain.test\n  server origin ORIGIN",
        "ok 200: page",
    ),
    ("raw-lines", "server origin ORIGIN", "ok 200: page"),
    ("raw-latin-1", "server origin ORIGIN", "ok 200: page"),
    (
        "raw-half-a-head",
        "server origin ORIGIN",
        "http_error (server_error) 502",
    ),
    (
        "raw-two-lengths",
        "server origin ORIGIN",
        "http_error (server_error) 502",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_haproxy_answers_is_read_as_browsers_read_it() {
    let origin = apache::start().await;
    let (folder, at) = (Folder::new(), ports::free());
    for (name, head) in [
        (
            "page",
            &b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<p>page"[..],
        ),
        (
            "folded",
            b"HTTP/1.0 200 OK\r\nX-A: one\r\n two\r\nContent-Type: text/html\r\n\r\n<p>page",
        ),
        (
            "gzip",
            b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n<p>page",
        ),
        ("latin-1", b"HTTP/1.0 302 Found\r\nLocation: /caf\xe9\r\n\r\n"),
    ] {
        folder.write(&format!("{name}.http"), head);
    }
    let head = format!(
        "frontend in\n  bind {at}\n  use_backend %[req.hdr(host),field(1,.)]\n\
         backend silent\n  http-request tarpit\n"
    );
    let entry = |name: &str, lines: &str| format!("backend {name}\n  {lines}\n");
    let values = [("FILES", folder.text()), ("ORIGIN", &*origin.at.to_string())];
    let config = config(&head, SITES, entry, &values);
    let server = haproxy::start(folder, at, &config).await;
    check_sites("haproxy", persona("http", at), SITES).await;
    let mut hasty = persona("http", server.at);
    hasty["timeoutMs"] = json!(1_000);
    let silent = [("silent", "timed_out (answer_timeout)")];
    check("haproxy that holds a connection", hasty, &silent).await;
}
