//! The JSON Schema of a call.

use crate::grammar::rebased;
use hob_engine::ToolSpec;
use serde_json::{Map, Value, json};

/// Most calls in one list; more than this is a model repeating itself.
const MOST_IN_LIST: u32 = 8;

/// What a model may write to call one of `tools`, with the arguments under `key`.
pub fn of_calls(tools: &[ToolSpec], key: &str, list: bool) -> Value {
    let mut definitions = Map::new();
    let mut calls: Vec<Value> = tools.iter().map(|tool| of_call(tool, key, &mut definitions)).collect();
    let call = if calls.len() == 1 { calls.remove(0) } else { json!({"anyOf": calls}) };
    let mut schema =
        if list { json!({"type": "array", "items": call, "minItems": 1, "maxItems": MOST_IN_LIST}) } else { call };
    if !definitions.is_empty() {
        schema["$defs"] = Value::Object(definitions);
    }
    schema
}

fn of_call(tool: &ToolSpec, key: &str, definitions: &mut Map<String, Value>) -> Value {
    let mut arguments = match serde_json::from_str(&tool.parameters) {
        Ok(parsed @ Value::Object(_)) => parsed,
        _ => json!({"type": "object"}),
    };
    if let Value::Object(fields) = &mut arguments {
        fields.retain(|name, _| name != "$schema" && name != "$id");
    }
    if refers(&arguments) {
        // References count from the root, which is another one now.
        let place = format!("tool_{}", definitions.len());
        arguments = rebased(&arguments, &format!("/$defs/{place}"));
        let reference = json!({"$ref": format!("#/$defs/{place}")});
        definitions.insert(place, std::mem::replace(&mut arguments, reference));
    }
    json!({
        "type": "object",
        "properties": {"name": {"const": tool.name}, key: arguments},
        "required": ["name", key],
        "additionalProperties": false,
    })
}

fn refers(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => {
            fields.iter().any(|(key, value)| (key == "$ref" && value.is_string()) || refers(value))
        }
        Value::Array(items) => items.iter().any(refers),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use llguidance::api::TopLevelGrammar;
    use llguidance::toktrie::ApproximateTokEnv;
    use llguidance::{Matcher, ParserFactory};

    fn tool(name: &str, parameters: &str) -> ToolSpec {
        ToolSpec { name: name.into(), description: String::new(), parameters: parameters.into() }
    }

    #[test]
    fn a_call_of_one_tool_is_an_object() {
        let schema =
            of_calls(&[tool("now", r#"{"$schema": "x", "type": "object", "b": 1, "a": 2}"#)], "arguments", false);
        assert_eq!(
            schema.to_string(),
            r#"{"type":"object","properties":{"name":{"const":"now"},"arguments":{"type":"object","b":1,"a":2}},"#
                .to_string()
                + r#""required":["name","arguments"],"additionalProperties":false}"#
        );
    }

    #[test]
    fn several_tools_are_alternatives_and_a_list_has_an_end() {
        let tools = [tool("a", ""), tool("b", "no JSON")];
        let schema = of_calls(&tools, "parameters", true);
        assert_eq!(schema["items"]["anyOf"][1]["properties"]["name"]["const"], "b");
        assert_eq!(schema["items"]["anyOf"][1]["properties"]["parameters"], json!({"type": "object"}));
        assert_eq!((&schema["minItems"], &schema["maxItems"]), (&json!(1), &json!(8)));
    }

    #[test]
    fn references_find_their_definitions_again() {
        let parameters = r##"{"type": "object", "properties": {"p": {"$ref": "#/$defs/P"}, "self": {"$ref": "#"}},
            "$defs": {"P": {"type": "string"}}}"##;
        let schema = of_calls(&[tool("a", "{}"), tool("b", parameters)], "arguments", false);
        assert_eq!(schema["anyOf"][1]["properties"]["arguments"], json!({"$ref": "#/$defs/tool_0"}));
        let moved = &schema["$defs"]["tool_0"];
        assert_eq!(moved["properties"]["p"]["$ref"], "#/$defs/tool_0/$defs/P");
        assert_eq!(moved["properties"]["self"]["$ref"], "#/$defs/tool_0");
        assert_eq!(moved["$defs"]["P"], json!({"type": "string"}));
    }

    /// Whether the schema lets a model write this and stop there, with the white space that is set for models.
    fn allows(mut schema: Value, text: &str) -> bool {
        schema["x-guidance"] = json!({"whitespace_flexible": false, "item_separator": ", ", "key_separator": ": "});
        let mut factory = ParserFactory::new_simple(&ApproximateTokEnv::single_byte_env()).unwrap();
        factory.quiet();
        let mut matcher = Matcher::new(factory.create_parser(TopLevelGrammar::from_json_schema(schema)));
        assert_eq!(matcher.get_error(), None);
        let bytes: Vec<u32> = text.bytes().map(u32::from).collect();
        matcher.validate_tokens(&bytes).unwrap() == bytes.len()
            && matcher.consume_tokens(&bytes).is_ok()
            && matcher.is_accepting().unwrap()
    }

    #[test]
    fn the_schema_of_a_call_constrains_it() {
        let city = r##"{"type": "object", "properties": {"city": {"$ref": "#/$defs/C"}}, "required": ["city"],
            "additionalProperties": false, "$defs": {"C": {"type": "string", "maxLength": 4}}}"##;
        let tools = [tool("get_weather", city), tool("now", r#"{"type": "object", "additionalProperties": false}"#)];
        let schema = || of_calls(&tools, "arguments", false);
        assert!(allows(schema(), r#"{"name": "get_weather", "arguments": {"city": "Oslo"}}"#));
        assert!(allows(schema(), r#"{"name": "now", "arguments": {}}"#));
        for wrong in [
            r#"{"name": "get_weather", "arguments": {"city": "Berlin"}}"#,
            r#"{"name": "now", "arguments": {"city": "Oslo"}}"#,
            r#"{"name": "rm", "arguments": {}}"#,
            r#"{"name": "now"}"#,
            r#"{"arguments": {}, "name": "now"}"#,
        ] {
            assert!(!allows(schema(), wrong), "{wrong}");
        }
        let list = of_calls(&tools[..1], "parameters", true);
        assert!(allows(list.clone(), r#"[{"name": "get_weather", "parameters": {"city": "Oslo"}}]"#));
        assert!(!allows(list, "[]"));
    }
}
