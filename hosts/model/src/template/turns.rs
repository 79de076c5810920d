//! Conversations and tools as the values that templates read.
//!
//! Owns: their keys and shapes, which are those of Hugging Face's chat templates. Must not know:
//! any particular template.

use crate::format::json_text;
use hob_engine::{Message, ToolCall, ToolSpec};
use minijinja::Value;
use minijinja::value::Serde;
use serde_json::{Value as Json, json};

/// How a template wants the calls of a conversation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shape {
    /// Arguments as JSON text instead of a mapping.
    pub text: bool,
    /// Ids of nine letters and digits, which Mistral's templates insist on.
    pub short_ids: bool,
    /// One call a turn, each followed by its result.
    pub single: bool,
}

impl Shape {
    /// All of them, the usual ones first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..8).map(|n| Self { text: n & 1 != 0, short_ids: n & 2 != 0, single: n & 4 != 0 })
    }
}

/// The turns of a conversation.
pub fn turns(messages: &[Message], shape: Shape) -> Vec<Value> {
    let singled = if shape.single { one_call_a_turn(messages) } else { messages.to_vec() };
    singled.iter().enumerate().map(|(at, message)| turn(&singled[..at], message, shape)).collect()
}

fn turn(before: &[Message], message: &Message, shape: Shape) -> Value {
    let mut turn: Vec<(&str, Value)> =
        vec![("role", message.role.as_str().into()), ("content", message.content.as_str().into())];
    if !message.tool_calls.is_empty() {
        turn.push(("tool_calls", message.tool_calls.iter().map(|one| call(one, shape)).collect()));
    }
    if message.role == "tool" {
        if let Some(name) = called_name(before, message) {
            turn.push(("name", name.into()));
        }
        if let Some(id) = &message.tool_call_id {
            turn.push(("tool_call_id", id_as(id, shape).into()));
        }
    }
    Value::from_pairs(turn)
}

fn call(call: &ToolCall, shape: Shape) -> Value {
    let arguments = match serde_json::from_str::<Json>(&call.arguments) {
        Ok(parsed @ Json::Object(_)) if !shape.text => Value::from(Serde(parsed)),
        Ok(parsed) => json_text(&parsed).into(),
        Err(_) => call.arguments.as_str().into(),
    };
    let function = Value::from_pairs([("name", call.name.as_str().into()), ("arguments", arguments)]);
    Value::from_pairs([
        ("id", id_as(&call.id, shape).into()),
        ("type", Value::from("function")),
        ("function", function),
    ])
}

fn id_as(id: &str, shape: Shape) -> String {
    if !shape.short_ids {
        return id.to_string();
    }
    let kept: String = id.chars().filter(char::is_ascii_alphanumeric).collect();
    // The end tells calls apart: "call_1" and "call_2" become "0000call1" and "0000call2".
    format!("{:0>9}", &kept[kept.len().saturating_sub(9)..])
}

/// The tool whose result a turn is: by the call's id, else by the turn's place after the calls.
pub fn called_name<'a>(before: &'a [Message], result: &Message) -> Option<&'a str> {
    let results = before.iter().rev().take_while(|message| message.role == "tool").count();
    let calls = &before.get(before.len().checked_sub(results + 1)?)?.tool_calls;
    let by_id = result.tool_call_id.as_ref().and_then(|id| {
        let earlier = before.iter().rev().flat_map(|message| &message.tool_calls);
        calls.iter().chain(earlier).find(|call| call.id == *id)
    });
    by_id.or_else(|| calls.get(results)).map(|call| call.name.as_str())
}

