//! Arguments that a model writes: it points at the words of the request, and the typed rules read them.
//!
//! Owns: what of an intent's schema a model sees, and what becomes of what it wrote. A small model points well and
//! computes badly: "in half an hour" is copied, never turned into a time of day by the model. Must not know: prompts.

use super::schema::{self, Kind, Slot};
use super::{Annotated, reply};
use jiff::ZonedDateTime;
use serde_json::{Map, Value, json};

/// The arguments of a call that a model wrote.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Written {
    /// By parameter, in the forms of [`Filled`](super::Filled).
    pub arguments: Map<String, Value>,
    /// Required parameters that the request does not state, whatever the model wrote.
    pub missing: Vec<String>,
}

/// The schema as a model sees it: dates, durations and numbers are words of the request.
pub fn shown(parameters: &Value) -> Value {
    let read: Vec<String> = schema::slots(parameters).into_iter().filter(is_read).map(|slot| slot.name).collect();
    let mut shown = parameters.clone();
    let properties = shown.get_mut("properties").and_then(Value::as_object_mut);
    for (name, property) in properties.into_iter().flatten() {
        let Some(object) = property.as_object_mut() else { continue };
        object.remove("x-synonyms");
        if read.contains(name) {
            let description = object.remove("description");
            *object = Map::from_iter([("type".into(), json!("string")), ("x-copy".into(), json!(true))]);
            object.extend(description.map(|text| ("description".into(), text)));
        }
    }
    shown
}

/// Reads what a model wrote for a request. Optional parameters that the request does not state are left out.
pub fn read(
    mut written: Map<String, Value>,
    (text, language): (&str, &str),
    now: &ZonedDateTime,
    parameters: &Value,
    examples: &[Annotated],
) -> Written {
    for slot in schema::slots(parameters) {
        let Some(value) = written.remove(&slot.name) else { continue };
        let stated = match (&value, is_copied(parameters, &slot)) {
            // A call that was not constrained may hold anything.
            (Value::String(copy), true) if !text.contains(copy.as_str()) || copy.trim().is_empty() => None,
            (Value::String(copy), true) if is_read(&slot) => {
                reply(copy, language, now, (parameters, &slot.name), examples)
            }
            (_, true) if is_read(&slot) => None,
            _ => Some(value),
        };
        written.extend(stated.map(|value| (slot.name, value)));
    }
    let required = parameters.get("required").and_then(Value::as_array);
    let names = required.into_iter().flatten().filter_map(Value::as_str);
    let missing = names.filter(|name| !written.contains_key(*name)).map(String::from).collect();
    Written { arguments: written, missing }
}

/// Whether the rules read it rather than the model.
fn is_read(slot: &Slot) -> bool {
    matches!(slot.kind, Kind::Datetime | Kind::Duration | Kind::Number)
}

fn is_copied(parameters: &Value, slot: &Slot) -> bool {
    is_read(slot) || parameters["properties"][&slot.name]["x-copy"] == true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timer() -> Value {
        json!({"type": "object", "required": ["duration"], "properties": {
            "duration": {"type": "string", "x-type": "duration", "description": "How long."},
            "label": {"type": "string", "x-type": "freetext", "x-copy": true},
            "sound": {"enum": ["bell", "bird"], "x-synonyms": {"bell": ["ring"]}},
            "times": {"type": "integer", "x-type": "number", "maximum": 9},
        }})
    }

    fn read_of(text: &str, written: Value) -> Written {
        let Value::Object(written) = written else { panic!("an object") };
        read(written, (text, "en"), &jiff::ZonedDateTime::now(), &timer(), &[])
    }

    #[test]
    fn a_model_sees_words_where_rules_read() {
        let shown = shown(&timer());
        let copied = json!({"type": "string", "x-copy": true, "description": "How long."});
        assert_eq!(shown["properties"]["duration"], copied);
        assert_eq!(shown["properties"]["times"], json!({"type": "string", "x-copy": true}));
        assert_eq!(shown["properties"]["sound"], json!({"enum": ["bell", "bird"]}));
        assert_eq!(shown["required"], json!(["duration"]));
    }

    #[test]
    fn what_a_model_copied_is_read_by_the_rules() {
        let text = "a timer for half an hour for the tea, three times";
        let written = json!({"duration": "half an hour", "label": "the tea", "sound": "bird", "times": "three times"});
        let read = read_of(text, written);
        let wanted = json!({"duration": "PT30M", "label": "the tea", "sound": "bird", "times": 3});
        assert_eq!(Value::Object(read.arguments), wanted);
        assert!(read.missing.is_empty());
    }

    #[test]
    fn what_the_request_does_not_state_is_missing_whatever_a_model_writes() {
        let text = "a timer for the tea";
        for written in
            [json!({"duration": "PT10M"}), json!({"duration": "for the tea"}), json!({"duration": 600}), json!({})]
        {
            let read = read_of(text, written);
            assert_eq!((read.arguments.len(), &read.missing[..]), (0, &["duration".to_string()][..]));
        }
        // An optional one is left out.
        let read = read_of("ten minutes", json!({"duration": "ten minutes", "label": "coffee", "times": ""}));
        assert_eq!(Value::Object(read.arguments), json!({"duration": "PT10M"}));
    }
}
