//! The manifest: what a skill can do, how it is started and what it may touch.
//!
//! Owns: the meaning of `skill.toml`. Must not know: where manifests are kept or who granted what.
//!
//! [`Manifest::parse`] is the only way to one, so that whoever holds a manifest holds a valid one.

mod check;
mod example;
mod nearness;
mod parameters;
mod published;
mod raw;

pub use example::{Example, Slot};
pub use nearness::nearness;
pub use parameters::{Choice, Parameter, XType};
pub use published::{reference, schema};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Examples that an intent needs, in at least one language, to be routed to.
pub const EXAMPLES_NEEDED: usize = 5;
/// Examples per language from which on routing is good.
pub const EXAMPLES_ADVISED: usize = 10;

/// A valid manifest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Manifest {
    /// Reverse DNS name; also the folder's name.
    pub id: String,
    /// Of the skill itself, like `1.2.0`.
    pub version: String,
    /// For people.
    pub title: String,
    /// What kind of program it is, and where.
    pub kind: Kind,
    /// When it starts and ends.
    pub lifecycle: Lifecycle,
    /// What it asks to touch.
    pub permissions: Permissions,
    /// What it can do, in the file's order.
    pub intents: Vec<Intent>,
}

/// What kind of program a skill is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Kind {
    /// A shared library with the ABI of [`crate::abi`].
    Cdylib {
        /// The library's file name in the skill's folder.
        library: String,
    },
    /// A program that speaks lines of JSON, see [`crate::lines`].
    Exec {
        /// Program and arguments; `./x` lies in the skill's folder.
        command: Vec<String>,
    },
    /// A server that speaks the Model Context Protocol.
    Mcp {
        /// Program and arguments; `./x` lies in the skill's folder.
        command: Vec<String>,
    },
    /// An app that carries out intents on its own D-Bus name.
    Dbus {
        /// Well-known name, activatable.
        bus_name: String,
        /// Object path.
        object: String,
    },
}

/// When a skill starts and ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lifecycle {
    /// What starts it.
    pub start: Vec<Start>,
    /// The intent that is called when an event starts it. It gets those of `event` (as the manifest writes it), `path`
    /// and `at` (Unix seconds) that its parameters name.
    pub on_event: Option<String>,
    /// What ends it.
    pub recycle: Recycle,
    /// How long it may idle, with [`Recycle::Idle`].
    pub idle_seconds: u32,
    /// How long a call may take, in milliseconds.
    pub timeout_ms: u32,
}

/// What starts a skill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// A call.
    OnDemand,
    /// The user's log-in.
    AtLogin,
    /// `event:power.plugged`
    PowerPlugged,
    /// `event:time.daily=HH:MM`
    Daily {
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
    },
    /// `event:file.changed=PATH`
    FileChanged {
        /// Absolute or below `~/`.
        path: String,
    },
    /// `event:bus=NAME/INTERFACE.MEMBER`: a signal of that name on the session bus.
    BusSignal {
        /// Who sends it.
        name: String,
        /// Its interface.
        interface: String,
        /// The signal.
        member: String,
    },
}

/// What ends a skill's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recycle {
    /// Not being called for a while.
    Idle,
    /// Memory running low.
    LowMemory,
    /// The end of its call.
    Immediately,
}

/// What a skill asks for; granted by the user, enforced by the sandbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Permissions {
    /// Paths to read: absolute, below `~`, or `xdg:documents` and its like.
    pub read: Vec<String>,
    /// Paths to write, written the same way.
    pub write: Vec<String>,
    /// `host:port`
    pub network: Vec<String>,
    /// Well-known D-Bus names.
    pub dbus: Vec<String>,
    /// May ask the daemon's model.
    pub model: bool,
    /// May search the user's indexed files.
    pub index: bool,
}

/// One thing that a skill can do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Intent {
    /// CamelCase, unique in the manifest.
    pub name: String,
    /// The tool that carries it out, of a skill of kind `mcp`.
    pub tool: Option<String>,
    /// The field it belongs to, e.g. `clock`; empty when the manifest names none.
    pub domain: String,
    /// Of the intent's parameters and result.
    pub version: String,
    /// For people.
    pub title: String,
    /// When to use it and when not, read by a model.
    pub description: String,
    /// What people say when they want it, by language. None at all: it is called by wakes, undo and
    /// scripts, never routed to.
    pub examples: BTreeMap<String, Vec<Example>>,
    /// What people say when they want something else that sounds alike, by language.
    pub counter_examples: BTreeMap<String, Vec<String>>,
    /// What must be confirmed.
    pub risk: Risk,
    /// The intent of the same skill that takes it back. It is called with those fields of the
    /// result's `data` that its parameters name.
    pub undo: Option<String>,
    /// Where it can run.
    pub execute: Vec<Execute>,
    /// May run while the screen is locked.
    pub locked_screen: bool,
    /// JSON Schema of the arguments.
    pub parameters: Value,
    /// JSON Schema of the result's `data`, if stated.
    pub result: Option<Value>,
}

