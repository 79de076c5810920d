//! What the manifest accepts, and what it says about the rest.
#![allow(clippy::unwrap_used)]

use super::*;

const GOOD: &str = r#"
[skill]
id = "org.example.clock"
version = "1.2.0"
title = "Clock"
kind = "cdylib"
library = "libclock.so"

[lifecycle]
start = ["on-demand", "at-login", "event:power.plugged", "event:time.daily=07:05", "event:file.changed=~/Invoices"]
recycle = "low-memory"
idle_seconds = 30
timeout_ms = 2000

[permissions]
read = ["xdg:documents", "~/Notes", "/usr/share/zoneinfo"]
network = ["api.example.org:443"]
dbus = ["org.freedesktop.login1"]
model = true

[[intent]]
name = "SetTimer"
domain = "clock"
version = "1.0"
title = "Set a timer"
description = "Starts a countdown."
examples.en = ["a [10 minutes](duration) timer", "two", "three", "four", "five"]
examples.pt = ["põe um temporizador de [10 minutos](duration)"]
counter_examples.en = ["wake me at seven"]
risk = "change"
undo = "CancelTimer"
locked_screen = true

[intent.parameters]
type = "object"
required = ["duration"]
properties.duration = { type = "string", x-type = "duration" }
properties.label = { type = "string", x-type = "freetext", x-copy = true }
properties.tone = { type = "string", enum = ["loud", "soft"], x-synonyms = { soft = ["quiet"] } }

[[intent]]
name = "CancelTimer"
domain = "clock"
version = "1.0"
title = "Cancel"
description = "Ends a countdown."
risk = "change"
"#;

/// `GOOD` with one line replaced, and what the parser says about it.
fn refusal(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from} is not in the manifest");
    Manifest::parse(&GOOD.replace(from, to), "skill.toml").unwrap_err().to_string()
}

#[test]
fn a_good_manifest_keeps_everything() {
    let manifest = Manifest::parse(GOOD, "skill.toml").unwrap();
    assert_eq!(manifest.id, "org.example.clock");
    assert_eq!(manifest.kind, Kind::Cdylib { library: "libclock.so".into() });
    assert_eq!(manifest.lifecycle.timeout_ms, 2000);
    assert_eq!(manifest.lifecycle.recycle, Recycle::LowMemory);
    assert_eq!(manifest.lifecycle.start[3], Start::Daily { hour: 7, minute: 5 });
    assert_eq!(manifest.lifecycle.start[4], Start::FileChanged { path: "~/Invoices".into() });
    assert!(manifest.permissions.model && manifest.permissions.write.is_empty());
    let timer = manifest.intent("SetTimer").unwrap();
    assert_eq!((timer.risk, timer.undo.as_deref(), timer.locked_screen), (Risk::Change, Some("CancelTimer"), true));
    assert_eq!(timer.execute, [Execute::Background]);
    assert_eq!(timer.examples["en"][0].slots[0].name, "duration");
    assert_eq!(timer.examples["pt"].len(), 1);
    assert!(timer.is_routed() && !manifest.intent("CancelTimer").unwrap().is_routed());
    assert_eq!(manifest.warnings().len(), 1, "{:?}", manifest.warnings());
}

#[test]
fn parameters_become_typed_slots() {
    let manifest = Manifest::parse(GOOD, "skill.toml").unwrap();
    let slots = manifest.intent("SetTimer").unwrap().parameters();
    let by_name = |name: &str| slots.iter().find(|slot| slot.name == name).unwrap();
    assert!(by_name("duration").required && by_name("duration").x_type == Some(XType::Duration));
    assert!(by_name("label").copy && !by_name("label").required);
    assert_eq!(by_name("tone").choices[1], Choice { value: "soft".into(), synonyms: vec!["quiet".into()] });
    assert!(manifest.intent("CancelTimer").unwrap().parameters().is_empty());
}

