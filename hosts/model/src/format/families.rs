//! The conventions of the model families, as data.

use super::body::Kind;

/// How a model writes calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// Hermes, Qwen 2.5 and 3, SmolLM3, Granite 4: `<tool_call>`, an object, `</tool_call>`.
    Hermes,
    /// SmolLM2: the same tags around a list.
    SmolLm2,
    /// Qwen3-Coder, Qwen 3.5, Nemotron 3: `<function=name>` and `<parameter=key>` in the same tags.
    Tags,
    /// MiniCPM5: `<function name="name">` and `<param name="key">`, without other tags.
    Elements,
    /// Granite 3, Phi-4-mini: `<|tool_call|>` and a list.
    Piped,
    /// Llama 3: an object with "parameters", sometimes after `<|python_tag|>`.
    Llama,
    /// Mistral until tokenizer 7: `[TOOL_CALLS]` and a list.
    Mistral,
    /// Mistral since then: `[TOOL_CALLS]name[ARGS]` and the arguments.
    MistralNamed,
    /// Gemma 2 and 3, which were trained to follow whatever the prompt asks for; they like fences.
    Gemma,
    /// FunctionGemma: `call:name{key:<escape>value<escape>}` in tags.
    FunctionGemma,
    /// Gemma 4: the same in other tags, with another quote.
    Gemma4,
    /// LFM2: a list of Python calls in tags.
    Lfm2,
    /// gpt-oss: a channel addressed to a function.
    Harmony,
    /// Any other model: an object with "name" and "arguments".
    Plain,
}

/// Where a call may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Anywhere: the text is a marker and nothing else.
    Anywhere,
    /// At the start of a line, because the text also occurs in answers.
    LineStart,
}

/// A text with which a call may start.
#[derive(Debug, PartialEq, Eq)]
pub struct Opener {
    /// The text.
    pub text: &'static str,
    /// Where it counts.
    pub place: Place,
    /// It is the first part of the body.
    pub inside: bool,
    /// What follows.
    pub body: Kind,
    /// Texts that may stand after the body and then belong to the call.
    pub closes: &'static [&'static str],
}

/// A family's convention.
#[derive(Debug)]
pub struct Syntax {
    /// Everything that may start a call.
    pub openers: &'static [Opener],
    /// Markers that mean nothing to anybody but the model.
    pub skipped: &'static [&'static str],
    /// See [`super::Format::call_opens`].
    pub opens: Option<&'static str>,
    /// See [`super::Format::call_closes`].
    pub closes: Option<&'static str>,
    /// The body is a list of calls.
    pub list: bool,
    /// The arguments are called "parameters".
    pub parameters: bool,
    /// See [`super::Format::calls_are_json`].
    pub json: bool,
    /// A call may end the reasoning without its closing marker.
    pub ends_thinking: bool,
    /// See [`super::Format::markers`].
    pub markers: &'static [&'static str],
    /// See [`super::Format::ends`].
    pub ends: &'static [&'static str],
}

/// How reasoning is set apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Thinking {
    /// Texts that open it.
    pub opens: &'static [&'static str],
    /// Texts that close it.
    pub closes: &'static [&'static str],
    /// It may open at any point of an answer, not only at its start.
    pub anywhere: bool,
}

/// What nearly all reasoning models write.
pub const THINK: Thinking = Thinking { opens: &["<think>"], closes: &["</think>"], anywhere: false };
/// EXAONE Deep.
pub const THOUGHT: Thinking = Thinking { opens: &["<thought>"], closes: &["</thought>"], anywhere: false };
/// Magistral and Ministral 3.
pub const THINK_BRACKETS: Thinking = Thinking { opens: &["[THINK]"], closes: &["[/THINK]"], anywhere: false };
/// Gemma 4.
pub const CHANNEL: Thinking = Thinking { opens: &["<|channel>thought"], closes: &["<channel|>"], anywhere: true };
/// gpt-oss.
pub const HARMONY: Thinking =
    Thinking { opens: &["<|channel|>analysis<|message|>"], closes: &["<|end|>"], anywhere: true };

