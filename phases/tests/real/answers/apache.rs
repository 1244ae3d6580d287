//! Answers of the Apache HTTP Server, and of scripts that write theirs themselves.

use std::os::unix::fs::PermissionsExt as _;

use super::{LONG, Site, check_sites, config, files, persona};
use crate::harness::ports;
use crate::harness::process::Process;
use crate::servers::apache;

const SITES: &[Site] = &[
    ("plain", "DirectoryIndex page.html", "ok 200: page"),
    // A page of some length: the server leaves the smallest as they are.
    (
        "deflated",
        "DirectoryIndex long.html\nSetOutputFilter DEFLATE",
        "ok 200: word word\u{2026}",
    ),
    (
        "packed",
        "DirectoryIndex page.html.gz\nAddEncoding x-gzip .gz",
        "ok 200: page",
    ),
    (
        "download",
        "DirectoryIndex page.html.gz\nAddType application/gzip .gz",
        "ok (no_text) 200",
    ),
    (
        "coding-none",
        "DirectoryIndex page.html\nHeader set Content-Encoding none",
        "ok 200: page",
    ),
    (
        "coding-gzip",
        "DirectoryIndex page.html\nHeader set Content-Encoding gzip",
        "invalid_response (wrong_coding) 200",
    ),
    (
        "coding-br",
        "DirectoryIndex page.html\nHeader set Content-Encoding br",
        "invalid_response (unknown_coding) 200",
    ),
    // The charset of the header comes before that of the page, also where it is wrong.
    (
        "charset",
        "DirectoryIndex utf-8.html\nAddDefaultCharset ISO-8859-1",
        "ok 200: caf\u{c3}\u{a9}",
    ),
    (
        "misspelt",
        "CheckSpelling on\nRedirectMatch 302 ^/$ /pagr.html",
        "ok 200 at http /page.html: page",
    ),
    (
        "misspelt-for-two",
        "DocumentRoot FILES/alike\nCheckSpelling on\nRedirectMatch 302 ^/$ /one3.html",
        "http_error (unusual_status) 300 at http /one3.html",
    ),
    ("composed", "DirectoryIndex composed.html", "ok 200: before after"),
    (
        "directory",
        "DirectoryIndex disabled",
        "http_error (client_error) 403",
    ),
    (
        "listed",
        "DocumentRoot FILES/alike\nOptions +Indexes",
        "ok 200: Index of /\u{2026}",
    ),
    (
        "password",
        "<Location />\nAuthType Basic\nAuthName site\nAuthUserFile /dev/null\nRequire valid-user\n</Location>",
        "http_error (client_error) 401",
    ),
    ("gone", "Redirect gone /", "http_error (client_error) 410"),
    // Who gives a whole URL makes a redirect of an error.
    (
        "error-elsewhere",
        "RedirectMatch 404 ^/$\nErrorDocument 404 http://error-elsewhere.test:PORT/page.html",
        "ok 200 at http /page.html: page",
    ),
    (
        "http-1-0",
        "DirectoryIndex page.html\nSetEnvIf Host . downgrade-1.0 force-response-1.0 nokeepalive",
        "ok 200: page",
    ),
    (
        "utf-8",
        "RedirectMatch ^/$ /caf\u{c3}\u{a9}\nAliasMatch ^/caf FILES/page.html",
        "ok 200 at http /caf%c3%a9: page",
    ),
    // Scripts whose output the server makes an answer of.
    (
        "script",
        r#"SetEnv ANSWER "Content-Type: text/html\n\n<p>page""#,
        "ok 200: page",
    ),
    (
        "script-silent",
        r#"SetEnv ANSWER """#,
        "http_error (server_error) 500",
    ),
    // Another page of the site in place of an answer.
    (
        "script-inside",
        r#"SetEnv ANSWER "Location: /page.html\n\n""#,
        "ok 200: page",
    ),
    (
        "script-status",
        r#"SetEnv ANSWER "Status: 299 Odd\nContent-Type: text/html\n\n<p>page""#,
        "ok 299: page",
    ),
    // The server takes a script's word for the length only where it is told to.
    (
        "script-short",
        r#"SetEnv ANSWER "Content-Type: text/html\nContent-Length: 100\n\n<p>page""#,
        "ok 200: page",
    ),
    // The server ends the answer as if it were whole.
    (
        "script-killed",
        r#"SetEnv ANSWER "Content-Type: text/html\n\n<p>page"
        SetEnv KILLED yes"#,
        "ok 200: page",
    ),
    // Scripts whose output is the answer.
    (
        "raw-folded",
        r#"SetEnv RAW "HTTP/1.1 200 OK\r\nX-A: one\r\n two\r\n\tthree\r\n\r\n<p>page""#,
        "ok 200: page",
    ),
    (
        "raw-space",
        r#"SetEnv RAW "HTTP/1.1 200 OK\r\nContent-Type : text/html\r\n\r\n<p>page""#,
        "ok 200: page",
    ),
    (
        "raw-no-colon",
        r#"SetEnv RAW "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n<p>page""#,
        "ok 200: page",
    ),
    (
        "raw-no-length",
        r#"SetEnv RAW "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n<p>page""#,
        "ok 200: page",
    ),
    (
        "raw-latin-1",
        r#"SetEnv RAW "HTTP/1.1 200 tr\350s\r\nX-A: caf\351\r\n\r\n<p>page""#,
        "ok 200: page",
    ),
    (
        "raw-lines",
        r#"SetEnv RAW "HTTP/1.1 200 OK\nContent-Type: text/html\n\n<p>page""#,
        "ok 200: page",
    ),
    (
        "raw-two-lengths",
        r#"SetEnv RAW "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Length: 2\r\n\r\n<p>page""#,
        "invalid_response (invalid_answer)",
    ),
    (
        "raw-page",
        r#"SetEnv RAW "<p>page""#,
        "invalid_response (invalid_answer)",
    ),
    (
        "raw-nothing",
        r#"SetEnv RAW """#,
        "invalid_response (empty_answer)",
    ),
    (
        "raw-half-a-head",
        r#"SetEnv RAW "HTTP/1.1 200 OK\r\nX-A: b""#,
        "invalid_response (invalid_answer)",
    ),
    ("raw-many", "SetEnv MANY yes", "ok 200: page"),
    (
        "raw-two-types",
        r#"SetEnv RAW "HTTP/1.1 200 OK\r\nContent-Type: image/gif\r\nContent-Type: text/html\r\n\r\n<p>page""#,
        "ok 200: page",
    ),
    (
        "raw-short",
        r#"SetEnv RAW "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<p>page""#,
        "ok (cut_short) 200: page",
    ),
    (
        "raw-no-last-chunk",
        r#"SetEnv RAW "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n<p>page\r\n""#,
        "ok (cut_short) 200: page",
    ),
    (
        "raw-long-short",
        r#"SetEnv RAW "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1000000\r\n\r\n"
        SetEnv LONG yes"#,
        "ok (cut_short) 200: word word\u{2026}",
    ),
    (
        "raw-long-no-last-chunk",
        r#"SetEnv RAW "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\nF4240\r\n"
        SetEnv LONG yes"#,
        "ok (cut_short) 200: word word\u{2026}",
    ),
    // With a while before the end.
    (
        "raw-later-short",
        r#"SetEnv RAW "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<p>page"
        SetEnv LATER yes"#,
        "ok (cut_short) 200: page",
    ),
    (
        "raw-later-no-last-chunk",
        r#"SetEnv RAW "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n<p>page\r\n"
        SetEnv LATER yes"#,
        "ok (cut_short) 200: page",
    ),
    // In front of itself, as a proxy.
    (
        "proxied-short",
        "ProxyPass / http://127.0.0.1:PORT/\nProxyPreserveHost On\nRequestHeader set Host raw-long-short.test",
        "ok (cut_short) 200: word word\u{2026}",
    ),
    (
        "proxied-no-last-chunk",
        "ProxyPass / http://127.0.0.1:PORT/\nProxyPreserveHost On\nRequestHeader set Host raw-long-no-last-chunk.test",
        "ok (cut_short) 200: word word\u{2026}",
    ),
    (
        "proxied-nowhere",
        "ProxyPass / http://127.0.0.2:1/",
        "http_error (server_error) 503",
    ),
];

