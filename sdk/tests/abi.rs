//! The ABI as a library's user meets it: through the exported table, and against the C header.
#![allow(clippy::unwrap_used)]

use hob_sdk::abi::{ABI_VERSION, SkillTable};
use hob_sdk::testing::Harness;
use hob_sdk::{Call, Context, Outcome, Skill, SkillError, Status};
use serde::Deserialize;
use serde_json::json;
use std::mem::offset_of;
use std::path::{Path, PathBuf};
use std::process::Command;

const MANIFEST: &str = r#"
[skill]
id = "org.example.greeter"
version = "1.2.3"
title = "Greeter"
kind = "cdylib"
library = "libgreeter.so"
[[intent]]
name = "Greet"
domain = "test"
version = "1.0"
title = "Greet"
description = "Greets."
risk = "read"
[intent.parameters]
type = "object"
properties.name = { type = "string" }
[[intent]]
name = "Panic"
domain = "test"
version = "1.0"
title = "Panic"
description = "Breaks down."
risk = "read"
"#;

struct Greeter {
    storage: PathBuf,
}

#[derive(Deserialize)]
struct Greet {
    name: String,
}

impl Skill for Greeter {
    fn new(context: &Context) -> Result<Self, SkillError> {
        Ok(Self { storage: context.storage.clone() })
    }

    fn call(&self, call: &Call) -> Result<Outcome, SkillError> {
        match call.intent.as_str() {
            "Greet" => {
                let Greet { name } = call.arguments()?;
                let data = json!({"storage": self.storage, "now": call.context.now_seconds()});
                Ok(Outcome::say(format!("Hello, {name}.")).with_data(data))
            }
            "Panic" => panic!("no bread"),
            other => Err(SkillError::unknown_intent(other)),
        }
    }
}

hob_sdk::export_skill!(Greeter, "org.example.greeter", "1.2.3");

fn greeter() -> Harness {
    Harness::new(hob_skill_entry, MANIFEST)
}

#[test]
fn a_call_goes_through_the_table_and_back() {
    let skill = greeter().at(1_790_000_000);
    let result = skill.call("Greet", json!({"name": "Ana \u{0} Ζωή"}));
    assert_eq!((result.status, result.message.as_str()), (Status::Success, "Hello, Ana \u{0} Ζωή."));
    assert_eq!(result.data["storage"], json!(skill.storage()));
    assert_eq!(result.data["now"], 1_790_000_000);
}

#[test]
fn errors_and_panics_become_error_results() {
    let skill = greeter();
    let wrong = skill.call("Greet", json!({}));
    assert_eq!((wrong.status, wrong.code.as_deref()), (Status::Error, Some("invalid_argument")));
    assert!(wrong.message.contains("missing field `name`"), "{}", wrong.message);
    let panicked = skill.call("Panic", json!({}));
    assert_eq!(panicked.code.as_deref(), Some("panic"));
    assert!(panicked.message.contains("no bread"), "{}", panicked.message);
    assert!(skill.call("Greet", json!({"name": "again"})).is_success(), "a panic must not end the skill");
    assert_eq!(skill.call_unchecked("Nothing", "{}").code.as_deref(), Some("unknown_intent"));
    assert!(skill.call_unchecked("Greet", "[1]").message.contains("JSON object"));
    assert!(skill.call_unchecked("Greet", "{").message.contains("not valid JSON"));
}

#[test]
#[should_panic(expected = "has no parameter nam")]
fn the_harness_refuses_what_the_daemon_would() {
    greeter().call("Greet", json!({"nam": "Ana"}));
}

#[test]
#[should_panic(expected = "the library's id is not the manifest's")]
fn the_harness_compares_the_ids() {
    drop(Harness::new(hob_skill_entry, &MANIFEST.replace("org.example.greeter", "org.example.other")));
}

/// The header states the same layout: a C compiler checks every offset.
#[test]
fn the_c_header_matches_the_table() {
    let fields = [
        ("abi_version", offset_of!(SkillTable, abi_version)),
        ("struct_size", offset_of!(SkillTable, struct_size)),
        ("id", offset_of!(SkillTable, id)),
        ("version", offset_of!(SkillTable, version)),
        ("create", offset_of!(SkillTable, create)),
        ("call", offset_of!(SkillTable, call)),
        ("free_string", offset_of!(SkillTable, free_string)),
        ("destroy", offset_of!(SkillTable, destroy)),
    ];
    let mut source = format!(
        "#include <stddef.h>\n#include \"hob_skill.h\"\n\
         _Static_assert(HOB_SKILL_ABI_VERSION == {ABI_VERSION}, \"version\");\n\
         _Static_assert(sizeof(hob_skill_table) == {}, \"size\");\n",
        size_of::<SkillTable>()
    );
    for (name, offset) in fields {
        source += &format!("_Static_assert(offsetof(hob_skill_table, {name}) == {offset}, \"{name}\");\n");
    }
    let skill = greeter();
    let file = skill.storage().join("layout.c");
    std::fs::write(&file, source).unwrap();
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
    let compiled = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I"])
        .arg(include)
        .arg(&file)
        .output()
        .expect("cc, which the project's set-up installs");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
}
