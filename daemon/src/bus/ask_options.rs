//! The options of `Ask` and `Complete`, from `a{sv}` to the assistant's own, each checked by itself.
//! Which of them go together is `assistant::limits`' affair.

use super::dict::{Dict, Options};
use super::{ROOT, openai};
use crate::assistant::{AskOptions, ContextMode, limits};
use crate::error::{HobError, Kind};
use crate::settings::AnswerMode;
use hob_engine::{Lora, Priority, ToolChoice};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// Longest JSON of `messages` and of `tools`, in bytes, before it is read.
const MAX_JSON: usize = 4 << 20;
/// Strengths of an adapter beyond this only break a model.
const MAX_SCALE: f64 = 16.0;

/// A checked request: the token of its object, and its options.
pub fn parse(prompt: &str, options: Dict) -> Result<(String, AskOptions), HobError> {
    let mut options = Options::new(options);
    let token = options.string("handle_token")?.unwrap_or_else(request_token);
    local_only(&mut options)?;
    // Accepted for what the API promises of it: the answer's language is the model's choice.
    options.string("language")?;
    let parsed = AskOptions {
        session: session(options.string("session")?)?,
        model: options.string("model")?,
        system: options.string("system")?,
        context: context(options.string("context")?)?,
        answer: answer_mode(options.string("answer")?)?,
        folder: folder(options.string("folder")?)?,
        max_tokens: options.number32("max_tokens")?.unwrap_or(0),
        temperature: temperature(options.double("temperature")?)?,
        seed: options.number("seed")?.unwrap_or(0),
        stop: options.strings("stop")?,
        schema: options.string("schema")?,
        copy_from: options.string("copy_from")?,
        messages: json("messages", options.string("messages")?, openai::messages)?,
        tools: json("tools", options.string("tools")?, openai::tools)?,
        tool_choice: tool_choice(options.string("tool_choice")?)?,
        tool_steps: options.number32("tool_steps")?,
        logprobs: logprobs(options.number("logprobs")?)?,
        lora: lora(options.string("lora")?, options.double("lora_scale")?)?,
        priority: priority(&mut options)?,
    };
    options.end()?;
    limits::check_ask(prompt, &parsed)?;
    Ok((token, parsed))
}

/// A token for callers that choose none.
pub fn request_token() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("hob{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The option that says who waits.
pub fn priority(options: &mut Options) -> Result<Priority, HobError> {
    match one_of("priority", options.string("priority")?, &["interactive", "background"])?.as_deref() {
        Some("background") => Ok(Priority::Background),
        _ => Ok(Priority::Interactive),
    }
}

/// A session's id, which is the last element of its path.
fn session(given: Option<String>) -> Result<Option<String>, HobError> {
    let Some(path) = given else { return Ok(None) };
    match session_id(&path) {
        Some(id) => Ok(Some(id.to_string())),
        None => Err(HobError::not_found(format!("there is no session {path:.200}; open one with OpenSession"))),
    }
}

/// The id in a session's path, if it is one.
pub fn session_id(path: &str) -> Option<&str> {
    let id = path.strip_prefix(ROOT)?.strip_prefix("/session/")?;
    (!id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).then_some(id)
}

fn local_only(options: &mut Options) -> Result<(), HobError> {
    match options.string("route")?.as_deref() {
        None | Some("auto" | "local") => Ok(()),
        Some("remote") => {
            Err(HobError::new(Kind::Remote, "no remote back end is set up; this version answers on the device only"))
        }
        Some(other) => Err(HobError::invalid(format!("option route is \"{other}\", it must be \"auto\" or \"local\""))),
    }
}

fn context(given: Option<String>) -> Result<ContextMode, HobError> {
    match one_of("context", given, &["auto", "index", "none"])?.as_deref() {
        Some("index") => Ok(ContextMode::Index),
        Some("none") => Ok(ContextMode::None),
        _ => Ok(ContextMode::Auto),
    }
}

fn answer_mode(given: Option<String>) -> Result<AnswerMode, HobError> {
    match one_of("answer", given, &["auto", "quote", "generate"])?.as_deref() {
        Some("quote") => Ok(AnswerMode::Quote),
        Some("generate") => Ok(AnswerMode::Generate),
        _ => Ok(AnswerMode::Auto),
    }
}

fn tool_choice(given: Option<String>) -> Result<ToolChoice, HobError> {
    match one_of("tool_choice", given, &["auto", "required", "none"])?.as_deref() {
        Some("required") => Ok(ToolChoice::Required),
        Some("none") => Ok(ToolChoice::None),
        _ => Ok(ToolChoice::Auto),
    }
}

/// An absolute folder.
pub fn folder(given: Option<String>) -> Result<Option<PathBuf>, HobError> {
    given.map(|path| absolute("folder", path)).transpose()
}

fn temperature(given: Option<f64>) -> Result<Option<f32>, HobError> {
    Ok(within("temperature", given, 0.0, 2.0)?.map(|t| t as f32))
}

fn logprobs(given: Option<u64>) -> Result<Option<u8>, HobError> {
    let most = limits::MAX_LOGPROBS;
    let fits = given.map(|n| u8::try_from(n).ok().filter(|n| *n <= most).ok_or(n)).transpose();
    fits.map_err(|n| HobError::invalid(format!("option logprobs is {n}, it must lie between 0 and {most}")))
}

fn lora(path: Option<String>, scale: Option<f64>) -> Result<Option<Lora>, HobError> {
    let scale = within("lora_scale", scale, -MAX_SCALE, MAX_SCALE)?;
    match (path, scale) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(HobError::invalid("option lora_scale needs option lora, the adapter's file")),
        (Some(path), scale) => {
            let path = absolute("lora", path)?;
            if !path.is_file() {
                return Err(HobError::not_found(format!("option lora: there is no file {}", path.display())));
            }
            Ok(Some(Lora { path, scale: scale.unwrap_or(1.0) as f32 }))
        }
    }
}

