//! Conversations into tokens, with control tokens only where the template put them.
//!
//! A message, a tool's description, a call's argument or a result may hold the text of a control
//! token ("<|im_end|>"). Before rendering, each such text is replaced by a mark of a character that
//! occurs nowhere in the conversation; after rendering the marks are turned into the text's plain
//! tokens. So no document, tool or user can end a turn.

use crate::controls::{Controls, Part};
use crate::format::json_text;
use crate::known::Known;
use crate::template::{self, Template};
use hob_engine::{EngineError, Message, ToolCall, ToolSpec};
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use serde_json::Value;
use std::collections::HashSet;

/// A tokenizer is given pieces of this many bytes: some of its steps recurse or are superlinear.
const PIECE: usize = 32 << 10;

/// A conversation in tokens.
#[derive(Debug)]
pub struct Prompt {
    /// The tokens, up to where the answer starts.
    pub tokens: Vec<LlamaToken>,
    /// The answer starts within reasoning.
    pub opens_thinking: bool,
}

/// Tokenizes a conversation with its tools; `known` remembers the ones before.
pub fn tokens(
    vocab: &LlamaVocab<'_>,
    controls: &Controls,
    template: &Template,
    known: &mut Known,
    (messages, tools): (&[Message], &[ToolSpec]),
) -> Result<Prompt, EngineError> {
    let clean = Clean::new(messages, tools)?.marked(controls);
    let rendered = template.render(&clean.messages, &clean.tools).map_err(|reason| {
        EngineError::InvalidArgument(format!("the model's chat template refuses this conversation: {reason}"))
    })?;
    let opens_thinking = template.format().opens_thinking(&rendered);
    Ok(Prompt { tokens: rendered_tokens(vocab, controls, &rendered, clean.mark, known), opens_thinking })
}

/// The tokens of a prompt's leading system message and tools; none where there is neither. The
/// prompts of such conversations start with these, but perhaps not with all of them: where both
/// begin to differ, the system part ends.
pub fn system_tokens(
    vocab: &LlamaVocab<'_>,
    controls: &Controls,
    template: &Template,
    known: &mut Known,
    (messages, tools): (&[Message], &[ToolSpec]),
) -> Result<Vec<LlamaToken>, EngineError> {
    // The mark depends on the whole conversation, but no token does.
    let clean = Clean::new(messages.get(..1).unwrap_or_default(), tools)?.marked(controls);
    let prefix = template.system_prefix(&clean.messages, &clean.tools);
    Ok(prefix.map(|prefix| rendered_tokens(vocab, controls, &prefix, clean.mark, known)).unwrap_or_default())
}

fn rendered_tokens(
    vocab: &LlamaVocab<'_>,
    controls: &Controls,
    rendered: &str,
    mark: char,
    known: &mut Known,
) -> Vec<LlamaToken> {
    let mut out = Vec::new();
    let bos = vocab.bos();
    let bos_text = text_of(vocab, bos).unwrap_or_default();
    if vocab.should_add_bos() && bos.0 >= 0 && (bos_text.is_empty() || !rendered.starts_with(&bos_text)) {
        out.push(bos);
    }
    let mut split = |text: &str, out: &mut Vec<LlamaToken>| tokenize(vocab, text, true, out);
    for (nth, part) in controls.parts(rendered, mark).enumerate() {
        match part {
            Part::Template(text) if nth == 0 => {
                out.extend(known.tokens(text, &controls.places(text), &mut split));
            }
            Part::Template(text) => split(text, &mut out),
            Part::Literal(text) => tokenize(vocab, text, false, &mut out),
        }
    }
    out
}

/// A conversation without NUL, and with its JSON written plainly, so that nothing hides in escapes.
struct Clean {
    messages: Vec<Message>,
    tools: Vec<ToolSpec>,
    /// A character that occurs nowhere in it.
    mark: char,
}

impl Clean {
    fn new(messages: &[Message], tools: &[ToolSpec]) -> Result<Self, EngineError> {
        if let Some(tool) = tools.iter().find(|tool| !is_name(&tool.name)) {
            let name: String = tool.name.chars().take(MOST_NAME).collect();
            return Err(EngineError::InvalidArgument(format!(
                "{name:?} can't be the name of a tool; use at most {MOST_NAME} of the characters A-Z, a-z, 0-9, _, - and ."
            )));
        }
        for tool in tools {
            template::parameters(tool).map_err(EngineError::InvalidArgument)?;
        }
        let mut clean = Self { messages: messages.to_vec(), tools: tools.to_vec(), mark: '\u{10fffd}' };
        for message in &mut clean.messages {
            message.role = without_nul(&message.role);
        }
        let clean = clean.changed(&without_nul);
        Ok(Self { mark: clean.unused_char(), ..clean })
    }

