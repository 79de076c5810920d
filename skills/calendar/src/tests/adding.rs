//! Events that are added and taken back.

use super::*;

#[test]
fn an_event_is_added_and_taken_back() {
    let fixture = Fixture::new();
    let added =
        fixture.call("AddEvent", json!({"title": " Lunch;\n with Ana, at “Zé” ", "start": "2026-11-27T12:30:00"}));
    assert_eq!(added.message, "Lunch; with Ana, at “Zé” is in your calendar, on Friday 27 November, 12:30 to 13:30.");
    let file = added.data["file"].as_str().unwrap();
    let written = fs::read_to_string(fixture.at("Calendar").join(file)).unwrap();
    assert!(
        written
            .contains("DTSTART:20261127T123000Z\r\nDTEND:20261127T133000Z\r\nSUMMARY:Lunch\\; with Ana\\, at “Zé”\r\n"),
        "{written}"
    );
    assert!(written.split("\r\n").all(|line| line.len() <= 75));
    assert_eq!(added.uris[0], format!("file://{}", fixture.at("Calendar").join(file).display()));
    assert_eq!(
        fixture.says("AgendaOn", json!({"date": "2026-11-27"})),
        "On Friday 27 November: 12:30 to 13:30: Lunch; with Ana, at “Zé”."
    );
    let left: Vec<_> = fs::read_dir(fixture.at("Calendar")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "nothing half-written stays: {left:?}");
    let undo = json!({"file": added.data["file"], "written": added.data["written"]});
    assert_eq!(fixture.says("RemoveEvent", undo.clone()), "The event is taken out of your calendar again.");
    assert_eq!(fixture.refuses("RemoveEvent", undo).0, "not_found");
    assert!(fixture.at("Calendar/work.ics").exists());
}

/// Adds an event called X.
fn add(fixture: &Fixture, start: &str, duration: Option<&str>) -> CallResult {
    let mut arguments = json!({"title": "X", "start": start});
    if let Some(duration) = duration {
        arguments["duration"] = duration.into();
    }
    fixture.call("AddEvent", arguments)
}

/// What is said of a new event's time, and the lines that are written for it.
fn times(fixture: &Fixture, start: &str, duration: Option<&str>) -> (String, String) {
    let added = add(fixture, start, duration);
    let lines = added.data["written"].as_str().unwrap().lines().filter(|line| line.starts_with("DT"));
    let lines: Vec<&str> = lines.filter(|line| !line.starts_with("DTSTAMP")).collect();
    (added.message.replace("X is in your calendar, ", ""), lines.join(" "))
}

#[test]
fn events_last_an_hour_or_as_long_as_was_said() {
    let fixture = Fixture::new();
    let (said, lines) = times(&fixture, "2026-11-24T15:00:00", Some("PT45M"));
    assert_eq!(said, "tomorrow, Tuesday 24 November, 15:00 to 15:45.");
    assert_eq!(lines, "DTSTART:20261124T150000Z DTEND:20261124T154500Z");
    let (said, lines) = times(&fixture, "2026-07-24T15:00:00", None);
    assert_eq!(said, "on Friday 24 July, 15:00 to 16:00.");
    assert_eq!(lines, "DTSTART:20260724T140000Z DTEND:20260724T150000Z", "clocks are ahead in summer");
    let (said, lines) = times(&fixture, "2026-11-24T23:30:00", None);
    assert_eq!(said, "tomorrow, Tuesday 24 November, 23:30 to Wednesday 25 November 00:30.");
    assert_eq!(lines, "DTSTART:20261124T233000Z DTEND:20261125T003000Z");
}

#[test]
fn a_day_without_a_time_is_a_whole_day() {
    let fixture = Fixture::new();
    let (said, lines) = times(&fixture, "2026-12-20T00:00:00", None);
    assert_eq!(said, "on Sunday 20 December, all day.");
    assert_eq!(lines, "DTSTART;VALUE=DATE:20261220 DTEND;VALUE=DATE:20261221");
    let (said, lines) = times(&fixture, "2026-12-24", Some("P3D"));
    assert_eq!(said, "on Thursday 24 December to Saturday 26 December, all day.");
    assert_eq!(lines, "DTSTART;VALUE=DATE:20261224 DTEND;VALUE=DATE:20261227");
    let last = fixture.says("AgendaOn", json!({"date": "2026-12-26"}));
    assert_eq!(last, "On Saturday 26 December: all day: X.", "what is written is what is read");
}

