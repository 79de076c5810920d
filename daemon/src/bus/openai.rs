//! Conversations and tools as most programs write them down: the JSON of OpenAI's chat interface.
//!
//! Owns: reading those two forms, with the place of whatever is wrong. Must not know: D-Bus, models.

use crate::error::HobError;
use hob_engine::{Message, ToolCall, ToolSpec};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashSet;

/// Longest name of a tool, in characters.
const MAX_NAME: usize = 64;

/// `{"type": "function", "function": {…}}`, or what stands inside it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Tool {
    Wrapped { function: Function },
    Bare(Function),
}

#[derive(Deserialize)]
struct Function {
    name: String,
    #[serde(default)]
    description: String,
    parameters: Option<Value>,
}

#[derive(Deserialize)]
struct Turn {
    role: String,
    /// Null in a turn that only calls tools.
    content: Option<String>,
    #[serde(default)]
    tool_calls: Vec<Call>,
    tool_call_id: Option<String>,
}

/// A call in the interface's form, or as `Finished` gives it.
#[derive(Deserialize)]
struct Call {
    #[serde(default)]
    id: String,
    function: Option<CalledFunction>,
    name: Option<String>,
    arguments: Option<Value>,
}

#[derive(Deserialize)]
struct CalledFunction {
    name: String,
    #[serde(default)]
    arguments: Value,
}

/// The functions of option `tools`.
pub fn tools(json: &str) -> Result<Vec<ToolSpec>, HobError> {
    let given: Vec<Value> = array("tools", json)?;
    let mut names = HashSet::new();
    let mut tools = Vec::with_capacity(given.len());
    for (at, value) in given.into_iter().enumerate() {
        let wrong = |what: String| wrong("tools", at, &what);
        let (Tool::Wrapped { function } | Tool::Bare(function)) = Tool::deserialize(value)
            .map_err(|_| wrong("is no {\"name\", \"description\", \"parameters\"}, or \"function\" with one".into()))?;
        let tool = tool(function).map_err(wrong)?;
        if !names.insert(tool.name.clone()) {
            return Err(wrong(format!("has the name {} a second time", tool.name)));
        }
        tools.push(tool);
    }
    if tools.is_empty() {
        return Err(HobError::invalid("option tools is an empty array; give tools, or leave it out"));
    }
    Ok(tools)
}

fn tool(function: Function) -> Result<ToolSpec, String> {
    let Function { name, description, parameters } = function;
    if !is_name(&name) {
        let allowed = format!("1 to {MAX_NAME} letters, digits, \"_\", \"-\" and \".\"");
        return Err(format!("has the name {}; names are {allowed}", shown(&name)));
    }
    if description.contains('\0') {
        return Err(format!("has a NUL byte in the description of {name}"));
    }
    let parameters = match parameters {
        None | Some(Value::Null) => "{\"type\":\"object\",\"properties\":{}}".to_string(),
        Some(schema @ Value::Object(_)) => schema.to_string(),
        Some(_) => return Err(format!("has parameters of {name} that are no JSON Schema object")),
    };
    Ok(ToolSpec { name, description, parameters })
}

/// The turns of option `messages`.
pub fn messages(json: &str) -> Result<Vec<Message>, HobError> {
    let given: Vec<Value> = array("messages", json)?;
    let mut messages = Vec::with_capacity(given.len());
    for (at, value) in given.into_iter().enumerate() {
        let wrong = |what: String| wrong("messages", at, &what);
        let turn = Turn::deserialize(value).map_err(|e| wrong(format!("is no turn with role and content: {e}")))?;
        messages.push(message(turn).map_err(wrong)?);
    }
    if messages.is_empty() {
        return Err(HobError::invalid("option messages is an empty array; give turns, or leave it out"));
    }
    Ok(messages)
}

fn message(turn: Turn) -> Result<Message, String> {
    let Turn { role, content, tool_calls, tool_call_id } = turn;
    if !matches!(role.as_str(), "system" | "user" | "assistant" | "tool") {
        return Err(format!("has the role {}; roles are system, user, assistant and tool", shown(&role)));
    }
    if !tool_calls.is_empty() && role != "assistant" {
        return Err(format!("has tool_calls, but the role {role}; only an assistant calls tools"));
    }
    if tool_call_id.is_some() && role != "tool" {
        return Err(format!("has a tool_call_id, but the role {role}; only a tool's turn has one"));
    }
    if content.is_none() && tool_calls.is_empty() {
        return Err("has neither content nor tool_calls".into());
    }
    let tool_calls = tool_calls.into_iter().map(call).collect::<Result<_, _>>()?;
    Ok(Message { role, content: content.unwrap_or_default(), tool_calls, tool_call_id })
}

