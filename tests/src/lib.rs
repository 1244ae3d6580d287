//! Tests of the whole system, across crates; they stand in `tests/`. The examples in README are doc tests of this crate.

#[doc = include_str!("../../README.md")]
#[cfg(doctest)]
pub struct Readme;