#[test]
fn refusals_name_the_line_and_the_remedy() {
    for (from, to, line, says) in [
        ("id = \"org.example.clock\"", "id = \"clock\"", 3, "org.example.clock"),
        ("version = \"1.2.0\"", "version = \"new\"", 4, "like 1.2.0"),
        ("title = \"Clock\"", "title = \" \"", 5, "title is empty"),
        ("kind = \"cdylib\"", "kind = \"wasm\"", 6, "unknown variant"),
        ("kind = \"cdylib\"", "kind = \"exec\"", 6, "needs command"),
        ("library = \"libclock.so\"", "library = \"../libclock.so\"", 7, "in the skill's folder"),
        ("library = \"libclock.so\"", "libary = \"libclock.so\"", 7, "unknown field `libary`"),
        ("07:05", "24:05", 10, "event:time.daily=HH:MM"),
        ("timeout_ms = 2000", "timeout_ms = 1", 13, "100 to 600000"),
        ("idle_seconds = 30", "idle_seconds = \"x\"", 12, "expected i64"),
        ("~/Notes", "Notes", 16, "an absolute path"),
        ("xdg:documents", "xdg:secrets", 16, "xdg:documents"),
        ("api.example.org:443", "api.example.org", 17, "host and port"),
        ("org.freedesktop.login1", "org.freedesktop.*", 18, "three parts of one and .*"),
        ("name = \"SetTimer\"", "name = \"set_timer\"", 22, "CamelCase"),
        ("name = \"CancelTimer\"", "name = \"SetTimer\"", 42, "there twice"),
        ("\"a [10 minutes](duration) timer\", ", "", 22, "at least 5"),
        ("[10 minutes](duration)", "[10 minutes](time)", 27, "marks time, which is no parameter"),
        ("[10 minutes](duration)", "[10 minutes", 27, "never closed"),
        ("examples.pt", "examples.Portuguese", 28, "no language tag"),
        ("risk = \"change\"\nundo", "risk = \"some\"\nundo", 30, "unknown variant"),
        ("undo = \"CancelTimer\"", "undo = \"Nothing\"", 31, "no intent of this skill"),
        ("type = \"object\"", "type = \"string\"", 22, "object schema"),
        ("required = [\"duration\"]", "required = [\"length\"]", 22, "required names length"),
        ("x-type = \"duration\"", "x-type = \"time\"", 22, "x-type \"time\" is unknown"),
        (
            "{ type = \"string\", x-type = \"duration\" }",
            "{ type = \"number\", x-type = \"duration\" }",
            22,
            "needs type = \"string\"",
        ),
        ("x-copy = true", "x-copied = true", 22, "x-copied is unknown"),
        ("x-copy = true", "x-prefer = \"then\"", 22, "\"past\" or \"future\""),
        ("{ soft = [\"quiet\"] }", "{ calm = [\"quiet\"] }", 22, "not in its enum"),
    ] {
        let error = refusal(from, to);
        assert!(error.contains(&format!("skill.toml:{line}: ")), "{to}: expected line {line} in: {error}");
        assert!(error.contains(says), "{to}: expected \"{says}\" in: {error}");
    }
}

#[test]
fn a_family_of_names_may_be_asked_for() {
    let text = GOOD.replace("org.freedesktop.login1", "org.mpris.MediaPlayer2.*");
    let manifest = Manifest::parse(&text, "skill.toml").unwrap();
    assert_eq!(manifest.permissions.dbus, ["org.mpris.MediaPlayer2.*"]);
}

#[test]
fn all_problems_come_at_once() {
    let text = GOOD.replace("\"1.2.0\"", "\"x\"").replace("CancelTimer\"\nlocked", "Gone\"\nlocked");
    let error = Manifest::parse(&text, "skill.toml").unwrap_err();
    assert_eq!(error.problems.len(), 2, "{error}");
    assert_eq!(error.to_string().lines().count(), 2);
}

#[test]
fn no_toml_and_no_intents_are_explained() {
    let error = Manifest::parse("[skill\n", "x.toml").unwrap_err().to_string();
    assert!(error.starts_with("x.toml:1: "), "{error}");
    let bare = GOOD.split("[[intent]]").next().unwrap();
    let error = Manifest::parse(bare, "x.toml").unwrap_err().to_string();
    assert!(error.contains("at least one [[intent]]"), "{error}");
}

#[test]
fn the_other_kinds_have_their_own_keys() {
    let with = |keys: &str| GOOD.replace("kind = \"cdylib\"\nlibrary = \"libclock.so\"", keys);
    let kind = |keys: &str| Manifest::parse(&with(keys), "skill.toml").map(|m| m.kind).map_err(|e| e.to_string());
    assert_eq!(kind("kind = \"exec\"\ncommand = [\"./a.py\"]"), Ok(Kind::Exec { command: vec!["./a.py".into()] }));
    let bus = kind("kind = \"dbus\"\nbus_name = \"org.example.Clock\"\nobject = \"/org/example/Clock\"");
    assert_eq!(bus, Ok(Kind::Dbus { bus_name: "org.example.Clock".into(), object: "/org/example/Clock".into() }));
    assert!(kind("kind = \"mcp\"\ncommand = []").unwrap_err().contains("needs a program"));
    assert!(kind("kind = \"dbus\"\nbus_name = \"x\"\nobject = \"y\"").unwrap_err().contains("no object path"));
    assert!(kind("kind = \"exec\"\ncommand = [\"a\"]\nlibrary = \"l.so\"").unwrap_err().contains("does not belong"));
}
