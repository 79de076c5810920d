#![allow(clippy::unwrap_used)]

use super::*;
use serde_json::json;

/// Reads `[words](slot)`.
fn annotated(source: &str) -> Annotated {
    let (mut example, mut rest) = (Annotated::default(), source);
    while let Some((before, marked)) = rest.split_once('[') {
        let (value, after) = marked.split_once("](").unwrap();
        let (name, after) = after.split_once(')').unwrap();
        example.text.push_str(before);
        let start = example.text.len();
        example.text.push_str(value);
        example.slots.push((name.to_string(), start..example.text.len()));
        rest = after;
    }
    example.text.push_str(rest);
    example
}

/// Wednesday.
fn now() -> ZonedDateTime {
    "2026-11-18T14:30:00+00:00[Europe/Lisbon]".parse().unwrap()
}

fn filled(text: &str, schema: &Value, examples: &[&str]) -> Filled {
    let examples: Vec<Annotated> = examples.iter().map(|e| annotated(e)).collect();
    let language = crate::skills::router::text::language(text).unwrap_or("en");
    fill(text, language, &now(), schema, &examples)
}

fn timer() -> Value {
    json!({"type": "object", "required": ["duration"], "properties": {
        "duration": {"type": "string", "x-type": "duration"},
        "label": {"type": "string", "x-type": "freetext", "x-copy": true}}})
}

const TIMER: &[&str] = &[
    "set a timer for [10 minutes](duration)",
    "remind me in [half an hour](duration) to [call Ana](label)",
    "set a timer for [five minutes](duration) for [tea](label)",
    "start a [20 minute](duration) countdown",
    "[90 seconds](duration) timer for the [eggs](label)",
    "start a [rice](label) timer for [12 minutes](duration)",
    "põe um temporizador de [10 minutos](duration) para o [arroz](label)",
];

fn of_timer(text: &str) -> (Value, Value) {
    let found = filled(text, &timer(), TIMER);
    let value = |name: &str| found.arguments.get(name).cloned().unwrap_or(Value::Null);
    (value("duration"), value("label"))
}

#[test]
fn a_duration_and_a_label() {
    for (text, duration, label) in [
        ("set a timer for ten minutes for the pasta", "PT10M", json!("pasta")),
        ("remind me in half an hour to call Ana", "PT30M", json!("call Ana")),
        ("set a timer for an hour and a half", "PT1H30M", Value::Null),
        ("start a 45 second countdown", "PT45S", Value::Null),
        ("start a pizza timer for 15 minutes", "PT15M", json!("pizza")),
        ("set a timer for 2 hours 15 minutes please", "PT2H15M", Value::Null),
        ("põe um temporizador de meia hora", "PT30M", Value::Null),
        ("põe um temporizador de dez minutos para o bolo", "PT10M", json!("bolo")),
        ("stelle einen Timer auf anderthalb Stunden", "PT1H30M", Value::Null),
        ("设置十分钟的计时器", "PT10M", Value::Null),
        ("设一个半小时的计时器", "PT1H30M", Value::Null),
    ] {
        assert_eq!(of_timer(text), (json!(duration), label), "{text}");
    }
}

#[test]
fn what_is_required_and_not_said_is_missing() {
    let found = filled("set a timer for the pasta", &timer(), TIMER);
    assert_eq!(found.missing, ["duration"]);
    assert!(!found.arguments.contains_key("duration"));
}

#[test]
fn spans_show_where_a_value_was_read() {
    let text = "remind me in half an hour to call Ana";
    let found = filled(text, &timer(), TIMER);
    let read: Vec<&str> = found.spans.iter().map(|(_, range)| &text[range.clone()]).collect();
    assert_eq!(read, ["half an hour", "call Ana"]);
}

#[test]
fn points_in_time_are_local_and_ahead() {
    let schema = json!({"type": "object", "required": ["time"], "properties": {"time": {"type": "string", "x-type": "datetime"}}});
    for (text, want) in [
        ("wake me at seven", "2026-11-19T07:00:00"),
        ("set an alarm for 6:30 tomorrow morning", "2026-11-19T06:30:00"),
        ("alarm at 8 pm", "2026-11-18T20:00:00"),
        ("wake me in 20 minutes", "2026-11-18T14:50:00"),
        ("acorda-me às sete da manhã", "2026-11-19T07:00:00"),
        ("acorda-me daqui a duas horas", "2026-11-18T16:30:00"),
        ("weck mich morgen um 6:30", "2026-11-19T06:30:00"),
        ("acorda-me amanhã às seis e meia", "2026-11-19T06:30:00"),
        ("明天早上七点叫我", "2026-11-19T07:00:00"),
        ("设明天六点半的闹钟", "2026-11-19T06:30:00"),
    ] {
        let found = filled(text, &schema, &["wake me at [seven](time)"]);
        assert_eq!(found.arguments.get("time"), Some(&json!(want)), "{text}");
    }
    assert_eq!(filled("set an alarm", &schema, &["wake me at [seven](time)"]).missing, ["time"]);
}

