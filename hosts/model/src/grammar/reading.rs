//! A caller's schema, checked word by word and brought into one form.
//!
//! Owns: the walk over a schema and everything that `$ref` reaches. Must not know: grammars.
//!
//! Afterwards only kept keywords remain, in the form of draft 2020-12, with regular expressions in
//! the engine's syntax and each referenced schema in one flat table of definitions.

use super::keywords::{self, Kind, Meaning, meaning};
use super::{limits, numbers, patterns, settling};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// A schema that holds nothing but kept keywords.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// What the answer must satisfy.
    pub root: Value,
    /// What `{"$ref": "#/$defs/NAME"}` stands for, by name.
    pub definitions: Map<String, Value>,
}

/// Reads a caller's schema. The error names what is wrong or not supported, and where.
pub fn read(document: &Value) -> Result<Schema, String> {
    let mut reader = Reader {
        document,
        names: HashMap::new(),
        waiting: Vec::new(),
        place: "#".into(),
        schemas: 0,
        values: 0,
        bytes: 0,
    };
    let root = reader.schema(document, 0)?;
    let mut definitions = Map::new();
    while let Some((pointer, name)) = reader.waiting.pop() {
        let target = document.pointer(&pointer).ok_or_else(|| format!("$ref \"#{pointer}\" points nowhere"))?;
        reader.place = format!("#{pointer}");
        let read = reader.schema(target, 0)?;
        definitions.insert(name, read);
    }
    Ok(Schema { root, definitions })
}

struct Reader<'a> {
    document: &'a Value,
    /// The definition that stands for each pointer met so far.
    names: HashMap<String, String>,
    /// Pointers whose schemas are still to be read, with their names.
    waiting: Vec<(String, String)>,
    /// Where the reader is, as a pointer.
    place: String,
    schemas: usize,
    values: usize,
    /// Bytes of names and fixed texts, which all become part of the grammar.
    bytes: usize,
}

type Read<T> = Result<T, String>;

