//! What a request may ask for: how long its texts may be, and which options exclude each other.
//!
//! Owns: the rules that need nothing but the request itself, so that they can be held at the door.
//! Must not know: D-Bus, models, files.

use super::{AskOptions, ContextMode};
use crate::error::{HobError, Kind};
use crate::settings::MAX_TOOL_STEPS;
use hob_engine::ToolChoice;

/// Longest prompt accepted at the door, in bytes; all turns of `messages` together count as one.
/// Models hold far less; this only keeps absurd input from being copied around.
pub const MAX_PROMPT: usize = 1 << 20;
/// Longest JSON Schema, and longest descriptions of all tools together, in bytes.
const MAX_RULES: usize = 256 << 10;
/// Most turns that a caller may give.
const MAX_MESSAGES: usize = 1_000;
/// Most tools of one request; a model loses its way among far fewer.
const MAX_TOOLS: usize = 128;
/// Most texts that end an answer, and the longest of them in bytes.
const MAX_STOPS: (usize, usize) = (16, 256);
/// Most alternatives reported for a token.
pub const MAX_LOGPROBS: u8 = 20;

/// Refuses what no part of the daemon should see.
pub fn check_ask(prompt: &str, options: &AskOptions) -> Result<(), HobError> {
    check_texts(prompt, options)?;
    check_rules(options)?;
    check_conversation(prompt, options)?;
    check_route(options)
}

fn check_texts(prompt: &str, options: &AskOptions) -> Result<(), HobError> {
    check_text("the prompt", prompt)?;
    let turns: usize = options.messages.iter().map(|m| m.content.len()).sum();
    check_length("option messages", turns + prompt.len(), MAX_PROMPT, "leave older turns out")?;
    if options.messages.len() > MAX_MESSAGES {
        let message = format!("option messages has {} turns, the limit is {MAX_MESSAGES}", options.messages.len());
        return Err(HobError::new(Kind::TooLong, message));
    }
    for message in &options.messages {
        no_nul("option messages", &message.content)?;
    }
    for (name, text) in [("system", &options.system), ("copy_from", &options.copy_from)] {
        check_text(&format!("option {name}"), text.as_deref().unwrap_or_default())?;
    }
    let (most, longest) = MAX_STOPS;
    if options.stop.len() > most || options.stop.iter().any(|stop| stop.is_empty() || stop.len() > longest) {
        return Err(HobError::invalid(format!(
            "option stop takes at most {most} texts of 1 to {longest} bytes each; give fewer or shorter ones"
        )));
    }
    options.stop.iter().try_for_each(|stop| no_nul("option stop", stop))
}

fn check_rules(options: &AskOptions) -> Result<(), HobError> {
    if let Some(schema) = &options.schema {
        check_length("option schema", schema.len(), MAX_RULES, "describe less of the answer")?;
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(schema) {
            return Err(HobError::invalid(format!("option schema is not valid JSON: {error}")));
        }
    }
    let tools: usize = options.tools.iter().map(|t| t.name.len() + t.description.len() + t.parameters.len()).sum();
    check_length("option tools", tools, MAX_RULES, "give fewer tools, or shorter descriptions")?;
    if options.tools.len() > MAX_TOOLS {
        let message = format!("option tools has {} tools, the limit is {MAX_TOOLS}", options.tools.len());
        return Err(HobError::new(Kind::TooLong, message));
    }
    if options.tools.is_empty() && options.tool_choice != ToolChoice::Auto {
        return Err(HobError::invalid("option tool_choice needs option tools; give the tools, or leave it out"));
    }
    if options.schema.is_some() && !options.tools.is_empty() && options.tool_choice != ToolChoice::None {
        return Err(HobError::invalid(
            "options schema and tools can't be combined while the model may call a tool; give the schema once the \
             tools have answered, with tool_choice \"none\"",
        ));
    }
    if options.copy_from.is_some() && options.schema.is_none() && options.tools.is_empty() {
        return Err(HobError::invalid("option copy_from needs a schema or tools with \"x-copy\" strings; add one"));
    }
    if options.tool_steps.is_some_and(|steps| steps > MAX_TOOL_STEPS) {
        return Err(HobError::invalid(format!("option tool_steps must lie between 0 and {MAX_TOOL_STEPS}")));
    }
    if options.logprobs.is_some_and(|most| most > MAX_LOGPROBS) {
        return Err(HobError::invalid(format!("option logprobs must lie between 0 and {MAX_LOGPROBS}")));
    }
    Ok(())
}

/// The turns make a conversation that somebody can answer.
fn check_conversation(prompt: &str, options: &AskOptions) -> Result<(), HobError> {
    if options.messages.is_empty() {
        if prompt.trim().is_empty() {
            return Err(HobError::invalid("the prompt is empty; say what you want to know or have done"));
        }
        return Ok(());
    }
    if options.session.is_some() && options.messages.iter().any(|m| m.role != "tool") {
        return Err(HobError::invalid(
            "a session remembers its own turns, so option messages may only hold results of tools there; \
             leave session or the other turns out",
        ));
    }
    if options.system.is_some() && options.messages.iter().any(|m| m.role == "system") {
        return Err(HobError::invalid("option messages has a system turn, so leave option system out"));
    }
    if options.messages.iter().skip(1).any(|m| m.role == "system") {
        return Err(HobError::invalid("option messages may have one system turn, as its first"));
    }
    let last = options.messages.last().map_or("", |m| m.role.as_str());
    if prompt.trim().is_empty() && !matches!(last, "user" | "tool") {
        return Err(HobError::invalid(
            "there is nothing to answer: give a prompt, or end option messages with a turn of \"user\" or \"tool\"",
        ));
    }
    Ok(())
}

