//! Events out of files, and when they take place.
#![allow(clippy::unwrap_used)]

use super::*;

fn lisbon() -> TimeZone {
    TimeZone::get("Europe/Lisbon").unwrap()
}

fn contents(events: &str) -> Contents {
    read(format!("BEGIN:VCALENDAR\n{events}\nEND:VCALENDAR\n").as_bytes(), &lisbon()).unwrap()
}

fn stretch(from: &str, to: &str) -> Stretch {
    let at = |day: &str| When::parse(day, lisbon).unwrap().instant(&lisbon());
    Stretch { from: at(from), to: at(to) }
}

/// Start and end of all occurrences in a stretch, as the user's clock shows them.
fn times(events: &str, from: &str, to: &str) -> Vec<String> {
    let user = lisbon();
    let mut work = Work::of(100_000);
    let mut found = Vec::new();
    for event in contents(events).events {
        for start in event.starts(stretch(from, to), 50, &user, &mut work) {
            let shown = |at: &When| at.for_user(&user).strftime("%m-%d %H:%M").to_string();
            found.push(format!("{} to {}", shown(&start), shown(&event.end(&start, &user))));
        }
    }
    assert!(!work.was_short());
    found
}

#[test]
fn ends_come_from_ends_durations_or_nothing() {
    let event = |lines: &str| times(&format!("BEGIN:VEVENT\n{lines}\nEND:VEVENT"), "20261101", "20261201");
    for (lines, wanted) in [
        ("DTSTART:20261124T090000Z\nDTEND:20261124T100000Z", "11-24 09:00 to 11-24 10:00"),
        ("DTSTART;TZID=Europe/Berlin:20261124T090000\nDURATION:PT90M", "11-24 08:00 to 11-24 09:30"),
        ("DTSTART:20261124T090000", "11-24 09:00 to 11-24 09:00"),
        ("DTSTART;VALUE=DATE:20261124", "11-24 00:00 to 11-25 00:00"),
        ("DTSTART;VALUE=DATE:20261124\nDTEND;VALUE=DATE:20261124", "11-24 00:00 to 11-25 00:00"),
        ("DTSTART;VALUE=DATE:20261124\nDTEND;VALUE=DATE:20261127", "11-24 00:00 to 11-27 00:00"),
        ("DTSTART:20261124T090000Z\nDTEND:20251124T090000Z", "11-24 09:00 to 11-24 09:00"),
        ("DTSTART:20261124T090000Z\nDURATION:-PT5M", "11-24 09:00 to 11-24 09:00"),
        ("DTSTART:20261124T090000Z\nDURATION:rubbish", "11-24 09:00 to 11-24 09:00"),
    ] {
        assert_eq!(event(lines), [wanted], "{lines}");
    }
}

#[test]
fn what_goes_on_over_the_edge_of_a_stretch_is_in_it() {
    let trip = "BEGIN:VEVENT\nDTSTART;VALUE=DATE:20261120\nDTEND;VALUE=DATE:20261125\nEND:VEVENT";
    assert_eq!(times(trip, "20261124", "20261125").len(), 1);
    assert_eq!(times(trip, "20261125", "20261126").len(), 0, "the end is the day after");
    let night = "BEGIN:VEVENT\nDTSTART:20261123T220000\nDTEND:20261124T000000\nEND:VEVENT";
    assert_eq!(times(night, "20261124", "20261125").len(), 0);
    let moment = "BEGIN:VEVENT\nDTSTART:20261124T000000\nEND:VEVENT";
    assert_eq!(times(moment, "20261124", "20261125").len(), 1);
}

#[test]
fn a_rule_keeps_the_local_time_over_the_clock_change() {
    let weekly = "BEGIN:VEVENT\nDTSTART;TZID=America/New_York:20261026T090000\nDTEND;TZID=America/New_York:20261026T100000\nRRULE:FREQ=WEEKLY;COUNT=3\nEND:VEVENT";
    // Clocks go back on 25 October in Lisbon and on 1 November in New York.
    assert_eq!(
        times(weekly, "20261001", "20261201"),
        ["10-26 13:00 to 10-26 14:00", "11-02 14:00 to 11-02 15:00", "11-09 14:00 to 11-09 15:00"]
    );
    let skipped = "BEGIN:VEVENT\nDTSTART;TZID=Europe/Berlin:20260327T023000\nRRULE:FREQ=DAILY;COUNT=4\nEND:VEVENT";
    assert_eq!(
        times(skipped, "20260301", "20260501"),
        [
            "03-27 01:30 to 03-27 01:30",
            "03-28 01:30 to 03-28 01:30",
            "03-30 01:30 to 03-30 01:30",
            "03-31 01:30 to 03-31 01:30"
        ],
        "2:30 is on no clock on the 29th, and is not counted"
    );
    let twice = "BEGIN:VEVENT\nDTSTART;TZID=Europe/Berlin:20261024T023000\nRRULE:FREQ=DAILY;COUNT=2\nEND:VEVENT";
    assert_eq!(times(twice, "20261001", "20261101").len(), 2, "2:30 is there twice on the 25th, the event once");
    let utc = "BEGIN:VEVENT\nDTSTART:20261024T120000Z\nRRULE:FREQ=DAILY;COUNT=2\nEND:VEVENT";
    assert_eq!(times(utc, "20261001", "20261101"), ["10-24 13:00 to 10-24 13:00", "10-25 12:00 to 10-25 12:00"]);
}