    /// Control texts replaced by marks.
    fn marked(self, controls: &Controls) -> Self {
        let mark = self.mark;
        self.changed(&|text| controls.marked(text, mark))
    }

    /// Every text but the roles changed, in JSON every string and key.
    fn changed(mut self, change: &dyn Fn(&str) -> String) -> Self {
        for message in &mut self.messages {
            message.content = change(&message.content);
            message.tool_call_id = message.tool_call_id.as_deref().map(change);
            for ToolCall { id, name, arguments } in &mut message.tool_calls {
                (*id, *name, *arguments) = (change(id), change(name), json_changed(arguments, change));
            }
        }
        for ToolSpec { name, description, parameters } in &mut self.tools {
            (*name, *description, *parameters) = (change(name), change(description), json_changed(parameters, change));
        }
        self
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let calls = self.messages.iter().flat_map(|message| &message.tool_calls);
        let of_messages = self.messages.iter().flat_map(|message| [&message.role, &message.content]);
        let ids = self.messages.iter().filter_map(|message| message.tool_call_id.as_ref());
        let of_calls = calls.flat_map(|call| [&call.id, &call.name, &call.arguments]);
        let of_tools = self.tools.iter().flat_map(|tool| [&tool.name, &tool.description, &tool.parameters]);
        of_messages.chain(ids).chain(of_calls).chain(of_tools).map(String::as_str)
    }

    /// A private-use character that is nowhere in it. Were all of them there, a mark could be
    /// mistaken for text or the other way round, but neither for a control token.
    fn unused_char(&self) -> char {
        const CANDIDATES: std::ops::RangeInclusive<char> = '\u{f0000}'..='\u{ffffd}';
        let used: HashSet<char> = self.texts().flat_map(str::chars).filter(|c| CANDIDATES.contains(c)).collect();
        CANDIDATES.into_iter().find(|c| !used.contains(c)).unwrap_or('\u{10fffd}')
    }
}

/// Longest name of a tool.
const MOST_NAME: usize = 64;

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=MOST_NAME).contains(&name.len()) && name.chars().all(fits)
}

/// JSON with all its strings and keys changed; what is no JSON is changed as text.
fn json_changed(text: &str, change: &dyn Fn(&str) -> String) -> String {
    match serde_json::from_str(text) {
        Ok(value) => json_text(&strings_changed(value, change)),
        Err(_) => change(text),
    }
}

fn strings_changed(value: Value, change: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(&text)),
        Value::Array(items) => items.into_iter().map(|item| strings_changed(item, change)).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(key, value)| (change(&key), strings_changed(value, change))).collect()
        }
        other => other,
    }
}

/// Number of tokens of a text without any template.
pub fn count(vocab: &LlamaVocab<'_>, text: &str) -> u32 {
    let mut tokens = Vec::new();
    let mut total = 0;
    for piece in pieces(&without_nul(text)) {
        tokens.clear();
        vocab.tokenize_into(piece.as_bytes(), &mut tokens, false, false);
        total += tokens.len();
    }
    u32::try_from(total).unwrap_or(u32::MAX)
}

/// The text of a token, for tokens that have one. Out of range, llama.cpp would abort.
pub fn text_of(vocab: &LlamaVocab<'_>, token: LlamaToken) -> Option<String> {
    if token.0 < 0 || token.0 >= vocab.n_tokens() {
        return None;
    }
    Some(vocab.text(token)?.to_string_lossy().into_owned())
}

/// The tokens of a text that stands for itself, such as a part of an answer.
pub fn plain(vocab: &LlamaVocab<'_>, text: &str) -> Vec<LlamaToken> {
    let mut out = Vec::new();
    tokenize(vocab, &without_nul(text), false, &mut out);
    out
}

/// The tokens of a text in which control tokens count, such as the marker of a call.
pub fn marker(vocab: &LlamaVocab<'_>, text: &str) -> Vec<LlamaToken> {
    let mut out = Vec::new();
    tokenize(vocab, text, true, &mut out);
    out
}

/// What a token adds to a text; bytes that are no UTF-8 by themselves show as U+FFFD.
pub fn piece_of(vocab: &LlamaVocab<'_>, token: LlamaToken) -> String {
    String::from_utf8_lossy(&vocab.token_to_piece(token, true, None)).into_owned()
}

/// A NUL ends texts in some of llama.cpp's paths and means nothing in any prompt.
pub fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}

