//! The command, as a person or a program runs it.

mod chain;
mod inspection;
mod kill;
mod main_job;
mod means;
mod plans;
mod serve;
mod support;
mod targets;
mod url;
