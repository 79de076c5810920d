//! The house's rules, held cheaply: who may depend on whom, and under which licences.

use hob_tests::project;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Which of our own crates each crate may depend on (dev-dependencies aside).
const ALLOWED: [(&str, &[&str]); 12] = [
    ("hob-engine", &[]),
    ("hob-index", &[]),
    ("hob-sdk", &[]),
    ("hob-link", &[]),
    ("hob-model-host", &["hob-engine", "hob-link"]),
    // The skill host speaks the ABI, which the SDK defines.
    ("hob-skill-host", &["hob-link", "hob-sdk"]),
    ("hob-extract-host", &["hob-link"]),
    ("hob-skill-clock", &["hob-sdk"]),
    ("hob-skill-files", &["hob-sdk"]),
    ("hob", &["hob-sdk"]),
    ("hobd", &["hob-engine", "hob-index", "hob-link", "hob-sdk"]),
    ("hob-tests", &["hob-engine", "hob-index", "hob-link", "hob-sdk"]),
];

/// Who alone may depend on what.
const ONLY: [(&str, &[&str]); 5] = [
    ("llama-cpp-2", &["hob-model-host"]),
    ("tantivy", &["hob-index"]),
    ("sled", &["hob-index"]),
    ("libloading", &["hob-skill-host"]),
    ("zbus", &["hobd", "hob-sdk", "hob", "hob-tests"]),
];

const LICENCES: [&str; 12] = [
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MPL-2.0",
    "Zlib",
    "CC0-1.0",
    "Unicode-3.0",
    "Unlicense",
];

fn metadata() -> Value {
    let rustc = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let versions = String::from_utf8_lossy(&rustc.stdout).into_owned();
    let host = versions.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    // Crates for other systems are not at hand offline, and not what is shipped.
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", host])
        .current_dir(project())
        .output()
        .expect("cargo runs");
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    serde_json::from_slice(&cargo.stdout).expect("JSON")
}

/// Direct dependencies, without dev-dependencies, of each of our own crates.
fn own_dependencies(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let members: Vec<String> = metadata["workspace_members"].as_array().expect("members").iter().map(text).collect();
    let packages = metadata["packages"].as_array().expect("packages").iter();
    let own = packages.filter(|package| members.contains(&text(&package["id"])));
    own.map(|package| {
        let all = package["dependencies"].as_array().expect("dependencies").iter();
        let real = all.filter(|d| d["kind"].as_str() != Some("dev"));
        (text(&package["name"]), real.map(|d| text(&d["name"])).collect())
    })
    .collect()
}

#[test]
fn crates_depend_in_one_direction() {
    let dependencies = own_dependencies(&metadata());
    let allowed: BTreeMap<_, _> = ALLOWED.into_iter().collect();
    for (name, needs) in &dependencies {
        let may = allowed
            .get(name.as_str())
            .unwrap_or_else(|| panic!("{name} is new: say in this test what it may depend on"));
        for need in needs.iter().filter(|need| dependencies.contains_key(*need)) {
            assert!(may.contains(&need.as_str()), "{name} must not depend on {need}");
        }
    }
    for (library, only) in ONLY {
        for (name, needs) in &dependencies {
            assert!(!needs.contains(library) || only.contains(&name.as_str()), "{name} must not depend on {library}");
        }
    }
}

#[test]
fn every_licence_is_one_we_accept() {
    let metadata = metadata();
    let refused: Vec<String> = metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .filter(|package| !package["license"].as_str().is_some_and(acceptable))
        .map(|package| format!("{}: {}", package["name"], package["license"]))
        .collect();
    assert!(refused.is_empty(), "licences to look at: {refused:#?}");
}

/// An SPDX expression is acceptable when each of its AND parts offers an accepted licence.
fn acceptable(expression: &str) -> bool {
    let expression = expression.replace(['(', ')'], "").replace('/', " OR ");
    expression.split(" AND ").all(|part| part.split(" OR ").any(|licence| LICENCES.contains(&licence.trim())))
}

#[test]
fn an_expression_is_read_by_its_parts() {
    assert!(
        acceptable("MIT OR GPL-3.0")
            && acceptable("(MIT OR Apache-2.0) AND Unicode-3.0")
            && acceptable("MIT/Apache-2.0")
    );
    assert!(!acceptable("GPL-3.0") && !acceptable("MIT AND GPL-3.0"));
}
