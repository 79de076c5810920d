//! From the manifest as written to one that can be trusted.
//!
//! Owns: which values are good, and the sentences that say why others are not.
//! Must not know: the notation of examples and parameters in detail.
//!
//! Everything is checked before anything is refused, so that an author mends all in one go.

use super::raw::{RawIntent, RawKind, RawLifecycle, RawManifest, RawPermissions, RawSkill, Sentences, line_of};
use super::{
    EXAMPLES_NEEDED, Example, Execute, Intent, Kind, Lifecycle, Manifest, Permissions, Problem, Recycle, Start,
    parameters,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};
use toml::Spanned;

const IDLE_SECONDS: RangeInclusive<i64> = 1..=86_400;
const TIMEOUT_MS: RangeInclusive<i64> = 100..=600_000;
const MAX_INTENTS: usize = 256;

/// What was found wrong so far.
pub(super) struct Problems<'t> {
    text: &'t str,
    pub list: Vec<Problem>,
}

impl<'t> Problems<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, list: Vec::new() }
    }

    fn at(&mut self, place: Range<usize>, message: impl Into<String>) {
        self.list.push(Problem { line: Some(line_of(self.text, place.start)), message: message.into() });
    }

    /// Reports `message` unless `good`.
    fn expect<T>(&mut self, good: bool, place: &Spanned<T>, message: impl FnOnce() -> String) {
        if !good {
            self.at(place.span(), message());
        }
    }
}

/// The checked manifest; `None` or a non-empty list of problems means there is none.
pub(super) fn manifest(raw: RawManifest, found: &mut Problems<'_>) -> Option<Manifest> {
    let names: BTreeSet<String> = raw.intents.iter().map(|intent| intent.name.get_ref().clone()).collect();
    let server = *raw.skill.kind.get_ref() == RawKind::Mcp;
    if raw.intents.is_empty() && !server {
        found.at(0..0, "a skill needs at least one [[intent]]");
    }
    if raw.intents.len() > MAX_INTENTS {
        found.at(0..0, format!("a skill has at most {MAX_INTENTS} intents; split this one"));
    }
    let mut seen = BTreeSet::new();
    let mut intents = Vec::new();
    for raw in raw.intents {
        let is_new = seen.insert(raw.name.get_ref().clone());
        found.expect(is_new, &raw.name, || format!("intent {} is there twice; names are unique", raw.name.get_ref()));
        if let Some(tool) = raw.tool.as_ref().filter(|_| !server) {
            found.at(tool.span(), "tool belongs to kind = \"mcp\"; remove it");
        }
        intents.push(intent(raw, &names, found));
    }
    let kind = kind(&raw.skill, found);
    let skill = raw.skill;
    found.expect(is_reverse_dns(skill.id.get_ref()), &skill.id, || {
        format!("id \"{}\" is no reverse DNS name; write one like org.example.clock", skill.id.get_ref())
    });
    found.expect(is_version(skill.version.get_ref(), 3), &skill.version, || {
        format!("version \"{}\" is none; write one like 1.2.0", skill.version.get_ref())
    });
    said(&skill.title, "title", found);
    Some(Manifest {
        lifecycle: lifecycle(raw.lifecycle, &names, found),
        permissions: permissions(raw.permissions, found),
        id: skill.id.into_inner(),
        version: skill.version.into_inner(),
        title: skill.title.into_inner(),
        kind: kind?,
        intents,
    })
}

/// The kind with what it needs; keys that belong to another kind are mistakes.
fn kind(skill: &RawSkill, found: &mut Problems<'_>) -> Option<Kind> {
    let kind = *skill.kind.get_ref();
    let name = format!("{kind:?}").to_lowercase();
    let stray = [
        ("library", skill.library.as_ref().map(Spanned::span), kind == RawKind::Cdylib),
        ("command", skill.command.as_ref().map(Spanned::span), matches!(kind, RawKind::Exec | RawKind::Mcp)),
        ("bus_name", skill.bus_name.as_ref().map(Spanned::span), kind == RawKind::Dbus),
        ("object", skill.object.as_ref().map(Spanned::span), kind == RawKind::Dbus),
    ];
    for (key, span, fits) in stray {
        match (span, fits) {
            (Some(span), false) => found.at(span, format!("{key} does not belong to kind = \"{name}\"; remove it")),
            (None, true) => found.at(skill.kind.span(), format!("kind = \"{name}\" needs {key}")),
            _ => {}
        }
    }
    match kind {
        RawKind::Cdylib => library(skill.library.as_ref()?, found),
        RawKind::Exec => Some(Kind::Exec { command: command(skill.command.as_ref()?, found) }),
        RawKind::Mcp => Some(Kind::Mcp { command: command(skill.command.as_ref()?, found) }),
        RawKind::Dbus => bus(skill.bus_name.as_ref()?, skill.object.as_ref()?, found),
    }
}