#[test]
fn a_name_that_looks_back_means_the_last_one() {
    let schema = json!({"type": "object", "properties": {"since": {"type": "string", "x-type": "datetime"}}});
    for (text, want) in
        [("files since Monday", "2026-11-16T00:00:00"), ("what did I edit yesterday", "2026-11-17T00:00:00")]
    {
        let found = filled(text, &schema, &["files since [Monday](since)"]);
        assert_eq!(found.arguments.get("since"), Some(&json!(want)), "{text}");
    }
}

#[test]
fn two_dates_go_to_two_parameters() {
    let schema = json!({"type": "object", "properties": {
        "from": {"type": "string", "x-type": "datetime"}, "to": {"type": "string", "x-type": "datetime"}}});
    let examples = ["days between [1 May](from) and [3 June](to)", "how long until [Christmas](to)"];
    let before = filled("how many days between 1 May and 3 June", &schema, &examples).arguments;
    assert_eq!(before.get("to"), Some(&json!("2027-06-03T00:00:00")));
    let both = filled("how many weeks are between March 3 and June 10", &schema, &examples).arguments;
    assert_eq!(both.get("from"), Some(&json!("2027-03-03T00:00:00")));
    assert_eq!(both.get("to"), Some(&json!("2027-06-10T00:00:00")));
}

#[test]
fn spans_and_points_are_told_apart_by_the_examples() {
    let schema = json!({"type": "object", "properties": {"date": {"type": "string", "x-type": "datetime"},
        "offset": {"type": ["string", "number"], "x-type": "duration"}, "from": {"type": "string", "x-type": "datetime"}}});
    let examples = [
        "what day is in [45 days](offset)",
        "how many days until [christmas](date)",
        "what date is [three weeks](offset) from now",
        "how many days since [1 January](date)",
        "how many days between [3 March](from) and [9 June](date)",
        "what day was it [100 days ago](date)",
        "what is [two months](offset) after [15 August](from)",
        "que dia é daqui a [45 dias](offset)",
    ];
    for (text, want) in [
        ("what date is three weeks from today", json!({"offset": "P21D"})),
        ("what day is in 10 days", json!({"offset": "P10D"})),
        ("que dia é daqui a 30 dias", json!({"offset": "P30D"})),
        ("how many weeks until christmas", json!({"date": "2026-12-25T00:00:00"})),
        ("how many days since 1 January", json!({"date": "2026-01-01T00:00:00"})),
        (
            "how many days between 3 March and 10 June",
            json!({"date": "2027-06-10T00:00:00", "from": "2027-03-03T00:00:00"}),
        ),
        ("quantos dias faltam para o Ano Novo", json!({"date": "2027-01-01T00:00:00"})),
        ("what is six weeks after 15 August", json!({"offset": "P42D", "from": "2027-08-15T00:00:00"})),
    ] {
        assert_eq!(Value::Object(filled(text, &schema, &examples).arguments), want, "{text}");
    }
}

#[test]
fn words_of_the_examples_frame_are_no_values() {
    let schema = json!({"type": "object", "properties": {
        "kind": {"enum": ["timer", "alarm", "film"], "x-synonyms": {"film": ["films"]}},
        "label": {"type": "string", "x-type": "freetext", "x-copy": true}}});
    let examples = [
        "turn off the [alarm](kind)",
        "stop the [pasta](label) timer",
        "list all files",
        "switch off the [dentist](label) alarm",
    ];
    for (text, want) in [
        ("turn off the alarm", json!({"kind": "alarm"})),
        ("stop the rice timer", json!({"kind": "timer", "label": "rice"})),
        ("list all files", json!({})),
        ("switch off my yoga alarm", json!({"kind": "alarm", "label": "yoga"})),
    ] {
        assert_eq!(Value::Object(filled(text, &schema, &examples).arguments), want, "{text}");
    }
}