/// What only the chat model understands can't be asked of the files.
fn check_route(options: &AskOptions) -> Result<(), HobError> {
    if options.context == ContextMode::Index
        && let Some(option) = options.for_the_model()
    {
        return Err(HobError::invalid(format!(
            "option {option} is for the chat model, which context \"index\" leaves out; use context \"none\""
        )));
    }
    Ok(())
}

/// A text that goes to a model: not too long, and without NUL.
pub fn check_text(what: &str, text: &str) -> Result<(), HobError> {
    check_length(what, text.len(), MAX_PROMPT, "index the text and ask about it instead")?;
    no_nul(what, text)
}

fn check_length(what: &str, bytes: usize, most: usize, instead: &str) -> Result<(), HobError> {
    if bytes > most {
        let message = format!("{what} has {bytes} bytes, the limit is {most}; {instead}");
        return Err(HobError::new(Kind::TooLong, message));
    }
    Ok(())
}

fn no_nul(what: &str, text: &str) -> Result<(), HobError> {
    if text.contains('\0') {
        return Err(HobError::invalid(format!("{what} contains a NUL byte; remove it")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hob_engine::{Message, ToolSpec};

    fn refused(prompt: &str, options: AskOptions) -> HobError {
        check_ask(prompt, &options).expect_err("refused")
    }

    fn tool() -> ToolSpec {
        ToolSpec { name: "f".into(), ..ToolSpec::default() }
    }

    #[test]
    fn ordinary_requests_pass() {
        let ask = |prompt: &str, options| check_ask(prompt, &options).expect("fine");
        ask("When?", AskOptions::default());
        ask("", AskOptions { messages: vec![Message::new("user", "When?")], ..AskOptions::default() });
        let both = AskOptions { session: Some("/s".into()), tools: vec![tool()], ..AskOptions::default() };
        ask("", AskOptions { messages: vec![Message::new("tool", "{}")], ..both.clone() });
        ask("x", AskOptions { schema: Some("{}".into()), tool_choice: ToolChoice::None, ..both });
    }

    #[test]
    fn long_and_broken_texts_are_refused_with_both_numbers() {
        let error = refused(&"x".repeat(10 << 20), AskOptions::default());
        assert_eq!(error.kind, Kind::TooLong);
        assert!(error.message.contains("10485760") && error.message.contains("1048576"), "{error}");
        assert!(refused("a\0b", AskOptions::default()).message.contains("NUL"));
        let turns = vec![Message::new("user", "x".repeat(MAX_PROMPT)), Message::new("assistant", "y")];
        assert_eq!(refused("z", AskOptions { messages: turns, ..AskOptions::default() }).kind, Kind::TooLong);
        let many = AskOptions { tools: vec![tool(); MAX_TOOLS + 1], ..AskOptions::default() };
        assert_eq!(refused("z", many).kind, Kind::TooLong);
    }

    #[test]
    fn options_that_exclude_each_other_are_named() {
        let base = AskOptions::default;
        let tools = || vec![tool()];
        let system = Message::new("system", "Be brief.");
        for (options, says) in [
            (AskOptions { tool_choice: ToolChoice::Required, ..base() }, "tool_choice needs option tools"),
            (AskOptions { tools: tools(), schema: Some("{}".into()), ..base() }, "schema and tools"),
            (AskOptions { copy_from: Some("text".into()), ..base() }, "copy_from needs"),
            (AskOptions { logprobs: Some(21), ..base() }, "between 0 and 20"),
            (AskOptions { schema: Some("{".into()), ..base() }, "not valid JSON"),
            (
                AskOptions { tools: tools(), context: ContextMode::Index, ..base() },
                "option tools is for the chat model",
            ),
            (
                AskOptions { session: Some("/s".into()), messages: vec![Message::new("user", "a")], ..base() },
                "a session remembers",
            ),
            (AskOptions { system: Some("x".into()), messages: vec![system.clone()], ..base() }, "leave option system"),
            (AskOptions { messages: vec![Message::new("user", "a"), system], ..base() }, "as its first"),
            (AskOptions { stop: vec![String::new()], ..base() }, "option stop"),
        ] {
            let error = refused("x", options);
            assert!(error.kind == Kind::InvalidArgument && error.message.contains(says), "{error}");
        }
        let unanswerable = AskOptions { messages: vec![Message::new("assistant", "Hi.")], ..base() };
        assert!(refused(" ", unanswerable).message.contains("nothing to answer"));
        assert!(refused(" ", base()).message.contains("the prompt is empty"));
    }
}
