//! The calendar skill as users meet it: over the real daemon, in its sandbox, on files as other programs leave them.

use super::project::{call, refusal};
use hob_tests::{Scene, models};
use serde_json::{Value, json};
use std::path::Path;

const ID: &str = "org.hob.calendar";

const EVENTS: &str = "\
BEGIN:VCALENDAR
BEGIN:VEVENT
UID:course@example.org
DTSTART;TZID=Europe/Lisbon:20310507T190000
DTEND;TZID=Europe/Lisbon:20310507T203000
RRULE:FREQ=WEEKLY;COUNT=4
EXDATE;TZID=Europe/Lisbon:20310514T190000
SUMMARY:Pottery class
LOCATION:Town hall\\, room 3
END:VEVENT
END:VCALENDAR
";

const PEOPLE: &str = "\
BEGIN:VCARD
VERSION:3.0
FN:Inês Carvalho
TEL;TYPE=CELL:+351 910 555 019
BDAY:1990-02-17
END:VCARD
";

/// A scene whose home has a calendar where vdirsyncer would put it, and an address book.
async fn furnished(models: Option<&Path>) -> Scene {
    let scene = Scene::start(models).await.expect("a scene");
    scene.write(".calendars/personal/course.ics", EVENTS).expect("written");
    scene.write("Contacts/friends.vcf", PEOPLE).expect("written");
    scene
}

fn files_of_own_calendar(scene: &Scene) -> usize {
    std::fs::read_dir(scene.folder().join("home/Calendar")).map_or(0, |files| files.flatten().count())
}

#[tokio::test(flavor = "multi_thread")]
async fn calendars_and_contacts_are_read_in_the_sandbox() {
    let scene = furnished(None).await;
    let day = call(&scene, ID, "AgendaOn", r#"{"date": "2031-05-21"}"#);
    assert_eq!(day["message"], "On Wednesday 21 May 2031: 18:00 to 19:30: Pottery class (Town hall, room 3).");
    let file = scene.folder().join("home/.calendars/personal/course.ics");
    assert_eq!(day["uris"], json!([format!("file://{}", file.display())]));
    let left_out = call(&scene, ID, "AgendaOn", r#"{"date": "2031-05-14"}"#);
    assert!(
        left_out["message"].as_str().is_some_and(|said| said.starts_with("Nothing on Wednesday 14 May 2031. Next: ")),
        "{left_out}"
    );
    let next = call(&scene, ID, "NextEvent", r#"{"name": "pottery"}"#);
    let said = next["message"].as_str().expect("a sentence");
    assert!(
        said.starts_with("Pottery class (Town hall, room 3) is on Wednesday 7 May 2031, 18:00 to 19:30, in "),
        "{said}"
    );
    let phone = call(&scene, ID, "FindContact", r#"{"name": "ines", "field": "phone"}"#);
    assert_eq!(phone["message"], "Inês Carvalho: phone +351 910 555 019 (mobile).");
    let wrong = refusal(
        &scene.hob(&["skill", "call", ID, "FindContact", r#"{"name": "ines", "field": "shoe"}"#]).expect("hob runs"),
    );
    assert!(wrong.contains("field"), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_added_is_there_and_undone_by_name() {
    let scene = furnished(None).await;
    let add = r#"{"title": "Lunch with Inês", "start": "2031-06-02T12:30:00", "duration": "PT90M"}"#;
    let added = call(&scene, ID, "AddEvent", add);
    assert_eq!(added["message"], "Lunch with Inês is in your calendar, on Monday 2 June 2031, 12:30 to 14:00.");
    assert_eq!(files_of_own_calendar(&scene), 1);
    let there = call(&scene, ID, "AgendaOn", r#"{"date": "2031-06-02"}"#);
    assert_eq!(there["data"]["total"], 1, "{there}");
    let action = added["action"].as_str().expect("it can be undone");
    let undone = scene.hob_json(&["skill", "undo", action]).expect("undone");
    assert_eq!(undone["message"], "The event is taken out of your calendar again.");
    assert_eq!(files_of_own_calendar(&scene), 0);
    let course =
        std::fs::read_to_string(scene.folder().join("home/.calendars/personal/course.ics")).expect("still there");
    assert_eq!(course, EVENTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn words_lead_to_each_intent() {
    let Some(models) = models() else { return };
    let scene = furnished(Some(&models)).await;
    let asked = |words: &str| -> Value {
        let answer = scene.hob_json(&["ask", words]).expect("an answer");
        assert_eq!(answer["route"], "skill", "{words}: {answer}");
        answer["tool_calls"][0].clone()
    };
    let added = asked("add garden party to my calendar tomorrow at 16:00");
    assert_eq!(
        (&added["intent"], &added["arguments"]["title"]),
        (&json!("AddEvent"), &json!("garden party")),
        "{added}"
    );
    assert!(added["arguments"]["start"].as_str().is_some_and(|start| start.ends_with("T16:00:00")), "{added}");
    let day = asked("what's on my calendar tomorrow");
    assert_eq!(
        (&day["intent"], &day["result"]["data"]["events"][0]["title"]),
        (&json!("AgendaOn"), &json!("garden party")),
        "{day}"
    );
    let next = asked("when is the next pottery class");
    assert_eq!(next["intent"], "NextEvent", "{next}");
    assert_eq!(next["result"]["data"]["events"][0]["start"], "2031-05-07T18:00:00", "{next}");
    let phone = asked("what is the phone number of Inês Carvalho");
    assert_eq!((&phone["intent"], &phone["arguments"]["field"]), (&json!("FindContact"), &json!("phone")), "{phone}");
    assert!(phone["result"]["message"].as_str().is_some_and(|said| said.contains("+351 910 555 019")), "{phone}");
    for (words, intent) in [
        ("o que tenho na agenda a 20 de junho de 2031", "AgendaOn"),
        ("welche Termine habe ich morgen", "AgendaOn"),
        ("qué citas tengo mañana", "AgendaOn"),
        ("明天有什么安排", "AgendaOn"),
        ("wann ist mein nächster Termin", "NextEvent"),
        ("wie ist die Telefonnummer von Inês", "FindContact"),
    ] {
        assert_eq!(asked(words)["intent"], intent, "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_calendar_it_says_where_one_would_be() {
    let scene = Scene::start(None).await.expect("a scene");
    let none = call(&scene, ID, "AgendaOn", "{}");
    assert_eq!(none["code"], "not_found");
    assert!(none["suggestion"].as_str().is_some_and(|said| said.contains("~/Calendar")), "{none}");
    let elsewhere = scene.write("Nextcloud/Calendar/course.ics", EVENTS).expect("written");
    let own = scene.folder().join("home/Calendar");
    std::fs::remove_dir(&own).expect("the empty folder that hob made");
    std::os::unix::fs::symlink(elsewhere.parent().expect("a folder"), &own).expect("linked");
    // The sandbox is made when the skill's process starts.
    scene.hob_json(&["skill", "disable", ID]).expect("ended");
    scene.hob_json(&["skill", "enable", ID]).expect("ready again");
    let day = call(&scene, ID, "AgendaOn", r#"{"date": "2031-05-21"}"#);
    assert_eq!(day["data"]["total"], 1, "{day}");
}
