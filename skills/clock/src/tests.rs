//! The clock as the daemon sees it: calls through the ABI, results as JSON.
#![allow(clippy::unwrap_used)]

use super::hob_skill_entry;
use hob_sdk::testing::Harness;
use hob_sdk::{CallResult, Wake};
use serde_json::{Value, json};

const MANIFEST: &str = include_str!("../skill.toml");
/// 2026-11-23T15:32:00Z, a Monday.
const NOW: i64 = 1_795_447_920;

fn clock() -> Harness {
    Harness::new(hob_skill_entry, MANIFEST).at(NOW).in_time_zone("Europe/Lisbon")
}

/// The sentence of a call that must succeed.
fn says(clock: &Harness, intent: &str, arguments: Value) -> String {
    let result = clock.call(intent, arguments);
    assert!(result.is_success(), "{result:?}");
    result.message
}

/// Code and message of a call that must fail.
fn refuses(clock: &Harness, intent: &str, arguments: Value) -> (String, String) {
    let CallResult { code, message, .. } = clock.call(intent, arguments);
    (code.expect("a failure"), message)
}

#[test]
fn the_manifest_is_good_and_rich() {
    let clock = clock();
    assert_eq!(clock.manifest().warnings(), [] as [&str; 0]);
    for intent in clock.manifest().intents.iter().filter(|intent| intent.is_routed()) {
        assert!(["en", "pt", "de", "es", "zh"].iter().all(|l| intent.examples.contains_key(*l)), "{}", intent.name);
        assert!(!intent.counter_examples.is_empty(), "{}", intent.name);
    }
    for intent in &clock.manifest().intents {
        let answer = clock.call_unchecked(&intent.name, "{}");
        assert_ne!(answer.code.as_deref(), Some("unknown_intent"), "{} is declared but not there", intent.name);
    }
}

#[test]
fn a_timer_is_set_and_rings() {
    let mut clock = clock();
    let set = clock.call("SetTimer", json!({"duration": "PT10M", "label": "pasta"}));
    assert_eq!(set.message, "Timer for pasta set: 10 minutes, until 15:42.");
    assert_eq!(set.data["seconds"], 600);
    assert_eq!(set.data["at"], "2026-11-23T15:42:00+00:00");
    let wake = Wake { id: "timer-1".into(), at: NOW + 600, intent: "TimerRang".into(), arguments: json!({"id": 1}) };
    assert_eq!(set.wake, std::slice::from_ref(&wake));

    clock.restart();
    let rang = clock.ring(&wake);
    assert_eq!(rang.message, "Timer for pasta: 10 minutes are up.");
    assert_eq!(rang.data["late_seconds"], 0);
    assert_eq!(says(&clock, "ListTimers", json!({})), "No timers or alarms are set.");
    assert_eq!(refuses(&clock, "TimerRang", json!({"id": 1})).0, "not_found");
}

#[test]
fn timers_read_well_at_any_length() {
    let clock = clock();
    assert_eq!(says(&clock, "SetTimer", json!({"duration": 30})), "Timer set: 30 seconds, until 15:32:30.");
    assert_eq!(
        says(&clock, "SetTimer", json!({"duration": "PT1H5M", "label": " tea\n "})),
        "Timer for tea set: 1 hour and 5 minutes, until 16:37."
    );
    assert_eq!(says(&clock, "SetTimer", json!({"duration": "PT10H"})), "Timer set: 10 hours, until 01:32 tomorrow.");
    for (duration, says) in [
        ("PT0S", "at least one second"),
        ("-PT5M", "at least one second"),
        ("P2Y", "a year at most"),
        ("x", "no duration"),
    ] {
        let (code, message) = refuses(&clock, "SetTimer", json!({"duration": duration}));
        assert!(code == "invalid_argument" && message.contains(says), "{duration}: {message}");
    }
}

#[test]
fn a_late_ring_says_so() {
    let mut clock = clock();
    let set = clock.call("SetTimer", json!({"duration": "PT10M", "label": "pasta"}));
    let late = Wake { at: NOW + 600 + 300, ..set.wake[0].clone() };
    assert_eq!(clock.ring(&late).message, "Timer for pasta was due at 15:42, 5 minutes ago.");
}

