//! Mail messages.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hob_fuzz::extract("a.eml", data));
