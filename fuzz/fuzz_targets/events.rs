//! Calendars and contacts as the calendar skill reads them, with the times of their events.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _how_many = hob_skill_calendar::read_bytes(data);
});
