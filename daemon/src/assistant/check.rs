//! The grounded-QA check: may this chat model write answers, or is it better to quote?
//!
//! A fixed set of short passages with questions, some of which the passage does not answer. The
//! model sees the same prompt as in real use. The result is stored with the model and shown by
//! `hob model list`; `CheckResult::passed` says what it takes.

use super::Assistant;
use super::generate::Sink;
use super::grounded::{NO_ANSWER, grounded_spec};
use crate::error::HobError;
use crate::models::checks::CheckResult;
use hob_engine::Role;
use serde::Deserialize;

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
        let items: Vec<Item> =
            serde_json::from_str(QUESTIONS).map_err(|e| HobError::internal(format!("the check's questions: {e}")))?;
        let lease = self.models.lease(id, Role::Chat).await?;
        let entry = lease.entry().clone();
        let (mut answered, mut declined) = (0, 0);
        for item in &items {
            let notes: Vec<&str> =
                hob_index::sentences::split(&item.passage).into_iter().map(|r| item.passage[r].trim()).collect();
            let spec = grounded_spec(&item.question, &notes, 0);
            let path = entry.path.to_string_lossy();
            let said = self.generate(Some(&entry.id), spec, Sink::Silent).await;
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
            .put(&entry.fingerprint, result)
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
