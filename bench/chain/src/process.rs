//! This process, and what the system says of it.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

/// The unit of the processor times in `/proc`, the same on every Linux: 100 a second (proc(5), `USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// Ends the process when its input ends: whoever started it holds the other end, and is gone then.
pub fn end_with_input() {
    std::thread::spawn(|| {
        // An input that can't be read has ended, too.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(1);
    });
}

/// The most memory that was resident so far, in bytes; `None` where the system has no such count.
pub fn peak_of_memory() -> anyhow::Result<Option<u64>> {
    let Some(status) = read("/proc/self/status")? else {
        return Ok(None);
    };
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = line
        .and_then(|line| line.split_whitespace().next())
        .context("/proc/self/status has no VmHWM")?
        .parse()?;
    Ok(Some(kib * 1024))
}

/// How long all threads have worked so far, in the system too; `None` where the system has no such count.
pub fn processor_time() -> anyhow::Result<Option<Duration>> {
    let Some(stat) = read("/proc/self/stat")? else {
        return Ok(None);
    };
    // The name of the program, in parentheses, may hold spaces. The times are the 14th and 15th field, the name the second.
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat has no name")?;
    let times: Vec<u32> = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    Ok(Some(TICK * times.iter().sum()))
}

fn read(path: &str) -> anyhow::Result<Option<String>> {
    match Path::new(path).exists() {
        true => Ok(Some(std::fs::read_to_string(path)?)),
        false => Ok(None),
    }
}

/// The bytes that a folder's files take on the disk: their blocks, without the holes in them.
pub fn allocated(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for file in std::fs::read_dir(folder)? {
        let metadata = file?.metadata()?;
        #[cfg(unix)]
        let allocated = std::os::unix::fs::MetadataExt::blocks(&metadata) * 512;
        #[cfg(not(unix))]
        let allocated = metadata.len();
        bytes += allocated;
    }
    Ok(bytes)
}
