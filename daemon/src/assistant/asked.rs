//! Questions that hob puts to the user before it acts: what is missing, and which of several things is meant.
//!
//! Owns: how a reply in the same conversation is read, and how the questions are worded. Must not know: how arguments are
//! found in words. Without a conversation nobody can reply, so the question says what to say next time.

use super::{Answer, Ask, Assistant, ContextMode};
use crate::error::HobError;
use crate::skills::router::text::{fold, language, words};
use crate::skills::slots::Wanted;
use crate::skills::{Decision, RoutedCall, pick};

/// A reply of more words than this may be another request.
const SHORT_REPLY: usize = 6;

/// A question that waits for its reply.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Asked {
    /// For the first missing argument of a call.
    Missing(RoutedCall),
    /// Which of these calls is meant.
    Which(Vec<RoutedCall>),
}

/// What a reply comes to.
pub(super) enum Reply {
    /// This is to be called, if nothing else is missing.
    Call(RoutedCall),
    /// The user wants it dropped.
    Dropped,
    /// It is no reply, but a request of its own.
    Other(Decision),
}

impl Assistant {
    /// Reads a request as the reply to an open question of its conversation. `None` when no question is open.
    pub(super) async fn reply(&self, ask: &Ask<'_>) -> Result<Option<Reply>, HobError> {
        let plain = ask.options.context == ContextMode::Auto && ask.options.for_the_model().is_none();
        let Some(asked) = ask.options.session.as_deref().and_then(|id| self.sessions.take_asked(id)) else {
            return Ok(None);
        };
        if !plain {
            return Ok(None);
        }
        if is_refusal(ask.prompt) {
            return Ok(Some(Reply::Dropped));
        }
        let reply = match asked {
            Asked::Missing(call) => self.read_missing(ask, &call).await?,
            Asked::Which(calls) => self.read_which(ask, &calls).await?,
        };
        Ok(Some(reply))
    }

    async fn read_missing(&self, ask: &Ask<'_>, call: &RoutedCall) -> Result<Reply, HobError> {
        let (complete, lack) = (self.skills.complete(call, ask.prompt), self.skills.lack(call));
        let typed = lack.is_some_and(|lack| lack.wanted != Wanted::Words);
        let short = words(ask.prompt).len() <= SHORT_REPLY;
        if let Some(complete) = complete.clone().filter(|_| typed && short) {
            return Ok(Reply::Call(complete));
        }
        let other = self.skills.decide(ask.prompt).await?;
        Ok(match (&other, complete) {
            (Decision::Skill(new), _) if new.intent != call.intent || new.skill != call.skill => Reply::Other(other),
            (_, Some(complete)) => Reply::Call(complete),
            (_, None) => Reply::Other(other),
        })
    }

    async fn read_which(&self, ask: &Ask<'_>, calls: &[RoutedCall]) -> Result<Reply, HobError> {
        let titles: Vec<&str> = calls.iter().map(|call| call.title.as_str()).collect();
        if let Some(call) = pick(&titles, ask.prompt).and_then(|index| calls.get(index)) {
            return Ok(Reply::Call(call.clone()));
        }
        Ok(Reply::Other(self.skills.decide(ask.prompt).await?))
    }

    /// Asks for the first missing argument.
    pub(super) async fn ask_for_missing(&self, ask: &Ask<'_>, call: RoutedCall) -> Answer {
        let language = language(ask.prompt).unwrap_or("en");
        let lack = self.skills.lack(&call);
        let question =
            lack.map_or_else(|| format!("{}?", call.missing.join(", ")), |l| question(language, &l.wanted, &l.name));
        let text = match &ask.options.session {
            Some(_) => format!("{}: {question}", call.title),
            None => format!("{}: {question} (Please say it again with that.)", call.title),
        };
        self.put(ask, Asked::Missing(call), text, "missing_arguments").await
    }

    /// Asks which of several intents is meant.
    pub(super) async fn ask_which(&self, ask: &Ask<'_>, calls: Vec<RoutedCall>) -> Answer {
        let titles: Vec<String> = calls.iter().enumerate().map(|(n, c)| format!("{}. {}", n + 1, c.title)).collect();
        let lead = match language(ask.prompt) {
            Some("de") => "Was davon ist gemeint?",
            Some("pt") => "Qual destas coisas queres?",
            Some("es") => "¿Cuál de estas cosas quieres?",
            Some("zh") => "您指的是哪一个？",
            _ => "Which of these do you mean?",
        };
        let text = format!("{lead}\n{}", titles.join("\n"));
        self.put(ask, Asked::Which(calls), text, "ambiguous").await
    }

