//! The memory of this process, as Linux counts it.

use std::path::Path;

use anyhow::Context as _;

/// What is resident now, in bytes; `None` where there is no such count.
pub fn resident() -> anyhow::Result<Option<u64>> {
    count("VmRSS:")
}

/// The most that was resident since [`forget_peak`], or the start.
pub fn peak() -> anyhow::Result<Option<u64>> {
    count("VmHWM:")
}

/// Lets the peak begin again from what is resident now (proc(5), `clear_refs`).
pub fn forget_peak() -> anyhow::Result<()> {
    let switch = Path::new("/proc/self/clear_refs");
    match switch.exists() {
        true => std::fs::write(switch, "5").context("the peak can't be forgotten"),
        false => Ok(()),
    }
}

fn count(name: &str) -> anyhow::Result<Option<u64>> {
    let status = Path::new("/proc/self/status");
    if !status.exists() {
        return Ok(None);
    }
    let status = std::fs::read_to_string(status)?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib: u64 = line
        .and_then(|line| line.split_whitespace().next())
        .with_context(|| format!("the kernel says no {name}"))?
        .parse()?;
    Ok(Some(kib * 1024))
}
