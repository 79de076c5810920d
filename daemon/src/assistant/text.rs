//! The task verbs: summarise, rewrite, proofread, translate a text with the chat model.

use super::generate::{Generated, Sink, message};
use super::limits::{MAX_PROMPT, check_text};
use super::types::{TextOptions, TextTask};
use super::verify::Verifier;
use super::{Answer, Ask, AskOptions, Assistant, Event, Updates};
use crate::error::{HobError, Kind};
use crate::permissions::Caller;
use hob_engine::{GenerateSpec, Persist};
use hob_index::types::ExtractError;
use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

/// Text given to the model at once, in bytes: about 900 tokens, which small contexts hold.
const PIECE_BYTES: usize = 3_600;
/// Pieces of a long text that are rewritten one after the other.
const MAX_PIECES: usize = 24;
/// Most tokens of a summary when the caller does not say.
const SUMMARY_TOKENS: u32 = 160;

impl Assistant {
    /// Carries out a task verb, streaming to `updates`.
    pub async fn text_task(
        &self,
        task: TextTask,
        text: &str,
        options: &TextOptions,
        caller: &Caller,
        updates: &Updates,
    ) -> Result<Answer, HobError> {
        let text = self.text_of(text, options).await?;
        let asked = AskOptions {
            model: options.model.clone(),
            max_tokens: options.max_tokens,
            priority: options.priority,
            ..AskOptions::default()
        };
        let ask = Ask { prompt: &text, options: &asked, caller, updates, started: Instant::now() };
        match task {
            TextTask::Summarize => self.summarize(&ask).await,
            _ => self.transform(&ask, &instruction(task, options)?).await,
        }
    }

    /// The text itself, or that of the file that was named.
    async fn text_of(&self, text: &str, options: &TextOptions) -> Result<String, HobError> {
        let text = match &options.path {
            Some(path) => self.text_of_file(path).await?,
            None => text.to_string(),
        };
        if text.trim().is_empty() {
            return Err(HobError::invalid("there is no text; give one, or a file that has some"));
        }
        if text.len() > MAX_PROMPT {
            let message = format!("the text has {} bytes, the limit is {MAX_PROMPT}; give a part of it", text.len());
            return Err(HobError::new(Kind::TooLong, message));
        }
        // Files may hold what callers may not send.
        Ok(text.replace('\0', " "))
    }

    async fn text_of_file(&self, path: &Path) -> Result<String, HobError> {
        if !path.is_absolute() {
            return Err(HobError::invalid(format!("{} is not an absolute path", path.display())));
        }
        let (extractor, path) = (self.extractor.clone(), path.to_path_buf());
        let extracted = tokio::task::spawn_blocking(move || extractor.extract(&path)).await;
        match extracted.map_err(|e| HobError::internal(format!("reading the file ended early: {e}")))? {
            Ok(document) => Ok(document.blocks.iter().map(|b| b.text.as_str()).collect::<Vec<_>>().join("\n\n")),
            Err(ExtractError::Skipped(reason) | ExtractError::Unreadable(reason)) => Err(HobError::invalid(reason)),
            Err(error @ ExtractError::Gone) => Err(HobError::invalid(error.to_string())),
            Err(ExtractError::Unavailable(reason)) => Err(HobError::internal(reason)),
        }
    }

    /// A summary of which every particular stands in the text.
    async fn summarize(&self, ask: &Ask<'_>) -> Result<Answer, HobError> {
        let (source, shortened) = condense(ask.prompt, PIECE_BYTES);
        if shortened {
            let notice =
                "The text is longer than the model reads at once; the summary is made of its central sentences.";
            ask.event(Event::Notice { text: notice.into() }).await;
        }
        let mut verifier = Verifier::new([ask.prompt]);
        let spec = GenerateSpec {
            messages: vec![
                message("system", "Summarize the user's text in two or three short sentences. Use only what it says."),
                message("user", format!("{source}\n\nSummarize this text in two or three short sentences.")),
            ],
            max_tokens: if ask.options.max_tokens == 0 { SUMMARY_TOKENS } else { ask.options.max_tokens },
            ..ask.spec(self.persist(Persist::System))
        };
        let shown = Sink::Verified(ask, &mut verifier);
        let generated = self.generate(ask.options.model.as_deref(), spec, shown).await?;
        let mut text = self.close(ask, verifier, generated.finish_reason).await;
        if text.is_empty() {
            let notice = "The model's summary had no backing in the text; these are the text's own central sentences.";
            ask.event(Event::Notice { text: notice.into() }).await;
            text = condense(ask.prompt, 400).0;
            ask.delta(&text).await;
        }
        Ok(finished(ask, text, generated))
    }

    /// Applies an instruction to the text, piece by piece when it is long.
    async fn transform(&self, ask: &Ask<'_>, instruction: &str) -> Result<Answer, HobError> {
        let pieces = pieces(ask.prompt);
        if pieces.len() > MAX_PIECES {
            let message = format!(
                "the text has {} bytes, this task takes {}; give a part of it",
                ask.prompt.len(),
                MAX_PIECES * PIECE_BYTES
            );
            return Err(HobError::new(Kind::TooLong, message));
        }
        let mut whole: Option<Generated> = None;
        for piece in pieces {
            if whole.is_some() {
                ask.delta("\n\n").await;
            }
            let spec = GenerateSpec {
                messages: vec![message("system", instruction), message("user", piece)],
                max_tokens: ask.options.max_tokens,
                ..ask.spec(self.persist(Persist::System))
            };
            let part = self.generate(ask.options.model.as_deref(), spec, Sink::Caller(ask)).await?;
            whole = Some(match whole {
                None => part,
                Some(before) => joined(before, part),
            });
        }
        let generated = whole.ok_or_else(|| HobError::invalid("there is no text"))?;
        Ok(finished(ask, generated.text.clone(), generated))
    }
}

