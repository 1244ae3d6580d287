//! The machine, driven by hand.

mod command_table;
mod driver;
mod rejections;
