//! `hob status`: what runs, with the memory it takes.

use clap::Args;
use hob_sdk::client::{DaemonStatus, Hob, IndexStatus, UsageRow};
use serde_json::Value;

use crate::commands::index::render_counters;
use crate::failure::Failure;
use crate::outline::inline;
use crate::progress::bar;
use crate::screen::Screen;
use crate::style::{Style, bytes, duration};
use crate::table::{Cell, table};

/// Columns of the budget's bar.
const WIDTH: usize = 24;

/// Arguments of `hob status`.
#[derive(Debug, Args)]
pub struct Status {
    /// What each program had generated on each day, instead
    #[arg(long)]
    usage: bool,
}

/// Runs `hob status`.
pub async fn run(args: &Status, hob: &Hob, screen: &Screen) -> Result<(), Failure> {
    if args.usage {
        return Ok(screen.result(&hob.usage().await?, |rows, style| render_usage(rows, style))?);
    }
    let status = hob.status().await?;
    Ok(screen.result(&status, render)?)
}

fn render(status: &DaemonStatus, style: &Style) -> String {
    let mut out = format!("{}\n", headline(status, style));
    let budget = &status.budget;
    if budget.limit_bytes > 0 {
        out.push_str(&format!(
            "\n{}\n  {}  {} of {}\n",
            style.bold("Memory"),
            bar(budget.used_bytes, budget.limit_bytes, WIDTH, style),
            bytes(budget.used_bytes),
            bytes(budget.limit_bytes)
        ));
    }
    let models = status.models.iter().map(|model| {
        let backend = model.more.get("backend").and_then(Value::as_str).unwrap_or_default();
        let mut row = process(&model.id, &model.state, model.pid, model.resident_bytes, style);
        row.push(Cell::new(&style.line(backend), |text| style.dim(text)));
        row
    });
    section("Models", models.collect(), "none installed", style, &mut out);
    out.push_str(&format!("\n{}\n  {}", style.bold("Index"), render_counters(&index(status), style)));
    let skills = status.skills.iter().map(|skill| {
        // A skill's memory is its process's.
        let host = status.hosts.iter().find(|host| skill.pid == Some(host.pid));
        process(&skill.id, &skill.state, skill.pid, host.map(|host| host.resident_bytes), style)
    });
    section("Skills", skills.collect(), "none installed", style, &mut out);
    let hosts = status.hosts.iter().map(|host| {
        let name = match host.more.get("name").or_else(|| host.more.get("id")).and_then(Value::as_str) {
            Some(name) => format!("{} {name}", host.kind),
            None => host.kind.clone(),
        };
        let confined = host.more.get("sandbox").and_then(Value::as_str).and_then(|said| said.split(':').next());
        process(&name, confined.unwrap_or("running"), Some(host.pid), Some(host.resident_bytes), style)
    });
    section("Child processes", hosts.collect(), "none", style, &mut out);
    if !status.conditions.is_empty() {
        out.push_str(&format!("\n{}\n", style.bold("Conditions")));
        for (name, value) in &status.conditions {
            out.push_str(&format!("  {}\n", condition(name, value, style)));
        }
    }
    out
}

fn render_usage(rows: &[UsageRow], style: &Style) -> String {
    if rows.is_empty() {
        return "Nothing was generated yet.\n".into();
    }
    let cells = rows.iter().map(|row| {
        let energy = if row.joules > 0.0 { format!("{:.0} J", row.joules) } else { String::new() };
        let numbers = [
            row.requests.to_string(),
            row.prompt_tokens.to_string(),
            row.completion_tokens.to_string(),
            format!("{:.1} s", row.cpu_seconds),
            energy,
        ];
        let names = [Cell::plain(&style.line(&row.day)), Cell::new(&style.line(&row.app), |text| style.name(text))];
        names.into_iter().chain(numbers.iter().map(|text| Cell::plain(text))).collect()
    });
    let header = ["day", "program", "requests", "read", "written", "cpu", "energy"];
    table(&header, &cells.collect::<Vec<_>>(), style)
}

/// A condition with its unit, which the name's last word tells.
fn condition(name: &str, value: &Value, style: &Style) -> String {
    let (name, value) = match (name.strip_suffix("_bytes"), value.as_u64(), value.as_f64()) {
        (Some(name), Some(size), _) => (name, bytes(size)),
        (None, _, Some(share)) if name.ends_with("_pressure") || name.ends_with("_percent") => {
            (name, format!("{share:.0}%"))
        }
        _ => (name, inline(value, style)),
    };
    format!("{}: {value}", style.line(&name.replace('_', " ")))
}

fn headline(status: &DaemonStatus, style: &Style) -> String {
    let mut parts = vec![style.state(&status.state), format!("up {}", duration(status.uptime_s))];
    if status.pid > 0 {
        parts.push(format!("pid {}", status.pid));
    }
    if status.resident_bytes > 0 {
        let children: u64 = status.hosts.iter().map(|host| host.resident_bytes).sum();
        let with = if children > 0 {
            format!(", {} with children", bytes(status.resident_bytes + children))
        } else {
            String::new()
        };
        parts.push(format!("{}{with}", bytes(status.resident_bytes)));
    }
    format!("{} {}  {}", style.bold("hobd"), style.line(&status.version), parts.join(" · "))
}