/// How much harm a call could do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Changes nothing.
    Read,
    /// Changes what can be changed back.
    Change,
    /// Loses something; waits for a confirmation.
    Destructive,
    /// Reaches somebody else (money, messages, network); waits for a confirmation.
    External,
}

/// Where an intent can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Execute {
    /// Unseen.
    Background,
    /// With the app's window before the user.
    Foreground,
}

impl Manifest {
    /// Reads and checks a manifest. `file_name` is what errors call it.
    ///
    /// # Errors
    /// With every problem found, each with its line where it has one.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, ManifestError> {
        let in_file = |problems| ManifestError { file: file_name.to_string(), problems };
        let raw = raw::read(text).map_err(|problem| in_file(vec![problem]))?;
        let mut found = check::Problems::new(text);
        let manifest = check::manifest(raw, &mut found);
        match manifest {
            Some(manifest) if found.list.is_empty() => Ok(manifest),
            _ => Err(in_file(found.list)),
        }
    }

    /// The intent of that name.
    pub fn intent(&self, name: &str) -> Option<&Intent> {
        self.intents.iter().find(|intent| intent.name == name)
    }

    /// What is allowed but would serve the user badly.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let wide = ["~", "/", "~/", "/home"];
        for place in self.permissions.read.iter().chain(&self.permissions.write).filter(|p| wide.contains(&p.as_str()))
        {
            warnings.push(format!("it asks for all of {place}, keys and letters included; name the folders it needs"));
        }
        for intent in self.intents.iter().filter(|intent| intent.is_routed()) {
            let most = intent.examples.values().map(Vec::len).max().unwrap_or(0);
            if most < EXAMPLES_ADVISED {
                warnings.push(format!(
                    "intent {} has {most} examples; routing is good from {EXAMPLES_ADVISED} on",
                    intent.name
                ));
            }
            for example in intent.examples.values().flatten().filter(|example| example.has_plain_brackets) {
                warnings.push(format!(
                    "the brackets in \"{}\" of intent {} mark nothing; a part that fills a parameter is written \
                     [10 minutes](duration)",
                    example.text, intent.name
                ));
            }
            if intent.risk == Risk::Change && intent.undo.is_none() {
                warnings.push(format!("intent {} changes something and names no undo", intent.name));
            }
        }
        warnings
    }
}

impl Start {
    /// As the manifest writes it.
    pub fn event(&self) -> String {
        match self {
            Self::OnDemand => "on-demand".into(),
            Self::AtLogin => "at-login".into(),
            Self::PowerPlugged => "event:power.plugged".into(),
            Self::Daily { hour, minute } => format!("event:time.daily={hour:02}:{minute:02}"),
            Self::FileChanged { path } => format!("event:file.changed={path}"),
            Self::BusSignal { name, interface, member } => format!("event:bus={name}/{interface}.{member}"),
        }
    }
}

impl Permissions {
    /// What is asked for, one phrase each, for the user who is to grant it.
    pub fn in_words(&self) -> Vec<String> {
        let mut words: Vec<String> = self.read.iter().map(|place| format!("read {place}")).collect();
        words.extend(self.write.iter().map(|place| format!("change files in {place}")));
        words.extend(self.network.iter().map(|host| format!("talk to {host} over the network")));
        words.extend(self.dbus.iter().map(|name| format!("talk to {name} on the message bus")));
        if self.model {
            words.push("have texts written by the language model".into());
        }
        if self.index {
            words.push("search all of your indexed files".into());
        }
        words
    }
}

impl Kind {
    /// As the manifest writes it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cdylib { .. } => "cdylib",
            Self::Exec { .. } => "exec",
            Self::Mcp { .. } => "mcp",
            Self::Dbus { .. } => "dbus",
        }
    }
}

impl Intent {
    /// Whether words can lead to it.
    pub fn is_routed(&self) -> bool {
        !self.examples.is_empty()
    }

    /// The parameters as typed slots, in the schema's order.
    pub fn parameters(&self) -> Vec<Parameter> {
        parameters::typed(&self.parameters)
    }
}

/// Why a manifest was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestError {
    /// The file's name, as given.
    pub file: String,
    /// What is wrong, at least one.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong in a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// 1-based, when known.
    pub line: Option<usize>,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.problems.iter().enumerate() {
            let newline = if n == 0 { "" } else { "\n" };
            match problem.line {
                Some(line) => write!(f, "{newline}{}:{line}: {}", self.file, problem.message)?,
                None => write!(f, "{newline}{}: {}", self.file, problem.message)?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for ManifestError {}

#[cfg(test)]
mod tests;
