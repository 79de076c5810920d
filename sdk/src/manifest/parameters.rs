//! An intent's parameters: a JSON Schema with a few words of our own.
//!
//! Owns: the meaning of `x-type`, `x-copy`, `x-synonyms` and `x-prefer`. Must not know: how values are found
//! in a sentence, nor the whole of JSON Schema (the daemon compiles it).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a parameter means, beyond its JSON type; decides how its value is found in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum XType {
    /// A point in time: `"2026-11-24T07:00:00"`.
    Datetime,
    /// A span of time: `"PT10M"`.
    Duration,
    /// A JSON number.
    Number,
    /// A person of the address book, by name.
    Contact,
    /// An installed app, by name.
    App,
    /// A file, by name or path.
    File,
    /// Any words.
    Freetext,
}

impl XType {
    /// All of them, for errors and documentation.
    pub const ALL: [Self; 7] =
        [Self::Datetime, Self::Duration, Self::Number, Self::Contact, Self::App, Self::File, Self::Freetext];

    /// As the manifest writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Datetime => "datetime",
            Self::Duration => "duration",
            Self::Number => "number",
            Self::Contact => "contact",
            Self::App => "app",
            Self::File => "file",
            Self::Freetext => "freetext",
        }
    }

    /// The JSON types that carry it; a schema may allow others beside (a duration in seconds, say).
    fn json_types(self) -> &'static [&'static str] {
        match self {
            Self::Number => &["number", "integer"],
            _ => &["string"],
        }
    }
}

/// One parameter, as a slot to fill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// Its name in the arguments.
    pub name: String,
    /// A call without it is not possible.
    pub required: bool,
    /// The JSON types, e.g. `string`; at least one.
    pub json_types: Vec<String>,
    /// What it means, if stated.
    pub x_type: Option<XType>,
    /// Its value must be a substring of the request.
    pub copy: bool,
    /// The only values it may have; empty: any.
    pub choices: Vec<Choice>,
    /// For people and models.
    pub description: Option<String>,
}

/// One value of an enum, with what else people call it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// The value itself.
    pub value: String,
    /// `x-synonyms`
    pub synonyms: Vec<String>,
}

/// The schema of an intent without parameters.
pub(super) fn none() -> Value {
    serde_json::json!({"type": "object", "properties": {}, "additionalProperties": false})
}

/// The parameters of a checked schema.
pub(super) fn typed(schema: &Value) -> Vec<Parameter> {
    let required = strings(schema.get("required"));
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return Vec::new() };
    let one = |(name, property): (&String, &Value)| Parameter {
        name: name.clone(),
        required: required.contains(name),
        json_types: json_types(property),
        x_type: property.get("x-type").and_then(|t| XType::deserialize(t).ok()),
        copy: property.get("x-copy").and_then(Value::as_bool).unwrap_or(false),
        choices: choices(property),
        description: property.get("description").and_then(Value::as_str).map(String::from),
    };
    properties.iter().map(one).collect()
}

/// `type` is one name or a list of them.
fn json_types(property: &Value) -> Vec<String> {
    match property.get("type") {
        Some(Value::String(one)) => vec![one.clone()],
        several => strings(several),
    }
}

fn choices(property: &Value) -> Vec<Choice> {
    let synonyms = property.get("x-synonyms");
    let one = |value: String| Choice { synonyms: strings(synonyms.and_then(|s| s.get(&value))), value };
    strings(property.get("enum")).into_iter().map(one).collect()
}

fn strings(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).map_or(&[] as &[Value], Vec::as_slice);
    list.iter().filter_map(Value::as_str).map(String::from).collect()
}

/// What is wrong with a parameters schema, each as a sentence that names the place.
pub(super) fn problems(schema: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let Some(schema) = schema.as_object().filter(|s| s.get("type").and_then(Value::as_str) == Some("object")) else {
        return vec!["parameters must be an object schema: write type = \"object\" in [intent.parameters]".into()];
    };
    let empty = Map::new();
    let properties = match schema.get("properties") {
        None => &empty,
        Some(Value::Object(properties)) => properties,
        Some(_) => return vec!["parameters.properties must be a table of parameter schemas".into()],
    };
    for (name, property) in properties {
        match property.as_object() {
            Some(keys) => property_problems(name, keys, &json_types(property), &mut problems),
            None => problems.push(format!("parameter {name} must be a schema, e.g. {{ type = \"string\" }}")),
        }
    }
    match schema.get("required") {
        None => {}
        Some(Value::Array(names)) if names.iter().all(Value::is_string) => {
            let unknown = names.iter().filter_map(Value::as_str).filter(|name| !properties.contains_key(*name));
            problems.extend(unknown.map(|name| format!("required names {name}, which is not among the properties")));
        }
        Some(_) => problems.push("parameters.required must be a list of parameter names".into()),
    }
    problems
}

fn property_problems(name: &str, property: &Map<String, Value>, types: &[String], problems: &mut Vec<String>) {
    const TYPES: [&str; 6] = ["string", "number", "integer", "boolean", "array", "object"];
    if types.is_empty() || !types.iter().all(|t| TYPES.contains(&t.as_str())) {
        problems.push(format!("parameter {name} needs a type: one of {}", TYPES.join(", ")));
    }
    for key in property.keys().filter(|key| key.starts_with("x-")) {
        if !["x-type", "x-copy", "x-synonyms", "x-prefer"].contains(&key.as_str()) {
            problems
                .push(format!("parameter {name}: {key} is unknown; there are x-type, x-copy, x-synonyms and x-prefer"));
        }
    }
    if let Some(stated) = property.get("x-type") {
        match XType::deserialize(stated) {
            Err(_) => {
                let known = XType::ALL.map(XType::as_str).join(", ");
                problems.push(format!("parameter {name}: x-type {stated} is unknown; use one of {known}"));
            }
            Ok(x_type) if !types.iter().any(|t| x_type.json_types().contains(&t.as_str())) => problems.push(format!(
                "parameter {name}: x-type \"{}\" needs type = \"{}\"",
                x_type.as_str(),
                x_type.json_types()[0]
            )),
            Ok(_) => {}
        }
    }
    if property.get("x-copy").is_some_and(|copy| !copy.is_boolean()) {
        problems.push(format!("parameter {name}: x-copy is true or false"));
    }
    if property.get("x-prefer").is_some_and(|way| way != "past" && way != "future") {
        problems.push(format!("parameter {name}: x-prefer is \"past\" or \"future\""));
    }
    if let Some(values) = property.get("enum")
        && !values.as_array().is_some_and(|values| !values.is_empty() && values.iter().all(Value::is_string))
    {
        problems.push(format!("parameter {name}: enum must be a list of texts"));
    }
    if let Some(synonyms) = property.get("x-synonyms") {
        synonym_problems(name, synonyms, &strings(property.get("enum")), problems);
    }
}

fn synonym_problems(name: &str, synonyms: &Value, values: &[String], problems: &mut Vec<String>) {
    let Some(synonyms) = synonyms.as_object() else {
        problems.push(format!("parameter {name}: x-synonyms is a table, e.g. {{ image = [\"photo\", \"picture\"] }}"));
        return;
    };
    for (value, words) in synonyms {
        if !values.contains(value) {
            problems.push(format!("parameter {name}: x-synonyms names {value}, which is not in its enum"));
        }
        if !words.as_array().is_some_and(|words| words.iter().all(Value::is_string)) {
            problems.push(format!("parameter {name}: the synonyms of {value} must be a list of texts"));
        }
    }
}
