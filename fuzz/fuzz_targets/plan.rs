//! Feeds random bytes to [`phasegate_fuzz::plan`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| phasegate_fuzz::plan(bytes));