fn library(library: &Spanned<String>, found: &mut Problems<'_>) -> Option<Kind> {
    let name = library.get_ref();
    let plain = name.len() > 3 && name.ends_with(".so") && !name.contains('/') && !name.starts_with('.');
    found.expect(plain, library, || {
        format!(
            "library \"{name}\" must be a file name in the skill's folder that ends in .so, e.g. libhob_skill_clock.so"
        )
    });
    Some(Kind::Cdylib { library: name.clone() })
}

fn command(command: &Spanned<Vec<String>>, found: &mut Problems<'_>) -> Vec<String> {
    let words = command.get_ref();
    let runs = words.first().is_some_and(|program| !program.trim().is_empty());
    found.expect(runs, command, || "command needs a program, e.g. [\"./clock.py\"]".into());
    let leaves = words.first().is_some_and(|program| program.split('/').any(|part| part == ".."));
    found.expect(!leaves, command, || "command must not leave the skill's folder by \"..\"".into());
    words.clone()
}

fn bus(name: &Spanned<String>, object: &Spanned<String>, found: &mut Problems<'_>) -> Option<Kind> {
    found.expect(is_reverse_dns(name.get_ref()), name, || {
        format!("bus_name \"{}\" is no well-known name; write one like org.example.Clock", name.get_ref())
    });
    found.expect(is_object_path(object.get_ref()), object, || {
        format!("object \"{}\" is no object path; write one like /org/example/Clock", object.get_ref())
    });
    Some(Kind::Dbus { bus_name: name.get_ref().clone(), object: object.get_ref().clone() })
}

fn lifecycle(raw: RawLifecycle, names: &BTreeSet<String>, found: &mut Problems<'_>) -> Lifecycle {
    let mut bounded = |value: Option<Spanned<i64>>, name: &str, range: RangeInclusive<i64>, default: u32| {
        let Some(value) = value else { return default };
        let number = *value.get_ref();
        found.expect(range.contains(&number), &value, || {
            format!("{name} is {number}; it must be {} to {}", range.start(), range.end())
        });
        u32::try_from(number).unwrap_or(default)
    };
    let idle_seconds = bounded(raw.idle_seconds, "idle_seconds", IDLE_SECONDS, 60);
    let timeout_ms = bounded(raw.timeout_ms, "timeout_ms", TIMEOUT_MS, 10_000);
    let start = match raw.start {
        None => vec![Start::OnDemand],
        Some(written) => written.iter().filter_map(|one| start(one, found)).collect(),
    };
    if let Some(intent) = &raw.on_event {
        found.expect(names.contains(intent.get_ref()), intent, || {
            format!("on_event names {}, which is no intent of this skill", intent.get_ref())
        });
    }
    let on_event = raw.on_event.map(Spanned::into_inner);
    Lifecycle { start, on_event, recycle: raw.recycle.unwrap_or(Recycle::Idle), idle_seconds, timeout_ms }
}

fn start(written: &Spanned<String>, found: &mut Problems<'_>) -> Option<Start> {
    let text = written.get_ref().as_str();
    let start = match text {
        "on-demand" => Some(Start::OnDemand),
        "at-login" => Some(Start::AtLogin),
        "event:power.plugged" => Some(Start::PowerPlugged),
        _ => daily(text).or_else(|| changed(text)).or_else(|| signal(text)),
    };
    if start.is_none() {
        found.at(
            written.span(),
            format!(
                "start \"{text}\" is unknown; use on-demand, at-login, event:power.plugged, event:time.daily=HH:MM, event:file.changed=PATH or event:bus=NAME/INTERFACE.MEMBER"
            ),
        );
    }
    start
}

