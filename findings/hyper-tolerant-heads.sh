#!/usr/bin/env bash
# Package: the crate hyper 1.12.0 (client, HTTP/1), with http-body-util 0.1.5, hyper-util 0.1.21 and tokio 1.54.1
#
# Behaviour: with all three switches for heads that are not as they should be (allow_spaces_after_header_name_in_responses,
# allow_obsolete_multiline_headers_in_responses, ignore_invalid_headers_in_responses) hyper's client passes over a line without a
# colon, and over a header with a control character. It still refuses the whole answer for a Content-Length that is empty or no
# number, and for two spaces in the status line.
#
# Why it surprises: the third switch reads as if any header that can't be used were left out, and the first as if spaces were taken
# as they come. The length is checked after the parser, which the switches are for; and the parser (httparse) has a switch for the
# spaces of the status line, which hyper passes on to nobody.
#
# Seen on 2026-11-29:
#   no colon, control character, space before the colon, folded: a body of 4 bytes
#   empty length, length of no number: refused: hyper::Error(Parse(Header(ContentLengthInvalid)))
#   two spaces: refused: hyper::Error(Parse(Status))
set -euo pipefail
source "$(dirname "$0")/stage.sh"
command -v cargo >/dev/null || cannot "there is no cargo"

mkdir -p "$STAGE/crate/src"
cat >"$STAGE/crate/Cargo.toml" <<'TOML'
[package]
name = "heads"
version = "0.0.0"
edition = "2024"

[dependencies]
http-body-util = "=0.1.5"
hyper = { version = "=1.12.0", features = ["client", "http1"] }
hyper-util = { version = "=0.1.21", features = ["tokio"] }
tokio = { version = "=1.54.1", features = ["io-util", "macros", "rt", "time"] }
TOML
cat >"$STAGE/crate/src/main.rs" <<'RS'
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn ask(head: &str) -> String {
    let (client, mut server) = tokio::io::duplex(65_536);
    let answer = format!("{head}\r\npage");
    let serving = tokio::spawn(async move {
        let mut request = [0; 4_096];
        let _ = server.read(&mut request).await;
        let _ = server.write_all(answer.as_bytes()).await;
    });
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .handshake(TokioIo::new(client))
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = hyper::Request::get("/").header("host", "a.example").body(Empty::<Bytes>::new()).unwrap();
    let told = match sender.send_request(request).await {
        Ok(response) => match response.into_body().collect().await {
            Ok(body) => format!("a body of {} bytes", body.to_bytes().len()),
            Err(error) => format!("a head, then {error}"),
        },
        Err(error) => format!("refused: {error:?}"),
    };
    let _ = serving.await;
    told
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for (name, head) in [
        ("no colon", "HTTP/1.1 200 OK\r\nnonsense\r\n"),
        ("control character", "HTTP/1.1 200 OK\r\nX-A: a\u{1}b\r\n"),
        ("space before the colon", "HTTP/1.1 200 OK\r\nX-A : b\r\n"),
        ("folded", "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\n"),
        ("empty length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n"),
        ("length of no number", "HTTP/1.1 200 OK\r\nContent-Length: unknown\r\n"),
        ("two spaces", "HTTP/1.1  200 OK\r\n"),
    ] {
        println!("{name}: {}", ask(head).await);
    }
}
RS
(cd "$STAGE/crate" && CARGO_TARGET_DIR="$STAGE/target" cargo build --quiet) 2>"$STAGE/cargo.log" ||
  cannot "the crates can't be built: $(tail -3 "$STAGE/cargo.log")"
cases="$("$STAGE/target/debug/heads")"
echo "$cases"
expect "a line without a colon is passed over" '^no colon: a body of 4 bytes$' "$cases"
expect "a header with a control character is passed over" '^control character: a body of 4 bytes$' "$cases"
expect "a space before the colon is passed over" '^space before the colon: a body of 4 bytes$' "$cases"
expect "a folded header is read" '^folded: a body of 4 bytes$' "$cases"
expect "an empty length refuses the answer" '^empty length: refused: .*ContentLengthInvalid|^empty length: refused: .*content-length' "$cases"
expect "a length of no number refuses the answer" '^length of no number: refused:' "$cases"
expect "two spaces refuse the answer" '^two spaces: refused:' "$cases"
conclude