fn tokenize(vocab: &LlamaVocab<'_>, text: &str, controls: bool, out: &mut Vec<LlamaToken>) {
    for piece in pieces(text) {
        vocab.tokenize_into(piece.as_bytes(), out, false, controls);
    }
}

/// Cuts a long text, at white space where there is some.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut at = rest.len();
        if at > PIECE {
            let most = (0..=PIECE).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(PIECE);
            // A tokenizer joins a space with the word after it, so the cut goes before the space.
            at = rest[..most].rfind([' ', '\n', '\t']).filter(|at| *at > 0).unwrap_or(most);
        }
        let (piece, after) = rest.split_at(at);
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn controls() -> Controls {
        Controls::of_texts(&["<|im_end|>!", "<|im_end|>", "<s>"])
    }

    fn clean(messages: &[Message], tools: &[ToolSpec]) -> Clean {
        Clean::new(messages, tools).unwrap()
    }

    #[test]
    fn the_mark_occurs_nowhere_not_even_in_escapes() {
        let message = |content: &str| Message::new("user", content);
        assert_eq!(clean(&[message("plain")], &[]).mark, '\u{f0000}');
        let call = ToolCall { arguments: r#"{"a": "\udb80\udc01"}"#.into(), ..ToolCall::default() };
        let calling = Message { tool_calls: vec![call], ..message("\u{f0000}") };
        let tool = ToolSpec { name: "t".into(), description: "\u{f0002}".into(), parameters: String::new() };
        assert_eq!(clean(&[calling], &[tool]).mark, '\u{f0003}');
        let every: String = ('\u{f0000}'..='\u{ffffd}').collect();
        assert_eq!(clean(&[message(&every)], &[]).mark, '\u{10fffd}');
    }

    #[test]
    fn control_texts_are_marked_wherever_they_stand() {
        let call = ToolCall {
            id: "<s>".into(),
            name: "<s>".into(),
            arguments: r#"{"<s>": ["\u003cs>", 1], "b": {"c": "\u0000<\u0000s>"}}"#.into(),
        };
        let messages = [
            Message { tool_calls: vec![call], ..Message::new("assistant", "<s>") },
            Message { tool_call_id: Some("<s>".into()), ..Message::new("tool", "<s>\0<|im_\0end|>") },
        ];
        let tool = ToolSpec {
            name: "t".into(),
            description: "<s>".into(),
            parameters: r#"{"description": "<s>", "enum": ["<s>"], "x": "<|im_\u0065nd|>"}"#.into(),
        };
        let marked = clean(&messages, &[tool]).marked(&controls());
        let mark = marked.mark;
        for text in marked.texts() {
            assert!(!text.contains("<s>") && !text.contains("<|im_end|>") && !text.contains('\0'), "{text}");
        }
        let of = |which: usize| format!("{mark}{which}{mark}");
        let arguments = format!(r#"{{"{0}": ["{0}", 1], "b": {{"c": "{0}"}}}}"#, of(2));
        assert_eq!(marked.messages[0].tool_calls[0].arguments, arguments);
        assert!(marked.tools[0].parameters.contains(&format!(r#""x": "{}""#, of(1))));
        assert_eq!(marked.messages[1].content, format!("{}{}", of(2), of(1)));
    }

    #[test]
    fn arguments_that_are_no_json_are_marked_as_text() {
        assert_eq!(json_changed("<s>{", &|text| text.replace("<s>", "#")), "#{");
        let deep = "[".repeat(100_000);
        assert_eq!(json_changed(&deep, &str::to_string), deep);
    }

    #[test]
    fn names_of_tools_are_checked() {
        for name in ["", "a b", "<s>", "é", &"x".repeat(65)] {
            let tool = ToolSpec { name: name.into(), ..ToolSpec::default() };
            assert!(Clean::new(&[], &[tool]).is_err(), "{name}");
        }
        let tool = ToolSpec { name: "t".into(), parameters: "[]".into(), ..ToolSpec::default() };
        assert!(
            matches!(Clean::new(&[], &[tool]), Err(EngineError::InvalidArgument(reason)) if reason.contains("\"t\""))
        );
    }

    #[test]
    fn long_texts_are_cut_without_loss() {
        for text in ["word ".repeat(20_000), "x".repeat(100_000), "é".repeat(50_000)] {
            let cut: Vec<_> = pieces(&text).collect();
            assert!(cut.len() > 1 && cut.iter().all(|piece| piece.len() <= PIECE));
            assert_eq!(cut.concat(), text);
        }
        assert_eq!(pieces("").count(), 0);
    }
}