#[test]
fn what_is_no_event_is_not_written() {
    let fixture = Fixture::new();
    for (start, duration) in [
        ("soon", None),
        ("2026-11-24", Some("x")),
        ("2026-11-24T09:00:00", Some("P9Y")),
        ("2026-11-24", Some("P2Y")),
        ("2026-11-24", Some("-P1D")),
    ] {
        assert_eq!(add(&fixture, start, duration).code.as_deref(), Some("invalid_argument"), "{start} {duration:?}");
    }
    assert_eq!(add(&fixture, "2026-12-24", Some("PT2H")).message, "At what time on Thursday 24 December?");
    let nameless = fixture.call("AddEvent", json!({"title": " \n\u{7}", "start": "2026-11-24"}));
    assert_eq!(nameless.message, "What shall the event be called?");
    assert_eq!(fs::read_dir(fixture.at("Calendar")).unwrap().count(), 1);
}

#[test]
fn new_events_go_where_events_are_or_where_the_user_says() {
    let mut fixture = Fixture::empty();
    let add = |fixture: &Fixture| fixture.call("AddEvent", json!({"title": "X", "start": "2026-11-24"}));
    let file = |result: &CallResult| result.data["file"].as_str().unwrap().to_string();
    for n in 0..2 {
        fixture.write(&format!("Calendar/personal/{n}.ics"), WORK);
    }
    fixture.write("Calendar/work/1.ics", WORK);
    fixture.write("Calendar/.cache/1.ics", WORK);
    let added = add(&fixture);
    assert!(file(&added).starts_with("personal/hob-"), "{added:?}");
    assert_eq!(added.message, "X is in your calendar (personal), tomorrow, Tuesday 24 November, all day.");
    fixture.settings = json!({"add_to": "work"});
    assert!(file(&add(&fixture)).starts_with("work/hob-"));
    for wrong in ["nowhere", "../.ssh", "/etc", ".cache"] {
        fixture.settings = json!({"add_to": wrong});
        assert_eq!(add(&fixture).code.as_deref(), Some("not_found"), "{wrong}");
    }
    fixture.settings = json!({"add_too": "work"});
    assert_eq!(add(&fixture).code.as_deref(), Some("invalid_settings"));
    fixture.settings = json!({});
    fs::remove_dir_all(fixture.at("Calendar")).unwrap();
    let gone = add(&fixture);
    assert_eq!(gone.code.as_deref(), Some("failed"));
    assert!(gone.message.contains("can't be written"), "{}", gone.message);
}

#[test]
fn only_what_was_added_is_removed() {
    let fixture = Fixture::new();
    let added = fixture.call("AddEvent", json!({"title": "X", "start": "2026-11-24"}));
    let (file, written) = (added.data["file"].as_str().unwrap(), added.data["written"].as_str().unwrap());
    fixture.write(&format!("Calendar/{file}"), written.replace("SUMMARY:X", "SUMMARY:Y"));
    let (code, message) = fixture.refuses("RemoveEvent", json!({"file": file, "written": written}));
    assert_eq!((code.as_str(), message.as_str()), ("changed", "That event was changed since; nothing was taken back."));
    fixture.write("notes.txt", "mine");
    fixture.write("Calendar/.hidden.ics", "mine");
    for file in ["../notes.txt", "../.calendars/home/family.ics", "/etc/passwd", ".hidden.ics", "", "."] {
        let refused = fixture.refuses("RemoveEvent", json!({"file": file, "written": "mine"}));
        assert_eq!(refused.0, "invalid_argument", "{file}");
    }
    assert_eq!(fixture.refuses("RemoveEvent", json!({"file": "work.ics", "written": "mine"})).0, "changed");
    assert!(fixture.at("Calendar/.hidden.ics").exists() && fixture.at("Calendar/work.ics").exists());
}
