//! Tools, calls and results in plain words, for templates that know none.
//!
//! Owns: the instructions that tell such a model what it may call and how. Must not know: Jinja.

use super::turns::{called_name, parameters};
use crate::format::{Format, json_text};
use hob_engine::{Message, ToolSpec};
use serde_json::json;

/// The conversation with the tools described in its system message. The error is a sentence.
pub fn with_instructions(messages: &[Message], tools: &[ToolSpec], format: &Format) -> Result<Vec<Message>, String> {
    let text = instructions(tools, format)?;
    let mut out = messages.to_vec();
    match out.first_mut().filter(|first| first.role == "system") {
        Some(system) => system.content = format!("{}\n\n{text}", system.content),
        None => out.insert(0, Message::new("system", text)),
    }
    Ok(out)
}

fn instructions(tools: &[ToolSpec], format: &Format) -> Result<String, String> {
    let mut lines = String::new();
    for tool in tools {
        let line = json!({"name": tool.name, "description": tool.description, "parameters": parameters(tool)?});
        lines.push_str(&json_text(&line));
        lines.push('\n');
    }
    let example = format.write_call("name of the tool", r#"{"name of an argument": "its value"}"#);
    Ok(format!(
        "You can call these tools:\n<tools>\n{lines}</tools>\n\n\
         To call one, answer with nothing but this, filled in:\n{example}\n\
         You are then told the result. Call a tool only when it is needed, otherwise answer in words."
    ))
}

/// The conversation with calls as the text that the model wrote, and results, unless the template
/// shows these, as the user's words. Neighbouring user turns become one: many templates refuse two
/// in a row.
pub fn with_calls_as_text(messages: &[Message], format: &Format, shows_results: bool) -> Vec<Message> {
    let mut out: Vec<Message> = Vec::with_capacity(messages.len());
    let mut after_result = false;
    for (at, message) in messages.iter().enumerate() {
        let is_result = message.role == "tool";
        let plain = if is_result && shows_results {
            message.clone()
        } else if is_result {
            let name = called_name(&messages[..at], message).unwrap_or("the tool");
            Message::new("user", format!("Result of {name}:\n{}", message.content))
        } else {
            let calls = message.tool_calls.iter().map(|call| format.write_call(&call.name, &call.arguments));
            let words = (!message.content.is_empty()).then(|| message.content.clone());
            let lines: Vec<String> = words.into_iter().chain(calls).collect();
            Message::new(&message.role, lines.join("\n"))
        };
        match out.last_mut().filter(|last| after_result && last.role == "user" && plain.role == "user") {
            Some(last) => last.content = format!("{}\n\n{}", last.content, plain.content),
            None => out.push(plain),
        }
        after_result = is_result || (after_result && message.role == "user");
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use hob_engine::ToolCall;

    fn plain() -> Format {
        Format::detect("", false)
    }

    #[test]
    fn instructions_join_the_system_message_or_become_one() {
        let tool = ToolSpec { name: "now".into(), description: "The time".into(), parameters: String::new() };
        let with = |messages: &[Message]| with_instructions(messages, std::slice::from_ref(&tool), &plain()).unwrap();
        let made = with(&[Message::new("user", "Hi")]);
        assert_eq!((made.len(), made[0].role.as_str()), (2, "system"));
        assert!(made[0].content.contains(r#"{"name": "now", "description": "The time", "parameters": {"#));
        assert!(made[0].content.contains(r#"{"name": "name of the tool", "arguments": {"#));
        let joined = with(&[Message::new("system", "Be kind."), Message::new("user", "Hi")]);
        assert!(joined[0].content.starts_with("Be kind.\n\nYou can call"));
        assert_eq!(joined.len(), 2);
    }

    #[test]
    fn broken_parameters_are_named() {
        let tool =
            |parameters: &str| ToolSpec { name: "now".into(), parameters: parameters.into(), ..ToolSpec::default() };
        for parameters in ["{", "[]", "3", &"[".repeat(10_000)] {
            let error = with_instructions(&[], &[tool(parameters)], &plain()).unwrap_err();
            assert!(error.contains("\"now\"") && error.contains("JSON"), "{error}");
        }
    }

    #[test]
    fn calls_and_results_become_alternating_turns() {
        let call = |id: &str, name: &str| ToolCall { id: id.into(), name: name.into(), arguments: "{\"a\": 1}".into() };
        let messages = [
            Message::new("user", "q"),
            Message { tool_calls: vec![call("1", "x"), call("2", "y")], ..Message::new("assistant", "I look.") },
            Message { tool_call_id: Some("2".into()), ..Message::new("tool", "two") },
            Message { tool_call_id: Some("1".into()), ..Message::new("tool", "one") },
            Message::new("user", "well?"),
            Message::new("assistant", "done"),
        ];
        let turns = with_calls_as_text(&messages, &plain(), false);
        let seen: Vec<_> = turns.iter().map(|turn| (turn.role.as_str(), turn.content.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("user", "q"),
                (
                    "assistant",
                    "I look.\n{\"name\": \"x\", \"arguments\": {\"a\": 1}}\n{\"name\": \"y\", \"arguments\": {\"a\": 1}}"
                ),
                ("user", "Result of y:\ntwo\n\nResult of x:\none\n\nwell?"),
                ("assistant", "done"),
            ]
        );
        assert!(turns.iter().all(|turn| turn.tool_calls.is_empty() && turn.tool_call_id.is_none()));
        let turns = with_calls_as_text(&messages, &plain(), true);
        let roles: Vec<_> = turns.iter().map(|turn| turn.role.as_str()).collect();
        assert_eq!(roles, ["user", "assistant", "tool", "tool", "user", "assistant"]);
        assert_eq!(turns[2], messages[2]);
    }
}
