//! The manifest's JSON Schema, for editors, and the reference that is made of it.
//!
//! Owns: the words that explain each key. Must not know: how a manifest is read; a test holds both together.

use super::{EXAMPLES_ADVISED, EXAMPLES_NEEDED};
use serde_json::{Map, Value, json};

/// Where the schema is published.
const ID: &str = "https://hob.example/skill.schema.json";

/// The JSON Schema of `skill.toml` (of the JSON that it is when read as TOML).
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "skill.toml",
        "description": "The manifest of a hob skill: what it is, when it runs, what it may touch, and what people say when they want it.",
        "type": "object",
        "required": ["skill"],
        "additionalProperties": false,
        "properties": {
            "skill": skill(),
            "lifecycle": lifecycle(),
            "permissions": permissions(),
            "intent": {"type": "array", "maxItems": 256, "items": intent(), "description": "What the skill can do. At least one, except for kind = \"mcp\", whose tools become intents by themselves."}
        }
    })
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn texts(description: &str) -> Value {
    json!({"type": "array", "items": {"type": "string"}, "description": description})
}

fn table(description: &str, required: &[&str], properties: &[(&str, Value)]) -> Value {
    let properties: Map<String, Value> = properties.iter().map(|(key, value)| ((*key).into(), value.clone())).collect();
    let mut table =
        json!({"type": "object", "description": description, "additionalProperties": false, "properties": properties});
    if !required.is_empty() {
        table["required"] = json!(required);
    }
    table
}

fn skill() -> Value {
    let kind = json!({
        "enum": ["cdylib", "exec", "mcp", "dbus"],
        "description": "cdylib: a shared library with the ABI of hob_skill.h. exec: a program that speaks lines of JSON over standard input and output. mcp: a server of the Model Context Protocol over the same. dbus: an app that implements org.hob.SkillProvider1 on its own bus name."
    });
    table(
        "What the skill is.",
        &["id", "version", "title", "kind"],
        &[
            ("id", text("A reverse DNS name, e.g. org.example.weather; also the folder's name.")),
            ("version", text("Of the skill, e.g. 1.2.0.")),
            ("title", text("For people.")),
            ("kind", kind),
            ("library", text("With kind = \"cdylib\": a file name in the skill's folder that ends in .so.")),
            (
                "command",
                texts(
                    "With kind = \"exec\" or \"mcp\": program and arguments. \"./x\" lies in the skill's folder; a bare name is looked for in /usr/bin, /bin and /usr/local/bin.",
                ),
            ),
            (
                "bus_name",
                text("With kind = \"dbus\": the app's well-known name; activatable, if it shall be started on demand."),
            ),
            ("object", text("With kind = \"dbus\": the object path.")),
        ],
    )
}

fn lifecycle() -> Value {
    let recycle = json!({
        "enum": ["idle", "low-memory", "immediately"], "default": "idle",
        "description": "What ends the process: idle_seconds without a call, memory running low, or the end of each call."
    });
    let start = json!({
        "type": "array", "items": {"type": "string"}, "default": ["on-demand"],
        "description": "What starts it: on-demand, at-login, event:power.plugged, event:time.daily=HH:MM, event:file.changed=PATH, event:bus=NAME/INTERFACE.MEMBER (a signal on the session bus)."
    });
    table(
        "When the skill's process starts and ends.",
        &[],
        &[
            ("start", start),
            (
                "on_event",
                text(
                    "The intent that is called when an event starts the skill. It gets those of event, path and at (Unix seconds) that its parameters name.",
                ),
            ),
            ("recycle", recycle),
            (
                "idle_seconds",
                json!({"type": "integer", "minimum": 1, "maximum": 86_400, "default": 60, "description": "With recycle = \"idle\": seconds without a call."}),
            ),
            (
                "timeout_ms",
                json!({"type": "integer", "minimum": 100, "maximum": 600_000, "default": 10_000, "description": "How long a call may take, in milliseconds; a late skill is ended."}),
            ),
        ],
    )
}

fn permissions() -> Value {
    let place =
        "Absolute, below ~, or xdg:desktop, documents, download, music, pictures, publicshare, templates, videos.";
    table(
        "What the skill asks for beside its own two folders. The user grants it at installation; the kernel enforces it.",
        &[],
        &[
            ("read", texts(&format!("Files and folders to read. {place}"))),
            ("write", texts(&format!("Files and folders to change, made if they are not there. {place}"))),
            (
                "network",
                texts(
                    "host:port (or *.domain:port) to connect to, through Context::connect or hob_skill.connect; no other socket can be opened.",
                ),
            ),
            (
                "dbus",
                texts(
                    "Well-known names on the message bus to call and to hear signals of, through Context::message_bus or hob_skill.message_bus. org.example.Player.* stands for all names below it, which can then be listed.",
                ),
            ),
            (
                "model",
                json!({"type": "boolean", "default": false, "description": "May have texts written by the language model, 30 a minute."}),
            ),
            (
                "index",
                json!({"type": "boolean", "default": false, "description": "May search all of the user's indexed files."}),
            ),
        ],
    )
}

