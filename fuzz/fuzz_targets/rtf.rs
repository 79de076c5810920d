//! Rich Text Format.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hob_fuzz::extract("a.rtf", data));
