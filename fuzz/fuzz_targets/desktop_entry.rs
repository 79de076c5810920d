//! Desktop entries as the apps skill reads them, up to the command line that they hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _is_one = hob_skill_apps::read_bytes(data);
});
