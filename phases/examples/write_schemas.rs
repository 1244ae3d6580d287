//! Writes `schemas/`, one file for each JSON Schema of the lead-generation pipeline.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    std::fs::create_dir_all(&folder)?;
    for (name, schema) in phasegate_phases::schemas() {
        std::fs::write(folder.join(name), format!("{schema:#}\n"))?;
        println!("schemas/{name}");
    }
    Ok(())
}