#[test]
fn alarms_ring_at_a_time_of_day() {
    let clock = clock();
    for (time, message) in [
        ("2026-11-24T07:00:00", "Alarm set for 07:00 tomorrow, in 15 hours and 28 minutes."),
        ("07:00", "Alarm set for 07:00 tomorrow, in 15 hours and 28 minutes."),
        ("16:00", "Alarm set for 16:00, in 28 minutes."),
        ("2026-11-27T09:00:00+01:00", "Alarm set for 08:00 on Friday, in 3 days and 16 hours."),
        ("2027-01-04T09:00:00", "Alarm set for 09:00 on Monday 4 January 2027, in 41 days and 17 hours."),
    ] {
        assert_eq!(says(&clock, "SetAlarm", json!({"time": time})), message);
    }
    let (_, past) = refuses(&clock, "SetAlarm", json!({"time": "2026-11-23T07:00:00"}));
    assert_eq!(past, "07:00 is already past.");
    let (_, day) = refuses(&clock, "SetAlarm", json!({"time": "2026-11-24"}));
    assert_eq!(day, "At what time on Tuesday 24 November 2026?");
}

#[test]
fn lists_say_what_is_left_and_ask_for_wakes_again() {
    let mut clock = clock();
    clock.call("SetTimer", json!({"duration": "PT10M", "label": "pasta"}));
    clock.call("SetAlarm", json!({"time": "07:00", "label": "work"}));
    clock.advance(350);
    let listed = clock.call("ListTimers", json!({}));
    assert_eq!(listed.message, "Timer for pasta, 4 minutes and 10 seconds left; alarm for work at 07:00 tomorrow.");
    assert_eq!(listed.data["timers"][0]["seconds_left"], 250);
    assert_eq!(listed.wake.len(), 2);
    assert_eq!(says(&clock, "ListTimers", json!({"kind": "alarm"})), "Alarm for work at 07:00 tomorrow.");
    clock.advance(20 * 86_400);
    assert_eq!(says(&clock, "ListTimers", json!({})), "No timers or alarms are set.");
}

#[test]
fn timers_are_cancelled_by_what_people_say() {
    let clock = clock();
    assert_eq!(refuses(&clock, "CancelTimer", json!({})).0, "not_found");
    for label in ["pasta", "Café", "eggs"] {
        clock.call("SetTimer", json!({"duration": "PT10M", "label": label}));
    }
    clock.call("SetAlarm", json!({"time": "07:00"}));
    let (code, which) = refuses(&clock, "CancelTimer", json!({}));
    assert!(code == "ambiguous" && which.contains("timer for eggs, 10 minutes left"), "{which}");
    assert_eq!(says(&clock, "CancelTimer", json!({"label": "cafe"})), "Timer for Café cancelled.");
    assert_eq!(says(&clock, "CancelTimer", json!({"label": "the pasta"})), "Timer for pasta cancelled.");
    assert_eq!(refuses(&clock, "CancelTimer", json!({"label": "soup"})).0, "not_found");
    assert_eq!(refuses(&clock, "CancelTimer", json!({"id": 99})).0, "not_found");
    let last = clock.call("CancelTimer", json!({"which": "last", "kind": "timer"}));
    assert_eq!(
        (last.message.as_str(), last.cancel_wake.as_slice()),
        ("Timer for eggs cancelled.", &["timer-3".to_string()][..])
    );
    assert_eq!(says(&clock, "CancelTimer", json!({})), "Alarm cancelled.");
}

#[test]
fn what_was_cancelled_comes_back() {
    let mut clock = clock();
    let set = clock.call("SetTimer", json!({"duration": "PT10M", "label": "pasta"}));
    clock.call("SetAlarm", json!({"time": "07:00"}));
    let all = clock.call("CancelTimer", json!({"which": "all"}));
    assert_eq!(all.message, "2 timers and alarms cancelled.");
    let undone = clock.call("RestoreTimers", json!({"timers": all.data["timers"]}));
    assert_eq!(undone.message, "2 timers and alarms are back.");
    assert_eq!(undone.wake[0].at, set.wake[0].at);
    assert_ne!(undone.wake[0].id, set.wake[0].id, "an id is never given out twice");
    clock.advance(2 * 86_400);
    assert_eq!(refuses(&clock, "RestoreTimers", json!({"timers": all.data["timers"]})).0, "not_found");
}

