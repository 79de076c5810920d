//! What arrives on the wire, at either end of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hob_fuzz::frames(data));
