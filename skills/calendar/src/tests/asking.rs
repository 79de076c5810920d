//! Questions about days, events and people.

use super::*;

#[test]
fn a_day_s_events_are_told_in_order() {
    let fixture = Fixture::new();
    let tomorrow = fixture.call("AgendaOn", json!({"date": "2026-11-24T00:00:00"}));
    assert_eq!(
        tomorrow.message,
        "Tomorrow, Tuesday 24 November: until Wednesday 25 November: School trip; \
         08:15 to 09:00: Dentist (Dr. Reinders, Am Wall 120); 17:30: 合唱音乐会."
    );
    assert_eq!(tomorrow.data["total"], 3);
    assert_eq!(tomorrow.data["events"][1]["start"], "2026-11-24T08:15:00");
    assert_eq!(tomorrow.data["events"][0]["end"], "2026-11-25", "the last day, not the one after it");
    let file = format!("file://{}", fixture.at(".calendars/home/family.ics").display());
    assert_eq!((&tomorrow.uris, &tomorrow.data["events"][1]["uri"]), (&vec![file.clone()], &json!(file)));
    assert_eq!(
        fixture.says("AgendaOn", json!({})),
        "Today, Monday 23 November: until Wednesday 25 November: School trip; 10:00 to 10:45: Team meeting (Room 2)."
    );
    assert_eq!(
        fixture.says("AgendaOn", json!({"date": "2026-11-24T12:00:00"})),
        "Tomorrow, Tuesday 24 November from 12:00 on: until Wednesday 25 November: School trip; 17:30: 合唱音乐会."
    );
    assert_eq!(
        fixture.says("AgendaOn", json!({"date": "2026-11-27"})),
        "Nothing on Friday 27 November. Next: Concerto do coro em São Tiago (Kirchweg), on Saturday 28 November, 18:00 to 20:00."
    );
    assert_eq!(
        fixture.says("AgendaOn", json!({"date": "2026-10-21"})),
        "On Wednesday 21 October: 10:00 to 16:00: Visit to the printer (Drukkerij, Groningen)."
    );
}

#[test]
fn stretches_of_days_have_names_ends_and_lengths() {
    let fixture = Fixture::new();
    let message = |arguments: Value| fixture.says("AgendaOn", arguments);
    assert_eq!(
        message(json!({"period": "weekend"})),
        "At the weekend, Saturday 28 November to Sunday 29 November: \
         Saturday 28 November, 18:00 to 20:00: Concerto do coro em São Tiago (Kirchweg)."
    );
    assert_eq!(
        message(json!({"period": "next-week"})),
        "Next week, Monday 30 November to Sunday 6 December: Monday 30 November, 10:00 to 10:45: Team meeting (Room 2); \
         Thursday 3 December, 10:00 to 10:45: Team meeting (Room 2)."
    );
    let total = |arguments: Value| fixture.call("AgendaOn", arguments).data["total"].clone();
    assert_eq!(total(json!({"period": "this-week"})), 5, "Thursday's meeting is left out");
    assert_eq!(total(json!({"period": "this-month"})), 6);
    assert_eq!(total(json!({"period": "next-month"})), 9);
    assert_eq!(total(json!({"date": "2026-11-24", "until": "2026-11-25"})), 3);
    assert_eq!(total(json!({"date": "2026-11-25", "until": "2026-11-24"})), 3);
    assert_eq!(total(json!({"within": "PT20H"})), 2, "the trip and the dentist");
    assert_eq!(total(json!({"within": "P1D"})), 3);
    assert!(message(json!({"within": "P1D"})).starts_with("From now to Tuesday 24 November: "));
    assert_eq!(total(json!({"within": "PT1M"})), 2, "today");
    assert_eq!(total(json!({"within": "PT1M", "period": "this-week"})), 5);
    for bad in
        [json!({"date": "someday"}), json!({"within": "soon"}), json!({"date": "2026-01-01", "until": "2030-01-01"})]
    {
        assert_eq!(fixture.refuses("AgendaOn", bad.clone()).0, "invalid_argument", "{bad}");
    }
}

