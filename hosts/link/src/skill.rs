//! Messages of the skill host: load one skill, call its intents, answer what it asks for meanwhile.

use crate::wire::path_bytes;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What the daemon asks of a skill host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum SkillRequest {
    /// Load the skill; the first request, once per host.
    Load(Box<Load>),
    /// Call an intent.
    Call {
        /// The intent's name; of an MCP server: its tool's name.
        intent: String,
        /// Arguments as a JSON object, already validated.
        arguments: String,
        /// What the skill may know about the call, as a JSON object (locale, time zone, request).
        context: String,
    },
    /// The answer to an earlier [`SkillReply::Ask`].
    Answer {
        /// Which one.
        ask: u64,
        /// `{"result": ...}` or `{"error": {"code", "message"}}`, as JSON.
        answer: String,
    },
}

/// A skill and what it may touch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Load {
    /// What to run.
    pub program: Program,
    /// The id of the manifest, which the skill must confirm.
    pub id: String,
    /// The version of the manifest, for a program that states none.
    pub version: String,
    /// The skill's own folder, which it may read.
    #[serde(with = "path_bytes")]
    pub folder: PathBuf,
    /// The folder of its data, which it may write.
    #[serde(with = "path_bytes")]
    pub storage: PathBuf,
    /// What the user granted.
    pub grants: Grants,
    /// What the skill may know about where it runs, as a JSON object.
    pub context: String,
}

/// What kind of program a skill is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Program {
    /// A shared library with the C ABI.
    Library(#[serde(with = "path_bytes")] PathBuf),
    /// A program that speaks the SDK's lines of JSON.
    Exec(Vec<String>),
    /// A program that speaks the Model Context Protocol.
    Mcp(Vec<String>),
}

/// What a skill may touch beside its own folders.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// Files and folders to read.
    pub read: Vec<PathBuf>,
    /// Files and folders to write.
    pub write: Vec<PathBuf>,
    /// `host:port` to connect to, through a process of its own.
    pub network: Vec<String>,
    /// Names on the message bus to talk to, through the same process.
    pub dbus: Vec<String>,
    /// Load it even where the kernel can't enforce all of this.
    pub unconfined_allowed: bool,
}

/// What a skill host answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SkillReply {
    /// The skill is loaded and agreed on who it is.
    Loaded {
        /// The ABI (or protocol) version both sides speak.
        abi: u32,
        /// The skill's own version.
        version: String,
        /// What an MCP server can do; empty for other kinds.
        tools: Vec<Tool>,
        /// What the kernel does not enforce, in words; empty when all of it is.
        unenforced: Vec<String>,
    },
    /// The intent's result as a JSON object.
    Result(String),
    /// The skill could not be loaded or the call failed.
    Failed(String),
    /// The answer was passed on.
    Taken,
    /// The skill wants something of the daemon while its call runs; the call's reply follows later.
    Ask {
        /// Chosen by the skill, repeated with the answer.
        ask: u64,
        /// What it wants, e.g. `model.complete`.
        what: String,
        /// Details as a JSON object.
        with: String,
    },
    /// How far a call is, as a JSON object.
    Progress(String),
    /// A line that the skill printed or logged.
    Said(String),
}

/// A tool of an MCP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name, as the server calls it.
    pub name: String,
    /// For people.
    pub title: String,
    /// For a model.
    pub description: String,
    /// JSON Schema of its arguments, as JSON.
    pub parameters: String,
    /// It says that it only reads.
    pub reads_only: bool,
    /// It says that it destroys nothing.
    pub harmless: bool,
}