fn daily(text: &str) -> Option<Start> {
    let (hour, minute) = text.strip_prefix("event:time.daily=")?.split_once(':')?;
    if hour.len() != 2 || minute.len() != 2 {
        return None;
    }
    let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(Start::Daily { hour, minute })
}

fn changed(text: &str) -> Option<Start> {
    let path = text.strip_prefix("event:file.changed=")?;
    is_place(path).then(|| Start::FileChanged { path: path.to_string() })
}

fn signal(text: &str) -> Option<Start> {
    let (name, signal) = text.strip_prefix("event:bus=")?.split_once('/')?;
    let (interface, member) = signal.rsplit_once('.')?;
    let good = is_reverse_dns(name) && is_reverse_dns(interface) && is_object_path(&format!("/{member}"));
    good.then(|| Start::BusSignal { name: name.into(), interface: interface.into(), member: member.into() })
}

fn permissions(raw: RawPermissions, found: &mut Problems<'_>) -> Permissions {
    let mut checked = |list: Vec<Spanned<String>>, good: fn(&str) -> bool, wants: &str| -> Vec<String> {
        for entry in &list {
            found.expect(good(entry.get_ref()), entry, || format!("\"{}\" is not {wants}", entry.get_ref()));
        }
        list.into_iter().map(Spanned::into_inner).collect()
    };
    const PLACE: &str = "an absolute path, a path below ~, or xdg:documents, xdg:download and their like";
    Permissions {
        read: checked(raw.read, is_place, PLACE),
        write: checked(raw.write, is_place, PLACE),
        network: checked(raw.network, is_host_and_port, "a host and port like api.example.org:443"),
        dbus: checked(
            raw.dbus,
            is_bus_name,
            "a well-known D-Bus name like org.freedesktop.login1, or three parts of one and .* for all below it",
        ),
        model: raw.model,
        index: raw.index,
    }
}

fn intent(raw: RawIntent, names: &BTreeSet<String>, found: &mut Problems<'_>) -> Intent {
    let name = raw.name.get_ref().clone();
    found.expect(is_camel_case(&name), &raw.name, || format!("intent \"{name}\" must be CamelCase, like SetTimer"));
    found.expect(is_version(raw.version.get_ref(), 2), &raw.version, || {
        format!("intent {name}: version \"{}\" is none; write one like 1.0", raw.version.get_ref())
    });
    for (field, key) in [(&raw.title, "title"), (&raw.description, "description")] {
        said(field, key, found);
    }
    if let Some(domain) = &raw.domain {
        said(domain, "domain", found);
    }
    if let Some(undo) = &raw.undo {
        found.expect(names.contains(undo.get_ref()), undo, || {
            format!("intent {name}: undo names {}, which is no intent of this skill", undo.get_ref())
        });
    }
    let schema = raw.parameters.unwrap_or_else(parameters::none);
    for problem in parameters::problems(&schema) {
        found.at(raw.name.span(), format!("intent {name}: {problem}"));
    }
    if let Some(result) = &raw.result {
        found.expect(result.get("type").is_some_and(Value::is_string), &raw.name, || {
            format!("intent {name}: result must be a schema with a type")
        });
    }
    let slots: Vec<_> = parameters::typed(&schema).into_iter().map(|parameter| parameter.name).collect();
    let examples = examples(&raw.examples, &slots, found);
    let most = examples.values().map(Vec::len).max().unwrap_or(0);
    found.expect(most == 0 || most >= EXAMPLES_NEEDED, &raw.name, || {
        format!("intent {name} has {most} examples; write at least {EXAMPLES_NEEDED} in one language, or none if only scripts and wakes call it")
    });
    let execute = raw.execute.unwrap_or_else(|| vec![Execute::Background]);
    found.expect(!execute.is_empty(), &raw.name, || format!("intent {name}: execute needs background or foreground"));
    Intent {
        name,
        tool: raw.tool.map(Spanned::into_inner),
        domain: raw.domain.map(Spanned::into_inner).unwrap_or_default(),
        version: raw.version.into_inner(),
        title: raw.title.into_inner(),
        description: raw.description.into_inner(),
        examples,
        counter_examples: counter_examples(raw.counter_examples, found),
        risk: raw.risk,
        undo: raw.undo.map(Spanned::into_inner),
        execute,
        locked_screen: raw.locked_screen,
        parameters: schema,
        result: raw.result,
    }
}

