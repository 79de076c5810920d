//! Options for a call: the `a{sv}` that most methods take last.

use std::collections::BTreeMap;

use serde::Serialize;
use zbus::{Type, Variant};

/// Options by name. The daemon refuses names and types that the method does not take, so a misspelt option is an error
/// and never silently ignored.
///
/// ```
/// use hob_sdk::client::Options;
/// let options = Options::new().with("max_tokens", 200u32).with_some("model", None::<&str>);
/// assert_eq!(options.names().collect::<Vec<_>>(), ["max_tokens"]);
/// ```
#[derive(Debug, Default, Serialize, Type)]
#[zbus(signature = "a{sv}")]
pub struct Options(BTreeMap<String, Variant<'static>>);

impl Options {
    /// No options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets an option. The value's Rust type decides its D-Bus type: `u32` is `u`, `u64` is `t`, `f64` is `d`, `bool`
    /// is `b`, `&str` and `String` are `s`, `Vec<String>` is `as`, an `OwnedObjectPath` is `o`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Variant<'static>>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Sets an option if there is a value.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<impl Into<Variant<'static>>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The names that are set.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A text option's value.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Variant::Str(text)) => Some(text.as_str()),
            _ => None,
        }
    }
}
