#![allow(clippy::unwrap_used)]

use super::*;
use hob_engine::{Message, ToolCall};

mod hostile;

fn tools() -> Vec<ToolSpec> {
    let tool = |name: &str, parameters: &str| ToolSpec {
        name: name.into(),
        description: "A tool".into(),
        parameters: parameters.into(),
    };
    let city = r#"{"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}"#;
    vec![tool("get_weather", city), tool("now", "")]
}

fn text(text: &str) -> Out {
    Out::Text(text.into())
}

fn thought(text: &str) -> Out {
    Out::Reasoning(text.into())
}

fn call(n: usize, name: &str, arguments: &str) -> Out {
    Out::Call(ToolCall { id: format!("call_{n}"), name: name.into(), arguments: arguments.into() })
}

fn oslo(n: usize) -> Out {
    call(n, "get_weather", r#"{"city":"Oslo"}"#)
}

/// Joins neighbouring pieces of the same kind.
fn joined(outs: impl IntoIterator<Item = Out>) -> Vec<Out> {
    let mut all: Vec<Out> = Vec::new();
    for out in outs {
        match (all.last_mut(), out) {
            (Some(Out::Text(shown)), Out::Text(more)) | (Some(Out::Reasoning(shown)), Out::Reasoning(more)) => {
                shown.push_str(&more);
            }
            (_, out) => all.push(out),
        }
    }
    all
}

fn read_pieces<'a>(
    format: Format,
    tools: &[ToolSpec],
    thinking: bool,
    pieces: impl IntoIterator<Item = &'a str>,
) -> Vec<Out> {
    let mut reader = Reader::new(&format, tools, thinking);
    let mut outs = Vec::new();
    for piece in pieces {
        outs.extend(reader.push(piece));
    }
    outs.extend(reader.end());
    joined(outs)
}

/// Reads an answer whole and in pieces of several sizes, which must make no difference.
fn read(format: Format, tools: &[ToolSpec], thinking: bool, answer: &str) -> Vec<Out> {
    let whole = read_pieces(format, tools, thinking, [answer]);
    for size in [1, 2, 3, 7] {
        let starts: Vec<usize> = answer.char_indices().map(|(at, _)| at).step_by(size).chain([answer.len()]).collect();
        let pieces = starts.windows(2).map(|ends| &answer[ends[0]..ends[1]]);
        assert_eq!(read_pieces(format, tools, thinking, pieces), whole, "{answer:?} in pieces of {size}");
    }
    whole
}

fn native(sample: &str) -> Format {
    Format::detect(sample, true)
}

fn taught(sample: &str) -> Format {
    Format::detect(sample, false)
}

