//! The skill as its host calls it, without a bus.

use super::*;
use hob_sdk::manifest::{Manifest, Risk};
use hob_sdk::testing::Harness;
use serde_json::json;

const MANIFEST: &str = include_str!("../skill.toml");

#[test]
fn every_intent_is_carried_out_or_says_what_is_missing() {
    let skill = Harness::new(hob_skill_entry, MANIFEST);
    let before =
        json!({"player": "vlc", "status": "paused", "track": "", "position": null, "volume": null, "skipped": null});
    for (intent, arguments) in [
        ("Play", json!({})),
        ("Pause", json!({})),
        ("Stop", json!({})),
        ("Next", json!({})),
        ("Previous", json!({})),
        ("WhatIsPlaying", json!({})),
        ("SetPlayerVolume", json!({"percent": 40})),
        ("Seek", json!({"direction": "back"})),
        ("RestorePlayback", json!({ "before": before })),
    ] {
        // Without a grant there is no bus, and that is said.
        let result = skill.call(intent, arguments);
        assert_eq!(result.code.as_deref(), Some("permission_denied"), "{intent}: {}", result.message);
    }
}

#[test]
fn no_intent_of_the_manifest_is_left_out_and_changes_can_be_undone() {
    let manifest = Manifest::parse(MANIFEST, "skill.toml").expect("a manifest");
    assert_eq!(manifest.intents.len(), 9);
    for intent in &manifest.intents {
        assert_eq!(intent.undo.is_some(), intent.risk == Risk::Change, "{}", intent.name);
    }
}
