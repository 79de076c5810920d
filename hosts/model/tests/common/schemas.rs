//! Random JSON Schemas whose answers are short, for tests of guided generation.
#![allow(dead_code)]

use serde_json::{Map, Value, json};

/// A seeded stream of numbers (xorshift, Marsaglia 2003): equal seeds give equal schemas.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From 0 to less than `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        (self.next() >> 16) % sides
    }

    pub fn coin(&mut self) -> bool {
        self.roll(2) == 0
    }

    /// A whole number between the two.
    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        least + self.roll((most - least + 1) as u64) as i64
    }

    /// Between 0 and 1.
    pub fn share(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.roll(list.len() as u64) as usize]
    }
}

const WORDS: [&str; 12] =
    ["name", "age", "a", "b c", "größe", "日本", "x/y", "t~t", "he said \"no\"", "back\\slash", "", "tab\tend"];
const PATTERNS: [&str; 14] = [
    r"^[a-z]{1,4}$",
    r"^\d{2,3}-\d{2}$",
    r"^(red|green|blue)$",
    r"^[A-Z][a-z]*$",
    r"^a|b$",
    r"^[^\s]{2}$",
    r"^\w+@\w+\.(com|org)$",
    r"^[\[\]&-]{1,3}$",
    r"^(?:x(y|z)?){1,2}$",
    r"^\u00e9{2}$",
    r#"^["\\/]{1,2}$"#,
    r"^.{3}$",
    r"^\p{Lu}\d?$",
    r"^$",
];
const FORMATS: [&str; 6] = ["date", "time", "date-time", "ipv4", "uuid", "duration"];

/// A random schema, at most `depth` levels deep.
pub fn schema(dice: &mut Dice, depth: u32) -> Value {
    let mut made = Made { dice, definitions: Map::new() };
    let mut root = made.any(depth);
    let definitions = made.definitions;
    if !definitions.is_empty() {
        if !root.is_object() {
            root = json!({"allOf": [root]});
        }
        root["$defs"] = Value::Object(definitions);
    }
    root
}

struct Made<'a> {
    dice: &'a mut Dice,
    definitions: Map<String, Value>,
}

