//! Writes `schemas/words.json` and `schemas/codes.json`, which the hosts' packages and the console are compared with.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    for (name, document) in [
        ("words.json", phasegate_bindings::words()),
        ("codes.json", phasegate_bindings::codes()),
    ] {
        std::fs::write(folder.join(name), format!("{document:#}\n"))?;
        println!("schemas/{name}");
    }
    Ok(())
}
