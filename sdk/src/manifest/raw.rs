//! The manifest as it is written: shapes and places, no judgement.
//!
//! Owns: which keys exist. Must not know: which values are good (that is `check`).

use super::{Execute, Problem, Recycle, Risk};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawManifest {
    pub skill: RawSkill,
    #[serde(default)]
    pub lifecycle: RawLifecycle,
    #[serde(default)]
    pub permissions: RawPermissions,
    #[serde(default, rename = "intent")]
    pub intents: Vec<RawIntent>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSkill {
    pub id: Spanned<String>,
    pub version: Spanned<String>,
    pub title: Spanned<String>,
    pub kind: Spanned<RawKind>,
    pub library: Option<Spanned<String>>,
    pub command: Option<Spanned<Vec<String>>>,
    pub bus_name: Option<Spanned<String>>,
    pub object: Option<Spanned<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawKind {
    Cdylib,
    Exec,
    Mcp,
    Dbus,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLifecycle {
    pub start: Option<Vec<Spanned<String>>>,
    pub on_event: Option<Spanned<String>>,
    pub recycle: Option<Recycle>,
    pub idle_seconds: Option<Spanned<i64>>,
    pub timeout_ms: Option<Spanned<i64>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawPermissions {
    pub read: Vec<Spanned<String>>,
    pub write: Vec<Spanned<String>>,
    pub network: Vec<Spanned<String>>,
    pub dbus: Vec<Spanned<String>>,
    pub model: bool,
    pub index: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIntent {
    pub name: Spanned<String>,
    pub tool: Option<Spanned<String>>,
    pub domain: Option<Spanned<String>>,
    pub version: Spanned<String>,
    pub title: Spanned<String>,
    pub description: Spanned<String>,
    #[serde(default)]
    pub examples: Sentences,
    #[serde(default)]
    pub counter_examples: Sentences,
    pub risk: Risk,
    pub undo: Option<Spanned<String>>,
    pub execute: Option<Vec<Execute>>,
    #[serde(default)]
    pub locked_screen: bool,
    pub parameters: Option<Value>,
    pub result: Option<Value>,
}

/// Sentences by language.
pub(super) type Sentences = BTreeMap<Spanned<String>, Vec<Spanned<String>>>;

/// Reads the text; the error is the first one, since nothing after it can be trusted.
pub(super) fn read(text: &str) -> Result<RawManifest, Problem> {
    toml::from_str(text).map_err(|error| Problem {
        line: error.span().map(|span| line_of(text, span.start)),
        message: one_line(error.message()),
    })
}

/// The 1-based line of a byte offset.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|&&byte| byte == b'\n').count()
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