fn section(title: &str, rows: Vec<Vec<Cell>>, empty: &str, style: &Style, out: &mut String) {
    out.push_str(&format!("\n{}\n", style.bold(title)));
    if rows.is_empty() {
        out.push_str(&format!("  {}\n", style.dim(empty)));
    } else {
        out.push_str(&table(&[], &rows, style));
    }
}

fn process(name: &str, state: &str, pid: Option<u32>, resident: Option<u64>, style: &Style) -> Vec<Cell> {
    let pid = pid.map(|pid| format!("pid {pid}")).unwrap_or_default();
    let memory = resident.filter(|size| *size > 0).map(bytes).unwrap_or_default();
    vec![
        Cell::new(&style.line(name), |text| style.name(text)),
        Cell::new(&style.line(state), |text| style.state(text)),
        Cell::new(&pid, |text| style.dim(text)),
        Cell::plain(&memory),
    ]
}

/// The status's index counters as those of `hob index status`.
fn index(status: &DaemonStatus) -> IndexStatus {
    let index = &status.index;
    let extra = |key: &str| index.more.get(key).and_then(Value::as_u64);
    IndexStatus {
        state: index.more.get("state").and_then(Value::as_str).unwrap_or_default().to_owned(),
        folders: Vec::new(),
        documents: index.documents,
        chunks: index.chunks,
        embeddable: extra("embeddable").unwrap_or(index.chunks),
        embedded: index.embedded,
        pending: index.pending,
        skipped: extra("skipped").unwrap_or(0),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status() -> DaemonStatus {
        serde_json::from_value(json!({
            "version": "0.1.0", "state": "ready", "pid": 40, "resident_bytes": 40 << 20, "uptime_s": 7980,
            "budget": {"limit_bytes": 4u64 << 30, "used_bytes": 1u64 << 30},
            "models": [{"id": "smol", "state": "loaded", "pid": 41, "resident_bytes": 180 << 20, "backend": "zen4"},
                       {"id": "mini", "state": "unloaded", "pid": 0, "resident_bytes": 0}],
            "index": {"documents": 10, "chunks": 20, "embedded": 5, "pending": 0, "embeddable": 20, "state": "embedding"},
            "skills": [{"id": "org.hob.clock", "state": "running", "pid": 42}],
            "hosts": [{"kind": "model", "pid": 41, "resident_bytes": 180 << 20},
                      {"kind": "skill", "pid": 42, "resident_bytes": 5 << 20}],
            "conditions": {"on_battery": false, "memory_available_bytes": 2u64 << 30, "cpu_pressure": 12.6},
        }))
        .unwrap()
    }

    #[test]
    fn every_child_is_shown_with_its_memory() {
        assert_eq!(
            render(&status(), &Style::plain()),
            "hobd 0.1.0  ready · up 2 h 13 min · pid 40 · 40 MiB, 225 MiB with children\n\
             \nMemory\n  ━━━━━━──────────────────  1.0 GiB of 4.0 GiB\n\
             \nModels\n  smol  loaded    pid 41  180 MiB  zen4\n  mini  unloaded\n\
             \nIndex\n  embedding  10 files · 20 passages · 5 of 20 embedded\n\
             \nSkills\n  org.hob.clock  running  pid 42  5.0 MiB\n\
             \nChild processes\n  model  running  pid 41  180 MiB\n  skill  running  pid 42  5.0 MiB\n\
             \nConditions\n  on battery: no\n  memory available: 2.0 GiB\n  cpu pressure: 13%\n"
        );
    }

    #[test]
    fn usage_is_a_table() {
        let row = UsageRow {
            day: "2026-11-25".into(),
            app: "/usr/bin/a".into(),
            requests: 2,
            prompt_tokens: 30,
            completion_tokens: 7,
            cpu_seconds: 1.25,
            joules: 0.0,
        };
        let text = render_usage(&[row], &Style::plain());
        assert!(text.ends_with("2026-11-25  /usr/bin/a  2         30    7        1.2 s\n"), "{text}");
        assert_eq!(render_usage(&[], &Style::plain()), "Nothing was generated yet.\n");
    }

    #[test]
    fn json_begins_as_documented() {
        let json = serde_json::to_value(status()).unwrap();
        let keys: Vec<&String> = json.as_object().unwrap().keys().take(7).collect();
        assert_eq!(keys, ["version", "state", "budget", "models", "index", "skills", "conditions"]);
        assert!(json["models"][1]["pid"].is_null());
    }

    #[test]
    fn an_empty_daemon_still_renders() {
        let text = render(&DaemonStatus::default(), &Style::plain());
        assert!(text.contains("Models\n  none installed\n") && text.contains("Child processes\n  none\n"), "{text}");
    }
}
