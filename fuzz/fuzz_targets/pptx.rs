//! The XML of a slide, in a sound presentation.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hob_fuzz::slide(data));
