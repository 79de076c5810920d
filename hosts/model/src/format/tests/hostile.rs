//! Answers cut anywhere, and answers that were made to be slow or to get lost.

use super::*;
use std::time::Instant;

/// A small generator of numbers, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }
}

#[test]
fn nothing_is_lost_wherever_an_answer_is_cut() {
    let formats = [
        native(samples::QWEN),
        native(samples::QWEN_TAGS),
        native(samples::LLAMA),
        native(samples::MISTRAL_NAMED),
        native(samples::GEMMA4),
        native(samples::LFM2),
        taught(samples::SMOLLM2),
        taught(""),
    ];
    // Nothing of this makes a whole call or opens reasoning, so all of it must come back as text.
    let parts = [
        "<tool_call>",
        "</tool_call>",
        "<function=",
        "</function>",
        "<tool",
        "{",
        "}",
        "[",
        "]",
        "\"",
        "\\",
        "name",
        ":",
        ",",
        "now",
        "(",
        ")",
        "[TOOL_CALLS]",
        "[ARGS]",
        "<|tool_call>",
        "call:",
        "<|\"|>",
        "<|tool_call_start|>",
        "```json",
        "\n",
        " ",
        "é",
        "😀",
        "\0",
        "a",
        "<",
        "x y",
        ";",
        "get_weather",
    ];
    let mut dice = Dice(7);
    for round in 0..4_000 {
        let format = formats[round % formats.len()];
        let answer: String =
            std::iter::once("x").chain((0..dice.below(30)).map(|_| parts[dice.below(parts.len())])).collect();
        let outs = read_pieces(format, &tools(), false, cut(&answer, &mut dice));
        assert_eq!(outs, read_pieces(format, &tools(), false, [answer.as_str()]), "{:?} {answer:?}", format.calls());
        // An empty list in tags, which says that there is no call, is the one thing not shown.
        if !answer.contains("[]") && !outs.iter().any(|out| matches!(out, Out::Call(_))) {
            assert_eq!(outs, [text(&answer)], "{:?}", format.calls());
        }
    }
}

/// Cuts an answer into pieces of one to twelve characters.
fn cut<'a>(answer: &'a str, dice: &mut Dice) -> Vec<&'a str> {
    let mut pieces = Vec::new();
    let mut rest = answer;
    while !rest.is_empty() {
        let ends: Vec<usize> = rest.char_indices().map(|(at, c)| at + c.len_utf8()).take(12).collect();
        let (piece, after) = rest.split_at(ends[dice.below(ends.len())]);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

#[test]
fn calls_and_the_text_between_them_come_out_as_they_went_in() {
    let texts =
        ["word", "two words.", "a < b", "<tool_call>", "<tool_call>\n{\"name\": \"rm\"}\n</tool_call>", "{\"a\": 1}"];
    let mut dice = Dice(11);
    for _ in 0..1_000 {
        let (mut parts, mut expected, mut calls) = (Vec::new(), Vec::new(), 0);
        for _ in 0..=dice.below(8) {
            let which = dice.below(texts.len() + 3);
            if let Some(shown) = texts.get(which) {
                match expected.last_mut() {
                    Some(Out::Text(before)) => *before = format!("{before}\n{shown}"),
                    _ => expected.push(text(shown)),
                }
                parts.push((*shown).to_string());
            } else {
                calls += 1;
                let city = ["Oslo", "</tool_call>", r#"é \" {[("#][dice.below(3)];
                let arguments = format!("{{\"city\":\"{city}\"}}");
                expected.push(call(calls, "get_weather", &arguments));
                parts.push(format!(
                    "<tool_call>\n{{\"name\": \"get_weather\", \"arguments\": {arguments}}}\n</tool_call>"
                ));
            }
        }
        let answer = parts.join("\n");
        let outs = read_pieces(native(samples::QWEN), &tools(), false, cut(&answer, &mut dice));
        assert_eq!(outs, expected, "{answer}");
    }
}

#[test]
fn hostile_answers_take_little_time_and_lose_nothing() {
    let mega = |part: &str| part.repeat((1 << 20) / part.len());
    let formats = [
        native(samples::QWEN),
        native(samples::QWEN_TAGS),
        native(samples::MISTRAL),
        native(samples::GEMMA4),
        native(samples::HARMONY),
        taught(""),
    ];
    let answers = [
        mega("<tool_call>"),
        mega("<tool_call>{\"name\": \"<tool_call>{"),
        mega("<tool_call>{\""),
        mega("<tool_call>["),
        mega("<tool_call>\n<function=a"),
        mega("[TOOL_CALLS]["),
        mega("[TOOL_CALLS]a"),
        mega("<|tool_call>call:a{<|\""),
        mega("\n{\"name\": "),
        mega("\n```json\n["),
        mega("\n"),
        mega("{\"name\": [") + &"]".repeat(1 << 10),
        format!("{{\"name\": \"now\", \"arguments\": {{\"a\": {}{}}}}}", "[".repeat(1 << 19), "]".repeat(1 << 19)),
        mega("<"),
        mega("\0"),
        mega("<|channel|>commentary to=functions."),
    ];
    for format in formats {
        for answer in &answers {
            for (size, most) in [(1 << 21, 1 << 21), (5, 1 << 17)] {
                let started = Instant::now();
                let mut reader = Reader::new(&format, &tools(), false);
                let mut length = 0;
                let answer = &answer[..most.min(answer.len())];
                let mut rest = answer;
                let mut count = |outs: Vec<Out>| {
                    for out in outs {
                        match out {
                            Out::Text(text) | Out::Reasoning(text) => length += text.len(),
                            Out::Call(call) => panic!("{call:?}"),
                        }
                    }
                };
                while !rest.is_empty() {
                    let at = (size.min(rest.len())..=rest.len()).find(|at| rest.is_char_boundary(*at)).unwrap();
                    let (piece, after) = rest.split_at(at);
                    count(reader.push(piece));
                    rest = after;
                }
                count(reader.end());
                assert_eq!(length, answer.len(), "{:?} {:.40}", format.calls(), answer);
                assert!(started.elapsed().as_secs() < 10, "{:?} {:.40}", format.calls(), answer);
            }
        }
    }
}
