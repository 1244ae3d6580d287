//! Answers of nginx.

use std::net::SocketAddr;

use serde_json::json;

use super::{Site, apache, check, check_sites, config, files, persona, said};
use crate::harness::campaign::visit;
use crate::harness::folder::Folder;
use crate::harness::ports;
use crate::harness::process::{Process, program, run};
use crate::servers::nginx;

const SITES: &[Site] = &[
    ("plain", "return 200 '<p>page';", "ok 200: page"),
    (
        "compressed",
        "gzip on; gzip_min_length 0; root FILES; index page.html;",
        "ok 200: page",
    ),
    (
        "packed",
        "gzip_static always; root FILES; rewrite ^/$ /page.html;",
        "ok 200: page",
    ),
    // The file beside the page isn't compressed, whatever its name is.
    (
        "not-packed",
        "gzip_static always; root FILES; rewrite ^/$ /wrong.html;",
        "invalid_response (wrong_coding) 200",
    ),
    ("closes", "return 444;", "invalid_response (empty_answer)"),
    ("empty", "return 204;", "ok 204"),
    ("picture", "location / { empty_gif; }", "ok (no_text) 200"),
    (
        "refresh",
        "add_header Refresh '0; url=/next'; return 200 '<p>page';",
        "ok (refresh) 200: page",
    ),
    ("unasked", "return 304;", "http_error (unusual_status) 304"),
    ("directory", "root FILES;", "http_error (client_error) 403"),
    ("teapot", "return 418;", "http_error (client_error) 418"),
    (
        "missing-page",
        "root FILES; error_page 404 =200 /page.html; location = / { return 404; }",
        "ok 200: page",
    ),
    (
        "no-backend",
        "location / { proxy_pass http://127.0.0.2:1; }",
        "http_error (server_error) 502",
    ),
    // The charset of the header comes before that of the page.
    (
        "charset",
        "charset windows-1251; root FILES; index cyrillic.html;",
        "ok 200: привет",
    ),
    ("declared", "root FILES; index declared.html;", "ok 200: привет"),
    ("circle", "return 302 /;", "redirect_loop (redirect_loop) 302"),
    (
        "cookie",
        "location / { if ($cookie_seen = '') { add_header Set-Cookie 'seen=1; Path=/'; return 302 /; } return 200 '<p>page'; }",
        "ok 200: page",
    ),
    (
        "latin-1",
        "location = / { return 301 /caf\u{e9}; } location = /caf\u{e9} { return 200 '<p>page'; }",
        "ok 200 at http /caf%E9: page",
    ),
    (
        "to-tls",
        "return 301 https://$host:TLS$request_uri;",
        "tls_error (certificate_untrusted) 301 at https /",
    ),
    (
        "to-no-tls",
        "return 301 https://$host:PORT/;",
        "tls_error (tls_failed) 301 at https /",
    ),
    (
        "elsewhere",
        "return 301 ftp://$host/;",
        "invalid_redirect (invalid_redirect) 301",
    ),
];

/// What it makes of the answers of Apache's sites of the same names.
const PASSED_ON: &[Site] = &[
    ("plain", "", "ok 200: page"),
    ("deflated", "", "ok 200: word word\u{2026}"),
    ("raw-folded", "", "http_error (server_error) 502"),
    ("raw-space", "", "http_error (server_error) 502"),
    ("raw-no-colon", "", "ok 200: page"),
    ("raw-no-length", "", "ok 200: page"),
    ("raw-latin-1", "", "ok 200: page"),
    ("raw-lines", "", "ok 200: page"),
    ("raw-many", "", "ok 200: page"),
    // It takes the last one, of two bytes.
    ("raw-two-lengths", "", "ok 200"),
    // It takes it for HTTP/0.9, and passes it on without a head too.
    ("raw-page", "", "invalid_response (invalid_answer)"),
    ("raw-nothing", "", "http_error (server_error) 502"),
    ("raw-half-a-head", "", "http_error (server_error) 502"),
    ("raw-later-short", "", "ok (cut_short) 200: page"),
    ("raw-later-no-last-chunk", "", "ok (cut_short) 200: page"),
];

/// Beside its sites it has ports of its own for TLS, an old TLS, old ciphers and HTTP/2.
struct Server {
    process: Process,
    tls: SocketAddr,
    old: SocketAddr,
    ciphers: SocketAddr,
    http2: SocketAddr,
}

/// Makes a key, and certificates that it has signed itself: that of an authority, which `openssl req` makes unless it is told
/// otherwise, one that is not, and one of the first version, as `openssl x509` of OpenSSL 3.0 makes it.
fn certify(folder: &Folder) {
    let openssl = |arguments: &str| {
        let mut command = program("openssl", "openssl");
        run(command.current_dir(folder.path()).args(arguments.split(' ')));
    };
    openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem");
    openssl("req -x509 -key key.pem -subj /CN=site -out authority.pem");
    openssl("req -x509 -key key.pem -subj /CN=site -addext basicConstraints=critical,CA:FALSE -out leaf.pem");
    openssl("req -new -key key.pem -subj /CN=site -out request.pem");
    openssl("x509 -req -in request.pem -signkey key.pem -out old-fashioned.pem");
}

