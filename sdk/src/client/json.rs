//! D-Bus values as JSON.
//!
//! This file owns the conversion, and nothing of what the values mean.

use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};
use zbus::{OwnedVariant, Variant};

use super::{Details, Error, Result};

/// A D-Bus value as JSON. Structures become arrays, numbers that JSON has no notation for (NaN, infinities) and file
/// descriptors become null.
#[must_use]
pub fn to_json(value: &Variant<'_>) -> Value {
    match value {
        Variant::U8(v) => Value::from(*v),
        Variant::Bool(v) => Value::from(*v),
        Variant::I16(v) => Value::from(*v),
        Variant::U16(v) => Value::from(*v),
        Variant::I32(v) => Value::from(*v),
        Variant::U32(v) => Value::from(*v),
        Variant::I64(v) => Value::from(*v),
        Variant::U64(v) => Value::from(*v),
        Variant::F64(v) => Number::from_f64(*v).map_or(Value::Null, Value::Number),
        Variant::Str(v) => Value::from(v.as_str()),
        Variant::Signature(v) => Value::from(v.to_string()),
        Variant::ObjectPath(v) => Value::from(v.as_str()),
        Variant::Variant(v) => to_json(v),
        Variant::Array(v) => v.inner().iter().map(to_json).collect(),
        Variant::Structure(v) => v.fields().iter().map(to_json).collect(),
        Variant::Dict(v) => {
            let mut entries: Vec<(String, Value)> =
                v.iter().map(|(key, value)| (key_text(key), to_json(value))).collect();
            // The bus gives no order; a stable one makes outputs comparable.
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Variant::Fd(_) => Value::Null,
    }
}

/// JSON object keys are text; D-Bus allows any basic type.
fn key_text(key: &Variant<'_>) -> String {
    match to_json(key) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// An `a{sv}` as a JSON object, its keys sorted.
#[must_use]
pub fn details_to_json(details: &Details) -> Value {
    let mut names: Vec<&String> = details.keys().collect();
    names.sort();
    let object: Map<String, Value> =
        names.into_iter().filter_map(|name| details.get(name).map(|value| (name.clone(), to_json(value)))).collect();
    Value::Object(object)
}

/// An `aa{sv}` as a JSON array of objects.
#[must_use]
pub fn rows_to_json(rows: &[Details]) -> Value {
    rows.iter().map(details_to_json).collect()
}

/// An `a{sv}` as one of this module's types (or one of yours).
///
/// # Errors
/// [`Error::Protocol`] when a value has another type than the field.
pub fn from_details<T: DeserializeOwned>(details: &std::collections::HashMap<String, OwnedVariant>) -> Result<T> {
    serde_json::from_value(details_to_json(details)).map_err(|error| Error::Protocol(error.to_string()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashMap;

    use serde_json::json;

    use super::*;

    fn owned(value: impl Into<Variant<'static>>) -> OwnedVariant {
        value.into().try_into_owned().unwrap()
    }

    #[test]
    fn nested_values_keep_their_shape() {
        let inner: HashMap<String, Variant<'static>> =
            HashMap::from([("path".to_owned(), Variant::from("/a")), ("line".to_owned(), Variant::from(3u32))]);
        let details = HashMap::from([
            ("citations".to_owned(), owned(vec![inner])),
            ("score".to_owned(), owned(0.5f64)),
            ("big".to_owned(), owned(u64::MAX)),
            ("nan".to_owned(), owned(f64::NAN)),
            ("flag".to_owned(), owned(true)),
            ("names".to_owned(), owned(vec!["a", "b"])),
        ]);
        assert_eq!(
            details_to_json(&details),
            json!({"citations": [{"line": 3, "path": "/a"}], "score": 0.5, "big": u64::MAX, "nan": null, "flag": true,
                   "names": ["a", "b"]})
        );
    }

    #[test]
    fn keys_come_sorted() {
        let details = HashMap::from([("b".to_owned(), owned(1u32)), ("a".to_owned(), owned(2u32))]);
        assert_eq!(details_to_json(&details).to_string(), r#"{"a":2,"b":1}"#);
    }

    #[test]
    fn keys_that_are_no_text_become_text() {
        let by_number: HashMap<u32, Variant<'static>> = HashMap::from([(7, Variant::from("x"))]);
        assert_eq!(to_json(&Variant::from(by_number)), json!({"7": "x"}));
    }

    #[test]
    fn a_wrong_type_is_a_protocol_error() {
        #[derive(Debug, serde::Deserialize)]
        struct Row {
            #[allow(dead_code)]
            line: u32,
        }
        let details = HashMap::from([("line".to_owned(), owned("three"))]);
        assert!(matches!(from_details::<Row>(&details), Err(Error::Protocol(_))));
    }
}
