//! Excel files' XML, in a sound zip file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hob_fuzz::office("a.xlsx", "xl/workbook.xml", data));
