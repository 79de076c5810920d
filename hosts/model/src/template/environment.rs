//! Jinja as Hugging Face sets it up for chat templates.
//!
//! Owns: the settings, functions and filters that templates find. Must not know: conversations.

use crate::format::python_json;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, Value};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use std::borrow::Cow;

/// The name of the one template in an environment.
pub const NAME: &str = "chat";
/// About 128 MB of data or two million steps; the longest real template takes some thousands.
const FUEL: u64 = 2_000_000;

/// An environment that holds the template `source`.
pub fn compile(source: &str) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_fuel(Some(FUEL));
    environment.set_unknown_method_callback(unknown_method_callback);
    environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, message))
    });
    environment.add_function("strftime_now", strftime_now);
    environment.add_filter("tojson", to_json);
    // Python's `None` is not iterable, and templates rely on it.
    environment.add_test("iterable", |value: &Value| !value.is_none() && value.try_iter().is_ok());
    environment.add_template_owned(NAME, without_generation_tags(source).into_owned())?;
    Ok(environment)
}

/// Hugging Face's own tag `generation` marks what a model is trained on and changes no text.
fn without_generation_tags(source: &str) -> Cow<'_, str> {
    if !source.contains("generation") {
        return Cow::Borrowed(source);
    }
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find("{%") {
        let (before, tag) = rest.split_at(at);
        let end = tag.find("%}").map_or(tag.len(), |end| end + 2);
        out.push_str(before);
        match tag[..end].trim_matches(['{', '%', '}', '-', '+', ' ', '\n', '\t']) {
            word @ ("generation" | "endgeneration") => {
                out.push_str(&tag[..end].replacen(word, if word == "generation" { "if true" } else { "endif" }, 1));
            }
            _ => out.push_str(&tag[..end]),
        }
        rest = &tag[end..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The local time in the given format, which some templates put into the system turn.
fn strftime_now(format: String) -> Result<String, Error> {
    jiff::fmt::strtime::format(&format, &jiff::ZonedDateTime::now())
        .map_err(|e| Error::new(ErrorKind::InvalidOperation, format!("strftime_now({format:?}): {e}")))
}

/// The filter `tojson`: no HTML escapes, and spaces after separators.
fn to_json(value: Value, options: Kwargs) -> Result<Value, Error> {
    let failed = |e: serde_json::Error| Error::new(ErrorKind::InvalidOperation, e.to_string());
    let indent: Option<usize> = options.get("indent")?;
    let Some(indent) = indent.map(|n| " ".repeat(n.min(16))) else {
        return python_json(&value).map(Value::from).map_err(failed);
    };
    let mut out = Vec::new();
    let formatter = PrettyFormatter::with_indent(indent.as_bytes());
    value.serialize(&mut Serializer::with_formatter(&mut out, formatter)).map_err(failed)?;
    Ok(Value::from(String::from_utf8_lossy(&out).into_owned()))
}
