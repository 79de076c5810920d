//! The calendar skill over a made-up home: each intent as it is called.
#![allow(clippy::unwrap_used)]

use super::*;
use hob_sdk::testing::Harness;
use hob_sdk::{Call, CallResult, Skill as _};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

mod adding;
mod asking;

const MANIFEST: &str = include_str!("../skill.toml");
/// 2026-11-23T15:32:00Z, a Monday.
const NOW: i64 = 1_795_447_920;

const WORK: &str = "\
BEGIN:VCALENDAR
BEGIN:VEVENT
UID:team
DTSTART;TZID=Europe/Lisbon:20261005T100000
DTEND;TZID=Europe/Lisbon:20261005T104500
RRULE:FREQ=WEEKLY;BYDAY=MO,TH
EXDATE;TZID=Europe/Lisbon:20261126T100000
SUMMARY:Team meeting
LOCATION:Room 2
END:VEVENT
BEGIN:VEVENT
UID:printer
DTSTART:20261021T090000Z
DTEND:20261021T150000Z
SUMMARY:Visit to the printer
LOCATION:Drukkerij\\, Groningen
END:VEVENT
END:VCALENDAR
";

const FAMILY: &str = "\
BEGIN:VCALENDAR
BEGIN:VEVENT
UID:mia
DTSTART;VALUE=DATE:20170514
RRULE:FREQ=YEARLY
SUMMARY:Mia's birthday
END:VEVENT
BEGIN:VEVENT
UID:concert
DTSTART:20261128T180000Z
DTEND:20261128T200000Z
SUMMARY:Concerto do coro em São Tiago
LOCATION:Kirchweg
END:VEVENT
BEGIN:VEVENT
UID:dentist
DTSTART:20261124T081500Z
DTEND:20261124T090000Z
SUMMARY:Dentist
LOCATION:Dr. Reinders\\, Am Wall 120
END:VEVENT
BEGIN:VEVENT
UID:trip
DTSTART;VALUE=DATE:20261122
DTEND;VALUE=DATE:20261126
SUMMARY:School trip
END:VEVENT
BEGIN:VEVENT
UID:meeting-again
DTSTART;TZID=Europe/Lisbon:20261124T173000
SUMMARY:合唱音乐会
END:VEVENT
END:VCALENDAR
";

const PEOPLE: &str = "\
BEGIN:VCARD
VERSION:3.0
N:Petersen;Karsten;;;
FN:Karsten Petersen
ORG:Petersen Heating
TEL;TYPE=WORK:+49 421 555 0142
NOTE:Repairs the boiler\\, as a plumber does.
END:VCARD
BEGIN:VCARD
VERSION:3.0
FN:Paula Ferreira
TEL;TYPE=CELL:+351 910 555 017
EMAIL:paula@ferreira.example
BDAY:1983-10-04
END:VCARD
BEGIN:VCARD
VERSION:3.0
FN:João Ferreira
TEL:+351 1
ADR;TYPE=HOME:;;Rua das Salinas 31;Aveiro;;3800-200;Portugal
BDAY:--1123
END:VCARD
BEGIN:VCARD
FN:陈丽 (Chen Li)
EMAIL:chenli@kanal.example
END:VCARD
";

/// A home with calendars and contacts, and the skill over it.
struct Fixture {
    home: TempDir,
    settings: Value,
}

impl Fixture {
    fn empty() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("Calendar")).unwrap();
        Self { home, settings: json!({}) }
    }

    fn new() -> Self {
        let fixture = Self::empty();
        fixture.write("Calendar/work.ics", WORK);
        fixture.write(".calendars/home/family.ics", FAMILY);
        fixture.write("Contacts/people.vcf", PEOPLE);
        fixture
    }

    fn at(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), content).unwrap();
    }

    fn call(&self, intent: &str, arguments: Value) -> CallResult {
        let mut context = Context::new(self.home.path());
        context.now = Some(NOW);
        context.time_zone = Some("Europe/Lisbon".into());
        context.settings = self.settings.clone();
        let manifest = hob_sdk::manifest::Manifest::parse(MANIFEST, "skill.toml").unwrap();
        for place in manifest.permissions.read.iter().chain(&manifest.permissions.write) {
            context.places.insert(place.clone(), self.at(place.strip_prefix("~/").unwrap()));
        }
        Calendar.call(&Call::new(intent, arguments, context)).into()
    }

    /// The sentence of a call that must succeed.
    fn says(&self, intent: &str, arguments: Value) -> String {
        let result = self.call(intent, arguments);
        assert!(result.is_success(), "{result:?}");
        result.message
    }

    /// Code and message of a call that must fail.
    fn refuses(&self, intent: &str, arguments: Value) -> (String, String) {
        let result = self.call(intent, arguments);
        (result.code.expect("a failure"), result.message)
    }
}