/// Refuses a text verb's text that no part of the daemon should see.
pub fn check_text_task(text: &str) -> Result<(), HobError> {
    check_text("the text", text)
}

fn instruction(task: TextTask, options: &TextOptions) -> Result<String, HobError> {
    let only = "Answer with the text alone.";
    Ok(match task {
        TextTask::Summarize => format!("Summarize the user's text. {only}"),
        TextTask::Rewrite => {
            let how = options.instruction.as_deref().unwrap_or("clearer and simpler, keeping its meaning");
            format!("Rewrite the user's text: {how}. {only}")
        }
        TextTask::Proofread => {
            format!("Correct spelling and grammar of the user's text and change nothing else. {only}")
        }
        TextTask::Translate => {
            let language = options.language.as_deref().filter(|l| !l.trim().is_empty());
            let language = language
                .ok_or_else(|| HobError::invalid("option language is missing; say which language to translate into"))?;
            format!("Translate the user's text into {language}. {only}")
        }
    })
}

fn joined(before: Generated, part: Generated) -> Generated {
    let mut usage = before.usage;
    usage.prompt_tokens += part.usage.prompt_tokens;
    usage.cached_tokens += part.usage.cached_tokens;
    usage.completion_tokens += part.usage.completion_tokens;
    usage.total_ms += part.usage.total_ms;
    usage.queued_ms += part.usage.queued_ms;
    usage.prompt_ms += part.usage.prompt_ms;
    usage.threads = part.usage.threads;
    usage.preempted += part.usage.preempted;
    usage.drafted += part.usage.drafted;
    usage.accepted += part.usage.accepted;
    let text = format!("{}\n\n{}", before.text, part.text);
    Generated { text, reasoning: before.reasoning + &part.reasoning, usage, ..part }
}

fn finished(ask: &Ask<'_>, text: String, generated: Generated) -> Answer {
    let mut answer = ask.answer(&text, generated.finish_reason, "chat");
    (answer.model, answer.usage, answer.reasoning) = (generated.model, generated.usage, generated.reasoning);
    answer
}

/// The text in pieces of at most [`PIECE_BYTES`], cut at paragraphs, else at sentences.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    for paragraph in text.split("\n\n").filter(|p| !p.trim().is_empty()) {
        let parts: Vec<&str> = if paragraph.len() > PIECE_BYTES {
            hob_index::sentences::split(paragraph).into_iter().map(|range| &paragraph[range]).collect()
        } else {
            vec![paragraph]
        };
        for part in parts {
            match pieces.last_mut() {
                Some(last) if last.len() + part.len() + 2 <= PIECE_BYTES => {
                    last.push_str(if parts_of_one(paragraph) { " " } else { "\n\n" });
                    last.push_str(part.trim());
                }
                _ => pieces.push(part.trim().to_string()),
            }
        }
    }
    pieces
}

fn parts_of_one(paragraph: &str) -> bool {
    paragraph.len() > PIECE_BYTES
}

/// A text cut to its most central sentences, in their order, and whether anything went.
///
/// Central is what shares many of the text's frequent words (Luhn, 1958, without significance
/// windows); the first sentences count more, since texts say first what they are about.
fn condense(text: &str, limit: usize) -> (String, bool) {
    if text.len() <= limit {
        return (text.to_string(), false);
    }
    let ranges = hob_index::sentences::split(text);
    let mut frequency: HashMap<String, usize> = HashMap::new();
    for word in content_words(text) {
        *frequency.entry(word).or_default() += 1;
    }
    let score = |(at, range): (usize, &std::ops::Range<usize>)| {
        let words: Vec<String> = content_words(&text[range.clone()]).collect();
        let weight: usize = words.iter().map(|word| frequency.get(word).copied().unwrap_or(0)).sum();
        let early = if at < 3 { 1.5 } else { 1.0 };
        early * weight as f64 / (words.len() as f64 + 5.0)
    };
    let mut ranked: Vec<(usize, f64)> = ranges.iter().enumerate().map(|(at, range)| (at, score((at, range)))).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut kept = Vec::new();
    let mut bytes = 0;
    for (at, _) in ranked {
        let len = ranges[at].len() + 1;
        if bytes + len <= limit {
            bytes += len;
            kept.push(at);
        }
    }
    kept.sort_unstable();
    let sentences: Vec<&str> = kept.into_iter().map(|at| text[ranges[at].clone()].trim()).collect();
    (sentences.join(" "), true)
}

/// Lower-case words that are long enough to mean something.
pub(super) fn content_words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| w.chars().count() > 3).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_stays_whole_and_a_long_one_keeps_its_centre() {
        assert_eq!(condense("Short.", 100), ("Short.".into(), false));
        let filler = "Something else happened here today. ".repeat(20);
        let text = format!("The boiler broke on Monday. {filler}");
        let (kept, shortened) = condense(&text, 120);
        assert!(shortened && kept.len() <= 120 && !kept.is_empty());
    }

    #[test]
    fn pieces_hold_the_whole_text_within_the_limit() {
        let text = "One sentence stands here. ".repeat(1_000);
        let pieces = pieces(&text);
        assert!(pieces.len() > 5 && pieces.iter().all(|p| p.len() <= PIECE_BYTES));
        let words = |t: &str| t.split_whitespace().count();
        assert_eq!(pieces.iter().map(|p| words(p)).sum::<usize>(), words(&text));
    }
}
