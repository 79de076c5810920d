//! What is published about manifests is what hob reads. `HOB_BLESS=1` renews the files.
#![allow(clippy::unwrap_used)]

use hob_sdk::manifest::{Manifest, reference, schema};
use std::collections::BTreeSet;
use std::path::Path;

fn published(name: &str, now: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    if std::env::var_os("HOB_BLESS").is_some() {
        std::fs::write(&file, now).unwrap();
    }
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(now == before, "{} is old; run this test with HOB_BLESS=1 and look at the change", file.display());
}

#[test]
fn the_schema_is_the_published_one() {
    published("skill.schema.json", &(serde_json::to_string_pretty(&schema()).unwrap() + "\n"));
}

#[test]
fn the_reference_is_made_of_it() {
    published("skill-manifest.md", &reference());
}

const WHOLE: &str = r#"
[skill]
id = "org.example.a"
version = "1.0.0"
title = "A"
kind = "exec"
command = ["./a"]
[lifecycle]
[permissions]
[[intent]]
name = "Do"
domain = "d"
version = "1.0"
title = "T"
description = "D"
risk = "read"
"#;

/// The parser names the keys that it knows when it meets one that it does not: those of the schema, all and only.
#[test]
fn the_schema_has_the_parser_s_keys() {
    let schema = schema();
    for (table, of) in [
        ("[skill]", &schema["properties"]["skill"]),
        ("[lifecycle]", &schema["properties"]["lifecycle"]),
        ("[permissions]", &schema["properties"]["permissions"]),
        ("[[intent]]", &schema["properties"]["intent"]["items"]),
    ] {
        let text = WHOLE.replace(table, &format!("{table}\nno_such_key = 1"));
        let error = Manifest::parse(&text, "skill.toml").unwrap_err().to_string();
        let listed = error.split_once("expected one of").unwrap_or_else(|| panic!("{error}")).1;
        let known: BTreeSet<&str> = listed.split('`').skip(1).step_by(2).collect();
        let stated: BTreeSet<&str> = of["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(known, stated, "{table}");
        for key in of["required"].as_array().into_iter().flatten().filter_map(|key| key.as_str()) {
            let without: String =
                WHOLE.lines().filter(|line| !line.starts_with(&format!("{key} ="))).map(|l| format!("{l}\n")).collect();
            assert!(Manifest::parse(&without, "skill.toml").is_err(), "{table} needs {key}, and the parser does not");
        }
    }
}

/// Every field wrong at once: each is named, with its line.
#[test]
fn a_manifest_with_every_field_wrong_is_refused_field_by_field() {
    let text = r#"[skill]
id = "clock"
version = "new"
title = " "
kind = "cdylib"
library = "../evil.so"
command = ["x"]
[lifecycle]
start = ["sometimes"]
on_event = "Nothing"
idle_seconds = 0
timeout_ms = 1
[permissions]
read = ["secrets"]
write = ["../up"]
network = ["example.org"]
dbus = ["*"]
[[intent]]
name = "do it"
tool = "x"
domain = ""
version = "one"
title = ""
description = ""
examples.English = ["only [one](thing"]
risk = "read"
undo = "Nothing"
execute = []
parameters = { type = "string" }
result = {}
"#;
    let error = Manifest::parse(text, "skill.toml").unwrap_err();
    let lines: BTreeSet<usize> = error.problems.iter().filter_map(|problem| problem.line).collect();
    for line in [2, 3, 4, 6, 7, 9, 10, 11, 12, 14, 15, 16, 17, 19, 20, 21, 22, 23, 24, 25, 27] {
        assert!(lines.contains(&line), "line {line} is not named in:\n{error}");
    }
}