fn absolute(name: &str, path: String) -> Result<PathBuf, HobError> {
    match PathBuf::from(path) {
        path if path.is_absolute() => Ok(path),
        path => Err(HobError::invalid(format!("option {name} must be an absolute path, not {}", path.display()))),
    }
}

fn within(name: &str, given: Option<f64>, least: f64, most: f64) -> Result<Option<f64>, HobError> {
    match given {
        Some(number) if !(least..=most).contains(&number) => {
            Err(HobError::invalid(format!("option {name} is {number}, it must lie between {least} and {most}")))
        }
        given => Ok(given),
    }
}

fn json<T>(name: &str, given: Option<String>, read: fn(&str) -> Result<Vec<T>, HobError>) -> Result<Vec<T>, HobError> {
    match given {
        None => Ok(Vec::new()),
        Some(text) if text.len() > MAX_JSON => {
            let message = format!("option {name} has {} bytes, the limit is {MAX_JSON}; give less", text.len());
            Err(HobError::new(Kind::TooLong, message))
        }
        Some(text) => read(&text),
    }
}

/// The given word, if it is one of the allowed.
pub fn one_of(name: &str, given: Option<String>, allowed: &[&str]) -> Result<Option<String>, HobError> {
    match given {
        Some(word) if !allowed.contains(&word.as_str()) => {
            Err(HobError::invalid(format!("option {name} is \"{word}\", it must be one of: {}", allowed.join(", "))))
        }
        given => Ok(given),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::dict::DictBuilder;

    fn one(key: &str, value: &str) -> Dict {
        DictBuilder::default().put(key, value.to_string()).done()
    }

    #[test]
    fn options_are_checked_at_the_door() {
        assert_eq!(parse("x", one("context", "index")).expect("fine").1.context, ContextMode::Index);
        for (key, value, says) in [
            ("context", "web", "must be one of: auto, index, none"),
            ("folder", "notes", "absolute path"),
            ("route", "remote", "on the device only"),
            ("colour", "red", "unknown option colour"),
            ("priority", "urgent", "must be one of: interactive, background"),
            ("tool_choice", "always", "must be one of: auto, required, none"),
            ("tool_choice", "none", "needs option tools"),
            ("tools", "now", "no JSON array"),
            ("messages", "{}", "no JSON array"),
            ("lora", "adapter.gguf", "absolute path"),
            ("lora", "/nonexistent/adapter.gguf", "there is no file"),
            ("session", "/elsewhere", "there is no session /elsewhere"),
            ("copy_from", "text", "needs a schema"),
        ] {
            let error = parse("x", one(key, value)).expect_err(key);
            assert!(error.message.contains(says), "{}", error.message);
        }
        for (key, number, says) in
            [("temperature", 9.0f64, "between 0 and 2"), ("lora_scale", 1.0, "needs option lora")]
        {
            let error = parse("x", DictBuilder::default().put(key, number).done()).expect_err(key);
            assert!(error.message.contains(says), "{}", error.message);
        }
        let absurd = DictBuilder::default().put("logprobs", u64::MAX).done();
        assert!(parse("x", absurd).expect_err("too many").message.contains("between 0 and 20"));
        let nan = DictBuilder::default().put("temperature", f64::NAN).done();
        assert!(parse("x", nan).is_err());
    }

    #[test]
    fn everything_arrives() {
        let given = DictBuilder::default()
            .put("priority", "background")
            .put("tools", "[{\"name\": \"now\"}]")
            .put("tool_choice", "required")
            .put("logprobs", 3u32)
            .put("messages", "[{\"role\": \"user\", \"content\": \"Hi\"}]")
            .put("copy_from", "words")
            .put("lora", "/proc/self/exe")
            .put("lora_scale", 0.5f64);
        let (_, options) = parse("", given.done()).expect("fine");
        assert_eq!((options.priority, options.tool_choice), (Priority::Background, ToolChoice::Required));
        assert_eq!((options.tools[0].name.as_str(), options.messages[0].role.as_str()), ("now", "user"));
        assert_eq!((options.logprobs, options.copy_from.as_deref()), (Some(3), Some("words")));
        assert_eq!(options.lora.map(|lora| lora.scale), Some(0.5));
    }

    #[test]
    fn a_session_is_named_by_its_path() {
        assert_eq!(session_id("/org/hob/Hob1/session/1a_2"), Some("1a_2"));
        assert!(session_id("/org/hob/Hob1/session/").is_none() && session_id("/org/hob/Hob1/session/a/b").is_none());
    }
}
