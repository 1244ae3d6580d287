#!/usr/bin/env bash
# Package: the crate flate2 1.1.11 (with miniz_oxide), beside Debian's gzip and Python
#
# Behaviour: a gzip stream may be padded with zeros to the end of a block. `gzip -dc` and Python's module gzip give its content and
# pass over the zeros. flate2's MultiGzDecoder, which is for streams of several members, gives all of the content and then an error of the
# kind UnexpectedEof or InvalidInput, depending on how many zeros there are: it takes them for the next member. One or two bytes are enough.
#
# Why it surprises: the documentation says that the decoder reads all members of a stream, and tells nothing of what may stand after
# them. A caller that takes an error for a damaged body, or a short read for a cut one, marks whole pages as damaged: servers that
# serve files which were padded or have a line feed at their end exist. GzDecoder, which reads one member, passes over anything.
#
# Seen on 2026-11-29, for a page of six bytes:
#   0 zeros    gzip 6 bytes, Python 6 bytes, MultiGzDecoder 6 bytes, GzDecoder 6 bytes
#   2 zeros    gzip 6 bytes, Python 6 bytes, MultiGzDecoder 6 bytes, then UnexpectedEof, GzDecoder 6 bytes
#   512 zeros  gzip 6 bytes, Python 6 bytes, MultiGzDecoder 6 bytes, then InvalidInput, GzDecoder 6 bytes
set -euo pipefail
source "$(dirname "$0")/stage.sh"
command -v cargo >/dev/null || cannot "there is no cargo"

mkdir -p "$STAGE/crate/src"
cat >"$STAGE/crate/Cargo.toml" <<'TOML'
[package]
name = "padding"
version = "0.0.0"
edition = "2024"

[dependencies]
flate2 = { version = "=1.1.11", default-features = false, features = ["rust_backend"] }
miniz_oxide = "=0.9.1"
TOML
cat >"$STAGE/crate/src/main.rs" <<'RS'
use std::io::Read;

fn told(outcome: std::io::Result<usize>, bytes: usize) -> String {
    match outcome {
        Ok(_) => format!("{bytes} bytes, whole"),
        Err(error) => format!("{bytes} bytes, then {:?}", error.kind()),
    }
}

fn main() {
    let packed = std::fs::read(std::env::args().nth(1).unwrap()).unwrap();
    let mut bytes = Vec::new();
    let many = flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut bytes);
    println!("MultiGzDecoder: {}", told(many, bytes.len()));
    bytes.clear();
    let one = flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes);
    println!("GzDecoder: {}", told(one, bytes.len()));
}
RS
(cd "$STAGE/crate" && CARGO_TARGET_DIR="$STAGE/target" cargo build --quiet) 2>"$STAGE/cargo.log" ||
  cannot "the crates can't be built: $(tail -3 "$STAGE/cargo.log")"

printf 'a page' | gzip -c >"$STAGE/plain.gz"
for zeros in 0 2 512; do
  { cat "$STAGE/plain.gz"; head -c "$zeros" /dev/zero; } >"$STAGE/padded.gz"
  echo "with $zeros zeros"
  gzip="$(gzip -dc "$STAGE/padded.gz" 2>/dev/null | wc -c) bytes"
  python="$(python3 -c 'import gzip, sys; print(len(gzip.open(sys.argv[1]).read()), "bytes")' "$STAGE/padded.gz")"
  flate2="$("$STAGE/target/debug/padding" "$STAGE/padded.gz")"
  printf '  gzip: %s\n  Python: %s\n  %s\n' "$gzip" "$python" "${flate2//$'\n'/$'\n  '}"
  expect "gzip gives the content" '^6 bytes$' "$gzip"
  expect "Python gives the content" '^6 bytes$' "$python"
  expect "one member is whole" 'GzDecoder: 6 bytes, whole$' "$flate2"
  case "$zeros" in
    0) expect "several members are whole" '^MultiGzDecoder: 6 bytes, whole' "$flate2" ;;
    *) expect "several members end with an error" '^MultiGzDecoder: 6 bytes, then ' "$flate2" ;;
  esac
done
conclude