const fn tag(text: &'static str, body: Kind, closes: &'static [&'static str]) -> Opener {
    Opener { text, place: Place::Anywhere, inside: false, body, closes }
}

const fn fence(text: &'static str) -> Opener {
    Opener { text, place: Place::LineStart, inside: false, body: Kind::Any, closes: &["```"] }
}

const fn bare(text: &'static str) -> Opener {
    Opener { text, place: Place::LineStart, inside: true, body: Kind::Any, closes: &[";"] }
}

const TOOL_CALL: Opener = tag("<tool_call>", Kind::Any, &["</tool_call>"]);
const FUNCTION: Opener =
    Opener { text: "<function=", place: Place::Anywhere, inside: true, body: Kind::Any, closes: &["</tool_call>"] };
const OBJECT: Opener = bare("{");
const LIST: Opener = bare("[");
const JSON_FENCE: Opener = fence("```json");
const CODE_FENCE: Opener = fence("```tool_code");
const CALL_FENCE: Opener = fence("```tool_call");

const NONE: Syntax = Syntax {
    openers: &[],
    skipped: &[],
    opens: None,
    closes: None,
    list: false,
    parameters: false,
    json: true,
    ends_thinking: false,
    markers: &[],
    ends: &[],
};

static HERMES_CALLS: Syntax = Syntax {
    openers: &[TOOL_CALL],
    opens: Some("<tool_call>\n"),
    closes: Some("\n</tool_call>"),
    markers: &["<tool_call>", "</tool_call>"],
    ..NONE
};

static SMOLLM2: Syntax = Syntax {
    openers: &[TOOL_CALL, OBJECT, LIST],
    opens: Some("<tool_call>"),
    closes: Some("</tool_call>"),
    list: true,
    markers: &["<tool_call>", "</tool_call>"],
    ..NONE
};

static TAGS: Syntax = Syntax {
    openers: &[TOOL_CALL, FUNCTION],
    opens: Some("<tool_call>\n"),
    closes: Some("\n</tool_call>"),
    json: false,
    ends_thinking: true,
    markers: &["<tool_call>", "</tool_call>"],
    ..NONE
};

static ELEMENTS: Syntax = Syntax {
    openers: &[Opener { text: "<function name=", closes: &[], ..FUNCTION }, OBJECT],
    json: false,
    markers: &["<function", "</function>", "<param", "</param>"],
    ..NONE
};

static PIPED: Syntax = Syntax {
    openers: &[tag("<|tool_call|>", Kind::Any, &["<|/tool_call|>"])],
    opens: Some("<|tool_call|>"),
    list: true,
    markers: &["<|tool_call|>", "<|/tool_call|>"],
    ..NONE
};

static LLAMA: Syntax = Syntax {
    openers: &[tag("<|python_tag|>", Kind::Any, &[";"]), OBJECT, LIST],
    parameters: true,
    markers: &["<|python_tag|>"],
    ends: &["<|eom_id|>"],
    ..NONE
};

static MISTRAL: Syntax = MISTRAL_LIST;
static MISTRAL_NAMED: Syntax = Syntax { json: false, ..MISTRAL_LIST };
const MISTRAL_LIST: Syntax = Syntax {
    openers: &[tag("[TOOL_CALLS]", Kind::Named, &[])],
    opens: Some("[TOOL_CALLS]"),
    list: true,
    markers: &["[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"],
    ..NONE
};

static PLAIN: Syntax = Syntax { openers: &[OBJECT, LIST, JSON_FENCE, CODE_FENCE, CALL_FENCE], ..NONE };

static FUNCTION_GEMMA: Syntax = Syntax {
    openers: &[tag("<start_function_call>", Kind::Keyed("<escape>"), &["<end_function_call>"])],
    opens: Some("<start_function_call>"),
    closes: Some("<end_function_call>"),
    json: false,
    markers: &["<start_function_call>", "<end_function_call>", "<escape>"],
    ends: &["<start_function_response>"],
    ..NONE
};

static GEMMA4: Syntax = Syntax {
    openers: &[tag("<|tool_call>", Kind::Keyed("<|\"|>"), &["<tool_call|>"])],
    opens: Some("<|tool_call>"),
    closes: Some("<tool_call|>"),
    json: false,
    markers: &["<|tool_call>", "<tool_call|>", "<|\"|>"],
    ends: &["<|tool_response>"],
    ..NONE
};

static LFM2: Syntax = Syntax {
    openers: &[tag("<|tool_call_start|>", Kind::Any, &["<|tool_call_end|>"])],
    opens: Some("<|tool_call_start|>"),
    closes: Some("<|tool_call_end|>"),
    list: true,
    json: false,
    markers: &["<|tool_call_start|>", "<|tool_call_end|>"],
    ..NONE
};

static HARMONY_CALLS: Syntax = Syntax {
    openers: &[
        tag("<|channel|>commentary to=functions.", Kind::Addressed, &["<|call|>"]),
        tag("<|channel|>analysis to=functions.", Kind::Addressed, &["<|call|>"]),
        tag("<|start|>assistant to=functions.", Kind::Addressed, &["<|call|>"]),
        // Right after the prompt, which ends with the start of the turn.
        Opener { place: Place::LineStart, ..tag("to=functions.", Kind::Addressed, &["<|call|>"]) },
        OBJECT,
    ],
    skipped: &[
        "<|start|>assistant",
        "<|channel|>final<|message|>",
        "<|channel|>commentary<|message|>",
        "<|channel|>commentary to=assistant",
        "<|end|>",
        "<|return|>",
        "<|call|>",
    ],
    opens: Some("<|channel|>commentary<|message|>"),
    json: false,
    markers: &["<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "<|end|>", "<|return|>", "<|call|>"],
    ends: &["<|call|>"],
    ..NONE
};

impl Calls {
    /// The convention of a template that lists tools by itself.
    pub fn native(source: &str) -> Self {
        let has = |text: &str| source.contains(text);
        if has("<|channel|>") && has("<|message|>") {
            Self::Harmony
        } else if has("<start_function_call>") {
            Self::FunctionGemma
        } else if has("<|tool_call>") {
            Self::Gemma4
        } else if has("[TOOL_CALLS]") {
            if has("[ARGS]") { Self::MistralNamed } else { Self::Mistral }
        } else if has("<|tool_call_start|>") || has("<|tool_list_start|>") || has("List of tools: [") {
            Self::Lfm2
        } else if has("<|tool_call|>") {
            Self::Piped
        } else if has("<function name=") && has("<param name=") {
            Self::Elements
        } else if has("<function=") && (has("<tool_call>") || has("<|python_tag|>")) {
            Self::Tags
        } else if has("<tool_call>") && !has("<arg_key>") && !has("<invoke") {
            Self::Hermes
        } else if has("<|python_tag|>") || (has("<|start_header_id|>") && has("\"parameters\"")) {
            Self::Llama
        } else {
            Self::Plain
        }
    }

    /// The convention to teach to a model whose template lists none.
    pub fn taught(source: &str) -> Self {
        if source.contains("SmolLM") {
            if source.contains("think") { Self::Hermes } else { Self::SmolLm2 }
        } else if source.contains("<start_of_turn>") {
            Self::Gemma
        } else {
            Self::Plain
        }
    }

    /// The convention as data.
    pub fn syntax(self) -> &'static Syntax {
        match self {
            Self::Hermes => &HERMES_CALLS,
            Self::SmolLm2 => &SMOLLM2,
            Self::Tags => &TAGS,
            Self::Elements => &ELEMENTS,
            Self::Piped => &PIPED,
            Self::Llama => &LLAMA,
            Self::Mistral => &MISTRAL,
            Self::MistralNamed => &MISTRAL_NAMED,
            Self::Gemma | Self::Plain => &PLAIN,
            Self::FunctionGemma => &FUNCTION_GEMMA,
            Self::Gemma4 => &GEMMA4,
            Self::Lfm2 => &LFM2,
            Self::Harmony => &HARMONY_CALLS,
        }
    }
}