async fn start() -> Server {
    let (folder, at) = (files(), ports::free());
    let (tls, old, http2) = (ports::free(), ports::free(), ports::free());
    let ciphers = ports::free();
    certify(&folder);
    let head = format!(
        "ssl_certificate authority.pem;\nssl_certificate_key key.pem;\n\
         limit_req_zone $host zone=rate:1m rate=30r/m;\n\
         limit_req_zone $host zone=minutes:1m rate=1r/m;\n\
         server {{ listen {tls} ssl default_server; ssl_reject_handshake on; }}\n\
         server {{ listen {tls} ssl; server_name to-tls.test; return 200 '<p>page'; }}\n\
         server {{ listen {tls} ssl; server_name leaf.test; ssl_certificate leaf.pem; }}\n\
         server {{ listen {tls} ssl; server_name old-fashioned.test; ssl_certificate old-fashioned.pem; }}\n\
         server {{ listen {old} ssl; ssl_protocols TLSv1 TLSv1.1; ssl_ciphers DEFAULT@SECLEVEL=0; }}\n\
         server {{ listen {ciphers} ssl; ssl_protocols TLSv1.2; ssl_ciphers ECDHE-ECDSA-AES128-SHA; }}\n\
         server {{ listen {http2} http2; return 200 '<p>page'; }}\n\
         server {{ listen {at}; server_name often.test; limit_req zone=minutes; root FILES; index page.html; }}\n\
         server {{ listen {at}; server_name soon.test; limit_req zone=rate; limit_req_status 429; root FILES; index page.html;\n\
         error_page 429 @soon; location @soon {{ add_header Retry-After 2 always; return 429; }} }}\n\
         server {{ listen {at}; server_name slow.test; limit_rate 1000; root FILES; index long.html; }}\n",
    );
    let entry =
        |name: &str, lines: &str| format!("server {{ listen {at}; server_name {name}.test; {lines} }}\n");
    let values = [
        ("PORT", &*at.port().to_string()),
        ("TLS$", &*format!("{}$", tls.port())),
        ("FILES", folder.text()),
    ];
    let config = config(&head, SITES, entry, &values);
    let process = nginx::start(folder, at, &config).await;
    Server {
        process,
        tls,
        old,
        ciphers,
        http2,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nginx_answers_is_read_as_browsers_read_it() {
    let server = start().await;
    let at = server.process.at;
    check_sites("nginx", persona("http", at), SITES).await;
    check(
        "nginx over TLS",
        persona("https", server.tls),
        &[
            ("to-tls", "tls_error (certificate_untrusted)"),
            ("leaf", "tls_error (certificate_untrusted)"),
            ("old-fashioned", "tls_error (certificate_untrusted)"),
            // No site of that name is there.
            ("rejected", "tls_error (tls_refused)"),
        ],
    )
    .await;
    let old = [("old", "tls_error (tls_version)")];
    check("nginx with TLS of old", persona("https", server.old), &old).await;
    let ciphers = [("old", "tls_error (tls_refused)")];
    check(
        "nginx with ciphers of old",
        persona("https", server.ciphers),
        &ciphers,
    )
    .await;
    let unencrypted = [("to-tls", "http_error (client_error) 400")];
    check(
        "nginx without TLS where it has TLS",
        persona("http", server.tls),
        &unencrypted,
    )
    .await;
    let plain = [("plain", "ok 200: page")];
    check("nginx without TLS", persona("https_then_http", at), &plain).await;
    // Its first bytes are a frame of HTTP/2.
    let http2 = [("plain", "invalid_response (invalid_answer)")];
    check("nginx with HTTP/2 only", persona("http", server.http2), &http2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nginx_makes_of_the_answers_of_another_server_is_read_as_browsers_read_it() {
    let origin = apache::start().await;
    let (folder, at) = (files(), ports::free());
    let entry = |name: &str, _: &str| {
        format!(
            "server {{ listen {at}; server_name {name}.test; location / {{ proxy_pass http://{}; \
             proxy_set_header Host $host; }} }}\n",
            origin.at
        )
    };
    let server = nginx::start(folder, at, &config("", PASSED_ON, entry, &[])).await;
    check_sites("nginx before apache", persona("http", server.at), PASSED_ON).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_that_limits_requests_is_asked_again_when_it_says_so() {
    let server = start().await;
    let mut persona = persona("http", server.process.at);
    persona["concurrency"] = json!(1);
    persona["retries"] = json!(1);
    // It says nothing of when.
    let often = [
        ("often", "ok 200: page"),
        ("often", "http_error (server_error) 503"),
    ];
    check("nginx with its own page", persona.clone(), &often).await;
    let outcome = visit(&["soon.test", "soon.test"], persona, None).await;
    let found: Vec<_> = outcome
        .records
        .iter()
        .map(|record| (said(record), record["measured"]["requests"].as_u64().unwrap()))
        .collect();
    let page = "ok 200: page".to_owned();
    assert_eq!(found, [(page.clone(), 1), (page, 2)], "nginx with Retry-After");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_in_time_of_a_slow_page_of_nginx_is_kept() {
    let server = start().await;
    let mut persona = persona("http", server.process.at);
    persona["timeoutMs"] = json!(2_000);
    let slow = [("slow", "ok (cut_short) 200: word word\u{2026}")];
    check("nginx with a limited rate", persona, &slow).await;
}
