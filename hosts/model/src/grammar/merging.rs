//! What a schema costs to compile, before it is compiled.
//!
//! Owns: the estimate. Must not know: grammars.
//!
//! llguidance merges `allOf`, and whatever stands beside `$ref`, `anyOf`, `enum` and `const`, by
//! copying both sides: a chain of thirty definitions that each merge the next one twice would need
//! gigabytes. It also recurses along references.

use super::limits;
use super::reading::Schema;
use super::walking::{children, reference};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// Refuses what is too large.
pub fn check(schema: &Schema) -> Result<(), String> {
    let mut seen = HashSet::new();
    reach(&schema.root, &schema.definitions, &mut seen, 0)?;
    let mut merger =
        Merger { definitions: &schema.definitions, known: HashMap::new(), merges: false, steps: HashSet::new() };
    let mut total = merger.plain(&schema.root);
    for definition in schema.definitions.values() {
        total = total.saturating_add(merger.plain(definition));
    }
    if merger.merges && total > limits::MERGED {
        return Err("merging its allOf, $ref and anyOf parts makes too many schemas; merge them by hand".into());
    }
    if merger.steps.len() > 1 {
        // llguidance's least common multiple can overflow.
        return Err("`multipleOf`: different steps are not supported where schemas are merged".into());
    }
    Ok(())
}

/// Refuses nesting along references that a recursive compiler could not follow. Each definition is
/// entered where it is first met, as a compiler does.
fn reach<'a>(
    schema: &'a Value,
    definitions: &'a Map<String, Value>,
    seen: &mut HashSet<&'a str>,
    depth: usize,
) -> Result<(), String> {
    if depth > limits::REACH {
        return Err(format!("its references nest deeper than {} levels; write it flatter", limits::REACH));
    }
    let mut outcome = Ok(());
    children(schema, &mut |child| {
        if outcome.is_ok() {
            outcome = reach(child, definitions, seen, depth + 1);
        }
    });
    outcome?;
    match reference(schema) {
        Some(name) if seen.insert(name) => match definitions.get(name) {
            Some(target) => reach(target, definitions, seen, depth + 1),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// How many options and how many schemas a schema has when all that is merged is copied.
#[derive(Clone, Copy)]
struct Weight {
    options: u64,
    size: u64,
}

const LEAF: Weight = Weight { options: 1, size: 1 };

impl Weight {
    /// Merging pairs every option of one side with every option of the other.
    fn merged(self, other: Self) -> Self {
        let size = self.size.saturating_mul(other.options).saturating_add(other.size.saturating_mul(self.options));
        Self { options: self.options.saturating_mul(other.options), size }
    }

    /// Side by side, as options of `anyOf` or as properties.
    fn beside(self, other: Self) -> Self {
        Self { options: self.options.saturating_add(other.options), size: self.size.saturating_add(other.size) }
    }
}

struct Merger<'a> {
    definitions: &'a Map<String, Value>,
    /// Weights of definitions that are copied; `None` while one is being weighed.
    known: HashMap<&'a str, Option<Weight>>,
    merges: bool,
    /// Every `multipleOf` among what is merged.
    steps: HashSet<String>,
}

impl<'a> Merger<'a> {
    /// Schemas made where nothing around `schema` is merged with it: references stay references.
    fn plain(&mut self, schema: &'a Value) -> u64 {
        if merges(schema) {
            self.merges = true;
            return self.copied(schema).size;
        }
        let mut size = 1u64;
        if let Some(Value::Array(values)) = schema.get("enum") {
            size += values.len() as u64;
        }
        children(schema, &mut |child| size = size.saturating_add(self.plain(child)));
        size
    }

    /// The weight of `schema` with everything that it refers to copied in.
    fn copied(&mut self, schema: &'a Value) -> Weight {
        if let Some(step) = schema.get("multipleOf") {
            self.steps.insert(step.to_string());
        }
        let mut own = LEAF;
        let mut out: Option<Weight> = None;
        let mut merge = |part: Weight| out = Some(out.map_or(part, |out: Weight| out.merged(part)));
        let Value::Object(fields) = schema else { return LEAF };
        for (keyword, value) in fields {
            match (keyword.as_str(), value) {
                ("allOf", Value::Array(list)) => list.iter().for_each(|one| merge(self.copied(one))),
                ("anyOf" | "oneOf", Value::Array(list)) => merge(self.side_by_side(list)),
                ("enum", Value::Array(list)) => merge(Weight { options: list.len() as u64, size: list.len() as u64 }),
                ("const", _) => merge(LEAF),
                ("$ref", _) => merge(reference(schema).map_or(LEAF, |name| self.definition(name))),
                ("properties" | "patternProperties", Value::Object(map)) => {
                    own = map.values().fold(own, |own, child| own.beside(self.inner(child)));
                }
                ("prefixItems", Value::Array(list)) => {
                    own = list.iter().fold(own, |own, child| own.beside(self.inner(child)));
                }
                ("items" | "additionalProperties", child) => own = own.beside(self.inner(child)),
                _ => {}
            }
        }
        out.map_or(own, |out| out.merged(own))
    }

    /// A part of an object or array: it adds options only beyond its first.
    fn inner(&mut self, schema: &'a Value) -> Weight {
        let weight = self.copied(schema);
        Weight { options: weight.options.saturating_sub(1), ..weight }
    }

    fn side_by_side(&mut self, list: &'a [Value]) -> Weight {
        list.iter().fold(Weight { options: 0, size: 0 }, |sum, one| sum.beside(self.copied(one)))
    }

    fn definition(&mut self, name: &'a str) -> Weight {
        if let Some(known) = self.known.get(name) {
            // Inside itself a definition stays a reference, or llguidance gives up at its depth limit.
            return known.unwrap_or(LEAF);
        }
        let Some(definition) = self.definitions.get(name) else { return LEAF };
        self.known.insert(name, None);
        let weight = self.copied(definition);
        self.known.insert(name, Some(weight));
        weight
    }
}

/// Whether llguidance merges parts of this schema.
pub fn merges(schema: &Value) -> bool {
    let Value::Object(fields) = schema else { return false };
    let applicators = ["$ref", "anyOf", "oneOf", "enum", "const"];
    fields.contains_key("allOf") || (fields.len() > 1 && applicators.iter().any(|key| fields.contains_key(*key)))
}
