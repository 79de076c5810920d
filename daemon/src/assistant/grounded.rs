//! Generating from the user's files: a prompt of passages, an answer of which every particular
//! stands in them, and the sentences that back it.

use super::generate::{Sink, message};
use super::quote::{choose, citation};
use super::text::content_words;
use super::verify::Verifier;
use super::{Answer, Ask, Assistant, Citation, Event};
use crate::error::HobError;
use hob_engine::{GenerateSpec, Message, Persist};
use hob_index::types::ScoredSentence;
use std::collections::HashSet;

/// Most tokens of a grounded answer: it should say one thing.
const ANSWER_TOKENS: u32 = 160;
/// Sentences given to the model.
const NOTES: usize = 12;
/// What the model says when the passages do not answer.
pub(super) const NO_ANSWER: &str = "NOT FOUND";

const SYSTEM: &str = "Answer the question in one or two short sentences, using only the notes given. \
If the notes do not contain the answer, say exactly: NOT FOUND.";

impl Assistant {
    /// Lets the model answer from the passages; falls back to quoting when it can't.
    pub(super) async fn generate_grounded(&self, ask: &Ask<'_>, found: &[ScoredSentence]) -> Result<Answer, HobError> {
        let mut evidence: Vec<&ScoredSentence> = found.iter().take(NOTES).collect();
        let (generated, verifier) = loop {
            let notes: Vec<&str> = evidence.iter().map(|s| s.text.as_str()).collect();
            let spec = grounded_spec(ask.prompt, &notes, ask.spec(self.persist(Persist::System)));
            // The question's own words may be repeated; they are the user's.
            let mut verifier = Verifier::new(notes.iter().copied().chain([ask.prompt]));
            let shown = Sink::Verified(ask, &mut verifier);
            match self.generate(ask.options.model.as_deref(), spec, shown).await {
                Err(error) if error.overflow.is_some() && evidence.len() > 1 => evidence.truncate(evidence.len() / 2),
                other => break (other?, verifier),
            }
        };
        let text = self.close(ask, verifier, generated.finish_reason).await;
        if text.is_empty() {
            let notice = "The model's answer had no backing in your files; these are the files' own words.";
            ask.event(Event::Notice { text: notice.into() }).await;
            return Ok(self.quoted(ask, choose(found)).await);
        }
        let mut answer = ask.answer(&text, generated.finish_reason, "retrieve");
        (answer.model, answer.usage) = (generated.model, generated.usage);
        answer.citations = backing(&text, &evidence);
        for citation in &answer.citations {
            ask.event(Event::Citation(citation.clone())).await;
        }
        Ok(answer)
    }

    /// Shows the last sentence and says when others were left out; the whole shown text.
    pub(super) async fn close(&self, ask: &Ask<'_>, mut verifier: Verifier, finish_reason: &str) -> String {
        ask.delta_unless_empty(&verifier.finish(finish_reason == "length")).await;
        if verifier.dropped > 0 && !verifier.kept.is_empty() {
            let notice = format!(
                "{} sentence(s) stated particulars that are not in the source and were left out.",
                verifier.dropped
            );
            ask.event(Event::Notice { text: notice }).await;
        }
        verifier.kept.join(" ")
    }
}

/// The prompt of a grounded answer, for real questions and for the check alike; `whose` says who asks.
pub(super) fn grounded_spec(question: &str, notes: &[&str], whose: GenerateSpec) -> GenerateSpec {
    let notes: Vec<String> = notes.iter().map(|note| format!("- {note}")).collect();
    let user = format!("Notes:\n{}\n\nQuestion: {question}", notes.join("\n"));
    let messages: Vec<Message> = vec![message("system", SYSTEM), message("user", user)];
    GenerateSpec { messages, max_tokens: ANSWER_TOKENS, temperature: 0.0, ..whose }
}

/// Up to three sentences of the evidence that share most words with the answer.
fn backing(text: &str, evidence: &[&ScoredSentence]) -> Vec<Citation> {
    let spoken: HashSet<String> = content_words(text).collect();
    let shared = |s: &ScoredSentence| content_words(&s.text).collect::<HashSet<_>>().intersection(&spoken).count();
    let mut ranked: Vec<(usize, &ScoredSentence)> = evidence.iter().map(|s| (shared(s), *s)).collect();
    ranked.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let most = ranked.first().map_or(0, |(count, _)| *count);
    // At least one source is always named: the best sentence the answer was made from.
    let kept = ranked.iter().enumerate().filter(|(i, (count, _))| *i == 0 || *count * 2 > most && *count > 1);
    kept.take(3).map(|(_, (_, sentence))| citation((*sentence).clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(text: &str) -> ScoredSentence {
        ScoredSentence {
            path: "/notes.md".into(),
            uri: None,
            title: String::new(),
            text: text.into(),
            line: 3,
            page: None,
            place: None,
            chunk: 1,
            passage_score: 1.0,
            cosine: None,
            overlap: 1.0,
            coverage: 1.0,
            score: 1.0,
        }
    }

    #[test]
    fn an_answer_names_what_backs_it() {
        let evidence = [sentence("The garden needs water."), sentence("The boiler was serviced in March.")];
        let evidence: Vec<&ScoredSentence> = evidence.iter().collect();
        let backing = backing("The boiler was serviced in March.", &evidence);
        assert_eq!(backing.len(), 1);
        assert_eq!(backing[0].quote, "The boiler was serviced in March.");
    }
}
