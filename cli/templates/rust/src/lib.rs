//! @TITLE@, a skill for hob.

use hob_sdk::{Context, Outcome, Parameters, SkillError, skill};
use serde::Deserialize;
use serde_json::json;

/// The skill. Its process ends when it is idle: what must survive goes to the context's storage folder.
pub struct @TYPE@;

/// What `Ask@TYPE@` takes; `skill.toml` says the same, and a test compares.
#[derive(Deserialize, Parameters)]
pub struct Ask@TYPE@ {
    /// What is asked about, in the user's words
    #[param(x_type = "freetext", copy)]
    topic: Option<String>,
}

#[skill(id = "@ID@")]
impl @TYPE@ {
    /// Called once per process.
    pub fn new(_: &Context) -> Result<Self, SkillError> {
        Ok(Self)
    }

    #[intent]
    fn ask_@SNAKE@(&self, asked: Ask@TYPE@) -> Result<Outcome, SkillError> {
        let topic = asked.topic.unwrap_or_else(|| "nothing in particular".into());
        Ok(Outcome::say(format!("@TITLE@ knows nothing about {topic} yet.")).with_data(json!({ "topic": topic })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hob_sdk::testing::Harness;

    fn skill() -> Harness {
        Harness::new(hob_skill_entry, include_str!("../skill.toml"))
    }

    #[test]
    fn the_manifest_says_what_the_methods_take() {
        skill().check_schemas::<@TYPE@>();
    }

    #[test]
    fn it_answers() {
        let answer = skill().call("Ask@TYPE@", json!({ "topic": "the sea" }));
        assert!(answer.is_success(), "{}", answer.message);
        assert!(answer.message.contains("the sea"));
    }
}
