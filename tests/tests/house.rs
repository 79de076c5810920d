//! The house's rules, held cheaply: who may depend on whom, and under which licences.

use hob_tests::project;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Which of our own crates each crate may depend on (dev-dependencies aside).
const ALLOWED: [(&str, &[&str]); 21] = [
    ("hob-engine", &[]),
    ("hob-index", &[]),
    ("hob-sdk", &["hob-sdk-macros"]),
    ("hob-sdk-macros", &[]),
    ("hob-kernels", &[]),
    ("hob-link", &[]),
    ("hob-model-host", &["hob-engine", "hob-kernels", "hob-link"]),
    // The skill host speaks the ABI, which the SDK defines.
    ("hob-skill-host", &["hob-link", "hob-sdk"]),
    ("hob-extract-host", &["hob-link"]),
    ("hob-fetch-host", &["hob-engine", "hob-link"]),
    ("hob-proxy-host", &["hob-link"]),
    ("hob-skill-apps", &["hob-sdk"]),
    ("hob-skill-calc", &["hob-sdk"]),
    ("hob-skill-calendar", &["hob-sdk"]),
    ("hob-skill-clock", &["hob-sdk"]),
    ("hob-skill-files", &["hob-sdk"]),
    ("hob-skill-media", &["hob-sdk"]),
    ("hob-skill-system", &["hob-sdk"]),
    ("hob", &["hob-sdk"]),
    ("hobd", &["hob-engine", "hob-index", "hob-link", "hob-sdk"]),
    ("hob-tests", &["hob-engine", "hob-index", "hob-link", "hob-sdk"]),
];

/// Who alone may depend on what.
const ONLY: [(&str, &[&str]); 9] = [
    // One way to confine a child.
    ("landlock", &["hob-link"]),
    ("seccompiler", &["hob-link"]),
    ("llama-cpp-2", &["hob-model-host"]),
    ("tantivy", &["hob-index"]),
    ("sled", &["hob-index"]),
    ("libloading", &["hob-skill-host"]),
    // The fetch host alone has network code.
    ("ureq", &["hob-fetch-host"]),
    ("rustls", &["hob-fetch-host", "hob-tests"]),
    ("zbus", &["hobd", "hob-sdk", "hob", "hob-skill-apps", "hob-tests"]),
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

/// Crates that speak over the network.
const NETWORK: [&str; 12] = [
    "ureq",
    "rustls",
    "native-tls",
    "openssl",
    "hyper",
    "reqwest",
    "curl",
    "attohttpc",
    "minreq",
    "isahc",
    "h2",
    "quinn",
];

/// Everything that a package is built from.
fn whole_tree(metadata: &Value, name: &str) -> BTreeSet<String> {
    let nodes = metadata["resolve"]["nodes"].as_array().expect("nodes");
    let named = |id: &str| id.rsplit(['/', '#']).next().unwrap_or(id).split('@').next().unwrap_or(id).to_string();
    let packages = metadata["packages"].as_array().expect("packages");
    let root = packages.iter().find(|package| package["name"] == name).expect("a package");
    let (mut seen, mut open) = (BTreeSet::new(), vec![root["id"].as_str().expect("an id").to_string()]);
    while let Some(id) = open.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        let node = nodes.iter().find(|node| node["id"] == *id).expect("a node");
        for dependency in node["deps"].as_array().expect("dependencies") {
            let kinds = dependency["dep_kinds"].as_array().expect("kinds");
            if kinds.iter().any(|kind| kind["kind"].is_null()) {
                open.push(dependency["pkg"].as_str().expect("an id").to_string());
            }
        }
    }
    let by_id = |id: &String| packages.iter().find(|p| p["id"] == **id).and_then(|p| p["name"].as_str());
    seen.iter().map(|id| by_id(id).map_or_else(|| named(id), str::to_string)).collect()
}

#[test]
fn only_the_fetch_and_proxy_hosts_have_network_code() {
    let metadata = metadata();
    for program in [
        "hobd",
        "hob-model-host",
        "hob-skill-host",
        "hob-extract-host",
        "hob",
        "hob-skill-apps",
        "hob-skill-clock",
        "hob-skill-files",
        "hob-skill-media",
        "hob-skill-system",
    ] {
        let tree = whole_tree(&metadata, program);
        let found: Vec<_> = NETWORK.iter().filter(|name| tree.contains(**name)).collect();
        assert!(found.is_empty(), "{program} is built from {found:?}");
    }
    assert!(whole_tree(&metadata, "hob-fetch-host").contains("rustls"), "the list of crates is read wrongly");
    for folder in [
        "daemon",
        "engine",
        "index",
        "hosts/link",
        "hosts/model",
        "hosts/skill",
        "hosts/extract",
        "sdk",
        "cli",
        "skills",
    ] {
        for file in sources(&project().join(folder).join(if folder == "skills" { "" } else { "src" })) {
            let text = std::fs::read_to_string(&file).expect("a source file");
            for word in ["TcpStream", "TcpListener", "UdpSocket"] {
                assert!(!text.contains(word), "{} uses {word}", file.display());
            }
        }
    }
}

/// All Rust files below a folder.
fn sources(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    let below = |path: std::path::PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    entries.flat_map(below).filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
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
