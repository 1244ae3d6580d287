//! Writes the OpenAPI document to `server/openapi.json`, for `cargo xtask schemas`.

fn main() -> std::io::Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    std::fs::write(path, format!("{:#}\n", phasegate_server::openapi_document()))?;
    println!("server/openapi.json");
    Ok(())
}
