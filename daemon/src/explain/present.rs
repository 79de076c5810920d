//! What can be seen at this moment: of the service, its models and skills, the index.

use super::{Facts, Known};
use crate::Daemon;
use hob_engine::Role;
use hob_index::types::IndexState;
use std::time::SystemTime;

/// Everything that an answer may be built from, now.
pub fn facts(daemon: &Daemon) -> Facts {
    let memory =
        format!("hob holds {} of the {} MiB it may hold.", daemon.models.used() >> 20, daemon.models.budget() >> 20);
    Facts {
        now: SystemTime::now(),
        decisions: daemon.decisions.latest(|_| true),
        conditions: daemon.governor.now(),
        policy: daemon.governor.policy().clone(),
        models: models(daemon),
        skills: skills(daemon),
        index: (daemon.index.status().state, index(daemon)),
        service: vec![answers(daemon), memory],
    }
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

fn models(daemon: &Daemon) -> Vec<Known> {
    let known = daemon.models.list().into_iter().map(|model| {
        let id = model.entry.id;
        let sentence = match (&model.entry.header, model.state) {
            (Err(problem), _) => format!("{id} can't be used: {problem}"),
            (Ok(_), "loaded") => format!(
                "{id} is loaded (process {}, {} MiB{}) and is unloaded when nobody uses it.",
                model.pid,
                model.resident >> 20,
                if model.backend.is_empty() { String::new() } else { format!(", kernels for {}", model.backend) }
            ),
            (Ok(_), "loading") => format!("{id} is being loaded."),
            (Ok(_), _) => format!("{id} is not loaded; the next request that needs it loads it."),
        };
        Known { id, loaded: model.state == "loaded", sentence }
    });
    known.collect()
}

fn skills(daemon: &Daemon) -> Vec<Known> {
    let known = daemon.skills.list().into_iter().map(|skill| {
        let (id, loaded) = (skill.id, skill.pid != 0);
        let sentence = match (skill.problem, skill.pid) {
            (Some(problem), 0) => format!("{id} can't be used: {problem}"),
            (Some(problem), pid) => format!("{id} is loaded (process {pid}), but {problem}"),
            (None, 0) => format!("{id} is not loaded, since nobody uses it; the next call loads it."),
            (None, pid) => format!("{id} is loaded (process {pid}) and ends when it is idle."),
        };
        Known { id, loaded, sentence }
    });
    known.collect()
}
