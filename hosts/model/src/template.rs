//! The model's chat template: Jinja as Hugging Face renders it.
//!
//! Owns: what a model's template can show by itself, and what takes its place where it can't. Must
//! not know: tokens.
//!
//! A template comes from an untrusted file: it can read nothing but the conversation, and fuel
//! bounds its time and memory.

mod environment;
mod turns;
mod wording;

#[cfg(test)]
mod tests;

use crate::format::Format;
use environment::{NAME, compile};
use hob_engine::{Message, ToolCall, ToolSpec};
use minijinja::{Environment, Error, ErrorKind, Value, context};
use turns::Shape;

pub use turns::parameters;

/// For models that bring no template. Its markers are stop texts, see [`Template::stops`].
const PLAIN: &str = "{% for message in messages %}<|im_start|>{{ message['role'] }}
{{ message['content'] }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}";
/// Stands where the user's first words would; no character of any language.
const USER_TEXT: &str = "\u{10fffe}";

/// A compiled chat template.
pub struct Template {
    environment: Environment<'static>,
    own: bool,
    bos: String,
    eos: String,
    format: Format,
    /// It lists tools in the convention of `format`.
    shows_tools: bool,
    /// How it shows calls and their results, if it does.
    shows_calls: Option<Shape>,
    /// It shows results, at least.
    shows_results: bool,
}

impl Template {
    /// Compiles the model's template. Without one, or when it does not compile (which is logged),
    /// a plain one takes its place.
    pub fn new(source: Option<&str>, bos: String, eos: String) -> Self {
        let own = source.and_then(|source| match compile(source) {
            Ok(environment) => Some((environment, source)),
            Err(error) => {
                tracing::warn!(error = %one_line(&error), "the model's chat template can't be used, a plain one takes its place");
                None
            }
        });
        let is_own = own.is_some();
        let (environment, source) =
            own.unwrap_or_else(|| (compile(PLAIN).unwrap_or_else(|_| Environment::empty()), ""));
        let format = Format::detect(source, false);
        let mut template = Self {
            environment,
            own: is_own,
            bos,
            eos,
            format,
            shows_tools: false,
            shows_calls: None,
            shows_results: false,
        };
        let native = Format::detect(source, true);
        // Calls in an unknown convention could not be read, so those models are taught a known one.
        if native.is_native() && template.lists_tools(source) {
            template.format = native;
            template.shows_tools = true;
            template.shows_calls = template.call_shape();
            template.shows_results = template.has_turns_for_results();
        }
        template
    }

    /// The template is the model's own.
    pub fn is_own(&self) -> bool {
        self.own
    }

