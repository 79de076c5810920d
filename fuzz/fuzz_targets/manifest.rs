//! Manifests of skills, and JSON that is still being written.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hob_fuzz::texts(data));
