#![allow(clippy::unwrap_used)]

use super::*;
use crate::format::samples;

fn message(role: &str, content: &str) -> Message {
    Message::new(role, content)
}

fn render(template: &str, messages: &[Message]) -> Result<String, String> {
    let template = Template::new(Some(template), "<s>".into(), "</s>".into());
    assert!(template.is_own());
    template.render(messages, &[])
}

/// In the style of the default model: a system turn of its own unless one is given.
const CHATML: &str = "{% for m in messages %}{% if loop.first and messages[0]['role'] != 'system' %}\
    {{ '<|im_start|>system\nBe kind<|im_end|>\n' }}{% endif %}\
    {{'<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n'}}{% endfor %}\
    {% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

#[test]
fn a_chatml_template_is_rendered() {
    assert_eq!(
        render(CHATML, &[message("user", "Hi")]).unwrap(),
        "<|im_start|>system\nBe kind<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    );
    assert_eq!(
        render(CHATML, &[message("system", "S"), message("user", "U"), message("assistant", "A")]).unwrap(),
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n\
         <|im_start|>assistant\nA<|im_end|>\n<|im_start|>assistant\n"
    );
}

/// In the style of Llama 3 and Qwen: blocks on lines of their own, Python methods, macros,
/// namespaces, slices, a date.
const ELABORATE: &str = "{{- bos_token }}
{%- set date = strftime_now('%Y') %}
{%- macro head(role) %}<|start_header_id|>{{ role }}<|end_header_id|>{% endmacro %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system = messages[0]['content'].strip() %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system = '' %}
{%- endif %}
{{- head('system') + '\\n\\n' + system + ' Year ' + date + '<|eot_id|>' }}
{%- set ns = namespace(last=messages|length - 1) %}
{%- for m in messages %}
    {%- if m.role == 'assistant' and '</think>' in m.content %}
        {%- set text = m.content.split('</think>')[-1].lstrip('\\n') %}
    {%- else %}
        {%- set text = m['content'] | trim %}
    {%- endif %}
    {%- if tools is defined and tools %}{{ tools | tojson }}{% endif %}
    {{- head(m['role']) }}
    {{- '\\n\\n' + text + '<|eot_id|>' }}
    {%- if loop.index0 == ns.last and not m.role.startswith('tool') %}{{- '' }}{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- head('assistant') + '\\n\\n' }}
{%- endif %}";

#[test]
fn an_elaborate_template_is_rendered() {
    let year = jiff::ZonedDateTime::now().year();
    let conversation =
        [message("system", " S "), message("user", " Hi "), message("assistant", "<think>x</think>\n\nYes")];
    assert_eq!(
        render(ELABORATE, &conversation).unwrap(),
        format!(
            "<s><|start_header_id|>system<|end_header_id|>\n\nS Year {year}<|eot_id|>\
             <|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>\
             <|start_header_id|>assistant<|end_header_id|>\n\nYes<|eot_id|>\
             <|start_header_id|>assistant<|end_header_id|>\n\n"
        )
    );
}

#[test]
fn blocks_leave_no_blank_lines_behind() {
    let template = "{% for m in messages %}\n    {% if true %}\n{{ m.content }}\n    {% endif %}\n{% endfor %}\nend\n";
    assert_eq!(render(template, &[message("user", "a"), message("user", "b")]).unwrap(), "a\nb\nend");
}

#[test]
fn a_refused_system_turn_moves_into_the_first_question() {
    let template = "{% for m in messages %}{% if m.role == 'system' %}\
        {{ raise_exception('System role not supported') }}{% endif %}[{{ m.role }}] {{ m.content }} {% endfor %}";
    let conversation = [message("system", "Be brief."), message("user", "Hi")];
    assert_eq!(render(template, &conversation).unwrap(), "[user] Be brief.\n\nHi ");
    let alternate = "{{ raise_exception('Roles must alternate') }}";
    assert_eq!(render(alternate, &conversation).unwrap_err(), "Roles must alternate");
}

#[test]
fn json_looks_as_python_writes_it() {
    let template = "{{ messages | tojson }}";
    assert_eq!(
        render(template, &[message("user", "<é> & 'x'")]).unwrap(),
        r#"[{"role": "user", "content": "<é> & 'x'"}]"#
    );
    assert_eq!(render("{{ {'a': [1]} | tojson(indent=1) }}", &[]).unwrap(), "{\n \"a\": [\n  1\n ]\n}");
}

#[test]
fn a_hostile_template_ends() {
    let endless = "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}";
    assert!(render(endless, &[]).is_err());
    assert!(render("{{ 'x' * 10000000000 }}", &[]).is_err());
    assert!(render("{% include '/etc/passwd' %}", &[]).is_err());
}