impl Reader<'_> {
    fn wrong<T>(&self, keyword: &str, reason: &str) -> Read<T> {
        wrong(&self.place, keyword, reason)
    }

    /// Reads what stands one step deeper.
    fn inside<T>(&mut self, step: &str, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        let length = self.place.len();
        self.place.push('/');
        self.place.push_str(step);
        let out = read(self)?;
        self.place.truncate(length);
        Ok(out)
    }

    fn check_size(&self, depth: usize) -> Read<()> {
        if self.schemas > limits::SCHEMAS || self.values > limits::VALUES {
            let (schemas, values) = (limits::SCHEMAS, limits::VALUES);
            return Err(format!("it has over {schemas} schemas or over {values} fixed values; simplify it"));
        }
        if self.bytes > limits::TEXTS {
            return Err(format!("its names and fixed texts have over {} bytes; shorten them", limits::TEXTS));
        }
        if depth > limits::DEPTH {
            return Err(format!("it is nested deeper than {} levels at {}", limits::DEPTH, short(&self.place)));
        }
        Ok(())
    }

    fn schema(&mut self, value: &Value, depth: usize) -> Read<Value> {
        self.schemas += 1;
        self.check_size(depth)?;
        match value {
            Value::Bool(_) => Ok(value.clone()),
            Value::Object(fields) => self.object(fields, depth),
            _ => Err(format!("a schema must be an object, true or false at {}", short(&self.place))),
        }
    }

    fn object(&mut self, fields: &Map<String, Value>, depth: usize) -> Read<Value> {
        let mut out = Map::new();
        for (keyword, value) in fields {
            match meaning(keyword) {
                Meaning::Kept(kind) => {
                    let read = self.inside(keyword, |r| r.kept(keyword, kind, value, depth))?;
                    out.insert(keyword.clone(), read);
                }
                Meaning::Note => {}
                Meaning::Dialect => self.dialect(value)?,
                Meaning::Identity => self.identity(keyword, value, depth)?,
                Meaning::Off(_) if *value == Value::Bool(false) => {}
                Meaning::Off(advice) | Meaning::Refused(advice) => {
                    return self.wrong(keyword, &format!("is not supported; {advice}"));
                }
                Meaning::Unknown => {
                    return self.wrong(keyword, "is no keyword of JSON Schema; leave it out, or start it with x-");
                }
            }
        }
        settling::settle(out, &self.place)
    }

    /// Reads the value of a kept keyword; `place` ends in the keyword.
    fn kept(&mut self, keyword: &str, kind: Kind, value: &Value, depth: usize) -> Read<Value> {
        let below = depth + 1;
        match (kind, value) {
            (Kind::Schema, _) => self.schema(value, below),
            (Kind::Schemas, Value::Array(list)) if !list.is_empty() => self.schemas(list, below),
            (Kind::Items, Value::Array(list)) => self.schemas(list, below),
            (Kind::Items, _) => self.schema(value, below),
            (Kind::Properties, Value::Object(map)) => self.properties(map, below),
            (Kind::Patterns, Value::Object(map)) => self.patterns(map, below),
            (Kind::Types, _) => self.types(value),
            (Kind::Value, _) => self.literal(value, 0),
            (Kind::Values, Value::Array(list)) if !list.is_empty() => {
                list.iter().map(|value| self.literal(value, 0)).collect()
            }
            (Kind::Names, Value::Array(list)) if list.iter().all(Value::is_string) => Ok(value.clone()),
            (Kind::AtLeast | Kind::AtMost, Value::Number(number)) => {
                numbers::count(number, kind == Kind::AtMost).or_else(|reason| self.wrong(keyword, &reason))
            }
            (Kind::Bound, Value::Number(number)) => {
                numbers::bound(number, keyword).or_else(|reason| self.wrong(keyword, &reason))
            }
            (Kind::ExclusiveBound, Value::Bool(_)) => Ok(value.clone()),
            (Kind::ExclusiveBound, Value::Number(number)) => {
                numbers::bound(number, keyword).or_else(|reason| self.wrong(keyword, &reason))
            }
            (Kind::Step, Value::Number(number)) => numbers::step(number).or_else(|reason| self.wrong(keyword, &reason)),
            (Kind::Pattern, Value::String(pattern)) => match patterns::translate(pattern) {
                Ok(translated) => Ok(Value::String(translated)),
                Err(reason) => self.wrong(keyword, &format!("can't be followed: {reason}")),
            },
            (Kind::Format, Value::String(_)) => Ok(value.clone()),
            (Kind::Reference, Value::String(reference)) => self.reference(reference),
            (Kind::Copy, Value::Bool(_)) => Ok(value.clone()),
            (kind, _) => self.wrong(keyword, &format!("must be {}", expected(kind))),
        }
    }

    fn schemas(&mut self, list: &[Value], depth: usize) -> Read<Value> {
        if list.len() > limits::OPTIONS {
            return Err(format!("the list at {} has over {} schemas", short(&self.place), limits::OPTIONS));
        }
        let read = |(i, value): (usize, &Value)| self.inside(&i.to_string(), |r| r.schema(value, depth));
        list.iter().enumerate().map(read).collect()
    }

    fn properties(&mut self, map: &Map<String, Value>, depth: usize) -> Read<Value> {
        let read = |(name, value): (&String, &Value)| {
            self.bytes += name.len();
            Ok((name.clone(), self.inside(&escaped(name), |r| r.schema(value, depth))?))
        };
        Ok(Value::Object(map.iter().map(read).collect::<Read<_>>()?))
    }

    fn patterns(&mut self, map: &Map<String, Value>, depth: usize) -> Read<Value> {
        if map.len() > limits::PATTERNS {
            return self.wrong("patternProperties", &format!("has over {} expressions", limits::PATTERNS));
        }
        let mut out = Map::new();
        for (pattern, value) in map {
            let translated = match patterns::translate(pattern) {
                Ok(translated) => translated,
                Err(reason) => return self.wrong("patternProperties", &format!("can't be followed: {reason}")),
            };
            let read = self.inside(&escaped(pattern), |r| r.schema(value, depth))?;
            if out.insert(translated, read).is_some() {
                return self.wrong("patternProperties", "holds the same expression twice");
            }
        }
        Ok(Value::Object(out))
    }

    fn types(&self, value: &Value) -> Read<Value> {
        let known = |value: &Value| value.as_str().is_some_and(|name| keywords::TYPES.contains(&name));
        let good = match value {
            Value::Array(list) => !list.is_empty() && list.iter().all(known),
            value => known(value),
        };
        if good {
            Ok(value.clone())
        } else {
            self.wrong("type", &format!("must be one of {}", keywords::TYPES.join(", ")))
        }
    }

    /// A fixed value: one that the grammar can spell exactly.
    fn literal(&mut self, value: &Value, depth: usize) -> Read<Value> {
        self.values += 1;
        match value {
            Value::Number(number) => numbers::exact(number).or_else(|reason| self.wrong("number", &reason))?,
            Value::String(text) if text.chars().any(patterns::unspeakable) => {
                return self.wrong("text", "holds a control character, which is not supported in a fixed value");
            }
            Value::String(text) => self.bytes += text.len(),
            Value::Array(list) => {
                for value in list {
                    self.literal(value, depth + 1)?;
                }
            }
            Value::Object(map) => {
                for (name, value) in map {
                    self.bytes += name.len();
                    self.literal(value, depth + 1)?;
                }
            }
            _ => {}
        }
        self.check_size(depth)?;
        Ok(value.clone())
    }

    fn dialect(&self, value: &Value) -> Read<()> {
        let name = value.as_str().unwrap_or_default().trim_end_matches('#');
        if keywords::DIALECTS.contains(&name) {
            return Ok(());
        }
        self.wrong("$schema", &format!("names a dialect that is not supported: {}", short(name)))
    }

    /// A name is harmless where no reference could start from it.
    fn identity(&self, keyword: &str, value: &Value, depth: usize) -> Read<()> {
        let at_root = depth == 0 && self.place == "#";
        if at_root || value.as_str().is_some_and(|name| name.starts_with('#')) {
            return Ok(());
        }
        self.wrong(keyword, "is not supported below the root; refer to schemas by pointers such as #/$defs/name")
    }

    /// Turns a pointer into the name of a definition.
    fn reference(&mut self, reference: &str) -> Read<Value> {
        let Some(pointer) = reference.strip_prefix('#') else {
            let reason = "is external, which is not supported; put the schema under $defs";
            return self.wrong(&format!("$ref {reference}"), reason);
        };
        if !pointer.is_empty() && !pointer.starts_with('/') {
            let reason = "names an anchor, which is not supported; use a pointer such as #/$defs/name";
            return self.wrong(&format!("$ref {reference}"), reason);
        }
        let Some(pointer) = decoded(pointer).filter(|pointer| self.document.pointer(pointer).is_some()) else {
            return self.wrong(&format!("$ref {reference}"), "points nowhere");
        };
        let fresh = format!("d{}", self.names.len());
        let name = self.names.entry(pointer.clone()).or_insert_with(|| fresh.clone()).clone();
        if name == fresh {
            self.waiting.push((pointer, name.clone()));
        }
        Ok(Value::String(format!("#/$defs/{name}")))
    }
}

/// Says what is wrong with a keyword, and where it stands.
pub fn wrong<T>(place: &str, keyword: &str, reason: &str) -> Result<T, String> {
    Err(format!("`{}` at {} {reason}", short(keyword), short(place)))
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Schemas => "a list of schemas",
        Kind::Properties | Kind::Patterns => "an object of schemas",
        Kind::Values => "a list of values",
        Kind::Names => "a list of names",
        Kind::AtLeast | Kind::AtMost | Kind::Bound | Kind::Step => "a number",
        Kind::ExclusiveBound => "a number, or true or false",
        Kind::Copy => "true or false",
        _ => "a text",
    }
}

/// A property's name as a step of a pointer (RFC 6901).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A pointer from a URI fragment: without its per cent signs.
fn decoded(pointer: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(pointer.len());
    let mut rest = pointer.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// A caller's text in a message.
pub fn short(text: &str) -> String {
    let mut out: String = text.chars().take(80).collect();
    if out.len() < text.len() {
        out.push('…');
    }
    out
}