#[test]
fn the_next_time_of_something_is_found_by_its_words() {
    let fixture = Fixture::new();
    let next = |name: &str| fixture.says("NextEvent", json!({"name": name}));
    assert_eq!(
        next("the dentist"),
        "Dentist (Dr. Reinders, Am Wall 120) is tomorrow, Tuesday 24 November, 08:15 to 09:00, in 16 hours."
    );
    assert_eq!(next("Dr. Reinders"), next("dentist"), "by its place");
    assert_eq!(next("Dentisst"), next("dentist"), "nearly");
    assert_eq!(next("my next meeting"), "Team meeting (Room 2) is on Monday 30 November, 10:00 to 10:45, in 7 days.");
    assert_eq!(
        next("concerto sao tiago"),
        "Concerto do coro em São Tiago (Kirchweg) is on Saturday 28 November, 18:00 to 20:00, in 5 days."
    );
    assert_eq!(next("音乐会"), "合唱音乐会 is tomorrow, Tuesday 24 November, 17:30, in 25 hours.");
    for birthday in ["Mia's birthday", "Mias Geburtstag", "cumpleaños de Mia", "birthday"] {
        assert_eq!(next(birthday), "Mia's birthday is on Friday 14 May 2027, in 172 days.", "{birthday}");
    }
    assert_eq!(
        next("Paula's birthday"),
        "Paula Ferreira: birthday 4 October 1983, turning 44 on Monday 4 October 2027, in 315 days."
    );
    assert_eq!(next("appointment"), fixture.says("NextEvent", json!({})), "any");
    assert!(next("appointment").starts_with("Dentist "), "the trip goes on already");
    assert_eq!(next("school trip"), "School trip is going on, until Wednesday 25 November.");
    assert_eq!(
        next("printer"),
        "Visit to the printer (Drukkerij, Groningen) was on Wednesday 21 October, 10:00 to 16:00; nothing of that name is ahead."
    );
    let (code, message) = fixture.refuses("NextEvent", json!({"name": "opera"}));
    assert_eq!((code.as_str(), message.as_str()), ("not_found", "Nothing in your calendar is called \"opera\"."));
    let near = fixture.call("NextEvent", json!({"name": "Schulausflug oder school thing"})).suggestion.unwrap();
    assert_eq!(near, "Perhaps you mean: School trip is going on, until Wednesday 25 November.");
    let found = fixture.call("NextEvent", json!({"name": "team meeting"}));
    assert_eq!(found.data["events"].as_array().unwrap().len(), 3, "and the times after it");
}

/// What is said of somebody; no field asks for everything.
fn find(fixture: &Fixture, name: &str, field: &str) -> String {
    let asked = if field.is_empty() { json!({"name": name}) } else { json!({"name": name, "field": field}) };
    fixture.says("FindContact", asked)
}

#[test]
fn people_are_found_by_any_part_of_their_name() {
    let fixture = Fixture::new();
    let phone = |name: &str| find(&fixture, name, "phone");
    let karsten = "Karsten Petersen: phone +49 421 555 0142 (work).";
    for name in ["Petersen", "karsten petersen's", "Pettersen", "Herr Petersen", "PETER"] {
        assert_eq!(phone(name), karsten, "{name}");
    }
    assert_eq!(phone("Ferreira"), "Paula Ferreira: phone +351 910 555 017 (mobile); João Ferreira: phone +351 1.");
    assert_eq!(
        phone("the plumber"),
        format!("Nobody is called \"the plumber\", but the contacts mention it: {karsten}")
    );
    assert_eq!(find(&fixture, "陈丽", "email"), find(&fixture, "Chen Li", "email"));
    assert_eq!(fixture.refuses("FindContact", json!({"name": "Zaphod"})).0, "not_found");
    assert_eq!(fixture.refuses("FindContact", json!({"name": " ?"})).0, "invalid_argument");
}

#[test]
fn what_is_known_of_people_is_told_field_by_field() {
    let fixture = Fixture::new();
    let joao = "João Ferreira: address Rua das Salinas 31, 3800-200 Aveiro, Portugal (home).";
    assert_eq!(find(&fixture, "joao", "address"), joao);
    assert_eq!(find(&fixture, "João", "birthday"), "João Ferreira: birthday 23 November, today.");
    assert_eq!(find(&fixture, "paulas", "email"), "Paula Ferreira: mail paula@ferreira.example.");
    assert_eq!(
        find(&fixture, "Paula", ""),
        "Paula Ferreira: phone +351 910 555 017 (mobile), mail paula@ferreira.example, \
         birthday 4 October 1983, turning 44 on Monday 4 October 2027, in 315 days."
    );
    let mia = "Mia's birthday is on Friday 14 May 2027, in 172 days.";
    assert_eq!(find(&fixture, "Mia", "birthday"), mia, "out of the calendar");
    let unknown = fixture.call("FindContact", json!({"name": "Petersen", "field": "birthday"}));
    assert_eq!(unknown.message, "Your contacts don't say the birthday of Karsten Petersen.");
    assert_eq!(unknown.suggestion.unwrap(), "They say: Karsten Petersen: phone +49 421 555 0142 (work).");
    let found = fixture.call("FindContact", json!({"name": "Paula"}));
    assert_eq!(found.data["contacts"][0]["phones"][0], json!({"kind": "mobile", "value": "+351 910 555 017"}));
    assert_eq!(found.uris[0], format!("file://{}", fixture.at("Contacts/people.vcf").display()));
}
