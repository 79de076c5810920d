//! `oneOf`: options of which exactly one may hold.
//!
//! Owns: the proof that two schemas share no value. Must not know: grammars.
//!
//! A grammar can't count how many options hold. Where no two can hold at once, exactly one is the
//! same as any; everywhere else `oneOf` is refused.

use super::reading::Schema;
use super::settling::is_a;
use super::walking::{children_mut, resolved, types};
use serde_json::{Map, Value, json};
use std::cell::Cell;

/// How many references and levels a proof follows, and how many steps it takes before it gives up.
const DEPTH: usize = 6;
const STEPS: u32 = 100_000;

/// Turns every `oneOf` into `anyOf`, or says why that would be wrong.
pub fn settle(schema: &mut Schema) -> Result<(), String> {
    let definitions = schema.definitions.clone();
    let proof = Proof { definitions: &definitions, steps: Cell::new(0) };
    let mut outcome = Ok(());
    settle_one(&mut schema.root, &proof, &mut outcome);
    schema.definitions.values_mut().for_each(|value| settle_one(value, &proof, &mut outcome));
    outcome
}

fn settle_one(schema: &mut Value, proof: &Proof<'_>, outcome: &mut Result<(), String>) {
    if let Value::Object(fields) = schema
        && let Some(Value::Array(options)) = fields.remove("oneOf")
    {
        for (i, one) in options.iter().enumerate() {
            if let Some(j) = options.iter().skip(i + 1).position(|other| !proof.apart(one, other, DEPTH)) {
                let j = i + 1 + j;
                *outcome = Err(format!(
                    "`oneOf`: its options {i} and {j} might hold at once; use anyOf, or give each a required property \
                     with another const"
                ));
                return;
            }
        }
        if fields.contains_key("anyOf") {
            let all = fields.entry("allOf").or_insert_with(|| json!([]));
            if let Value::Array(all) = all {
                all.push(json!({"anyOf": options}));
            }
        } else {
            fields.insert("anyOf".into(), Value::Array(options));
        }
    }
    children_mut(schema, &mut |child| settle_one(child, proof, outcome));
}

/// A proof that schemas share no value, as far as that can be seen easily.
struct Proof<'a> {
    definitions: &'a Map<String, Value>,
    steps: Cell<u32>,
}

impl Proof<'_> {
    /// No value satisfies both schemas.
    fn apart(&self, a: &Value, b: &Value, depth: usize) -> bool {
        self.steps.set(self.steps.get() + 1);
        if depth == 0 || self.steps.get() > STEPS {
            return false;
        }
        let (a, b) = (resolved(a, self.definitions), resolved(b, self.definitions));
        if *a == Value::Bool(false) || *b == Value::Bool(false) {
            return true;
        }
        own_apart(a, b)
            || self.keys_apart(a, b, depth)
            || self.parts_apart(a, b, depth)
            || self.parts_apart(b, a, depth)
    }

    /// Every option of `a`, or one schema that all its values satisfy, is apart from `b`.
    fn parts_apart(&self, a: &Value, b: &Value, depth: usize) -> bool {
        let list = |keyword: &str| a.get(keyword).and_then(Value::as_array);
        let any = list("anyOf").or(list("oneOf"));
        any.is_some_and(|options| options.iter().all(|option| self.apart(option, b, depth - 1)))
            || list("allOf").is_some_and(|all| all.iter().any(|one| self.apart(one, b, depth - 1)))
    }

    /// Both are objects, and a key that one requires has no value, or none in common, in the other.
    fn keys_apart(&self, a: &Value, b: &Value, depth: usize) -> bool {
        let object = |schema: &Value| types(schema).is_some_and(|types| types == ["object"]);
        object(a) && object(b) && (self.required_apart(a, b, depth) || self.required_apart(b, a, depth))
    }

    fn required_apart(&self, a: &Value, b: &Value, depth: usize) -> bool {
        let required = a.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let closed = b.get("additionalProperties") == Some(&Value::Bool(false)) && b.get("patternProperties").is_none();
        required.into_iter().any(|key| match (property(a, key), property(b, key)) {
            (Some(one), Some(other)) => self.apart(one, other, depth - 1),
            (_, None) => closed,
            _ => false,
        })
    }
}

/// The two schemas' own types, fixed values and bounds keep them apart.
fn own_apart(a: &Value, b: &Value) -> bool {
    let (values_a, values_b) = (values(a), values(b));
    let (types_a, types_b) = (types(a), types(b));
    if let (Some(one), Some(other)) = (&values_a, &values_b) {
        return !one.iter().any(|x| other.iter().any(|y| same(x, y)));
    }
    if types_clear(values_a.as_deref(), types_b.as_deref()) || types_clear(values_b.as_deref(), types_a.as_deref()) {
        return true;
    }
    let (Some(types_a), Some(types_b)) = (types_a, types_b) else { return false };
    if !types_a.iter().any(|x| types_b.iter().any(|y| x == y || (is_number(x) && is_number(y)))) {
        return true;
    }
    let bound = |schema: &Value, keyword| schema.get(keyword).and_then(Value::as_f64);
    let below =
        |x: &Value, y: &Value| matches!((bound(x, "maximum"), bound(y, "minimum")), (Some(x), Some(y)) if x < y);
    types_a.iter().chain(&types_b).all(|name| is_number(name)) && (below(a, b) || below(b, a))
}

fn property<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    schema.get("properties")?.get(key)
}

/// No fixed value is of one of the types.
fn types_clear(values: Option<&[Value]>, types: Option<&[&str]>) -> bool {
    match (values, types) {
        (Some(values), Some(types)) => !values.iter().any(|value| types.iter().any(|name| is_a(value, name))),
        _ => false,
    }
}

fn values(schema: &Value) -> Option<Vec<Value>> {
    if let Some(value) = schema.get("const") {
        return Some(vec![value.clone()]);
    }
    schema.get("enum").and_then(Value::as_array).cloned()
}

/// JSON Schema's equality: 1 and 1.0 are one number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

fn is_number(name: &str) -> bool {
    matches!(name, "integer" | "number")
}