    async fn put(&self, ask: &Ask<'_>, asked: Asked, text: String, reason: &str) -> Answer {
        if let Some(id) = &ask.options.session {
            self.sessions.ask(id, asked);
        }
        ask.delta(&text).await;
        ask.answer(&text, reason, "skill")
    }

    /// The user thought better of it.
    pub(super) async fn dropped(&self, ask: &Ask<'_>) -> Answer {
        ask.route("skill").await;
        let text = match language(ask.prompt) {
            Some("de") => "Gut, dann nicht.",
            Some("pt") => "Está bem, fica sem efeito.",
            Some("es") => "Vale, lo dejo.",
            Some("zh") => "好的，已取消。",
            _ => "All right, nothing was done.",
        };
        ask.delta(text).await;
        ask.answer(text, "skill", "skill")
    }
}

/// Asks for one argument, in the language of the request where hob knows it.
fn question(language: &str, wanted: &Wanted, name: &str) -> String {
    let word = name.replace('_', " ");
    let asked = match (wanted, language) {
        (Wanted::Duration, "de") => "wie lange?",
        (Wanted::Duration, "pt") => "por quanto tempo?",
        (Wanted::Duration, "es") => "¿cuánto tiempo?",
        (Wanted::Duration, "zh") => "多长时间？",
        (Wanted::Duration, _) => "for how long?",
        (Wanted::Datetime, "de") => "wann?",
        (Wanted::Datetime, "pt") => "quando?",
        (Wanted::Datetime, "es") => "¿cuándo?",
        (Wanted::Datetime, "zh") => "什么时候？",
        (Wanted::Datetime, _) => "when?",
        (Wanted::Number, "de") => "wie viel?",
        (Wanted::Number, "pt") => "quanto?",
        (Wanted::Number, "es") => "¿cuánto?",
        (Wanted::Number, "zh") => "多少？",
        (Wanted::Number, _) => "how much?",
        (Wanted::Choice(names), _) => return format!("{word}: {}?", names.join(", ")),
        (Wanted::Words, "de") => return format!("welcher Text für „{word}“?"),
        (Wanted::Words, "pt") => return format!("o que é “{word}”?"),
        (Wanted::Words, "es") => return format!("¿cuál es «{word}»?"),
        (Wanted::Words, "zh") => return format!("“{word}”是什么？"),
        (Wanted::Words, _) => return format!("which {word}?"),
    };
    asked.into()
}

/// Whether the user thinks better of it.
fn is_refusal(text: &str) -> bool {
    const WORDS: [&str; 22] = [
        "no",
        "never mind",
        "nevermind",
        "forget it",
        "cancel",
        "cancel that",
        "stop",
        "nothing",
        "none",
        "neither",
        "nein",
        "egal",
        "vergiss es",
        "abbrechen",
        "lass es",
        "nao",
        "esquece",
        "deixa estar",
        "dejalo",
        "olvidalo",
        "nada",
        "no importa",
    ];
    const UNSPACED: [&str; 4] = ["不用了", "算了", "取消", "不要"];
    let said = fold(text);
    WORDS.contains(&said.as_str()) || UNSPACED.contains(&said.replace(' ', "").as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_known_and_a_request_is_none() {
        for text in ["Never mind.", "no", "Vergiss es!", "算了", "Não", "déjalo"] {
            assert!(is_refusal(text), "{text}");
        }
        for text in ["cancel the timer", "no more than ten minutes", "seven", ""] {
            assert!(!is_refusal(text), "{text}");
        }
    }

    #[test]
    fn a_question_asks_for_the_kind_of_thing_that_is_missing() {
        assert_eq!(question("en", &Wanted::Duration, "duration"), "for how long?");
        assert_eq!(question("de", &Wanted::Datetime, "time"), "wann?");
        assert_eq!(question("fr", &Wanted::Words, "old_name"), "which old name?");
        assert_eq!(question("en", &Wanted::Choice(vec!["on".into(), "off".into()]), "state"), "state: on, off?");
    }
}