#[test]
fn without_a_usable_template_a_plain_one_is_used() {
    for source in [None, Some("{% for %}")] {
        let template = Template::new(source, String::new(), String::new());
        assert!(!template.is_own());
        assert_eq!(template.stops(), ["<|im_end|>", "<|im_start|>"]);
        assert_eq!(
            template.render(&[message("user", "Hi")], &[]).unwrap(),
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
        );
    }
}

fn weather() -> ToolSpec {
    ToolSpec {
        name: "get_weather".into(),
        description: "Weather of a <city> & 'so'".into(),
        parameters: r#"{"type": "object", "properties": {"city": {"type": "string"}, "a": {}}, "required": ["city"]}"#
            .into(),
    }
}

const LISTED: &str = r#"{"type": "function", "function": {"name": "get_weather", "description": "Weather of a <city> & 'so'", "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "a": {}}, "required": ["city"]}}}"#;

/// A question, two calls and their results in the other order.
fn conversation() -> Vec<Message> {
    let call = |n: u32, city: &str| ToolCall {
        id: format!("call_{n}"),
        name: "get_weather".into(),
        arguments: format!("{{\"city\": \"{city}\"}}"),
    };
    let result = |n: u32, text: &str| Message { tool_call_id: Some(format!("call_{n}")), ..message("tool", text) };
    vec![
        message("system", "Be brief."),
        message("user", "Oslo or Rome?"),
        Message { tool_calls: vec![call(1, "Oslo"), call(2, "Rome")], ..message("assistant", "") },
        result(2, "warm"),
        result(1, "cold"),
    ]
}

fn with_tools(sample: &str) -> (Template, String) {
    let template = Template::new(Some(sample), "<s>".into(), "</s>".into());
    assert!(template.is_own());
    let prompt = template.render(&conversation(), &[weather()]).unwrap();
    (template, prompt)
}

#[test]
fn tools_calls_and_results_are_shown_as_the_template_wants() {
    let (template, prompt) = with_tools(samples::QWEN);
    assert!(template.shows_tools && template.shows_calls == Some(Shape::default()));
    assert_eq!(
        prompt,
        format!(
            "<|im_start|>system\nBe brief.\n\nFunctions:\n<tools>\n{LISTED}\n</tools>\nWrite calls like this:\n<tool_call>\n\
             {{\"name\": <name>, \"arguments\": <object>}}\n</tool_call><|im_end|>\n<|im_start|>user\nOslo or Rome?<|im_end|>\n\
             <|im_start|>assistant\n<tool_call>\n{{\"name\": \"get_weather\", \"arguments\": {{\"city\": \"Oslo\"}}}}\n\
             </tool_call><tool_call>\n{{\"name\": \"get_weather\", \"arguments\": {{\"city\": \"Rome\"}}}}\n</tool_call>\
             <|im_end|>\n<|im_start|>user\n<tool_response>\nwarm\n</tool_response>\n<tool_response>\ncold\n</tool_response>\
             <|im_end|>\n<|im_start|>assistant\n"
        )
    );
}

#[test]
fn one_call_a_turn_comes_with_its_own_result() {
    for sample in [samples::LLAMA, samples::HARMONY] {
        let (template, prompt) = with_tools(sample);
        assert_eq!(template.shows_calls, Some(Shape { single: true, ..Shape::default() }));
        let order: Vec<_> = ["Be brief.", "Oslo or Rome?", "\"Oslo\"", "cold", "\"Rome\"", "warm"]
            .iter()
            .map(|part| prompt.find(part).unwrap())
            .collect();
        assert!(order.is_sorted(), "{prompt}");
    }
}

