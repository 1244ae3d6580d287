#!/usr/bin/env bash
# Package: the crate redb 4.6.0
#
# Behaviour: redb keeps a row in a page of 4,096 bytes times a power of two. A row whose value and key leave fewer than 8 bytes of it goes to
# the next size, so one byte more in each value doubles the file, for small values and large ones alike. The file is measured by its
# allocated blocks after `compact` and a clean close, so no free page counts.
#
# Why it surprises: a value is a few bytes in a tree, and nothing in the interface speaks of pages; programs like sizes that are powers of two, and
# a block of exactly 32 KiB takes 64 KiB.
#
# Seen on 2026-11-29, 400 values each, keys of 8 bytes:
#   4,080 bytes 1.04 bytes of file for each byte, 4,081 bytes 2.04; 32,752 bytes 1.01, 32,753 bytes 2.01
set -euo pipefail
source "$(dirname "$0")/stage.sh"
command -v cargo >/dev/null || cannot "there is no cargo"

mkdir -p "$STAGE/crate/src"
cat >"$STAGE/crate/Cargo.toml" <<'TOML'
[package]
name = "sizes"
version = "0.0.0"
edition = "2024"

[dependencies]
redb = "=4.6.0"
TOML
cat >"$STAGE/crate/src/main.rs" <<'RS'
use std::os::unix::fs::MetadataExt;

use redb::{Database, TableDefinition};

const TABLE: TableDefinition<u64, &[u8]> = TableDefinition::new("values");

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap();
    let size: usize = arguments.next().unwrap().parse().unwrap();
    let rows = 400;
    let mut database = Database::create(&path).unwrap();
    let value = vec![7; size];
    for row in 0..rows {
        let write = database.begin_write().unwrap();
        write.open_table(TABLE).unwrap().insert(row, &value[..]).unwrap();
        write.commit().unwrap();
    }
    while database.compact().unwrap() {}
    drop(database);
    let blocks = std::fs::metadata(&path).unwrap().blocks() * 512;
    println!("{:.2}", blocks as f64 / (rows as f64 * size as f64));
}
RS
(cd "$STAGE/crate" && CARGO_TARGET_DIR="$STAGE/target" cargo build --quiet) 2>"$STAGE/cargo.log" ||
  cannot "the crate can't be built: $(tail -3 "$STAGE/cargo.log")"

number=0
for size in 4080 4081 32752 32753; do
  number=$((number + 1))
  ratio="$("$STAGE/target/debug/sizes" "$STAGE/store$number.redb" "$size")"
  echo "values of $size bytes: $ratio bytes of file for each byte"
  case "$size" in
    4080 | 32752) expect "values of $size bytes fit a page" '^1\.[0-2]' "$ratio" ;;
    *) expect "values of $size bytes take two" '^2\.0' "$ratio" ;;
  esac
done
conclude