#[test]
fn setting_is_undone_with_its_own_result() {
    let clock = clock();
    let set = clock.call("SetTimer", json!({"duration": "PT10M", "label": "pasta"}));
    let undo = clock.manifest().intent("SetTimer").unwrap().undo.clone().unwrap();
    let parameters = clock.manifest().intent(&undo).unwrap().parameters();
    let named: serde_json::Map<_, _> =
        parameters.iter().filter_map(|p| Some((p.name.clone(), set.data.get(&p.name)?.clone()))).collect();
    assert_eq!(says(&clock, &undo, Value::Object(named)), "Timer for pasta cancelled.");
}

#[test]
fn a_broken_file_is_set_aside_and_reported() {
    let clock = clock();
    std::fs::write(clock.storage().join("timers.json"), "{").unwrap();
    let broken = clock.call("ListTimers", json!({}));
    assert!(broken.message.contains("can't be read"), "{}", broken.message);
    assert!(broken.suggestion.unwrap().contains("timers.json.broken"));
    assert_eq!(says(&clock, "ListTimers", json!({})), "No timers or alarms are set.");
    assert!(clock.storage().join("timers.json.broken").exists());
}

#[test]
fn there_is_an_end_to_timers() {
    let clock = clock();
    for _ in 0..crate::store::MOST {
        assert!(clock.call("SetTimer", json!({"duration": "PT10M"})).is_success());
    }
    assert_eq!(refuses(&clock, "SetTimer", json!({"duration": "PT10M"})).0, "failed");
}

#[test]
fn the_time_is_told_here_and_elsewhere() {
    let clock = clock();
    let time = |place: &str| says(&clock, "WhatTime", json!({"place": place}));
    assert_eq!(says(&clock, "WhatTime", json!({})), "It's 15:32 on Monday 23 November.");
    assert_eq!(time("Tokyo"), "It's 00:32 on Tuesday 24 November in Tokyo, 9 hours ahead of you.");
    assert_eq!(time("new york"), "It's 10:32 in New York, 5 hours behind you.");
    assert_eq!(time("belo horizonte"), "It's 12:32 in Belo Horizonte, 3 hours behind you.");
    assert_eq!(time("India"), "It's 21:02 in India, 5 hours and 30 minutes ahead of you.");
    assert_eq!(time("London"), "It's 15:32 in London, the same as here.");
    assert_eq!(refuses(&clock, "WhatTime", json!({"place": "Atlantis"})).0, "not_found");
    let strange = Harness::new(hob_skill_entry, MANIFEST).at(NOW).in_time_zone("Mars/Olympus");
    assert_eq!(refuses(&strange, "Today", json!({})).0, "invalid_argument");
}

#[test]
fn dates_are_reckoned() {
    let clock = clock();
    assert_eq!(says(&clock, "Today", json!({})), "Today is Monday 23 November 2026, week 48.");
    for (arguments, message) in [
        (json!({"offset": "P45D"}), "In 45 days it is Thursday 7 January 2027."),
        (json!({"offset": "-P3D"}), "3 days ago it was Friday 20 November 2026."),
        (json!({"offset": "PT45M"}), "That is 16:17 on Monday 23 November 2026."),
        (json!({"offset": "P1M", "from": "2026-01-31"}), "That is Saturday 28 February 2026."),
        (json!({"date": "2026-12-24"}), "Thursday 24 December 2026 is in 31 days (4 weeks and 3 days)."),
        (json!({"date": "2026-12-24T00:00:00"}), "Thursday 24 December 2026 is in 31 days (4 weeks and 3 days)."),
        (json!({"date": "christmas"}), "Friday 25 December 2026 is in 32 days (4 weeks and 4 days)."),
        (json!({"date": "2026-11-24"}), "Tuesday 24 November 2026 is tomorrow."),
        (json!({"date": "2026-11-23"}), "Monday 23 November 2026 is today."),
        (json!({"date": "2026-11-13"}), "Friday 13 November 2026 was 10 days ago."),
        (json!({"date": "17:00"}), "17:00 is in 1 hour and 28 minutes."),
        (
            json!({"date": "2026-06-09", "from": "2026-03-03"}),
            "From Tuesday 3 March 2026 to Tuesday 9 June 2026 it's 98 days.",
        ),
    ] {
        assert_eq!(says(&clock, "DateMath", arguments.clone()), message, "{arguments}");
    }
    assert_eq!(clock.call("DateMath", json!({"date": "2026-12-24"})).data["days"], 31);
    for bad in [json!({}), json!({"date": "someday"}), json!({"offset": "P99999999Y"})] {
        assert_eq!(refuses(&clock, "DateMath", bad.clone()).0, "invalid_argument", "{bad}");
    }
}
