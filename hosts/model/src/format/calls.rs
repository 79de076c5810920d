//! Complete bodies into calls.
//!
//! Owns: what each notation means. Must not know: markers, streams.

use super::body::Kind;
use super::literal;
use hob_engine::ToolSpec;
use serde_json::{Map, Value};

/// A call: the tool's name and its arguments.
pub type Call = (String, Map<String, Value>);

/// The tools that may be called.
#[derive(Debug)]
pub struct Offered {
    tools: Vec<(String, Value)>,
}

impl Offered {
    /// Those of a request.
    pub fn new(tools: &[ToolSpec]) -> Self {
        let parameters = |tool: &ToolSpec| serde_json::from_str(&tool.parameters).unwrap_or(Value::Null);
        Self { tools: tools.iter().map(|tool| (tool.name.clone(), parameters(tool))).collect() }
    }

    /// There are none, so nothing is a call.
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// The start of a body names a tool of these, so it can hardly be anything but a call.
    pub fn named_in(&self, start: &str) -> bool {
        let start = start.trim_start_matches(['[', ' ', '\n', '\t']);
        let quoted = start.split_once("\"name\"").and_then(|(_, after)| after.trim_start().strip_prefix(':'));
        let (name, end) = match quoted {
            Some(value) => (value.trim_start().strip_prefix('"').unwrap_or_default(), '"'),
            None => (start, '('),
        };
        self.tools.iter().any(|(tool, _)| name.strip_prefix(tool.as_str()).is_some_and(|rest| rest.starts_with(end)))
    }

    /// The calls in a body; `None` when it holds none, or one of a tool that was not offered.
    pub fn read(&self, kind: Kind, body: &str) -> Option<Vec<Call>> {
        let body = body.trim();
        let calls = match (kind, body.chars().next()?) {
            (Kind::Addressed, _) => {
                let (head, arguments) = body.split_once("<|message|>")?;
                let name = head.split([' ', '<']).next()?;
                vec![(name.to_string(), object(serde_json::from_str(arguments).ok()?)?)]
            }
            (_, '{' | '[') => match serde_json::from_str(body) {
                Ok(json) => in_json(json)?,
                Err(_) if kind == Kind::Any => literal::python_calls(body)?,
                Err(_) => return None,
            },
            (Kind::Named, _) => vec![named(body)?],
            (Kind::Keyed(quote), _) => vec![literal::keyed_call(body, quote)?],
            (Kind::Any, '<') => vec![self.element(body)?],
            (Kind::Any, _) => literal::python_calls(body)?,
        };
        calls.iter().all(|(name, _)| self.tools.iter().any(|(tool, _)| tool == name)).then_some(calls)
    }

    /// `<function=name>` with `<parameter=key>` elements or JSON, or `<function name="name">` with
    /// `<param name="key">` elements.
    fn element(&self, body: &str) -> Option<Call> {
        let (name, inner) = body.strip_prefix("<function")?.strip_suffix("</function>")?.split_once('>')?;
        let name = attribute(name)?;
        if inner.trim_start().starts_with('{') {
            return Some((name.to_string(), object(serde_json::from_str(inner).ok()?)?));
        }
        let parameters = self.tools.iter().find(|(tool, _)| tool == name).map(|(_, parameters)| parameters)?;
        let mut arguments = Map::new();
        let mut rest = inner.trim_start();
        while !rest.is_empty() {
            let (tag, after) = rest.split_once('>')?;
            let (key, closes) = match tag.strip_prefix("<parameter") {
                Some(key) => (attribute(key)?, "</parameter>"),
                None => (attribute(tag.strip_prefix("<param")?)?, "</param>"),
            };
            let (value, after) = match after.strip_prefix("<![CDATA[").and_then(|data| data.split_once("]]>")) {
                Some((data, after)) => (data, after.trim_start().strip_prefix(closes)?),
                None => {
                    let (value, after) = after.split_once(closes)?;
                    let value = value.strip_prefix('\n').unwrap_or(value);
                    (value.strip_suffix('\n').unwrap_or(value), after)
                }
            };
            arguments.insert(key.to_string(), typed(&parameters["properties"][key], value));
            rest = after.trim_start();
        }
        Some((name.to_string(), arguments))
    }
}

/// What an element's tag says after its own name: `=value` or ` name="value"`.
fn attribute(tag: &str) -> Option<&str> {
    let value = tag.strip_prefix('=').or_else(|| tag.trim_start().strip_prefix("name="))?;
    Some(value.trim().trim_matches('"'))
}

/// An argument that was written without quotes, as its schema wants it.
fn typed(schema: &Value, text: &str) -> Value {
    let wants = |name: &str| match &schema["type"] {
        Value::String(one) => one == name,
        Value::Array(several) => several.iter().any(|one| one == name),
        _ => false,
    };
    if schema.is_null() || (wants("string") && schema["type"].is_string()) {
        return Value::from(text);
    }
    match text.trim() {
        "True" => Value::Bool(true),
        "False" => Value::Bool(false),
        "None" => Value::Null,
        trimmed => match serde_json::from_str(trimmed) {
            Ok(Value::String(_)) | Err(_) => Value::from(text),
            Ok(value) => value,
        },
    }
}

/// `name[ARGS]{…}`, perhaps with `[CALL_ID]id` between the two.
fn named(body: &str) -> Option<Call> {
    let at = body.find(['[', '{'])?;
    let (name, rest) = body.split_at(at);
    let arguments =
        rest.split_once("[ARGS]").filter(|_| rest.starts_with('[')).map_or(rest, |(_, arguments)| arguments);
    Some((name.trim_end().to_string(), object(serde_json::from_str(arguments).ok()?)?))
}

