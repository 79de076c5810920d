//! Why the service is as it is, in sentences for a person.

use crate::Daemon;
use crate::error::HobError;
use hob_engine::Role;
use hob_index::types::IndexState;

/// Explains the whole service (`what` empty), or the model or skill of that id.
pub fn explain(daemon: &Daemon, what: &str) -> Result<String, HobError> {
    if what.is_empty() {
        return Ok(service(daemon));
    }
    model(daemon, what).or_else(|| skill(daemon, what)).ok_or_else(|| {
        HobError::not_found(format!("there is no model or skill {what}; see hob model list and hob skill list"))
    })
}

fn service(daemon: &Daemon) -> String {
    let mut lines = vec![answers(daemon), index(daemon)];
    let now = daemon.governor.now();
    if now.memory_pressure.is_some_and(|share| share > 10.0) {
        lines.push("The machine is short of memory, so everything is slower.".into());
    }
    if now.cpu_pressure.is_some_and(|share| share > 40.0) {
        lines.push("Other programs keep the processor busy, so answers take longer.".into());
    }
    lines.push(format!(
        "hob holds {} of the {} MiB it may hold.",
        daemon.models.used() >> 20,
        daemon.models.budget() >> 20
    ));
    lines.join("\n")
}

fn answers(daemon: &Daemon) -> String {
    match daemon.models.default_entry(Role::Chat) {
        None => {
            "There is no chat model: questions are answered by quoting files; chat and summaries don't work.".into()
        }
        Some(entry) => match daemon.models.checks().get(&entry.fingerprint) {
            None => format!(
                "{} has not run the grounded-QA check, so files are quoted; run: hob model check {}",
                entry.id, entry.id
            ),
            Some(check) if check.passed() => {
                format!("{} passed the grounded-QA check, so it writes answers from your files.", entry.id)
            }
            Some(check) => format!(
                "{} answered {:.0}% of the grounded-QA check rightly and declined {:.0}% of what can't be answered; that is too little, so files are quoted.",
                entry.id,
                check.answered * 100.0,
                check.declined * 100.0
            ),
        },
    }
}

fn index(daemon: &Daemon) -> String {
    let status = daemon.index.status();
    match status.state {
        IndexState::Held => format!(
            "Everything is found by its words; {} of {} passages by meaning, and the others wait.",
            status.embedded, status.embeddable
        ),
        IndexState::Paused => "Indexing is paused; hob index resume goes on.".into(),
        IndexState::Indexing => format!("{} files still have to be looked at.", status.pending),
        IndexState::Embedding => format!(
            "Everything is found by its words; {} of {} passages by meaning so far.",
            status.embedded, status.embeddable
        ),
        IndexState::Idle if status.documents == 0 => "Nothing is indexed; hob index add FOLDER starts.".into(),
        IndexState::Idle => {
            let files = if status.documents == 1 { "file is" } else { "files are" };
            format!("{} {files} indexed; skipped: {} (hob index status says why).", status.documents, status.skipped)
        }
    }
}

fn model(daemon: &Daemon, id: &str) -> Option<String> {
    let model = daemon.models.list().into_iter().find(|model| model.entry.id == id)?;
    Some(match (&model.entry.header, model.state) {
        (Err(problem), _) => format!("{id} can't be used: {problem}"),
        (Ok(_), "loaded") => format!(
            "{id} is loaded (process {}, {} MiB{}) and is unloaded when nobody uses it.",
            model.pid,
            model.resident >> 20,
            if model.backend.is_empty() { String::new() } else { format!(", kernels for {}", model.backend) }
        ),
        (Ok(_), "loading") => format!("{id} is being loaded."),
        (Ok(_), _) => format!("{id} is not loaded, since nobody uses it; the next request that needs it loads it."),
    })
}

fn skill(daemon: &Daemon, id: &str) -> Option<String> {
    let skill = daemon.skills.list().into_iter().find(|skill| skill.id == id)?;
    Some(match (skill.problem, skill.pid) {
        (Some(problem), _) => format!("{id} can't be used: {problem}"),
        (None, 0) => format!("{id} is not loaded, since nobody uses it; the next call loads it."),
        (None, pid) => format!("{id} is loaded (process {pid}) and ends when it is idle."),
    })
}
