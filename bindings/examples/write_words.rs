//! Writes `schemas/words.json`, `schemas/codes.json` and `schemas/limits.json`, which the hosts' packages and the console are
//! compared with.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    for (name, document) in [
        ("words.json", phasegate_bindings::words()),
        ("codes.json", phasegate_bindings::codes()),
        ("limits.json", phasegate::core::limits::document()),
    ] {
        std::fs::write(folder.join(name), format!("{document:#}\n"))?;
        println!("schemas/{name}");
    }
    Ok(())
}