fn in_json(json: Value) -> Option<Vec<Call>> {
    match json {
        Value::Array(items) => items.into_iter().map(one_in_json).collect(),
        one => Some(vec![one_in_json(one)?]),
    }
}

/// `{"name": …, "arguments": {…}}` and its relatives.
fn one_in_json(json: Value) -> Option<Call> {
    let Value::Object(mut fields) = json else { return None };
    // OpenAI's shape, which some models have picked up.
    if let Some(Value::Object(_)) = fields.get("function") {
        return one_in_json(fields.remove("function")?);
    }
    let Some(Value::String(name)) = fields.remove("name").or_else(|| fields.remove("function")) else { return None };
    let arguments = ["arguments", "parameters", "args"].iter().find_map(|key| fields.remove(*key));
    Some((name, object(arguments.unwrap_or(Value::Null))?))
}

/// Arguments as an object: none at all, or JSON in a string, are common too.
fn object(arguments: Value) -> Option<Map<String, Value>> {
    match arguments {
        Value::Object(fields) => Some(fields),
        Value::Null => Some(Map::new()),
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(Value::Object(fields)) => Some(fields),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn offered() -> Offered {
        let parameters = r#"{"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"},
            "fine": {"type": ["boolean", "string"]}, "any": {}}}"#;
        let tool =
            |name: &str| ToolSpec { name: name.into(), description: String::new(), parameters: parameters.into() };
        Offered::new(&[tool("get_weather"), tool("now")])
    }

    fn read(kind: Kind, body: &str) -> Option<Value> {
        let calls = offered().read(kind, body)?;
        Some(Value::Array(calls.into_iter().map(|(name, arguments)| json!([name, arguments])).collect()))
    }

    #[test]
    fn json_calls_come_in_several_shapes() {
        let expected = Some(json!([["get_weather", {"city": "Oslo"}]]));
        for body in [
            r#"{"name": "get_weather", "arguments": {"city": "Oslo"}}"#,
            r#"{"name": "get_weather", "parameters": {"city": "Oslo"}}"#,
            r#"{"type": "function", "function": {"name": "get_weather", "arguments": "{\"city\": \"Oslo\"}"}}"#,
            r#"[{"arguments": {"city": "Oslo"}, "name": "get_weather"}]"#,
            r#"{"function": "get_weather", "args": {"city": "Oslo"}}"#,
            r#"get_weather(city="Oslo")"#,
            r#"[get_weather(city='Oslo')]"#,
            "<function=get_weather>\n<parameter=city>\nOslo\n</parameter>\n</function>",
            r#"<function=get_weather>{"city": "Oslo"}</function>"#,
            r#"<function name="get_weather"><param name="city">Oslo</param></function>"#,
            r#"<function name="get_weather"><param name="city"><![CDATA[Oslo]]></param></function>"#,
        ] {
            assert_eq!(read(Kind::Any, body), expected, "{body}");
        }
        assert_eq!(read(Kind::Any, r#"{"name": "now"}"#), Some(json!([["now", {}]])));
        assert_eq!(read(Kind::Any, "[]"), Some(json!([])));
        for (kind, body) in [
            (Kind::Named, r#"get_weather[ARGS]{"city": "Oslo"}"#),
            (Kind::Named, r#"get_weather[CALL_ID]abc[ARGS] {"city": "Oslo"}"#),
            (Kind::Named, r#"get_weather{"city": "Oslo"}"#),
            (Kind::Keyed("<escape>"), "call:get_weather{city:<escape>Oslo<escape>}"),
            (Kind::Addressed, r#"get_weather <|constrain|>json<|message|>{"city": "Oslo"}"#),
        ] {
            assert_eq!(read(kind, body), expected, "{body}");
        }
    }

    #[test]
    fn what_was_not_offered_or_is_no_call_is_none() {
        for body in [
            r#"{"name": "rm", "arguments": {}}"#,
            r#"[{"name": "now"}, {"name": "rm"}]"#,
            r#"{"name": "now", "arguments": [1]}"#,
            r#"{"name": "now", "arguments": "x"}"#,
            r#"{"name": 1}"#,
            r#"[1]"#,
            "{}",
            "",
            "rm()",
            "<function=rm></function>",
            "<function=now><parameter=a></function>",
            "<function=now><param name=\"a\"><![CDATA[x]]></function>",
            "<function>x</function>",
        ] {
            assert_eq!(read(Kind::Any, body), None, "{body}");
        }
    }

    #[test]
    fn values_without_quotes_get_the_types_of_the_schema() {
        let body = "<function=get_weather>\n<parameter=city>\n12\n</parameter>\n<parameter=days>\n12\n</parameter>\n\
            <parameter=fine>\nTrue\n</parameter>\n<parameter=any>\n{\"a\": 1}\n</parameter>\n\
            <parameter=more>\n5\n</parameter>\n</function>";
        assert_eq!(
            read(Kind::Any, body).unwrap()[0][1],
            json!({"city": "12", "days": 12, "fine": true, "any": {"a": 1}, "more": "5"})
        );
    }

    #[test]
    fn a_start_that_names_a_tool_is_known() {
        let offered = offered();
        for start in [r#"{"name": "now""#, r#"[{"type": "function", "name":"get_weather", "#, "[now(", "now(a=1"] {
            assert!(offered.named_in(start), "{start}");
        }
        for start in [r#"{"name": "no"#, r#"{"name": "nowhere""#, r#"{"name""#, "now", "nowhere(", ""] {
            assert!(!offered.named_in(start), "{start}");
        }
    }
}
