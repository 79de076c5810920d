//! JSON Schema out of Rust types, for the parameters of intents.
//!
//! Owns: which type becomes which schema, and the comparison with what a manifest says. Must not know: macros;
//! what the derive writes is calls of this.

use crate::manifest::Manifest;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// A struct whose fields are an intent's parameters; `#[derive(Parameters)]` makes one.
pub trait Parameters {
    /// Its schema: an object that allows no other keys.
    fn schema() -> Value;
}

/// A skill that knows the schemas of its intents; `#[skill]` makes one.
pub trait Described {
    /// Name and schema of each.
    fn intents() -> Vec<(&'static str, Value)>;
}

/// A type that one parameter can have.
pub trait Parameter {
    /// A call without it is possible.
    const OPTIONAL: bool = false;

    /// Its schema.
    fn schema() -> Value;
}

macro_rules! plain {
    ($($json:literal: $($of:ty),+;)+) => {$($(
        impl Parameter for $of {
            fn schema() -> Value {
                json!({"type": $json})
            }
        }
    )+)+};
}

plain! {
    "string": String, std::path::PathBuf;
    "boolean": bool;
    "integer": i8, i16, i32, i64, isize, u8, u16, u32, u64, usize;
    "number": f32, f64;
    "object": Map<String, Value>;
}

impl<T: Parameter> Parameter for Option<T> {
    const OPTIONAL: bool = true;

    fn schema() -> Value {
        T::schema()
    }
}

impl<T: Parameter> Parameter for Vec<T> {
    fn schema() -> Value {
        json!({"type": "array", "items": T::schema()})
    }
}

/// A schema that is put together.
#[derive(Default)]
pub struct Object {
    required: Vec<Value>,
    properties: Map<String, Value>,
}

impl Object {
    /// Adds a parameter with further keywords.
    pub fn add<T: Parameter>(&mut self, name: &str, optional: bool, keywords: Vec<(&str, Value)>) {
        let mut schema = T::schema();
        if let Some(schema) = schema.as_object_mut() {
            schema.extend(keywords.into_iter().map(|(key, value)| (key.to_string(), value)));
        }
        if !optional && !T::OPTIONAL {
            self.required.push(name.into());
        }
        self.properties.insert(name.into(), schema);
    }

    /// The schema.
    pub fn done(self) -> Value {
        let mut schema = json!({"type": "object", "additionalProperties": false, "properties": self.properties});
        if !self.required.is_empty() {
            schema["required"] = self.required.into();
        }
        schema
    }
}

/// The schema of an intent without parameters.
pub fn nothing() -> Value {
    Object::default().done()
}

/// The schema of a choice between names.
pub fn choice(values: &[&str], synonyms: &[(&str, Vec<&str>)]) -> Value {
    let mut schema = json!({"type": "string", "enum": values});
    if !synonyms.is_empty() {
        let of: Map<String, Value> = synonyms.iter().map(|(value, words)| ((*value).into(), json!(words))).collect();
        schema["x-synonyms"] = of.into();
    }
    schema
}

/// Compares what a skill's methods take with what its manifest says.
///
/// # Errors
/// With what to write into `skill.toml`, intent by intent. Intents of the manifest that no method carries out are
/// named too.
pub fn compare<S: Described>(manifest: &Manifest) -> Result<(), String> {
    let mut wrong = String::new();
    let described = S::intents();
    for (name, schema) in &described {
        match manifest.intent(name) {
            None => wrong.push_str(&format!("skill.toml has no [[intent]] named {name}\n")),
            Some(intent) if canonical(&intent.parameters) != canonical(schema) => {
                wrong.push_str(&format!(
                    "the parameters of {name} differ; write into skill.toml:\n\n{}\n",
                    toml(schema)
                ));
            }
            Some(_) => {}
        }
    }
    for intent in manifest.intents.iter().filter(|i| !described.iter().any(|(name, _)| *name == i.name)) {
        wrong.push_str(&format!("no method carries out {}; mark one #[intent]\n", intent.name));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Two schemas that mean the same: without what people only read, and whatever the order.
fn canonical(schema: &Value) -> Value {
    match schema {
        Value::Object(keys) => {
            let mut kept: Vec<(&String, &Value)> = keys.iter().filter(|(key, _)| *key != "description").collect();
            kept.retain(|(key, value)| !(*key == "required" && value.as_array().is_some_and(Vec::is_empty)));
            kept.sort_by_key(|(key, _)| key.as_str());
            kept.into_iter().map(|(key, value)| (key.clone(), canonical(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(values) => {
            let mut values: Vec<Value> = values.iter().map(canonical).collect();
            values.sort_by_key(Value::to_string);
            values.into()
        }
        other => other.clone(),
    }
}

/// A parameters' schema as the manifest writes it.
fn toml(schema: &Value) -> String {
    let mut text = String::from("[intent.parameters]\ntype = \"object\"\n");
    if let Some(required) = schema.get("required") {
        text.push_str(&format!("required = {}\n", inline(required)));
    }
    text.push_str("additionalProperties = false\n");
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        // Writing to a text can't fail.
        let _written = writeln!(text, "properties.{name} = {}", inline(property)).is_ok();
    }
    text
}

fn inline(value: &Value) -> String {
    match value {
        Value::Object(keys) => {
            let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key} = {}", inline(value))).collect();
            format!("{{ {} }}", keys.join(", "))
        }
        Value::Array(values) => format!("[{}]", values.iter().map(inline).collect::<Vec<_>>().join(", ")),
        // JSON's texts, numbers and truths are TOML's too.
        other => other.to_string(),
    }
}
