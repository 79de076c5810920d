//! The grounded-QA check: may this chat model write answers, or is it better to quote?
//!
//! A fixed set of short passages with questions, some of which the passage does not answer. The
//! model sees the same prompt as in real use. The result is stored with the model and shown by
//! `hob model list`; `CheckResult::passed` says what it takes. It runs by itself when a model is new
//! and nobody needs the machine, or at once by `hob model check`.

use super::Assistant;
use super::generate::Sink;
use super::grounded::{NO_ANSWER, grounded_spec};
use crate::error::HobError;
use crate::models::Lease;
use crate::models::checks::CheckResult;
use crate::permissions::Caller;
use hob_engine::{GenerateSpec, Persist, Priority, Role};
use serde::Deserialize;
use std::collections::HashSet;
use std::time::Duration;

/// Least time from one look for unchecked models to the next: looking reads the models' folders.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

/// The questions, which ship with hob.
const QUESTIONS: &str = include_str!("../../data/grounded_qa.json");

#[derive(Deserialize)]
struct Item {
    passage: String,
    question: String,
    answers: Vec<String>,
    answerable: bool,
}

impl Assistant {
    /// Runs the check on a model and stores its result.
    pub async fn check_model(&self, id: Option<&str>) -> Result<CheckResult, HobError> {
        let lease = self.models.lease(id, Role::Chat).await?;
        self.check_leased(&lease).await
    }

    /// Runs the check of default models that have none, one at a time, whenever nobody has used any
    /// model for `quiet`. Whoever wants a model meanwhile ends the check; it is run again later.
    pub async fn check_new_models(&self, quiet: Duration) {
        let mut failed = HashSet::new();
        loop {
            self.models.quiet(quiet).await;
            self.models.refresh();
            let entry = self.models.default_entry(Role::Chat);
            let unchecked = entry
                .filter(|e| self.models.checks().get(&e.fingerprint).is_none() && !failed.contains(&e.fingerprint));
            let due = unchecked.filter(|_| quiet.is_zero() || self.steward.allows_own_work());
            if let Some(entry) = due
                && let Err(error) = self.check_unless_wanted(&entry.id).await
            {
                tracing::warn!(id = entry.id, %error, "a model can't be checked; it will quote");
                failed.insert(entry.fingerprint);
            }
            tokio::time::sleep(quiet.max(LOOK_AGAIN)).await;
        }
    }

    /// Leaves the model as resident as it was.
    async fn check_unless_wanted(&self, id: &str) -> Result<(), HobError> {
        let was_resident = self.models.is_resident(id);
        let lease = self.models.lease(Some(id), Role::Chat).await?;
        let mut leased = self.models.leased();
        let done = tokio::select! {
            result = self.check_leased(&lease) => Some(result?),
            _ = leased.changed() => None,
        };
        drop(lease);
        match done {
            Some(result) => tracing::info!(id, passed = result.passed(), "a chat model was checked"),
            None => tracing::info!(id, "the check of a chat model gives way to somebody who waits"),
        }
        // Refused when somebody has come to use it meanwhile, which is as well.
        if !was_resident && let Err(error) = self.models.unload(id).await {
            tracing::debug!(id, %error, "a checked model stays resident");
        }
        Ok(())
    }

    /// Nobody waits for what the daemon does by itself.
    fn own_work(&self) -> GenerateSpec {
        GenerateSpec {
            priority: Priority::Background,
            caller: Caller::daemon().identity(),
            persist: self.persist(Persist::System),
            ..GenerateSpec::default()
        }
    }

    async fn check_leased(&self, lease: &Lease) -> Result<CheckResult, HobError> {
        let items: Vec<Item> =
            serde_json::from_str(QUESTIONS).map_err(|e| HobError::internal(format!("the check's questions: {e}")))?;
        let entry = lease.entry();
        let (mut answered, mut declined) = (0, 0);
        for item in &items {
            let notes: Vec<&str> =
                hob_index::sentences::split(&item.passage).into_iter().map(|r| item.passage[r].trim()).collect();
            let spec = grounded_spec(&item.question, &notes, self.own_work());
            let path = entry.path.to_string_lossy();
            let said = self.generate_on(lease, spec, Sink::Silent).await;
            let said = said.map_err(|e| HobError::new(e.kind, format!("{path}: {e}")))?.text;
            match item.answerable {
                true => answered += u32::from(contains_any(&said, &item.answers)),
                false => declined += u32::from(said.contains(NO_ANSWER)),
            }
        }
        let answerable = items.iter().filter(|item| item.answerable).count().max(1);
        let result = CheckResult {
            answered: answered as f32 / answerable as f32,
            declined: declined as f32 / (items.len() - answerable).max(1) as f32,
            questions: items.len() as u32,
        };
        self.models
            .checks()
            .put(&entry.id, &entry.fingerprint, result)
            .map_err(|e| HobError::internal(format!("storing the result: {e}")))?;
        Ok(result)
    }
}

/// Whether the text holds one of the answers, whatever its case and punctuation.
fn contains_any(text: &str, answers: &[String]) -> bool {
    let text = normalized(text);
    answers.iter().any(|answer| text.contains(&normalized(answer)))
}

fn normalized(text: &str) -> String {
    let kept: String = text.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    format!(" {} ", kept.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_questions_are_sound() {
        let items: Vec<Item> = serde_json::from_str(QUESTIONS).expect("valid JSON");
        assert!(items.len() >= 20 && items.iter().filter(|item| !item.answerable).count() >= 5);
        for item in items.iter().filter(|item| item.answerable) {
            assert!(contains_any(&item.passage, &item.answers), "not in its passage: {}", item.question);
        }
    }

    #[test]
    fn answers_are_found_as_whole_words() {
        assert!(contains_any("It was in 1998.", &["1998".into()]));
        assert!(!contains_any("It was in 19980.", &["1998".into()]));
    }
}