#[test]
fn ids_get_the_length_that_mistral_wants() {
    let (template, prompt) = with_tools(samples::MISTRAL);
    assert_eq!(template.shows_calls, Some(Shape { short_ids: true, ..Shape::default() }));
    assert!(prompt.starts_with("<s>[AVAILABLE_TOOLS][{\"type\": "), "{prompt}");
    assert!(prompt.contains("[INST]Be brief.\n\nOslo or Rome?[/INST]"), "{prompt}");
    assert!(
        prompt.contains(r#", "id": "0000call2"}]</s>"#) && prompt.contains(r#""call_id": "0000call2"}"#),
        "{prompt}"
    );
}

#[test]
fn arguments_become_text_where_a_mapping_would_be_printed_as_python_does() {
    for arguments in ["call.function.arguments", "'' + call.function.arguments"] {
        let sample = samples::QWEN.replace("call.function.arguments | tojson", arguments);
        let (template, prompt) = with_tools(&sample);
        assert_eq!(template.shows_calls, Some(Shape { text: true, ..Shape::default() }));
        assert!(prompt.contains(r#""arguments": {"city": "Oslo"}}"#), "{prompt}");
    }
}

#[test]
fn every_family_shows_tools_calls_and_results() {
    let all = [
        samples::QWEN,
        samples::QWEN_TAGS,
        samples::ELEMENTS,
        samples::LLAMA,
        samples::MISTRAL,
        samples::MISTRAL_NAMED,
        samples::GEMMA,
        samples::FUNCTION_GEMMA,
        samples::GEMMA4,
        samples::SMOLLM2,
        samples::SMOLLM3,
        samples::DEEPSEEK_R1,
        samples::LFM2,
        samples::PIPED,
        samples::HARMONY,
        CHATML,
        PLAIN,
    ];
    for sample in all {
        let (template, prompt) = with_tools(sample);
        let taught = [samples::GEMMA, samples::SMOLLM2, samples::DEEPSEEK_R1, CHATML, PLAIN].contains(&sample);
        assert_eq!(template.shows_tools && template.shows_calls.is_some(), !taught, "{prompt}");
        for part in ["Oslo or Rome?", "get_weather", "Weather of a <city> & 'so'", "Oslo", "Rome", "cold", "warm"] {
            assert!(prompt.contains(part), "{part} in {prompt}");
        }
        // Without tools the same conversation can be shown too.
        assert!(template.render(&conversation(), &[]).is_ok());
    }
}

#[test]
fn a_model_that_knows_no_tools_is_told_about_them() {
    let (template, prompt) = with_tools(samples::GEMMA);
    assert!(
        prompt.starts_with("<s><start_of_turn>user\nBe brief.\n\nYou can call these tools:\n<tools>\n{\"name\": "),
        "{prompt}"
    );
    assert!(
        prompt.ends_with(
            "<start_of_turn>model\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}\n\
         {\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}}<end_of_turn>\n<start_of_turn>user\n\
         Result of get_weather:\nwarm\n\nResult of get_weather:\ncold<end_of_turn>\n<start_of_turn>model\n"
        ),
        "{prompt}"
    );
    let error =
        template.render(&[message("user", "x")], &[ToolSpec { parameters: "{".into(), ..weather() }]).unwrap_err();
    assert!(error.contains("get_weather"), "{error}");
    let (_, prompt) = with_tools(samples::SMOLLM2);
    assert!(
        prompt.contains(r#"<tool_call>[{"name": "get_weather", "arguments": {"city": "Oslo"}}]</tool_call>"#),
        "{prompt}"
    );
}

#[test]
fn calls_become_text_where_a_template_shows_only_results() {
    let sample = samples::LFM2.replace("message.tool_calls or []", "[]");
    let (template, prompt) = with_tools(&sample);
    assert!(template.shows_tools && template.shows_calls.is_none() && template.shows_results);
    assert!(
        prompt.contains(
            "<|im_start|>assistant\n<|tool_call_start|>[get_weather(city=\"Oslo\")]<|tool_call_end|>\n\
         <|tool_call_start|>[get_weather(city=\"Rome\")]<|tool_call_end|><|im_end|>\n<|im_start|>tool\nwarm<|im_end|>\n"
        ),
        "{prompt}"
    );
}

#[test]
fn the_system_part_ends_where_the_user_begins() {
    let all =
        [samples::QWEN, samples::LLAMA, samples::GEMMA, samples::SMOLLM2, samples::SMOLLM3, samples::GEMMA4, PLAIN];
    for sample in all {
        let (template, prompt) = with_tools(sample);
        let prefix = template.system_prefix(&conversation(), &[weather()]).unwrap();
        assert!(prompt.starts_with(&prefix), "{prefix}\n---\n{prompt}");
        assert!(prefix.contains("get_weather"));
        assert!(prompt[prefix.len()..].starts_with("Oslo or Rome?"));
        assert_eq!(template.system_prefix(&conversation()[1..], &[]), None);
        let without_tools = template.system_prefix(&conversation(), &[]).unwrap();
        assert!(!without_tools.contains("get_weather"));
    }
}

#[test]
fn none_is_not_iterable_and_training_marks_are_overlooked() {
    let template = "{% generation %}{{ tools is iterable }} {{ '' is iterable }} {{ messages is iterable }}{%- endgeneration -%} {% if true %}generation{% endif %}";
    assert_eq!(render(template, &[]).unwrap(), "False True Truegeneration");
}

#[test]
fn a_hostile_template_costs_little_at_the_start_too() {
    let endless =
        "{{ tools }}{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}<tool_call>";
    let started = std::time::Instant::now();
    let template = Template::new(Some(endless), String::new(), String::new());
    assert!(template.is_own() && !template.shows_tools);
    assert!(template.render(&conversation(), &[weather()]).is_err());
    assert!(started.elapsed().as_secs() < 20);
}
