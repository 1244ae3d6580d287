//! See [`phasegate_fuzz::requests`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| phasegate_fuzz::requests(bytes));
