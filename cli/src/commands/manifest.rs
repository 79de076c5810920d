//! A skill's manifest for people: what it can do, what to say, what it needs.

use serde_json::Value;

use crate::style::Style;

/// The manifest as `hob skill show` prints it. What the manifest leaves out is left out here too.
pub fn render(manifest: &Value, style: &Style) -> String {
    let text = |key: &str| style.line(manifest[key].as_str().unwrap_or_default());
    let kind = manifest["kind"].as_str().or_else(|| manifest["kind"]["kind"].as_str()).unwrap_or_default();
    let about: Vec<String> =
        [text("version"), text("id"), style.line(kind)].into_iter().filter(|part| !part.is_empty()).collect();
    let mut out = format!("{}  {}\n", style.bold(&text("title")), style.dim(&about.join(" · ")));
    out.push_str(&format!("  {}\n", style.dim(&permissions(&manifest["permissions"], style))));
    for intent in manifest["intents"].as_array().into_iter().flatten() {
        out.push_str(&render_intent(intent, style));
    }
    out
}

/// What it may do beyond its own process, on one line.
fn permissions(granted: &Value, style: &Style) -> String {
    let mut parts = Vec::new();
    for (key, label) in [("read", "reads"), ("write", "writes"), ("network", "connects to"), ("dbus", "talks to")] {
        let names: Vec<String> = granted[key]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|name| style.line(name))
            .collect();
        if !names.is_empty() {
            parts.push(format!("{label} {}", names.join(", ")));
        }
    }
    if granted["model"] == true {
        parts.push("asks the model".to_owned());
    }
    if granted["index"] == true {
        parts.push("searches all indexed files".to_owned());
    }
    if parts.is_empty() { "needs no permissions".to_owned() } else { parts.join(" · ") }
}

fn render_intent(intent: &Value, style: &Style) -> String {
    let text = |key: &str| style.line(intent[key].as_str().unwrap_or_default());
    let risk = match intent["risk"].as_str() {
        None | Some("read") => String::new(),
        Some(risk) => format!("  {}", style.warn(&style.line(risk))),
    };
    let mut out = format!("\n{}  {}{risk}\n", style.name(&text("name")), style.bold(&text("title")));
    let description = text("description");
    if !description.is_empty() {
        out.push_str(&format!("  {description}\n"));
    }
    for parameter in parameters(&intent["parameters"], style) {
        out.push_str(&format!("  {parameter}\n"));
    }
    if let Some(example) = example(&intent["examples"]) {
        out.push_str(&format!("  {}\n", style.dim(&format!("“{}”", style.line(example)))));
    }
    out
}

/// `duration: duration, required – How long, e.g. PT10M`
fn parameters(schema: &Value, style: &Style) -> Vec<String> {
    let required = |name: &str| schema["required"].as_array().into_iter().flatten().any(|other| other == name);
    let line = |(name, parameter): (&String, &Value)| {
        let kind = parameter["x-type"].as_str().or_else(|| parameter["type"].as_str()).unwrap_or("any");
        let must = if required(name) { ", required" } else { "" };
        let about =
            parameter["description"].as_str().map(|about| format!(" – {}", style.line(about))).unwrap_or_default();
        format!("· {}: {}{must}{}", style.line(name), style.line(kind), style.dim(&about))
    };
    schema["properties"].as_object().into_iter().flatten().map(line).collect()
}

/// One example, in English if there is one.
fn example(examples: &Value) -> Option<&str> {
    let languages = examples.as_object()?;
    let first = languages.get("en").or_else(|| languages.values().next())?.as_array()?.first()?;
    first.as_str().or_else(|| first["text"].as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_manifest_reads_like_a_page() {
        let manifest = json!({
            "id": "org.hob.clock", "version": "0.1.0", "title": "Clock", "kind": {"kind": "cdylib"},
            "permissions": {"read": ["xdg:documents"], "network": [], "model": true},
            "intents": [{
                "name": "SetTimer", "title": "Set a timer", "description": "Starts a\ncountdown.", "risk": "change",
                "examples": {"de": [{"text": "stell"}], "en": [{"text": "set a timer"}]},
                "parameters": {"required": ["duration"], "properties": {
                    "duration": {"type": ["string", "number"], "x-type": "duration", "description": "How long"},
                    "label": {"type": "string"}}},
            }],
        });
        assert_eq!(
            render(&manifest, &Style::plain()),
            "Clock  0.1.0 · org.hob.clock · cdylib\n  reads xdg:documents · asks the model\n\
             \nSetTimer  Set a timer  change\n  Starts a countdown.\n  · duration: duration, required – How long\n  \
             · label: string\n  “set a timer”\n"
        );
    }

    #[test]
    fn a_bare_manifest_does_not_break_it() {
        let text = render(&json!({"intents": [{"name": "X"}, 3]}), &Style::plain());
        assert!(text.contains("needs no permissions") && text.contains("\nX"), "{text}");
    }
}
