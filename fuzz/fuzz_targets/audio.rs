//! Recordings' tags.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hob_fuzz::extract("a.mp3", data));