    /// How the model writes calls and reasoning.
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// Texts that end an answer beside the model's own end tokens: a model that was never taught
    /// the plain template's markers writes them as text, if at all.
    pub fn stops(&self) -> &'static [&'static str] {
        if self.own { &[] } else { &["<|im_end|>", "<|im_start|>"] }
    }

    /// Renders a conversation, ending where the model's answer starts. The error is a sentence.
    pub fn render(&self, messages: &[Message], tools: &[ToolSpec]) -> Result<String, String> {
        let listed = if self.shows_tools { turns::tools(tools)? } else { Vec::new() };
        let mut messages = messages.to_vec();
        if self.shows_calls.is_none() {
            messages = wording::with_calls_as_text(&messages, &self.format, self.shows_results);
        }
        if !self.shows_tools && !tools.is_empty() {
            messages = wording::with_instructions(&messages, tools, &self.format)?;
        }
        self.render_as_given(&messages, &listed, self.shows_calls.unwrap_or_default()).map_err(|error| one_line(&error))
    }

    /// The part of every prompt with these tools and this leading system message that comes before
    /// the user's first words; `None` when there is neither. A prompt need not start with all of it:
    /// some templates list the tools later.
    pub fn system_prefix(&self, messages: &[Message], tools: &[ToolSpec]) -> Option<String> {
        let system = messages.first().filter(|first| first.role == "system");
        if system.is_none() && tools.is_empty() {
            return None;
        }
        let leading: Vec<Message> = system.cloned().into_iter().chain([Message::new("user", USER_TEXT)]).collect();
        let mut rendered = self.render(&leading, tools).ok()?;
        rendered.truncate(rendered.find(USER_TEXT)?);
        Some(rendered)
    }

    fn render_as_given(&self, messages: &[Message], tools: &[Value], shape: Shape) -> Result<String, Error> {
        match self.render_once(messages, tools, shape) {
            Ok(prompt) => Ok(prompt),
            // Some models know no system role; their makers advise putting it into the first turn.
            Err(error) => match without_system(messages).filter(|_| error.kind() != ErrorKind::OutOfFuel) {
                Some(merged) => self.render_once(&merged, tools, shape).map_err(|_| error),
                None => Err(error),
            },
        }
    }

    fn render_once(&self, messages: &[Message], tools: &[Value], shape: Shape) -> Result<String, Error> {
        // Hugging Face passes `None` where there are no tools, and templates compare with that.
        let tools = if tools.is_empty() { Value::from(()) } else { Value::from(tools.to_vec()) };
        self.environment.get_template(NAME)?.render(context! {
            messages => turns::turns(messages, shape),
            tools => tools.clone(),
            // SmolLM3's name for them.
            xml_tools => tools,
            documents => (),
            bos_token => self.bos.as_str(),
            eos_token => self.eos.as_str(),
            add_generation_prompt => true,
        })
    }

    /// Whether the template shows tools at all, found out by showing it one.
    fn lists_tools(&self, source: &str) -> bool {
        let prompt = || self.render_as_given(&[Message::new("user", "x")], &probe_tools(), Shape::default());
        source.contains("tools") && prompt().is_ok_and(|prompt| prompt.contains(PROBE))
    }

    /// Whether the template shows results when it has seen no call.
    fn has_turns_for_results(&self) -> bool {
        let turns = [("user", "x"), ("assistant", "x"), ("tool", PROBE)];
        let messages = turns.map(|(role, content)| Message::new(role, content));
        let prompt = self.render_as_given(&messages, &[], Shape::default());
        prompt.is_ok_and(|prompt| prompt.contains(PROBE))
    }

    /// The first shape in which the template shows calls with their arguments, and their results.
    fn call_shape(&self) -> Option<Shape> {
        let calls = ["1", "2"].map(|n| ToolCall {
            id: format!("call_{n}"),
            name: format!("{PROBE}{n}"),
            arguments: format!("{{\"{PROBE}_key{n}\": \"{PROBE}_value{n}\"}}"),
        });
        let results = calls.iter().map(|call| Message {
            tool_call_id: Some(call.id.clone()),
            ..Message::new("tool", format!("{}_result", call.name))
        });
        let asked = Message { tool_calls: calls.to_vec(), ..Message::new("assistant", "") };
        let messages: Vec<Message> = [Message::new("user", "x"), asked].into_iter().chain(results).collect();
        for shape in Shape::all() {
            match self.render_as_given(&messages, &probe_tools(), shape) {
                Ok(prompt) if shows_all(&prompt) => return Some(shape),
                Err(error) if error.kind() == ErrorKind::OutOfFuel => return None,
                _ => {}
            }
        }
        None
    }
}

/// Part of every name in the probes; occurs in no template.
const PROBE: &str = "hobprobe";

fn probe_tools() -> Vec<Value> {
    let probe = ToolSpec { name: PROBE.into(), description: PROBE.into(), parameters: String::new() };
    turns::tools(&[probe]).unwrap_or_default()
}

/// Everything of the calls is there, and the arguments are neither printed as Python prints a
/// mapping nor escaped twice.
fn shows_all(prompt: &str) -> bool {
    let all = ["1", "2"].iter().all(|n| {
        let parts = [(*n).to_string(), format!("_key{n}"), format!("_value{n}"), format!("{n}_result")];
        parts.iter().all(|part| prompt.contains(&format!("{PROBE}{part}")))
    });
    all && !prompt.contains(&format!("'{PROBE}_key")) && !prompt.contains(&format!("\\\"{PROBE}"))
}

/// The conversation with its system message moved into the first user turn.
fn without_system(messages: &[Message]) -> Option<Vec<Message>> {
    let (system, rest) = messages.split_first().filter(|(first, _)| first.role == "system")?;
    let mut merged = rest.to_vec();
    let first = merged.iter_mut().find(|message| message.role == "user")?;
    first.content = format!("{}\n\n{}", system.content, first.content);
    Some(merged)
}

/// The reason alone: the template's author knows the place, the user does not care.
fn one_line(error: &Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_string).chars().take(300).collect()
}