/// The server with all its sites, which can be the origin of others.
pub(super) async fn start() -> Process {
    let (folder, at) = (files(), ports::free());
    let script = "#!/bin/sh\nprintf \"$ANSWER\"\n[ -z \"$KILLED\" ] || kill -KILL $$\n".to_owned();
    let raw = format!(
        "#!/bin/sh\nprintf \"$RAW\"\n[ -z \"$LATER\" ] || sleep 1\n[ -z \"$LONG\" ] || yes word | head -c {LONG}\n\
         [ -z \"$MANY\" ] || {{ printf 'HTTP/1.1 200 OK\\r\\n'; seq -f 'X-%g: y\\r' 150; printf '\\r\\n<p>page'; }}\n"
    );
    let composed = "<p>before <esi:include src=\"/page.html\"/> after";
    folder.write("composed.html", composed);
    // A script whose name begins so writes the whole answer.
    for (name, text) in [("script", script), ("nph-raw", raw)] {
        let file = folder.write(name, &text);
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let entry = |name: &str, lines: &str| {
        let script = match name.split('-').next() {
            Some("script") => "ScriptAliasMatch ^/$ FILES/script\n",
            Some("raw") => "ScriptAliasMatch ^/$ FILES/nph-raw\n",
            _ => "",
        };
        format!(
            "<VirtualHost *:PORT>\nServerName {name}.test\nDocumentRoot FILES\n{script}{lines}\n</VirtualHost>\n"
        )
    };
    let values = [("PORT", &*at.port().to_string()), ("FILES", folder.text())];
    let config = config("", SITES, entry, &values);
    apache::start(folder, at, &config).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_apache_answers_is_read_as_browsers_read_it() {
    let server = start().await;
    check_sites("apache", persona("http", server.at), SITES).await;
}
