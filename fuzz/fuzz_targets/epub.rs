//! The package of an electronic book, in a sound zip file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hob_fuzz::book(data));