fn intent() -> Value {
    let sentences = |description: &str| {
        json!({
            "type": "object", "propertyNames": {"pattern": "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"},
            "additionalProperties": {"type": "array", "items": {"type": "string"}}, "description": description
        })
    };
    let risk = json!({
        "enum": ["read", "change", "destructive", "external"],
        "description": "read changes nothing; change can be changed back; destructive loses something; external reaches somebody else (money, messages, network). The last two wait for a confirmation."
    });
    let execute = json!({
        "type": "array", "items": {"enum": ["background", "foreground"]}, "minItems": 1, "default": ["background"],
        "description": "Where it can run: unseen, or with the app's window before the user."
    });
    table(
        "One thing that the skill can do.",
        &["name", "version", "title", "description", "risk"],
        &[
            ("name", text("CamelCase, e.g. SetTimer; unique in the manifest.")),
            ("tool", text("With kind = \"mcp\": the tool that carries it out; without it, the name in snake case.")),
            ("domain", text("The field it belongs to, e.g. clock; may be left out.")),
            ("version", text("Of its parameters and result, e.g. 1.0.")),
            ("title", text("For people, e.g. Set a timer.")),
            ("description", text("When to use it and when not; read by a model.")),
            (
                "examples",
                sentences(&format!(
                    "What people say when they want it, by language: {EXAMPLES_NEEDED} needed in one language, {EXAMPLES_ADVISED} advised. [ten minutes](duration) marks a parameter's words. Without any, only scripts, wakes and undo call it."
                )),
            ),
            ("counter_examples", sentences("What people say when they want something else that sounds alike.")),
            ("risk", risk),
            (
                "undo",
                text(
                    "The intent that takes it back. It is called with those fields of the result's data that its parameters name.",
                ),
            ),
            ("execute", execute),
            (
                "locked_screen",
                json!({"type": "boolean", "default": false, "description": "May run while the screen is locked."}),
            ),
            (
                "parameters",
                json!({"type": "object", "description": "JSON Schema of the arguments, an object. Beside it: x-type (datetime, duration, number, contact, app, file, freetext), x-copy = true (the value is a piece of the request), x-synonyms (what else people call the values of an enum), x-prefer (past or future)."}),
            ),
            (
                "result",
                json!({"type": "object", "description": "JSON Schema of the result's data; a result that does not fit is an error."}),
            ),
        ],
    )
}

/// The reference for authors, in Markdown.
pub fn reference() -> String {
    let schema = schema();
    let mut out = String::from(
        "# The manifest: `skill.toml`\n\nMade from `skill.schema.json`, which editors understand too. `hob skill check` says what is wrong with a manifest,\nwith the line.\n",
    );
    let tables = [
        ("skill", "[skill]"),
        ("lifecycle", "[lifecycle]"),
        ("permissions", "[permissions]"),
        ("intent", "[[intent]]"),
    ];
    for (key, heading) in tables {
        let property = &schema["properties"][key];
        let of = if key == "intent" { &property["items"] } else { property };
        let about = property["description"].as_str().unwrap_or_default();
        out.push_str(&format!("\n## `{heading}`\n\n{about}\n\n| key | value | |\n|---|---|---|\n"));
        let required = of["required"].as_array().cloned().unwrap_or_default();
        for (name, property) in of["properties"].as_object().into_iter().flatten() {
            let needed = if required.iter().any(|r| r == name) { "needed. " } else { "" };
            let about = property["description"].as_str().unwrap_or_default().replace('|', "\\|");
            out.push_str(&format!("| `{name}` | {} | {needed}{about} |\n", values(property)));
        }
    }
    out
}

/// What a key's value may be, in words.
fn values(property: &Value) -> String {
    let list = |values: &Value| {
        values.as_array().map(|all| all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "))
    };
    let mut words =
        list(&property["enum"]).or_else(|| list(&property["items"]["enum"]).map(|all| format!("list of {all}")));
    if words.is_none() {
        words = Some(match property["type"].as_str() {
            Some("array") => "list of texts".into(),
            Some("string") => "text".into(),
            Some("boolean") => "true or false".into(),
            Some("integer") => format!("{} to {}", property["minimum"], property["maximum"]),
            _ => "table".into(),
        });
    }
    let default = property.get("default").map(|value| format!("; without it {value}")).unwrap_or_default();
    words.unwrap_or_default() + &default
}