impl Made<'_> {
    fn any(&mut self, depth: u32) -> Value {
        let mut schema = match if depth == 0 { self.dice.roll(10) } else { self.dice.roll(24) } {
            0 => json!({"type": "null"}),
            1 => json!({"type": "boolean"}),
            2 => self.integer(),
            3 => self.number(),
            4 | 5 => self.text(),
            6 => json!({"type": "string", "pattern": *self.dice.pick(&PATTERNS), "maxLength": 12}),
            7 => json!({"type": "string", "format": *self.dice.pick(&FORMATS)}),
            8 => json!({"const": self.literal(1)}),
            9 => self.values(),
            10..=15 => self.object(depth - 1),
            16 | 17 => self.array(depth - 1),
            18 => json!({"anyOf": [self.any(depth - 1), self.any(depth - 1)]}),
            19 => self.tagged(depth - 1),
            20 => self.reference(depth - 1),
            21 => self.narrowed(),
            22 => json!({"type": ["string", "null"], "maxLength": 4}),
            _ => json!({"type": ["integer", "boolean"], "minimum": 0, "maximum": 12}),
        };
        if self.dice.roll(5) == 0
            && let Value::Object(fields) = &mut schema
        {
            fields.insert("description".into(), json!("a note"));
            fields.insert("x-note".into(), json!(1));
        }
        schema
    }

    fn integer(&mut self) -> Value {
        let least = self.dice.between(-1200, 1200);
        let most = least + self.dice.between(1, 900);
        match self.dice.roll(5) {
            0 => json!({"type": "integer", "minimum": least, "maximum": most}),
            1 => json!({"type": "integer", "exclusiveMinimum": least, "maximum": most + 1}),
            2 => {
                let step = self.dice.between(1, 9);
                json!({"type": "integer", "minimum": least, "maximum": least + 90, "multipleOf": step})
            }
            3 => json!({"type": "integer", "minimum": least}),
            _ => json!({"type": "integer"}),
        }
    }

    fn number(&mut self) -> Value {
        let least = self.dice.between(-4000, 4000) as f64 / *self.dice.pick(&[1.0, 2.0, 10.0, 100.0]);
        let most = least + self.dice.between(1, 700) as f64 / *self.dice.pick(&[1.0, 4.0, 10.0]);
        match self.dice.roll(5) {
            0 => json!({"type": "number", "minimum": least, "maximum": most}),
            1 => json!({"type": "number", "exclusiveMinimum": least, "exclusiveMaximum": most}),
            2 => json!({"type": "number", "minimum": -8, "exclusiveMaximum": 8, "multipleOf": 0.25}),
            3 => json!({"type": "number", "exclusiveMaximum": most}),
            _ => json!({"type": "number"}),
        }
    }

    fn text(&mut self) -> Value {
        let least = self.dice.between(0, 4);
        json!({"type": "string", "minLength": least, "maxLength": least + self.dice.between(0, 6)})
    }

    fn literal(&mut self, depth: u32) -> Value {
        match self.dice.roll(if depth == 0 { 6 } else { 8 }) {
            0 => Value::Null,
            1 => json!(self.dice.coin()),
            2 => json!(self.dice.between(-9_000_000_000, 9_000_000_000)),
            3 => json!(self.dice.between(-9_000, 9_000) as f64 / 8.0),
            4 | 5 => json!(*self.dice.pick(&WORDS)),
            6 => json!([self.literal(depth - 1), self.literal(depth - 1)]),
            _ => {
                let name = *self.dice.pick(&WORDS);
                json!({name: self.literal(depth - 1)})
            }
        }
    }

    fn values(&mut self) -> Value {
        let count = self.dice.between(1, 6);
        let values: Vec<Value> = (0..count).map(|_| self.literal(1)).collect();
        json!({"enum": values})
    }

    fn object(&mut self, depth: u32) -> Value {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for _ in 0..self.dice.between(1, 4) {
            let name = *self.dice.pick(&WORDS);
            if properties.contains_key(name) {
                continue;
            }
            if self.dice.roll(3) > 0 {
                required.push(name);
            }
            properties.insert(name.into(), self.any(depth));
        }
        let mut schema = json!({"type": "object", "properties": properties, "required": required});
        match self.dice.roll(6) {
            0 => schema["additionalProperties"] = json!(false),
            1 => {
                schema["additionalProperties"] = self.any(0);
                schema["required"] = json!(schema["properties"].as_object().map(|map| map.keys().collect::<Vec<_>>()));
                schema["maxProperties"] = json!(5);
            }
            2 => {
                schema["patternProperties"] = json!({"^k[0-9]$": self.any(0)});
                schema["additionalProperties"] = json!(false);
                schema["required"] = json!(schema["properties"].as_object().map(|map| map.keys().collect::<Vec<_>>()));
                schema["maxProperties"] = json!(5);
            }
            3 if required.is_empty() => {
                schema["additionalProperties"] = json!(false);
                schema["minProperties"] = json!(1);
            }
            _ => {}
        }
        schema
    }

    fn array(&mut self, depth: u32) -> Value {
        let least = self.dice.between(0, 2);
        let most = least + self.dice.between(0, 2);
        match self.dice.roll(4) {
            0 => json!({"type": "array", "prefixItems": [self.any(depth), self.any(0)], "items": false,
                "minItems": least, "maxItems": 2}),
            1 => json!({"type": "array", "prefixItems": [self.any(depth)], "items": self.any(0), "maxItems": 3}),
            _ => json!({"type": "array", "items": self.any(depth), "minItems": least, "maxItems": most}),
        }
    }

    /// Options that a tag tells apart.
    fn tagged(&mut self, depth: u32) -> Value {
        let mut option = |tag: &str| {
            let inner = self.any(depth);
            json!({"type": "object", "properties": {"kind": {"const": tag}, "of": inner}, "required": ["kind"]})
        };
        json!({"oneOf": [option("one"), option("two"), {"type": "null"}]})
    }

    fn reference(&mut self, depth: u32) -> Value {
        let name = format!("n/{}~", self.definitions.len());
        self.definitions.insert(name.clone(), Value::Null);
        let mut target = self.any(depth);
        if self.dice.roll(3) == 0 {
            // A list of itself, which may be empty.
            target = json!({"type": "object", "required": ["v"],
                "properties": {"v": target, "more": {"type": "array", "maxItems": 1,
                    "items": {"$ref": format!("#/$defs/{}", name.replace('~', "~0").replace('/', "~1"))}}}});
        }
        self.definitions.insert(name.clone(), target);
        json!({"$ref": format!("#/$defs/{}", name.replace('~', "~0").replace('/', "~1"))})
    }

    /// Parts that are merged.
    fn narrowed(&mut self) -> Value {
        let least = self.dice.between(-50, 50);
        match self.dice.roll(4) {
            0 => json!({"allOf": [{"type": "integer", "minimum": least}, {"maximum": least + 30}]}),
            1 => json!({"type": "string", "maxLength": 6, "allOf": [{"minLength": 2}, {"pattern": "^[a-f]+$"}]}),
            2 => json!({"type": "object", "properties": {"p": {"type": "boolean"}}, "required": ["p"],
                "allOf": [{"properties": {"q": self.any(0)}, "required": ["q"]}], "additionalProperties": true,
                "maxProperties": 2}),
            _ => json!({"enum": [1, 2, "three", "four", null], "anyOf": [{"type": "string"}, {"minimum": 2}]}),
        }
    }
}
