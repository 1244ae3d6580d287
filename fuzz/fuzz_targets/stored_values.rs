//! Feeds random bytes to [`phasegate_fuzz::stored_values`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| phasegate_fuzz::stored_values(bytes));
