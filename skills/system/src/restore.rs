//! Setting something back to what it was.
//!
//! Owns: the form in which results keep what was before. Must not know: how anything is set.

use crate::quiet::Quiet;
use crate::{brightness, profile};
use hob_sdk::{Context, Outcome, SkillError};
use serde::Deserialize;
use std::path::Path;

/// What `RestoreSetting` takes.
#[derive(Debug, Deserialize)]
pub struct Asked {
    before: Before,
}

/// What was before, as the `before` of a result's data.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Before {
    Brightness { device: String, level: u32 },
    Profile(String),
    DoNotDisturb { on: bool },
}

/// Sets it back; the result holds what this replaced, so that it can be undone in turn.
///
/// # Errors
/// As what sets it.
pub fn restore(asked: Asked, quiet: &Quiet, context: &Context, sysfs: &Path) -> Result<Outcome, SkillError> {
    match asked.before {
        Before::Brightness { device, level } => brightness::put_back(&device, level, context, sysfs),
        Before::Profile(name) => profile::choose(&name, context),
        Before::DoNotDisturb { on } => quiet.put_back(on, context),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_results_keep_can_be_read_again() {
        for (text, wanted) in [
            (
                json!({"brightness": {"device": "intel", "level": 40}}),
                Before::Brightness { device: "intel".into(), level: 40 },
            ),
            (json!({"profile": "balanced"}), Before::Profile("balanced".into())),
            (json!({"do_not_disturb": {"on": false}}), Before::DoNotDisturb { on: false }),
        ] {
            let asked: Asked = serde_json::from_value(json!({ "before": text })).expect("read");
            assert_eq!(asked.before, wanted);
        }
        assert!(serde_json::from_value::<Asked>(json!({"before": {"volume": 3}})).is_err());
    }
}
