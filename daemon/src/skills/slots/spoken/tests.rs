#![allow(clippy::unwrap_used)]

use super::*;
use crate::skills::router::text;
use crate::skills::slots::{Annotated, fill};
use hob_sdk::manifest::{Intent, Manifest};
use jiff::ZonedDateTime;

/// Wednesday.
fn now() -> ZonedDateTime {
    "2026-11-18T14:30:00+00:00[Europe/Lisbon]".parse().unwrap()
}

fn clock() -> Manifest {
    Manifest::parse(include_str!("../../../../../skills/clock/skill.toml"), "skill.toml").unwrap()
}

fn said(text: &str, intent: &Intent, slot: &str) -> String {
    let slots = |e: &hob_sdk::manifest::Example| e.slots.iter().map(|s| (s.name.clone(), s.start..s.end)).collect();
    let examples = intent.examples.values().flatten();
    let examples: Vec<_> = examples.map(|e| Annotated { text: e.text.clone(), slots: slots(e) }).collect();
    let filled = fill(text, text::language(text).unwrap_or("en"), &now(), &intent.parameters, &examples);
    filled.arguments.get(slot).map(|v| v.as_str().unwrap().to_string()).unwrap_or_default()
}

/// Two hundred sentences a language (`duration` or `time`, sentence, expected value), filled as the clock's intents are.
#[test]
fn durations_and_times_of_the_clock_are_right() {
    let clock = clock();
    let (timer, alarm) = (clock.intent("SetTimer").unwrap(), clock.intent("SetAlarm").unwrap());
    for (language, table) in [
        ("en", include_str!("../../../../tests/spoken_times/en.tsv")),
        ("de", include_str!("../../../../tests/spoken_times/de.tsv")),
        ("pt", include_str!("../../../../tests/spoken_times/pt.tsv")),
        ("es", include_str!("../../../../tests/spoken_times/es.tsv")),
        ("zh", include_str!("../../../../tests/spoken_times/zh.tsv")),
    ] {
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
        let wrong: Vec<String> = rows
            .iter()
            .filter_map(|row| {
                let found =
                    if row[0] == "duration" { said(row[1], timer, "duration") } else { said(row[1], alarm, "time") };
                (found != row[2]).then(|| format!("{}: {found}, not {}", row[1], row[2]))
            })
            .collect();
        println!("{language}: {} of {} right\n  {}", rows.len() - wrong.len(), rows.len(), wrong.join("\n  "));
        assert!(wrong.len() * 20 <= rows.len(), "{language}: {} wrong\n{}", wrong.len(), wrong.join("\n"));
    }
}

#[test]
fn a_span_is_written_as_iso_8601_has_it() {
    for (months, seconds, iso) in [
        (0, 600, "PT10M"),
        (0, 5_400, "PT1H30M"),
        (0, 172_800, "P2D"),
        (14, 0, "P1Y2M"),
        (0, 90_000, "PT25H"),
        (0, 0, "P0D"),
    ] {
        assert_eq!(Span { months, seconds }.iso(), iso);
    }
}

#[test]
fn feasts_and_dates_are_the_next_ones() {
    let now = now().datetime();
    for (language, text, day) in [
        ("en", "how many days until easter", "2027-03-28"),
        ("de", "wie viele Tage bis Karfreitag", "2027-03-26"),
        ("pt", "quantos dias faltam para o Natal", "2026-12-25"),
        ("es", "cuántos días faltan para el 5 de mayo", "2027-05-05"),
        ("zh", "离国庆节还有多少天", "2027-10-01"),
        ("en", "which weekday is 29 February", "2028-02-29"),
        ("en", "what day of the week is July 4th", "2027-07-04"),
        ("en", "how long until 24 December 2030", "2030-12-24"),
    ] {
        let found: Vec<String> = moments(text, language, now).iter().map(|(_, at)| at.date().to_string()).collect();
        assert_eq!(found, [day], "{text}");
    }
}

#[test]
fn what_is_no_time_is_left_alone() {
    let now = now().datetime();
    for text in
        ["show me 7 files", "open the second folder", "may I ask you something", "in Tokyo", "the report of 5 pages"]
    {
        assert!(moments(text, "en", now).is_empty(), "{text}: {:?}", moments(text, "en", now));
        assert!(spans(text, "en").is_empty(), "{text}");
    }
    for text in ["", "十", "um", ":", "1", "半"] {
        for language in ["en", "de", "pt", "es", "zh", "fr", "xx"] {
            let (points, lengths) = (moments(text, language, now), spans(text, language));
            assert!(points.is_empty() && lengths.is_empty(), "{text} in {language}: {points:?} {lengths:?}");
        }
    }
}
