//! The standard error: progress bars, and the log above them.

use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;

use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The one place where bars are drawn.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// The bars of this process. They are hidden unless the standard error is a terminal.
pub fn bars() -> &'static MultiProgress {
    &BARS
}

/// Whether the standard error is a terminal.
pub fn is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Writes a line to the standard error, above the bars. A closed standard error is not an error.
pub fn say(line: impl std::fmt::Display) {
    BARS.suspend(|| {
        let _ = writeln!(io::stderr().lock(), "{line}");
    });
}

/// Logs to the standard error, filtered by `PHASEGATE_LOG`; warnings by default.
pub fn log() {
    let filter = EnvFilter::try_from_env("PHASEGATE_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(AboveBars)
        .with_ansi(is_terminal())
        .with_target(false)
        .init();
}

/// Writes above the bars.
#[derive(Clone, Copy)]
struct AboveBars;

impl Write for AboveBars {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        BARS.suspend(|| io::stderr().lock().write(text))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl MakeWriter<'_> for AboveBars {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}
