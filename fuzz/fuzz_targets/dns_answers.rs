//! Feeds random bytes to [`phasegate_fuzz::dns_answers`].

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| phasegate_fuzz::dns_answers(bytes));