#[test]
fn a_kind_is_not_read_out_of_a_file_name() {
    let schema = json!({"type": "object", "properties": {
        "kind": {"enum": ["pdf", "image"]}, "name": {"type": "string", "x-type": "file"},
        "folder": {"type": "string", "x-type": "freetext"}}});
    let examples = [
        "find the file [report.pdf](name)",
        "find all [pdf](kind) files in [downloads](folder)",
        "files called [notes](name)",
    ];
    let found = |text| Value::Object(filled(text, &schema, &examples).arguments);
    assert_eq!(found("find the file lease.pdf"), json!({"name": "lease.pdf"}));
    assert_eq!(found("find the file called lease.pdf"), json!({"name": "lease.pdf"}));
    assert_eq!(found("find all pdf files in documents"), json!({"kind": "pdf", "folder": "documents"}));
}

#[test]
fn numbers_without_a_type_are_not_guessed() {
    let schema = json!({"type": "object", "properties": {"id": {"type": "integer"}}});
    assert!(filled("cancel the 10 minute timer", &schema, &["cancel the timer"]).arguments.is_empty());
    assert_eq!(filled("cancel number 3", &schema, &["cancel number [7](id)"]).arguments["id"], json!(3));
}

#[test]
fn enums_forgive_case_accents_spelling_and_know_synonyms() {
    let schema = json!({"type": "object", "properties": {"folder": {"enum": ["downloads", "documents", "pictures"],
        "x-synonyms": {"pictures": ["photos", "imagens"], "documents": ["my papers"]}}}});
    for (text, want) in [
        ("open Downloads", json!("downloads")),
        ("open the donwloads folder", json!("downloads")),
        ("show my photos", json!("pictures")),
        ("where are my papers", json!("documents")),
        ("open the music folder", Value::Null),
    ] {
        let found = filled(text, &schema, &[]).arguments.get("folder").cloned().unwrap_or(Value::Null);
        assert_eq!(found, want, "{text}");
    }
}

#[test]
fn numbers_in_digits_and_words_but_not_inside_durations() {
    let schema = json!({"type": "object", "properties": {
        "duration": {"type": "string", "x-type": "duration"}, "count": {"type": "integer", "x-type": "number"}}});
    let found = filled("repeat 3 times for ten minutes", &schema, &[]).arguments;
    assert_eq!((&found["duration"], &found["count"]), (&json!("PT10M"), &json!(3)));
    let schema = json!({"type": "object", "properties": {"n": {"type": "number", "x-type": "number"}}});
    for (text, want) in [
        ("the last twenty files", json!(20)),
        ("1,000 rows", json!(1000)),
        ("2.5 km", json!(2.5)),
        ("show all files", Value::Null),
    ] {
        let found = filled(text, &schema, &[]).arguments.get("n").cloned().unwrap_or(Value::Null);
        assert_eq!(found, want, "{text}");
    }
}

#[test]
fn files_and_places_are_copied_from_the_request() {
    let schema =
        json!({"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "x-type": "file"}}});
    let examples = [
        "find [tax return](name)",
        "find the file called [report.pdf](name)",
        "where is my [passport scan](name)",
        "search for files named [cv](name)",
    ];
    for (text, want) in [
        ("find the file called budget.xlsx", "budget.xlsx"),
        ("where is my lease contract?", "lease contract"),
        ("locate \"old notes\" somewhere", "old notes"),
        ("look up invoice-2024.pdf", "invoice-2024.pdf"),
        ("search for files named holiday plan", "holiday plan"),
    ] {
        assert_eq!(filled(text, &schema, &examples).arguments.get("name"), Some(&json!(want)), "{text}");
    }
    let schema =
        json!({"type": "object", "properties": {"place": {"type": "string", "x-type": "freetext", "x-copy": true}}});
    let examples = [
        "what time is it in [Tokyo](place)",
        "what's the time in [New York](place)",
        "what time is it",
        "tell me the time please",
    ];
    for (text, want) in [
        ("what time is it in Lisbon right now", json!("Lisbon")),
        ("what time is it", Value::Null),
        ("time in Buenos Aires", json!("Buenos Aires")),
    ] {
        let found = filled(text, &schema, &examples).arguments.get("place").cloned().unwrap_or(Value::Null);
        assert_eq!(found, want, "{text}");
    }
}

#[test]
fn a_flood_of_text_and_odd_schemas_are_read_calmly() {
    let long = "é 10 minutes ".repeat(500);
    assert_eq!(of_timer(&long).0, json!("PT10M"));
    for schema in
        [json!(null), json!({"properties": []}), json!({"properties": {"x": 3, "y": {"enum": "no"}}, "required": 7})]
    {
        assert!(filled("set a timer", &schema, &[]).arguments.is_empty());
    }
}