fn examples(raw: &Sentences, slots: &[String], found: &mut Problems<'_>) -> BTreeMap<String, Vec<Example>> {
    let mut all = BTreeMap::new();
    for (language, sentences) in raw {
        language_tag(language, found);
        let mut parsed = Vec::new();
        for sentence in sentences {
            match Example::parse(sentence.get_ref()) {
                Err(why) => found.at(sentence.span(), format!("example \"{}\": {why}", sentence.get_ref())),
                Ok(example) => {
                    let unknown = example.slots.iter().filter(|slot| !slots.contains(&slot.name));
                    for slot in unknown {
                        let message =
                            format!("example \"{}\" marks {}, which is no parameter", example.text, slot.name);
                        found.at(sentence.span(), message);
                    }
                    parsed.push(example);
                }
            }
        }
        all.insert(language.get_ref().clone(), parsed);
    }
    all.retain(|_, sentences: &mut Vec<Example>| !sentences.is_empty());
    all
}

fn counter_examples(raw: Sentences, found: &mut Problems<'_>) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for (language, sentences) in raw {
        language_tag(&language, found);
        for sentence in &sentences {
            said(sentence, "a counter-example", found);
        }
        all.insert(language.into_inner(), sentences.into_iter().map(Spanned::into_inner).collect());
    }
    all
}

fn language_tag(language: &Spanned<String>, found: &mut Problems<'_>) {
    let mut parts = language.get_ref().split('-');
    let primary = parts.next().is_some_and(|p| (2..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_lowercase()));
    let rest = parts.all(|p| (2..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()));
    found.expect(primary && rest, language, || {
        format!("\"{}\" is no language tag; write one like en, pt or zh-TW", language.get_ref())
    });
}

fn said(field: &Spanned<String>, key: &str, found: &mut Problems<'_>) {
    found.expect(!field.get_ref().trim().is_empty(), field, || format!("{key} is empty"));
}

fn is_reverse_dns(name: &str) -> bool {
    let part = |part: &str| {
        part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
            && part.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
    };
    name.len() <= 255 && name.contains('.') && name.split('.').all(part)
}

/// A name, or a family of names that is no larger than what one standard defines.
fn is_bus_name(name: &str) -> bool {
    match name.strip_suffix(".*") {
        Some(above) => is_reverse_dns(above) && above.split('.').count() >= 3,
        None => is_reverse_dns(name),
    }
}

/// Digits and dots, `parts` of them, with an optional pre-release or build suffix.
fn is_version(version: &str, parts: usize) -> bool {
    let (core, suffix) = match version.find(['-', '+']) {
        Some(at) => version.split_at(at),
        None => (version, ""),
    };
    let number = |n: &str| !n.is_empty() && n.len() <= 9 && n.bytes().all(|b| b.is_ascii_digit());
    let suffix_good = suffix.is_empty()
        || suffix.len() > 1 && suffix.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.'));
    core.split('.').count() == parts && core.split('.').all(number) && suffix_good
}

fn is_object_path(path: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    path == "/" || path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(part))
}

fn is_place(place: &str) -> bool {
    const XDG: [&str; 8] =
        ["desktop", "documents", "download", "music", "pictures", "publicshare", "templates", "videos"];
    if let Some(folder) = place.strip_prefix("xdg:") {
        return XDG.contains(&folder);
    }
    let rooted = place == "~" || place.starts_with("~/") || place.starts_with('/');
    rooted && !place.split('/').any(|part| part == "..") && !place.contains('\0')
}

fn is_host_and_port(entry: &str) -> bool {
    let Some((host, port)) = entry.rsplit_once(':') else { return false };
    let named = !host.is_empty()
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'*' | b'[' | b']' | b':'));
    named && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_camel_case(name: &str) -> bool {
    name.len() <= 64
        && name.bytes().all(|b| b.is_ascii_alphanumeric())
        && name.bytes().next().is_some_and(|b| b.is_ascii_uppercase())
}