/// The conversation with at most one call a turn, each result right after its call.
fn one_call_a_turn(messages: &[Message]) -> Vec<Message> {
    let mut out = Vec::with_capacity(messages.len());
    let mut rest = messages;
    while let Some((message, after)) = rest.split_first() {
        rest = after;
        if message.tool_calls.len() < 2 {
            out.push(message.clone());
            continue;
        }
        let count = rest.iter().take_while(|message| message.role == "tool").count();
        let (results, after) = rest.split_at(count);
        rest = after;
        let mut results: Vec<Option<&Message>> = results.iter().map(Some).collect();
        for (at, call) in message.tool_calls.iter().enumerate() {
            let content = if at == 0 { message.content.clone() } else { String::new() };
            out.push(Message { tool_calls: vec![call.clone()], ..Message::new("assistant", content) });
            let own = |result: &Option<&Message>| result.is_some_and(|r| r.tool_call_id.as_ref() == Some(&call.id));
            let unnamed = |r: &&Option<&Message>| r.is_some_and(|r| r.tool_call_id.is_none());
            let place = results.iter().position(own).or_else(|| results.get(at).filter(unnamed).map(|_| at));
            out.extend(place.and_then(|place| results[place].take()).cloned());
        }
        out.extend(results.into_iter().flatten().cloned());
    }
    out
}

/// The tools, as templates list them. The error is a sentence.
pub fn tools(specs: &[ToolSpec]) -> Result<Vec<Value>, String> {
    let function = |spec: &ToolSpec| {
        let function = json!({"name": spec.name, "description": spec.description, "parameters": parameters(spec)?});
        Ok(Value::from(Serde(json!({"type": "function", "function": function}))))
    };
    specs.iter().map(function).collect()
}

/// A tool's parameters. The error is a sentence.
pub fn parameters(spec: &ToolSpec) -> Result<Json, String> {
    if spec.parameters.trim().is_empty() {
        return Ok(json!({"type": "object", "properties": {}}));
    }
    match serde_json::from_str(&spec.parameters) {
        Ok(parsed @ Json::Object(_)) => Ok(parsed),
        Ok(_) => Err(format!("the parameters of the tool {:?} are no JSON object; give a JSON Schema", spec.name)),
        Err(error) => Err(format!("the parameters of the tool {:?} are no JSON: {error}", spec.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assistant(ids: &[&str]) -> Message {
        let call = |id: &&str| ToolCall { id: (*id).into(), name: format!("tool_{id}"), arguments: "{}".into() };
        Message { tool_calls: ids.iter().map(call).collect(), ..Message::new("assistant", "text") }
    }

    fn result(id: Option<&str>, content: &str) -> Message {
        Message { tool_call_id: id.map(str::to_string), ..Message::new("tool", content) }
    }

    #[test]
    fn a_result_knows_its_tool_by_id_or_by_place() {
        let before = [assistant(&["a", "b"]), result(Some("b"), "1")];
        assert_eq!(called_name(&before[..1], &before[1]), Some("tool_b"));
        assert_eq!(called_name(&before, &result(Some("a"), "2")), Some("tool_a"));
        assert_eq!(called_name(&before, &result(None, "2")), Some("tool_b"));
        assert_eq!(called_name(&before, &result(Some("?"), "2")), Some("tool_b"));
        assert_eq!(called_name(&[], &result(Some("a"), "2")), None);
        assert_eq!(called_name(&[result(None, "1")], &result(None, "2")), None);
    }

    #[test]
    fn calls_are_split_with_their_results_and_nothing_is_lost() {
        let messages = [
            Message::new("user", "q"),
            assistant(&["a", "b"]),
            result(Some("b"), "of b"),
            result(Some("a"), "of a"),
            result(None, "odd"),
            Message::new("user", "r"),
        ];
        let split = one_call_a_turn(&messages);
        let seen: Vec<_> = split.iter().map(|m| (m.role.as_str(), m.content.as_str(), m.tool_calls.len())).collect();
        assert_eq!(
            seen,
            [
                ("user", "q", 0),
                ("assistant", "text", 1),
                ("tool", "of a", 0),
                ("assistant", "", 1),
                ("tool", "of b", 0),
                ("tool", "odd", 0),
                ("user", "r", 0)
            ]
        );
    }

    #[test]
    fn short_ids_have_nine_characters_and_stay_apart() {
        let shape = Shape { short_ids: true, ..Shape::default() };
        assert_eq!(id_as("call_1", shape), "0000call1");
        assert_eq!(id_as("é", shape), "000000000");
        assert_eq!(id_as("chatcmpl-tool-0123456789", shape), "123456789");
    }
}
