//! What the tests stand on: processes that end with their test, free ports, campaigns, and the comparison with the tables.

pub mod campaign;
pub mod folder;
pub mod hosts;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod table;

use std::time::Duration;

/// How long anything may take that a test waits for. Nothing comes near it unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(100);
/// How often a server that doesn't answer yet is asked again.
pub const LOOK: Duration = Duration::from_millis(20);