fn call(call: Call) -> Result<ToolCall, String> {
    let (name, arguments) = match call.function {
        Some(function) => (Some(function.name), Some(function.arguments)),
        None => (call.name, call.arguments),
    };
    let name = name.filter(|name| is_name(name)).ok_or("has a call without the name of a tool")?;
    // The interface carries arguments as a text that holds JSON; the object itself is as good.
    let arguments = match arguments.unwrap_or(Value::Null) {
        Value::Null => "{}".to_string(),
        Value::String(text) if serde_json::from_str::<serde_json::Map<String, Value>>(&text).is_ok() => text,
        object @ Value::Object(_) => object.to_string(),
        _ => return Err(format!("has arguments for {name} that are no JSON object")),
    };
    Ok(ToolCall { id: call.id, name, arguments })
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(fits)
}

/// A foreign word in quotes, cut short.
fn shown(word: &str) -> String {
    format!("{:?}", word.chars().take(40).collect::<String>())
}

fn array(option: &str, json: &str) -> Result<Vec<Value>, HobError> {
    serde_json::from_str(json).map_err(|e| HobError::invalid(format!("option {option} is no JSON array: {e}")))
}

fn wrong(option: &str, at: usize, what: &str) -> HobError {
    HobError::invalid(format!("option {option}: entry {} {what}", at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_read_bare_and_wrapped() {
        let json = r#"[{"name": "now"}, {"type": "function", "function": {"name": "add", "description": "Adds.",
                       "parameters": {"type": "object", "properties": {"a": {"type": "number"}}}, "strict": true}}]"#;
        let tools = tools(json).expect("tools");
        assert_eq!((tools[0].name.as_str(), tools[1].description.as_str()), ("now", "Adds."));
        assert_eq!(tools[0].parameters, r#"{"type":"object","properties":{}}"#);
        assert!(tools[1].parameters.starts_with(r#"{"type":"object","properties":{"a""#));
    }

    #[test]
    fn a_conversation_keeps_its_calls_and_results() {
        let json = r#"[{"role": "user", "content": "2+3?"},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{\"a\": 2}"}},
                {"id": "c2", "name": "add", "arguments": {"a": 3}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "5"}]"#;
        let turns = messages(json).expect("turns");
        let calls: Vec<_> = turns[1].tool_calls.iter().map(|c| (c.id.as_str(), c.arguments.as_str())).collect();
        assert_eq!(calls, [("c1", "{\"a\": 2}"), ("c2", "{\"a\":3}")]);
        assert_eq!((turns[1].content.as_str(), turns[2].tool_call_id.as_deref()), ("", Some("c1")));
    }

    #[test]
    fn mistakes_are_named_with_their_entry() {
        for (json, says) in [
            ("{}", "no JSON array"),
            ("[]", "empty array"),
            ("[{\"name\": \"a b\"}]", "entry 1 has the name \"a b\""),
            ("[{\"name\": \"a\"}, {\"name\": \"a\"}]", "entry 2 has the name a a second time"),
            ("[{\"name\": \"a\", \"parameters\": 3}]", "no JSON Schema object"),
            ("[{\"title\": \"a\"}]", "entry 1 is no"),
            ("[3", "no JSON array"),
        ] {
            let error = tools(json).expect_err(json);
            assert!(error.message.contains(says), "{json}: {error}");
        }
        for (json, says) in [
            ("[{\"role\": \"robot\", \"content\": \"x\"}]", "entry 1 has the role \"robot\""),
            ("[{\"role\": \"user\"}]", "neither content nor tool_calls"),
            ("[{\"content\": \"x\"}]", "missing field `role`"),
            ("[{\"role\": \"user\", \"content\": \"x\", \"tool_calls\": [{\"name\": \"f\"}]}]", "only an assistant"),
            ("[{\"role\": \"user\", \"content\": \"x\", \"tool_call_id\": \"1\"}]", "only a tool's turn"),
            ("[{\"role\": \"assistant\", \"tool_calls\": [{\"id\": \"1\"}]}]", "without the name"),
            (
                "[{\"role\": \"assistant\", \"tool_calls\": [{\"name\": \"f\", \"arguments\": \"[1]\"}]}]",
                "no JSON object",
            ),
        ] {
            let error = messages(json).expect_err(json);
            assert!(error.message.contains(says), "{json}: {error}");
        }
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(tools(&deep).is_err() && messages(&deep).is_err());
    }
}