#[test]
fn the_manifest_is_good_and_rich() {
    let harness = Harness::new(hob_skill_entry, MANIFEST);
    harness.check_schemas::<Calendar>();
    assert_eq!(harness.manifest().warnings(), [] as [&str; 0]);
    for intent in harness.manifest().intents.iter().filter(|intent| intent.is_routed()) {
        for (language, least) in [("en", 10), ("pt", 6), ("de", 6), ("es", 6), ("zh", 6)] {
            assert!(intent.examples[language].len() >= least, "{} in {language}", intent.name);
        }
        assert!(intent.counter_examples.contains_key("en"), "{}", intent.name);
        let parameters = intent.parameters();
        for (example, slot) in intent.examples.values().flatten().flat_map(|e| e.slots.iter().map(move |s| (e, s))) {
            let choices = &parameters.iter().find(|p| p.name == slot.name).unwrap().choices;
            let said = hob_sdk::text::fold(&example.text[slot.start..slot.end]);
            let called = |name: &String| hob_sdk::text::fold(name) == said;
            let named = choices.iter().any(|c| called(&c.value) || c.synonyms.iter().any(called));
            assert!(choices.is_empty() || named, "no choice is called \"{said}\" ({})", example.text);
        }
    }
}

#[test]
fn what_is_missing_or_broken_is_said_and_costs_nothing_else() {
    let fixture = Fixture::empty();
    for intent in ["AgendaOn", "NextEvent"] {
        let (code, message) = fixture.refuses(intent, json!({}));
        assert_eq!(code, "not_found");
        assert!(message.starts_with("There is no calendar to look at: no .ics file is in ~/Calendar, "), "{message}");
    }
    let nobody = fixture.call("FindContact", json!({"name": "Ana"}));
    assert!(nobody.message.starts_with("There is no address book to look at"), "{}", nobody.message);
    assert!(nobody.suggestion.unwrap().contains("~/Contacts"));
    fixture.write("Calendar/a.ics", "<html>not found</html>");
    fixture.write("Calendar/b.ics", b"\xff\xfeB\x00E\x00G\x00I\x00N\x00");
    fixture.write("Calendar/c.ics", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:When?\nEND:VEVENT\nBEGIN:VEVENT\nDTSTART:20261123\nRRULE:FREQ=SECONDLY\nSUMMARY:Caf\u{e9}\n");
    fixture.write(
        "Calendar/d.ics",
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20261123\r\nSUMMARY:Jo\xe3o\r\nEND:VEVENT\r\nEND:VCALENDAR",
    );
    fixture.write("Calendar/e.ics", "");
    let today = fixture.call("AgendaOn", json!({}));
    assert_eq!(
        today.message,
        "Today, Monday 23 November: all day: Café; all day: João. I left out 3 files that can't be read, such as a.ics: it holds no calendar. \
         One event has no time that I can read. One event repeats by a rule that I can't follow; only its first time counts."
    );
    assert_eq!(today.data["skipped"].as_array().unwrap().len(), 3);
    let strange = Harness::new(hob_skill_entry, MANIFEST).in_time_zone("Mars/Olympus");
    assert_eq!(strange.call("AgendaOn", json!({})).code.as_deref(), Some("invalid_argument"));
}

#[test]
fn a_great_many_events_are_told_in_part_and_in_time() {
    let fixture = Fixture::empty();
    let event = |n: usize| {
        format!(
            "BEGIN:VEVENT\nUID:{n}\nDTSTART:20200101T{:02}0000Z\nRRULE:FREQ=DAILY\nSUMMARY:Event {n}\nEND:VEVENT\n",
            n % 24
        )
    };
    let all: String = (0..20_000).map(event).collect();
    fixture.write("Calendar/all.ics", format!("BEGIN:VCALENDAR\n{all}END:VCALENDAR\n"));
    let started = std::time::Instant::now();
    let today = fixture.call("AgendaOn", json!({}));
    assert_eq!((today.data["total"].as_u64(), today.data["events"].as_array().unwrap().len()), (Some(20_000), 200));
    assert!(today.message.ends_with("and 19988 more."), "{}", today.message);
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}

/// Numbers that are the same every time.
fn next_number(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 33).unwrap()
}

/// A rule with all that there is to be damaged.
const OFTEN: &str = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:00010101T000000Z\nDURATION:P3650D\n\
    RRULE:FREQ=YEARLY;BYMONTH=2;BYDAY=-1SU,2MO;BYSETPOS=1,-1;COUNT=99;WKST=SU\n\
    RDATE:20260101,99990101T000000Z\nEND:VEVENT\nEND:VCALENDAR\n";

/// What is put where it does not belong.
#[rustfmt::skip] // A piece a line would hide them.
const PIECES: [&[u8]; 14] = [
    b"BEGIN:VEVENT\n", b"END:VCALENDAR\n", b"BEGIN:VTIMEZONE\n", b";", b":", b",", b"\n ", b"=", b"-9999999999", b"\xff", b"\"",
    b"\\", b"TZID=/x/", b"99991231T235959",
];

#[test]
fn files_that_are_damaged_anyhow_are_read_to_their_end() {
    let (mut state, mut found) = (1, 0);
    for n in 0..4_000 {
        let mut bytes = [WORK, FAMILY, PEOPLE, OFTEN][n % 4].as_bytes().to_vec();
        for _ in 0..1 + next_number(&mut state) % 6 {
            let at = next_number(&mut state) % bytes.len();
            match next_number(&mut state) % 4 {
                0 => bytes[at] = u8::try_from(next_number(&mut state) % 256).unwrap(),
                1 => bytes.truncate(at),
                2 => drop(bytes.remove(at)),
                _ => drop(bytes.splice(at..at, PIECES[next_number(&mut state) % PIECES.len()].iter().copied())),
            }
            // There is always something to be damaged.
            bytes.push(b'\n');
        }
        found += read_bytes(&bytes);
    }
    assert!(found > 4_000, "{found}: most of it is still understood");
}
