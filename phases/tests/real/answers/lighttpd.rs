//! Answers of lighttpd.

use super::{Site, check_sites, config, files, persona};
use crate::harness::ports;
use crate::servers::lighttpd;

const SITES: &[Site] = &[
    ("plain", "", "ok 200: page"),
    (
        "forbidden",
        r#"url.access-deny = ("")"#,
        "http_error (client_error) 403",
    ),
    (
        "directory",
        "index-file.names = ()",
        "http_error (client_error) 403",
    ),
    (
        "listed",
        r#"index-file.names = ()
        dir-listing.activate = "enable""#,
        "ok 200: Index of /\u{2026}",
    ),
    (
        "missing",
        r#"url.redirect = ("^/$" => "/missing")"#,
        "http_error (client_error) 404 at http /missing",
    ),
    (
        "elsewhere",
        r#"url.redirect = ("^/$" => "http://${url.authority}/page.html")"#,
        "ok 200 at http /page.html: page",
    ),
    (
        "http-1-0",
        r#"server.protocol-http11 = "disable""#,
        "ok 200: page",
    ),
    // A page whose ending has no type is offered as a file. It is one that no other host serves, since all have the type that was
    // looked up first.
    (
        "no-type",
        r#"index-file.names = ("utf-8.html")
        mimetype.assign = ()"#,
        "ok (no_text) 200",
    ),
    (
        "coding-none",
        r#"setenv.add-response-header = ("Content-Encoding" => "none")"#,
        "ok 200: page",
    ),
    (
        "no-backend",
        r#"proxy.server = ("" => (("host" => "127.0.0.2", "port" => 1)))"#,
        "http_error (server_error) 503",
    ),
    (
        "script",
        r#"cgi.assign = (".sh" => "/bin/sh")
        url.rewrite = ("^/$" => "/whole.sh")"#,
        "ok 200: page",
    ),
    (
        "script-short",
        r#"cgi.assign = (".sh" => "/bin/sh")
        url.rewrite = ("^/$" => "/short.sh")"#,
        "ok (cut_short) 200: page",
    ),
    (
        "script-silent",
        r#"cgi.assign = (".sh" => "/bin/sh")
        url.rewrite = ("^/$" => "/silent.sh")"#,
        "http_error (server_error) 500",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lighttpd_answers_is_read_as_browsers_read_it() {
    let (folder, at) = (files(), ports::free());
    folder.write("whole.sh", "printf 'Content-Type: text/html\\n\\n<p>page'\n");
    folder.write(
        "short.sh",
        "printf 'Content-Type: text/html\\nContent-Length: 100\\n\\n<p>page'\n",
    );
    folder.write("silent.sh", "exit 1\n");
    let entry = |name: &str, lines: &str| format!("$HTTP[\"host\"] =~ \"^{name}\\.test\" {{\n{lines}\n}}\n");
    let config = config("", SITES, entry, &[]);
    let server = lighttpd::start(folder, at, &config).await;
    check_sites("lighttpd", persona("http", server.at), SITES).await;
}
