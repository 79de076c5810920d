//! A skill as an author writes it; the host's tests load it.

use hob_sdk::{Call, Context, Outcome, Skill, SkillError, Wake};
use serde::Deserialize;
use serde_json::json;
use std::fs;

struct Greeter;

#[derive(Deserialize)]
struct Greet {
    name: String,
}

impl Skill for Greeter {
    fn new(context: &Context) -> Result<Self, SkillError> {
        if context.storage.join("declines").exists() {
            return Err(SkillError::unavailable("The bell is missing."));
        }
        Ok(Self)
    }

    fn call(&self, call: &Call) -> Result<Outcome, SkillError> {
        match call.intent.as_str() {
            "Greet" => {
                let Greet { name } = call.arguments()?;
                // Neither may reach the wire.
                println!("printed by the skill");
                let read = std::io::read_to_string(std::io::stdin())?;
                fs::write(call.context.storage.join("last"), &name)?;
                let wake = Wake { id: "again".into(), at: 1, intent: "Greet".into(), arguments: json!({"name": name}) };
                let data = json!({"locale": call.context.locale, "read": read});
                Ok(Outcome::say(format!("Hello, {name}.")).with_data(data).with_wake(wake))
            }
            "Panic" => panic!("no bread"),
            other => Err(SkillError::unknown_intent(other)),
        }
    }
}

hob_sdk::export_skill!(Greeter, "org.example.greeter", "1.2.3");
