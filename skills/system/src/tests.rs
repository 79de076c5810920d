//! The skill as its host calls it, on a machine without any service.

use super::*;
use hob_sdk::manifest::{Manifest, Risk};
use hob_sdk::testing::Harness;
use serde_json::json;

const MANIFEST: &str = include_str!("../skill.toml");

fn system() -> Harness {
    Harness::new(hob_skill_entry, MANIFEST)
}

#[test]
fn every_intent_is_carried_out_or_says_what_is_missing() {
    let skill = system();
    for (intent, arguments) in [
        ("BatteryStatus", json!({})),
        ("DiskSpace", json!({})),
        ("MemoryStatus", json!({})),
        ("NetworkStatus", json!({})),
        ("GetBrightness", json!({})),
        ("SetBrightness", json!({"percent": 40})),
        ("GetPowerProfile", json!({})),
        ("SetPowerProfile", json!({"profile": "balanced"})),
        ("DoNotDisturb", json!({"state": "off"})),
        ("KeepQuiet", json!({})),
        ("LockScreen", json!({})),
        ("RestoreSetting", json!({"before": {"profile": "balanced"}})),
    ] {
        let result = skill.call(intent, arguments);
        assert_ne!(result.code.as_deref(), Some("unknown_intent"), "{intent}");
        assert!(!result.message.is_empty(), "{intent} says nothing");
    }
}

#[test]
fn no_intent_of_the_manifest_is_left_out_and_changes_can_be_undone() {
    let manifest = Manifest::parse(MANIFEST, "skill.toml").expect("a manifest");
    assert_eq!(manifest.intents.len(), 12);
    for intent in manifest.intents.iter().filter(|intent| intent.risk == Risk::Change) {
        // Unlocking a screen takes its owner.
        let needs_none = ["LockScreen", "KeepQuiet"].contains(&intent.name.as_str());
        assert_eq!(intent.undo.is_none(), needs_none, "{}", intent.name);
    }
}

#[test]
fn settings_say_where_the_kernel_s_files_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let light = folder.path().join("class/backlight/screen");
    std::fs::create_dir_all(&light).expect("made");
    for (file, text) in [("type", "raw"), ("brightness", "30"), ("max_brightness", "60")] {
        std::fs::write(light.join(file), text).expect("written");
    }
    let skill = system().with_settings(json!({"sysfs": folder.path()}));
    let told = skill.call("GetBrightness", json!({}));
    assert_eq!((told.message.as_str(), &told.data), ("The screen's brightness is 50%.", &json!({"percent": 50.0})));
    let wrong = system().with_settings(json!({"sysfs": "/sys", "volume": 3})).call("GetBrightness", json!({}));
    assert_eq!(wrong.code.as_deref(), Some("invalid_settings"));
}
