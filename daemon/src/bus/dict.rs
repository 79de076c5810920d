//! `a{sv}` in and out: options taken by name and type, results put together.

use crate::error::HobError;
use std::collections::HashMap;
use zbus::{OwnedVariant, Variant};

/// An `a{sv}`.
pub type Dict = HashMap<String, OwnedVariant>;

/// Puts an `a{sv}` together.
#[derive(Default)]
pub struct DictBuilder(Dict);

impl DictBuilder {
    /// Adds a value. File descriptors are not results, so owning can't fail; should it ever, the
    /// key is left out and the log says so.
    pub fn put(mut self, key: &str, value: impl Into<Variant<'static>>) -> Self {
        match value.into().try_into_owned() {
            Ok(value) => {
                self.0.insert(key.to_string(), value);
            }
            Err(error) => tracing::error!(key, %error, "a result could not be put on the bus"),
        }
        self
    }

    /// Adds a value if there is one.
    pub fn put_some(self, key: &str, value: Option<impl Into<Variant<'static>>>) -> Self {
        match value {
            Some(value) => self.put(key, value),
            None => self,
        }
    }

    /// The finished dictionary.
    pub fn done(self) -> Dict {
        self.0
    }
}

/// Takes options out by name; what is left over at the end is an error that names it.
pub struct Options {
    left: Dict,
    taken: Vec<&'static str>,
}

impl Options {
    /// From a caller's options.
    pub fn new(options: Dict) -> Self {
        Self { left: options, taken: Vec::new() }
    }

    /// A string.
    pub fn string(&mut self, name: &'static str) -> Result<Option<String>, HobError> {
        match self.take(name) {
            None => Ok(None),
            Some(Variant::Str(text)) => Ok(Some(text.to_string())),
            Some(Variant::ObjectPath(path)) => Ok(Some(path.to_string())),
            Some(other) => Err(wrong(name, "a string (s)", &other)),
        }
    }

    /// An array of strings.
    pub fn strings(&mut self, name: &'static str) -> Result<Vec<String>, HobError> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(value) => {
                let problem = wrong(name, "an array of strings (as)", &value);
                Vec::<String>::try_from(value).map_err(|_| problem)
            }
        }
    }

    /// A flag.
    pub fn flag(&mut self, name: &'static str) -> Result<bool, HobError> {
        match self.take(name) {
            None => Ok(false),
            Some(Variant::Bool(flag)) => Ok(flag),
            Some(other) => Err(wrong(name, "a boolean (b)", &other)),
        }
    }

    /// A flag that is on unless it is switched off.
    pub fn switch(&mut self, name: &'static str) -> Result<bool, HobError> {
        match self.take(name) {
            None => Ok(true),
            Some(Variant::Bool(flag)) => Ok(flag),
            Some(other) => Err(wrong(name, "a boolean (b)", &other)),
        }
    }

    /// A whole number that is not negative; every integer type is taken, since clients differ.
    pub fn number(&mut self, name: &'static str) -> Result<Option<u64>, HobError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let number = match &value {
            Variant::U8(n) => Some(u64::from(*n)),
            Variant::U16(n) => Some(u64::from(*n)),
            Variant::U32(n) => Some(u64::from(*n)),
            Variant::U64(n) => Some(*n),
            Variant::I16(n) => u64::try_from(*n).ok(),
            Variant::I32(n) => u64::try_from(*n).ok(),
            Variant::I64(n) => u64::try_from(*n).ok(),
            _ => None,
        };
        number.map(Some).ok_or_else(|| wrong(name, "a whole number, not negative (u)", &value))
    }

    /// A whole number that fits 32 bits.
    pub fn number32(&mut self, name: &'static str) -> Result<Option<u32>, HobError> {
        let number = self.number(name)?;
        let fits = number.map(u32::try_from).transpose();
        fits.map_err(|_| HobError::invalid(format!("option {name} is too large; the most is {}", u32::MAX)))
    }

    /// A finite number.
    pub fn double(&mut self, name: &'static str) -> Result<Option<f64>, HobError> {
        match self.take(name) {
            None => Ok(None),
            Some(Variant::F64(number)) if number.is_finite() => Ok(Some(number)),
            Some(other) => Err(wrong(name, "a finite number (d)", &other)),
        }
    }

    /// Nothing may be left.
    pub fn end(self) -> Result<(), HobError> {
        if self.left.is_empty() {
            return Ok(());
        }
        let mut unknown: Vec<&str> = self.left.keys().map(String::as_str).collect();
        unknown.sort_unstable();
        let known = if self.taken.is_empty() { "none".to_string() } else { self.taken.join(", ") };
        Err(HobError::invalid(format!("unknown option {}; known here: {known}", unknown.join(", "))))
    }

    fn take(&mut self, name: &'static str) -> Option<Variant<'static>> {
        self.taken.push(name);
        let mut value: Variant<'static> = self.left.remove(name)?.into();
        // Some bindings wrap a value in a variant once more.
        while let Variant::Variant(inner) = value {
            value = *inner;
        }
        Some(value)
    }
}

fn wrong(name: &str, expected: &str, got: &Variant<'_>) -> HobError {
    HobError::invalid(format!("option {name} must be {expected}, not of type {}", got.value_signature()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        let dict = DictBuilder::default().put("limit", 5u32).put("folder", "/a").put("odd", true).done();
        Options::new(dict)
    }

    #[test]
    fn options_are_taken_by_type() {
        let mut options = options();
        assert_eq!(options.number("limit").expect("a number"), Some(5));
        assert_eq!(options.string("folder").expect("a string"), Some("/a".into()));
        assert!(options.flag("odd").expect("a flag"));
        assert_eq!(options.double("temperature").expect("absent"), None);
        options.end().expect("nothing left");
    }

    #[test]
    fn what_is_unknown_or_of_the_wrong_type_is_named() {
        let mut given = options();
        assert!(given.string("limit").expect_err("a number").message.contains("option limit must be a string"));
        let unknown = given.end().expect_err("options left").message;
        assert!(unknown.contains("folder, odd") && unknown.contains("known here: limit"), "{unknown}");
        assert!(options().number("odd").is_err() && options().strings("folder").is_err());
    }
}
