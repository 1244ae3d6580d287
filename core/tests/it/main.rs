//! The machine, driven by hand.

mod command_table;
mod configuring;
mod creating;
mod deferring;
mod driver;
mod envelopes;
mod histories;
mod needs;
mod pinning;
mod pruning;
mod rejections;
mod reporting;
mod retrying;
mod showing;
mod skipping;
