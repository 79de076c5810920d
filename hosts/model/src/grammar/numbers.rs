//! Numbers in schemas, and which of them can be followed exactly.
//!
//! Owns: bounds, counts and steps. Must not know: grammars.

use super::limits::{LARGEST, LONGEST};
use serde_json::{Map, Number, Value};

/// A length or count. A maximum that no answer reaches is taken as one that none reaches either.
pub fn count(number: &Number, at_most: bool) -> Result<Value, String> {
    let whole = number.as_f64().filter(|n| *n >= 0.0 && n.fract() == 0.0).ok_or("must be a whole number from 0")?;
    if whole <= LONGEST as f64 {
        return Ok(Value::from(whole as u64));
    }
    if at_most { Ok(Value::from(LONGEST)) } else { Err(format!("is over {LONGEST}, which no answer can reach")) }
}

/// A bound, drawn in to the numbers that are generated.
pub fn bound(number: &Number, keyword: &str) -> Result<Value, String> {
    let lower = keyword.ends_with("inimum");
    let value = number.as_f64().ok_or("is out of range")?;
    if (lower && value >= LARGEST) || (!lower && value <= -LARGEST) {
        return Err(format!("leaves no number between -{LARGEST:e} and {LARGEST:e}"));
    }
    if value.abs() >= LARGEST {
        return Ok(Value::from(value.clamp(-LARGEST, LARGEST)));
    }
    exact(number)?;
    Ok(Value::Number(number.clone()))
}

/// Refuses whole numbers that a double can't hold: they would be rounded silently.
pub fn exact(number: &Number) -> Result<(), String> {
    let same = match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(whole), _, Some(double)) => double as i128 == i128::from(whole),
        (_, Some(whole), Some(double)) => double as i128 == i128::from(whole),
        (_, _, Some(double)) => double.is_finite(),
        _ => false,
    };
    if same { Ok(()) } else { Err(format!("{number} has more digits than can be compared exactly")) }
}

/// `multipleOf`: llguidance counts in units of a power of ten, at most `u32::MAX` of them.
pub fn step(number: &Number) -> Result<Value, String> {
    let value = number.as_f64().filter(|value| *value > 0.0).ok_or("must be more than 0")?;
    let (mut units, mut digits) = (value, 0);
    while units.fract() != 0.0 && digits <= 9 {
        units *= 10.0;
        digits += 1;
    }
    if units.fract() != 0.0 || units > f64::from(u32::MAX) || units / 10f64.powi(digits) != value {
        return Err(format!("{number} can't be followed exactly; use a step with fewer digits"));
    }
    Ok(Value::Number(number.clone()))
}

/// The range that a number's `format` stands for (OpenAPI's, and what schemars writes).
pub fn format(name: &str) -> Option<(f64, f64)> {
    Some(match name {
        "int8" => (-128.0, 127.0),
        "int16" => (-32_768.0, 32_767.0),
        "int32" => (f64::from(i32::MIN), f64::from(i32::MAX)),
        "uint8" => (0.0, 255.0),
        "uint16" => (0.0, 65_535.0),
        "uint32" => (0.0, f64::from(u32::MAX)),
        "uint" | "uint64" => (0.0, LARGEST),
        "int" | "int64" | "float" | "double" => (-LARGEST, LARGEST),
        _ => return None,
    })
}

/// Raises the least allowed number to `least`.
pub fn raise(schema: &mut Map<String, Value>, least: f64) {
    let number = |key: &str| schema.get(key).and_then(Value::as_f64);
    if number("minimum").is_none_or(|bound| bound < least) && number("exclusiveMinimum").is_none_or(|b| b < least) {
        schema.insert("minimum".into(), whole(least));
    }
}

/// Lowers the greatest allowed number to `most`.
pub fn lower(schema: &mut Map<String, Value>, most: f64) {
    let number = |key: &str| schema.get(key).and_then(Value::as_f64);
    if number("maximum").is_none_or(|bound| bound > most) && number("exclusiveMaximum").is_none_or(|b| b > most) {
        schema.insert("maximum".into(), whole(most));
    }
}

/// Turns exclusive bounds into inclusive ones just inside them, except for whole numbers.
///
/// Digits beyond a double's precision would be read as the bound itself: 7.9999999999999999 is 8.
/// And llguidance 1.9.1 lets a whole bound through when the other bound has the same whole part
/// (`rx_float_range` in its `json/numeric.rs`).
pub fn settle_exclusive(schema: &mut Map<String, Value>) {
    if schema.get("type").is_some_and(|name| name == "integer") {
        return;
    }
    // More than the distance between neighbouring doubles.
    let inside = |bound: f64| (bound.abs() * 1e-15).max(1e-9);
    if let Some(least) = schema.remove("exclusiveMinimum").and_then(|bound| bound.as_f64()) {
        let given = schema.get("minimum").and_then(Value::as_f64).unwrap_or(-LARGEST);
        schema.insert("minimum".into(), Value::from(given.max(least + inside(least))));
    }
    if let Some(most) = schema.remove("exclusiveMaximum").and_then(|bound| bound.as_f64()) {
        let given = schema.get("maximum").and_then(Value::as_f64).unwrap_or(LARGEST);
        schema.insert("maximum".into(), Value::from(given.min(most - inside(most))));
    }
}

fn whole(value: f64) -> Value {
    Value::from(value as i64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn bounds_are_drawn_in_or_refused() {
        assert_eq!(bound(&number("9223372036854775807"), "maximum"), Ok(json!(9e18)));
        assert_eq!(bound(&number("-1e300"), "exclusiveMinimum"), Ok(json!(-9e18)));
        assert_eq!(bound(&number("12.5"), "minimum"), Ok(json!(12.5)));
        assert!(bound(&number("1e300"), "minimum").is_err());
        assert!(bound(&number("9007199254740993"), "maximum").is_err());
    }

    #[test]
    fn counts_are_whole_and_reachable() {
        assert_eq!(count(&number("3.0"), false), Ok(json!(3)));
        assert_eq!(count(&number("4000000000"), true), Ok(json!(LONGEST)));
        assert!(count(&number("4000000000"), false).is_err());
        assert!(count(&number("-1"), true).is_err());
        assert!(count(&number("1.5"), true).is_err());
    }

    #[test]
    fn steps_are_exact_or_refused() {
        for good in ["1", "0.1", "0.01", "2.5", "1000000"] {
            assert!(step(&number(good)).is_ok(), "{good}");
        }
        for bad in ["0", "-1", "0.07", "1e-12", "5e9", "5e-324"] {
            assert!(step(&number(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn formats_narrow_but_never_widen() {
        let mut schema = Map::new();
        schema.insert("minimum".into(), json!(5));
        raise(&mut schema, 0.0);
        lower(&mut schema, 255.0);
        assert_eq!(Value::Object(schema), json!({"minimum": 5, "maximum": 255}));
    }
}