/// Every family: its convention and what answers in it are read as.
#[test]
fn each_family_is_recognised_and_read() {
    let cases: Vec<(Calls, Format, &str, Vec<Out>)> = vec![
        (
            Calls::Hermes,
            native(samples::QWEN),
            "<think>\nWeather, then.\n</think>\n\nI look.\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \
             \"Oslo\"}}\n</tool_call>\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>",
            vec![thought("Weather, then."), text("I look."), oslo(1), call(2, "now", "{}")],
        ),
        (
            Calls::Hermes,
            native(samples::SMOLLM3),
            "<think>x</think><tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}</tool_call> Done.",
            vec![thought("x"), oslo(1), text("Done.")],
        ),
        (
            Calls::SmolLm2,
            taught(samples::SMOLLM2),
            "<tool_call>[\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}},\n{\"name\": \"now\", \"arguments\": {}}\
             \n]</tool_call>",
            vec![oslo(1), call(2, "now", "{}")],
        ),
        (
            Calls::SmolLm2,
            taught(samples::SMOLLM2),
            "<tool_call>[]</tool_call>Nothing fits.",
            vec![text("Nothing fits.")],
        ),
        (
            Calls::Tags,
            native(samples::QWEN_TAGS),
            "I look.\n\n<tool_call>\n<function=get_weather>\n<parameter=city>\nOslo\n</parameter>\n<parameter=days>\n3\n\
             </parameter>\n</function>\n</tool_call>",
            vec![text("I look."), call(1, "get_weather", r#"{"city":"Oslo","days":3}"#)],
        ),
        (
            Calls::Tags,
            native(samples::QWEN_TAGS),
            "<function=now>\n</function>\n</tool_call>\n<tool_call>\n{\"name\": \"now\"}\n</tool_call>",
            vec![call(1, "now", "{}"), call(2, "now", "{}")],
        ),
        (
            Calls::Llama,
            native(samples::LLAMA),
            "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Oslo\"}}; {\"name\": \"now\", \"parameters\": {}}",
            vec![oslo(1), call(2, "now", "{}")],
        ),
        (
            Calls::Llama,
            native(samples::LLAMA),
            "<|python_tag|>{\"type\": \"function\", \"name\": \"get_weather\", \"parameters\": {\"city\": \"Oslo\"}}",
            vec![oslo(1)],
        ),
        (
            Calls::Llama,
            native(samples::LLAMA),
            "[get_weather(city='Oslo'), now()]",
            vec![oslo(1), call(2, "now", "{}")],
        ),
        (
            Calls::Mistral,
            native(samples::MISTRAL),
            "[TOOL_CALLS] [{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}, {\"name\": \"now\", \"arguments\": {}, \
             \"id\": \"abcdefghi\"}]",
            vec![oslo(1), call(2, "now", "{}")],
        ),
        (
            Calls::MistralNamed,
            native(samples::MISTRAL_NAMED),
            "[THINK]Hm.[/THINK]I look.[TOOL_CALLS]get_weather[ARGS]{\"city\": \"Oslo\"}[TOOL_CALLS]now[CALL_ID]123456789[ARGS]{}",
            vec![thought("Hm."), text("I look."), oslo(1), call(2, "now", "{}")],
        ),
        (Calls::Gemma, taught(samples::GEMMA), "```tool_code\nget_weather(city=\"Oslo\")\n```\n", vec![oslo(1)]),
        (
            Calls::Gemma,
            taught(samples::GEMMA),
            "Sure!\n```json\n{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Oslo\"}}\n```",
            vec![text("Sure!"), oslo(1)],
        ),
        (Calls::Gemma, taught(samples::GEMMA), "[get_weather(city=\"Oslo\")]", vec![oslo(1)]),
        (
            Calls::FunctionGemma,
            native(samples::FUNCTION_GEMMA),
            "<start_function_call>call:get_weather{city:<escape>Oslo<escape>}<end_function_call>\
             <start_function_call>call:now{}<end_function_call>",
            vec![oslo(1), call(2, "now", "{}")],
        ),
        (
            Calls::Gemma4,
            native(samples::GEMMA4),
            "<|channel>thought\nHm, {weather}.\n<channel|>I look.<|tool_call>call:get_weather{city:<|\"|>Oslo<|\"|>,days:3}\
             <tool_call|><channel|>",
            vec![thought("Hm, {weather}."), text("I look."), call(1, "get_weather", r#"{"city":"Oslo","days":3}"#)],
        ),
        (
            Calls::Lfm2,
            native(samples::LFM2),
            "<|tool_call_start|>[get_weather(city=\"Oslo\"), now()]<|tool_call_end|>Checking.",
            vec![oslo(1), call(2, "now", "{}"), text("Checking.")],
        ),
        (
            Calls::Elements,
            native(samples::ELEMENTS),
            "I look.\n<function name=\"get_weather\"><param name=\"city\">Oslo</param></function><function name=\"now\">\
             </function>",
            vec![text("I look."), oslo(1), call(2, "now", "{}")],
        ),
        (
            Calls::Piped,
            native(samples::PIPED),
            "<|tool_call|>[{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}]<|/tool_call|>",
            vec![oslo(1)],
        ),
        (
            Calls::Harmony,
            native(samples::HARMONY),
            "<|channel|>analysis<|message|>Weather.<|end|><|start|>assistant<|channel|>commentary<|message|>I look.<|end|>\
             <|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{\"city\": \"Oslo\"}\
             <|call|>",
            vec![thought("Weather."), text("I look."), oslo(1)],
        ),
        (
            Calls::Harmony,
            native(samples::HARMONY),
            " to=functions.now<|channel|>commentary json<|message|>{}<|call|>",
            vec![call(1, "now", "{}")],
        ),
        (
            Calls::Harmony,
            native(samples::HARMONY),
            "<|channel|>analysis<|message|>Easy.<|end|><|start|>assistant<|channel|>final<|message|>Hi!<|return|>",
            vec![thought("Easy."), text("Hi!")],
        ),
        (
            Calls::Plain,
            native(samples::DEEPSEEK_R1),
            "<think>\nWeather.\n</think>\n\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}",
            vec![thought("Weather."), oslo(1)],
        ),
        (
            Calls::Plain,
            taught(""),
            "Here:\n[{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}]\nThat was it.",
            vec![text("Here:"), oslo(1), text("That was it.")],
        ),
    ];
    for (calls, format, answer, expected) in cases {
        assert_eq!(format.calls(), calls, "{answer}");
        assert_eq!(read(format, &tools(), false, answer), expected, "{calls:?}: {answer}");
    }
}

#[test]
fn calls_that_are_forced_are_read_in_every_family() {
    let all = [
        native(samples::QWEN),
        native(samples::QWEN_TAGS),
        native(samples::ELEMENTS),
        native(samples::LLAMA),
        native(samples::MISTRAL),
        native(samples::MISTRAL_NAMED),
        native(samples::FUNCTION_GEMMA),
        native(samples::GEMMA4),
        native(samples::LFM2),
        native(samples::PIPED),
        native(samples::HARMONY),
        taught(samples::SMOLLM2),
        taught(samples::GEMMA),
        taught(""),
    ];
    for format in all {
        let written = format.write_call("get_weather", r#"{"city": "Oslo"}"#);
        assert_eq!(read(format, &tools(), false, &written), [oslo(1)], "{written}");
        let schema = format.call_schema(&tools());
        let is_list = schema["type"] == "array";
        let fields = if is_list { &schema["items"]["anyOf"][0] } else { &schema["anyOf"][0] };
        let key = fields["required"][1].as_str().unwrap();
        let mut body = json!({"name": fields["properties"]["name"]["const"], key: {"city": "Oslo"}});
        if is_list {
            body = Value::Array(vec![body]);
        }
        let (opens, closes) = (format.call_opens().unwrap_or_default(), format.call_closes().unwrap_or_default());
        let written = format!("{opens}{}{closes}", json_text(&body));
        assert_eq!(read(format, &tools(), false, &written), [oslo(1)], "{written}");
        assert_eq!(read(format, &tools(), false, &format!("{opens}{body}")), [oslo(1)], "{written}");
        // Up to the body's last character the call is open, and its text is the body's start.
        let mut reader = Reader::new(&format, &tools(), false);
        let start = &written[..written.find("Oslo").unwrap()];
        assert!(reader.push(start).is_empty() && reader.in_call(), "{written}");
        assert_eq!(
            reader.call_text(),
            Some(start.strip_prefix(format.call_opens().unwrap_or_default().trim_end()).unwrap())
        );
    }
}

#[test]
fn prompts_that_open_the_reasoning_are_told_apart() {
    let qwen = native(samples::QWEN);
    for (prompt, opens) in [
        ("<|im_start|>assistant\n<think>\n", true),
        ("<|im_start|>assistant\n<think>", true),
        ("<|im_start|>assistant\n", false),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", false),
    ] {
        assert_eq!(qwen.opens_thinking(prompt), opens, "{prompt}");
    }
    assert!(native(samples::MISTRAL_NAMED).opens_thinking("[/INST][THINK]"));
    assert!(!native(samples::GEMMA4).opens_thinking("<|turn>model\n<|channel>thought\n<channel|>"));
}

#[test]
fn reasoning_that_the_prompt_opened_is_read() {
    let qwen = native(samples::QWEN);
    for answer in ["Hm.\n</think>\n\nYes.", "\n<think>\nHm.</think>Yes."] {
        assert_eq!(read(qwen, &[], true, answer), [thought("Hm."), text("Yes.")]);
    }
    assert_eq!(read(qwen, &tools(), true, "Never done.\n"), [thought("Never done.\n")]);
    assert_eq!(read(qwen, &tools(), true, "\n\n</think>\n\nYes."), [text("Yes.")]);
    let mut reader = Reader::new(&qwen, &[], true);
    reader.push("Hm.\n</thi");
    assert!(reader.in_reasoning());
    reader.push("nk>");
    assert!(!reader.in_reasoning());
}

#[test]
fn a_call_ends_reasoning_where_models_forget_to() {
    let answer = "Hm.\n<tool_call>\n<function=now>\n</function>\n</tool_call>";
    assert_eq!(read(native(samples::QWEN_TAGS), &tools(), true, answer), [thought("Hm."), call(1, "now", "{}")]);
    let answer = "Write <tool_call> now?</think>No.";
    let expected = [thought("Write <tool_call> now?"), text("No.")];
    assert_eq!(read(native(samples::QWEN_TAGS), &tools(), true, answer), expected);
    assert_eq!(read(native(samples::QWEN), &tools(), true, answer), expected);
}

/// What only looks like a marker or a call is shown as it came.
#[test]
fn what_is_no_call_is_text() {
    let cases = [
        (native(samples::QWEN), "a < b, <tool> and <tool_call is no marker, nor is </tool_call> alone\n"),
        (native(samples::QWEN), "<tool_call>\n{\"name\": \"rm\", \"arguments\": {}}\n</tool_call>\n"),
        (native(samples::QWEN), "<tool_call>\n{\"name\": \"now\", \"arguments\": {}\n</tool_call>"),
        (native(samples::QWEN), "<tool_call>\n{\"name\": \"now\", \"arguments\": [}\n</tool_call>"),
        (native(samples::QWEN), "The tag <tool_call> starts a call, \"<tool_call>{}</tool_call>\" is an empty one."),
        (native(samples::QWEN), "  {\"name\": \"now\"}"),
        (native(samples::QWEN), "The tag <think> is for thinking.</think>"),
        (native(samples::QWEN), "<tool_call>\n{\"name\": \"now\""),
        (native(samples::QWEN), "Yes.\n\n<tool_ca"),
        (native(samples::QWEN), "<tool_call>\nnow(\0)</tool_call>"),
        (native(samples::QWEN), "<tool_call>{\"name\": \"now\", \"arguments\": {\"a\": \"\n\"}}"),
        (native(samples::QWEN_TAGS), "<tool_call>\n<function=now>\n<parameter=x>\n"),
        (native(samples::QWEN_TAGS), "#include <functional>\n<function=rm>\n</function>"),
        (native(samples::LLAMA), "{\"city\": \"Oslo\"} is JSON, {\"name\": \"now\"} stands within a line\n{ }\n"),
        (native(samples::LLAMA), "<|python_tag|>print(1)"),
        (native(samples::MISTRAL), "[TOOL_CALLS] is a marker. [TOOL_CALLS][1] too, and [TOOL_CALLS]"),
        (native(samples::MISTRAL_NAMED), "[TOOL_CALLS]rm[ARGS]{}[TOOL_CALLS]now[CALLS]"),
        (
            taught(samples::GEMMA),
            "See:\n```json\n{\"name\": \"Bob\"}\n```\n[1]: x\n[link](http://x)\n```python\nnow()\n```\n",
        ),
        (taught(samples::GEMMA), "```tool_code\nnow(1)\n```\n```json\n[1, 2]\n```"),
        (native(samples::FUNCTION_GEMMA), "<start_function_call>call:now{<end_function_call> \0 é 😀"),
        (native(samples::GEMMA4), "<|tool_call>call:rm{}<tool_call|>"),
        (native(samples::LFM2), "<|tool_call_start|>[now(1)]<|tool_call_end|>"),
        (taught(samples::SMOLLM2), "[]\n{}\n"),
        (taught(""), "\n\n  {\n\"name\"\n: 1}"),
    ];
    for (format, answer) in cases {
        assert_eq!(read(format, &tools(), false, answer), [text(answer)], "{:?}", format.calls());
    }
    // Without tools nothing is a call.
    let answer = "<tool_call>\n{\"name\": \"now\"}\n</tool_call>\n ";
    assert_eq!(read(native(samples::QWEN), &[], false, answer), [text(answer)]);
}

#[test]
fn a_call_is_found_after_what_was_none() {
    let good = "<tool_call>{\"name\": \"now\"}</tool_call>";
    for bad in ["<tool_call>", "<tool_call><", "<tool_call>{\"name\": <", "<tool_call>\n<function=now<"] {
        // In the last two, what follows could still be part of the first body.
        let outs = read(native(samples::QWEN), &tools(), false, &format!("{bad}{good}"));
        let shown: String = outs.iter().map(|out| if let Out::Text(text) = out { text.as_str() } else { "" }).collect();
        match bad.contains("function") {
            true => assert_eq!(shown, format!("{bad}{good}")),
            false => assert_eq!(outs, [text(bad), call(1, "now", "{}")], "{bad}"),
        }
    }
    let answer = "[TOOL_CALLS][TOOL_CALLS]now[ARGS]{}";
    assert_eq!(
        read(native(samples::MISTRAL_NAMED), &tools(), false, answer),
        [text("[TOOL_CALLS]"), call(1, "now", "{}")]
    );
}

#[test]
fn a_bracket_too_many_goes_with_the_marker() {
    let good = "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}";
    let format = native(samples::QWEN);
    assert_eq!(read(format, &tools(), false, &format!("{good}}}\n</tool_call>")), [call(1, "now", "{}")]);
    assert_eq!(read(format, &tools(), false, &format!("{good}}} so")), [call(1, "now", "{}"), text("} so")]);
    assert_eq!(read(format, &tools(), false, &format!("{good}\n}}")), [call(1, "now", "{}"), text("\n}")]);
}

#[test]
fn text_is_shown_as_soon_as_it_can_be_nothing_else() {
    let mut reader = Reader::new(&native(samples::QWEN), &tools(), false);
    assert_eq!(reader.push("Hello "), [text("Hello")]);
    assert_eq!(reader.push("you <to"), [text(" you")]);
    assert_eq!(reader.push("p> now"), [text(" <top> now")]);
    assert_eq!(reader.push(" <tool_call>"), []);
    assert!(reader.in_call());
    assert_eq!(reader.push("x y"), [text(" <tool_call>x y")]);
    assert!(!reader.in_call());
    let mut reader = Reader::new(&native(samples::LLAMA), &tools(), false);
    assert_eq!(reader.push("{\"answer"), []);
    assert!(!reader.in_call() && reader.call_text() == Some("{\"answer"));
    assert_eq!(reader.push("\": 4"), [text("{\"answer\": 4")]);
    let mut reader = Reader::new(&native(samples::LLAMA), &[], false);
    assert_eq!(reader.push("{\"answer \n"), [text("{\"answer \n")]);
}

#[test]
fn calls_are_numbered_after_those_of_the_conversation() {
    let before = Message { tool_calls: vec![ToolCall::default(); 3], ..Message::new("assistant", "") };
    let mut reader = Reader::new(&taught(""), &tools(), false).after(&[Message::new("user", "x"), before]);
    assert_eq!(reader.push("{\"name\": \"now\"}"), [call(4, "now", "{}")]);
}
