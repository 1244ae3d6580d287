//! Reading JSON from a file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use phasegate::core::limits::MAX_CONFIG_BYTES;
use phasegate::core::read_json;
use serde_json::Value;

use crate::error::CliError;

/// Reads a config from a file, or from the standard input if `path` is `-`.
pub fn read_config(path: &Path) -> Result<Value, CliError> {
    // The limit is for canonical JSON, which is shorter than indented text. The engine checks it.
    let at_most = 4 * MAX_CONFIG_BYTES as u64;
    let failed = || CliError::io(format!("{} can't be read", path.display()));
    let mut json = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin()
            .take(at_most + 1)
            .read_to_end(&mut json)
            .map_err(failed())?;
    } else {
        let file = File::open(path).map_err(failed())?;
        file.take(at_most + 1).read_to_end(&mut json).map_err(failed())?;
    }
    if json.len() as u64 > at_most {
        return Err(CliError::Usage(format!(
            "{} is larger than {at_most} bytes: a config has at most {MAX_CONFIG_BYTES}",
            path.display()
        )));
    }
    read_json(&json).map_err(|error| CliError::Usage(format!("{} can't be used: {error}", path.display())))
}