#[test]
fn exceptions_further_dates_and_moved_occurrences() {
    let course = "\
BEGIN:VEVENT
UID:course
SUMMARY:Course
DTSTART;TZID=Europe/Lisbon:20261102T180000
DURATION:PT1H
RRULE:FREQ=WEEKLY;UNTIL=20261130T180000Z
EXDATE;TZID=Europe/Lisbon:20261109T180000
EXDATE;VALUE=DATE:20261130
RDATE;TZID=Europe/Lisbon:20261125T120000
RDATE;VALUE=PERIOD:20261126T120000Z/PT1H
END:VEVENT
BEGIN:VEVENT
UID:course
RECURRENCE-ID;TZID=Europe/Lisbon:20261116T180000
SUMMARY:Course, later
DTSTART;TZID=Europe/Lisbon:20261116T193000
DURATION:PT1H
END:VEVENT
BEGIN:VEVENT
UID:course
RECURRENCE-ID:20261123T180000Z
STATUS:CANCELLED
DTSTART:20261123T180000Z
END:VEVENT";
    assert_eq!(
        times(course, "20261101", "20261231"),
        [
            "11-02 18:00 to 11-02 19:00",
            "11-25 12:00 to 11-25 13:00",
            "11-26 12:00 to 11-26 13:00",
            "11-16 19:30 to 11-16 20:30"
        ]
    );
    assert_eq!(times("BEGIN:VEVENT\nSTATUS:cancelled\nDTSTART:20261123\nEND:VEVENT", "20261101", "20261231").len(), 0);
    let days = "BEGIN:VEVENT\nDTSTART;VALUE=DATE:20261101\nRRULE:FREQ=DAILY;COUNT=4\nEXDATE:20261102T000000Z\nEXDATE;VALUE=DATE:20261103,20261109\nEND:VEVENT";
    assert_eq!(times(days, "20261101", "20261231").len(), 2);
}

#[test]
fn the_end_of_a_rule_is_its_last_day() {
    let until = |until: &str| {
        let event = format!(
            "BEGIN:VEVENT\nDTSTART;TZID=Europe/Lisbon:20261101T230000\nRRULE:FREQ=DAILY;UNTIL={until}\nEND:VEVENT"
        );
        times(&event, "20261101", "20261201").len()
    };
    assert_eq!((until("20261103"), until("20261103T230000Z"), until("20261103T225959Z")), (3, 3, 2));
    let all_day = "BEGIN:VEVENT\nDTSTART;VALUE=DATE:20261101\nRRULE:FREQ=DAILY;UNTIL=20261103T235959Z\nEND:VEVENT";
    assert_eq!(times(all_day, "20261101", "20261201").len(), 3);
}

#[test]
fn the_first_times_are_found_far_ahead() {
    let birthday = contents("BEGIN:VEVENT\nDTSTART;VALUE=DATE:19510812\nRRULE:FREQ=YEARLY\nEND:VEVENT");
    let user = lisbon();
    let ahead = Stretch { from: stretch("20261124", "20261125").from, to: Timestamp::MAX };
    let next = birthday.events[0].starts(ahead, 2, &user, &mut Work::of(100));
    assert_eq!(next.iter().map(|at| at.civil.date().to_string()).collect::<Vec<_>>(), ["2027-08-12", "2028-08-12"]);
}

#[test]
fn what_is_broken_is_counted_and_costs_the_rest_nothing() {
    let some = contents(
        "BEGIN:VEVENT\nSUMMARY:No time\nEND:VEVENT\nBEGIN:VEVENT\nDTSTART:2026\nEND:VEVENT\n\
         BEGIN:VEVENT\nSUMMARY:Odd rule\nDTSTART:20261124\nRRULE:FREQ=HOURLY\nEND:VEVENT\n\
         BEGIN:VTODO\nDTSTART:20261124\nEND:VTODO\nBEGIN:VEVENT\nDTSTART:20261124T100000\nSUMMARY:Cut",
    );
    assert_eq!((some.events.len(), some.unreadable, some.unfollowed), (2, 2, 1));
    for none in ["", "BEGIN:VCARD\nEND:VCARD", "\u{feff}hello", "BEGIN:VEVENT\nDTSTART:20261124\nEND:VEVENT"] {
        assert!(read(none.as_bytes(), &lisbon()).is_none(), "{none}");
    }
    assert_eq!(read(b"BEGIN:VCALENDAR\nEND:VCALENDAR", &lisbon()).unwrap().events.len(), 0);
}

#[test]
fn hostile_rules_end() {
    let user = lisbon();
    let forever = Stretch { from: Timestamp::MIN, to: Timestamp::MAX };
    for rule in [
        "FREQ=DAILY;COUNT=18446744073709551615",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU",
        "FREQ=WEEKLY;INTERVAL=10000;BYSETPOS=400",
        "FREQ=MONTHLY;BYSETPOS=-32768",
    ] {
        let event = &contents(&format!("BEGIN:VEVENT\nDTSTART:00010101T000000\nRRULE:{rule}\nEND:VEVENT")).events[0];
        let mut work = Work::of(300_000);
        assert!(event.starts(forever, 1_000, &user, &mut work).len() <= 1_000, "{rule}");
    }
    let long = "BEGIN:VEVENT\nDTSTART:20261124T000000\nDURATION:P999Y\nEND:VEVENT";
    assert_eq!(times(long, "20261124", "20261125").len(), 1);
}
