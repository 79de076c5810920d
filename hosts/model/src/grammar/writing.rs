//! A schema as a grammar in llguidance's Lark syntax, where its own JSON compiler is not enough.
//!
//! Owns: the text of the grammar. Must not know: vocabularies and tokens.
//!
//! llguidance's JSON compiler has no word for copied values and none for a text after the JSON. So
//! the objects and arrays on the way to a copied value are written out here; every other part of the
//! schema is left to the JSON compiler, inside `%json`.

use super::copying::Source;
use super::limits;
use super::reading::Schema;
use super::walking::{children, reference, types};
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, HashMap};

/// How JSON is spaced. Small models fill optional white space for ever, so there is none.
pub fn spacing() -> Value {
    // Without `u` a name has one spelling only, so that no property can be smuggled past its schema.
    let escapes = "nrbtf\\\"";
    json!({"whitespace_flexible": false, "item_separator": ", ", "key_separator": ": ", "json_allowed_escapes": escapes})
}

/// Names of the definitions that lead to a copied value.
pub fn copying(schema: &Schema) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    loop {
        let before = found.len();
        for (name, definition) in &schema.definitions {
            if leads(definition, &found) {
                found.insert(name.as_str());
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

/// Whether a copied value is inside `schema`.
pub fn leads(schema: &Value, copying: &BTreeSet<&str>) -> bool {
    if schema.get("x-copy").is_some() || reference(schema).is_some_and(|name| copying.contains(name)) {
        return true;
    }
    let mut found = false;
    children(schema, &mut |child| found = found || leads(child, copying));
    found
}

/// Writes the grammar of a schema, with `closing` after it.
pub fn write<'a>(schema: &'a Schema, copy_from: &'a str, closing: Option<&str>) -> Result<String, String> {
    let copying = copying(schema);
    let mut writer = Writer {
        schema,
        copy_from,
        source: None,
        copying,
        out: String::new(),
        rules: HashMap::new(),
        wanted: Vec::new(),
        count: 0,
    };
    writer.out.push_str("%llguidance {\"ignore_once\": true}\n");
    let root = writer.rule(&schema.root)?;
    let mut written = BTreeSet::new();
    while let Some(name) = writer.wanted.pop() {
        // More definitions are met while this one is written.
        if written.insert(name)
            && let Some(definition) = schema.definitions.get(name)
        {
            let body = writer.body(definition)?;
            writer.line(name, &body)?;
        }
    }
    let closing = closing.map(|text| format!(" {}", quoted(text))).unwrap_or_default();
    writer.line("start", &format!("{root}{closing}"))?;
    Ok(writer.out)
}

struct Writer<'a> {
    schema: &'a Schema,
    copy_from: &'a str,
    /// The text, once some value is copied.
    source: Option<Source>,
    copying: BTreeSet<&'a str>,
    out: String,
    /// Rules that are there already, by what they say.
    rules: HashMap<String, String>,
    /// Definitions that some rule uses; their rules have their names.
    wanted: Vec<&'a str>,
    count: usize,
}

type Written<T> = Result<T, String>;

impl<'a> Writer<'a> {
    fn line(&mut self, name: &str, body: &str) -> Written<()> {
        self.out.push_str(&format!("{name}: {body}\n"));
        if self.out.len() > limits::WRITTEN {
            return Err(format!("with x-copy it makes a grammar of over {} bytes; simplify it", limits::WRITTEN));
        }
        Ok(())
    }

    fn fresh(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("{kind}{}", self.count)
    }

    /// The name of a rule for `schema`.
    fn rule(&mut self, schema: &'a Value) -> Written<String> {
        let body = self.body(schema)?;
        self.named("r", body)
    }

    fn named(&mut self, kind: &str, body: String) -> Written<String> {
        if let Some(name) = self.rules.get(&body) {
            return Ok(name.clone());
        }
        let name = self.fresh(kind);
        self.line(&name, &body)?;
        self.rules.insert(body, name.clone());
        Ok(name)
    }

    /// What a rule for `schema` says.
    fn body(&mut self, schema: &'a Value) -> Written<String> {
        if !leads(schema, &self.copying) {
            return self.json(schema);
        }
        if schema.get("x-copy").is_some() {
            return self.copied(schema);
        }
        if let Some(keyword) = NOT_ON_THE_WAY.iter().find(|keyword| schema.get(**keyword).is_some()) {
            return Err(format!("`{keyword}` is not supported around x-copy"));
        }
        let Value::Object(fields) = schema else { return self.json(schema) };
        if let Some(name) = reference(schema).filter(|_| fields.len() == 1) {
            self.wanted.push(name);
            return Ok(name.to_string());
        }
        if let Some(Value::Array(options)) = fields.get("anyOf").filter(|_| fields.len() == 1) {
            let names = options.iter().map(|option| self.rule(option)).collect::<Written<Vec<_>>>()?;
            return Ok(names.join(" | "));
        }
        if fields.contains_key("$ref") || fields.contains_key("anyOf") {
            return Err("`anyOf` and `$ref` beside other keywords are not supported around x-copy".into());
        }
        let names = types(schema).unwrap_or_default().into_iter();
        let options = names.map(|name| self.of_type(name, schema, fields)).collect::<Written<Vec<_>>>()?;
        if options.is_empty() {
            return Err("a schema around x-copy needs a type: object or array".into());
        }
        Ok(options.join(" | "))
    }

    fn of_type(&mut self, name: &str, schema: &'a Value, fields: &'a Map<String, Value>) -> Written<String> {
        match name {
            "object" => self.object(fields),
            "array" => self.array(fields),
            _ => {
                let mut other: Map<String, Value> = fields.clone();
                for keyword in ["properties", "required", "additionalProperties", "items", "minItems", "maxItems"] {
                    other.remove(keyword);
                }
                other.insert("type".into(), json!(name));
                let text = self.json_text(Value::Object(other), schema)?;
                self.named("j", text)
            }
        }
    }

    /// An object: its properties in order, with a comma before all but the first that is there.
    fn object(&mut self, fields: &'a Map<String, Value>) -> Written<String> {
        if fields.get("additionalProperties").is_some_and(|more| leads(more, &self.copying)) {
            return Err("`additionalProperties` with x-copy is not supported; name the properties".into());
        }
        let Some(Value::Object(properties)) = fields.get("properties") else {
            return Err("an object around x-copy needs properties".into());
        };
        let required: Vec<&str> =
            fields.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        if let Some(stranger) = required.iter().find(|name| !properties.contains_key(**name)) {
            return Err(format!("the required property {stranger:?} is not described; that is needed around x-copy"));
        }
        // From the last to the first: what follows when nothing, or something, has been written.
        let (mut first, mut later) = ("\"}\"".to_string(), "\"}\"".to_string());
        for (name, property) in properties.iter().rev() {
            let value = if *property == Value::Bool(false) { None } else { Some(self.rule(property)?) };
            let needed = required.contains(&name.as_str());
            let Some(value) = value else {
                if needed {
                    return Err(format!("the required property {name:?} allows no value"));
                }
                continue;
            };
            let pair = format!("{} {value}", quoted(&format!("{}: ", json!(name))));
            let comma = quoted(", ");
            if needed {
                (first, later) = (format!("{pair} {later}"), format!("{comma} {pair} {later}"));
            } else {
                (first, later) = (format!("{pair} {later} | {first}"), format!("{comma} {pair} {later} | {later}"));
            }
            // As rules, so that the text does not double with each property.
            first = self.named("o", first)?;
            later = self.named("o", later)?;
        }
        Ok(format!("\"{{\" {first}"))
    }

    fn array(&mut self, fields: &'a Map<String, Value>) -> Written<String> {
        let Some(items) = fields.get("items") else { return Err("an array around x-copy needs items".into()) };
        let count = |keyword: &str| fields.get(keyword).and_then(Value::as_u64);
        let (least, most) = (count("minItems").unwrap_or(0), count("maxItems"));
        if most.is_some_and(|most| most < least) {
            return Err("`maxItems` is less than `minItems`".into());
        }
        if most == Some(0) {
            return Ok("\"[\" \"]\"".into());
        }
        let item = self.rule(items)?;
        let more_least = least.saturating_sub(1);
        let more = match most {
            Some(1) => String::new(),
            Some(most) => format!(" (\", \" {item}){{{more_least},{}}}", most - 1),
            None if more_least == 0 => format!(" (\", \" {item})*"),
            None => format!(" (\", \" {item}){{{more_least},}}"),
        };
        Ok(if least == 0 { format!("\"[\" [{item}{more}] \"]\"") } else { format!("\"[\" {item}{more} \"]\"") })
    }

    fn copied(&mut self, schema: &Value) -> Written<String> {
        let length = |keyword: &str| schema.get(keyword).and_then(Value::as_u64);
        let (least, most) = (length("minLength").unwrap_or(0), length("maxLength"));
        let key = format!("copy {least} {most:?}");
        if let Some(name) = self.rules.get(&key) {
            return Ok(name.clone());
        }
        let name = self.fresh("COPY");
        let source = match self.source.take() {
            Some(source) => source,
            None => {
                let source = Source::new(self.copy_from)?;
                self.out.push_str(&source.shared());
                source
            }
        };
        let line = source.terminal(&name, least, most)?;
        self.source = Some(source);
        self.out.push_str(&line);
        self.rules.insert(key, name.clone());
        Ok(name)
    }

    fn json(&mut self, schema: &'a Value) -> Written<String> {
        self.json_text(schema.clone(), schema)
    }

    /// A part for the JSON compiler, with the definitions that it needs.
    fn json_text(&self, part: Value, schema: &'a Value) -> Written<String> {
        let mut fields = match part {
            Value::Object(fields) => fields,
            Value::Bool(true) => Map::new(),
            _ => return Err("a part of it allows no value".into()),
        };
        let mut needed = Map::new();
        self.needed(schema, &mut needed);
        if !needed.is_empty() {
            fields.insert("$defs".into(), Value::Object(needed));
        }
        fields.insert("x-guidance".into(), spacing());
        Ok(format!("%json {}", Value::Object(fields)))
    }

    fn needed(&self, schema: &'a Value, out: &mut Map<String, Value>) {
        if let Some(name) = reference(schema)
            && !out.contains_key(name)
            && let Some(definition) = self.schema.definitions.get(name)
        {
            out.insert(name.into(), definition.clone());
            self.needed(definition, out);
        }
        children(schema, &mut |child| self.needed(child, out));
    }
}

/// Keywords that would have to be written out on the way to a copied value, and are not.
const NOT_ON_THE_WAY: [&str; 8] =
    ["allOf", "oneOf", "enum", "const", "patternProperties", "minProperties", "maxProperties", "prefixItems"];

/// A text as a Lark literal, whose escapes are JSON's.
fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
