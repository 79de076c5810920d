//! The parameters of an intent as slots to fill: the few words of JSON Schema that say how a value is found in a sentence.

use crate::skills::router::text::fold;
use serde_json::Value;

/// A parameter to fill.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    pub name: String,
    pub required: bool,
    pub kind: Kind,
    /// `x-prefer = "past"`, or a name that looks back: of "Monday" the last one is meant.
    pub past: bool,
    /// The value is a file's name or path.
    pub file: bool,
    /// JSON numbers without a fraction.
    pub integer: bool,
    /// The schema says with `x-type` or `enum` how to find it; otherwise only examples can.
    pub typed: bool,
}

/// How a value is found.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Datetime,
    Duration,
    Number,
    /// One of these.
    Choice(Vec<Choice>),
    /// Words of the request.
    Free,
}

/// A value of an enum and all names it goes by, folded into words.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub value: Value,
    pub names: Vec<String>,
}

/// The slots of a parameters schema. Parameters that words can't state (booleans, lists, objects) are left out.
pub fn slots(parameters: &Value) -> Vec<Slot> {
    let required: Vec<&str> = strings(parameters.get("required")).collect();
    let properties = parameters.get("properties").and_then(Value::as_object);
    let one = |(name, property): (&String, &Value)| {
        let past = match property.get("x-prefer").and_then(Value::as_str) {
            Some(prefer) => prefer == "past",
            None => ["since", "modified", "changed", "edited", "created"].iter().any(|w| name.contains(w)),
        };
        Some(Slot {
            kind: kind(property)?,
            required: required.contains(&name.as_str()),
            name: name.clone(),
            past,
            file: property.get("x-type").and_then(Value::as_str) == Some("file"),
            integer: property.get("type").and_then(Value::as_str) == Some("integer"),
            typed: property.get("x-type").is_some() || property.get("enum").is_some(),
        })
    };
    properties.into_iter().flatten().filter_map(one).collect()
}

fn kind(property: &Value) -> Option<Kind> {
    if let Some(values) = property.get("enum").and_then(Value::as_array) {
        return Some(Kind::Choice(values.iter().map(|value| choice(value, property)).collect()));
    }
    match (property.get("x-type").and_then(Value::as_str), property.get("type").and_then(Value::as_str)) {
        (Some("datetime"), _) => Some(Kind::Datetime),
        (Some("duration"), _) => Some(Kind::Duration),
        (Some("number"), _) | (None, Some("number" | "integer")) => Some(Kind::Number),
        (Some(_), _) | (None, Some("string") | None) => Some(Kind::Free),
        _ => None,
    }
}

fn choice(value: &Value, property: &Value) -> Choice {
    let text = value.as_str().map_or_else(|| value.to_string(), String::from);
    let synonyms = property.get("x-synonyms").and_then(|s| s.get(&text));
    let names = std::iter::once(text.as_str()).chain(strings(synonyms));
    let names = names.map(fold).filter(|n| !n.is_empty()).collect();
    Choice { value: value.clone(), names }
}

fn strings(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
