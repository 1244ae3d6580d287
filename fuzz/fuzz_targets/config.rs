//! Feeds random bytes to [`phasegate_fuzz::config`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| phasegate_fuzz::config(bytes));
