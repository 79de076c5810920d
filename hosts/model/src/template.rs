//! The model's chat template: Jinja as Hugging Face renders it.
//!
//! Owns: the template environment and its fallbacks. Must not know: tokens.
//!
//! A template comes from an untrusted file: it can read nothing but the conversation, and fuel
//! bounds its time and memory.

use hob_engine::Message;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, Value, context};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};
use std::io;

const NAME: &str = "chat";
/// About 128 MB of data or two million steps; the longest real template takes some thousands.
const FUEL: u64 = 2_000_000;
/// For models that bring no template. Its markers are stop texts, see [`Template::stops`].
const PLAIN: &str = "{% for message in messages %}<|im_start|>{{ message['role'] }}
{{ message['content'] }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}";

/// A compiled chat template.
pub struct Template {
    environment: Environment<'static>,
    own: bool,
    bos: String,
    eos: String,
}

impl Template {
    /// Compiles the model's template. Without one, or when it does not compile (which is logged),
    /// a plain one takes its place.
    pub fn new(source: Option<&str>, bos: String, eos: String) -> Self {
        let own = source.and_then(|source| match compile(source) {
            Ok(environment) => Some(environment),
            Err(error) => {
                tracing::warn!(error = %one_line(&error), "the model's chat template can't be used, a plain one takes its place");
                None
            }
        });
        let is_own = own.is_some();
        let environment = own.unwrap_or_else(|| compile(PLAIN).unwrap_or_else(|_| Environment::empty()));
        Self { environment, own: is_own, bos, eos }
    }

    /// The template is the model's own.
    pub fn is_own(&self) -> bool {
        self.own
    }

    /// Texts that end an answer beside the model's own end tokens: a model that was never taught
    /// the plain template's markers writes them as text, if at all.
    pub fn stops(&self) -> &'static [&'static str] {
        if self.own { &[] } else { &["<|im_end|>", "<|im_start|>"] }
    }

    /// Renders a conversation, ending where the model's answer starts. The error is a sentence.
    pub fn render(&self, messages: &[Message]) -> Result<String, String> {
        match self.render_as_given(messages) {
            Ok(prompt) => Ok(prompt),
            // Some models know no system role; their makers advise putting it into the first turn.
            Err(error) => match without_system(messages) {
                Some(merged) => self.render_as_given(&merged).map_err(|_| one_line(&error)),
                None => Err(one_line(&error)),
            },
        }
    }

    fn render_as_given(&self, messages: &[Message]) -> Result<String, Error> {
        self.environment.get_template(NAME)?.render(context! {
            messages => messages.iter().map(turn).collect::<Vec<Value>>(),
            bos_token => self.bos.as_str(),
            eos_token => self.eos.as_str(),
            add_generation_prompt => true,
        })
    }
}

/// A message as templates expect it.
fn turn(message: &Message) -> Value {
    Value::from_pairs([("role", message.role.as_str()), ("content", message.content.as_str())])
}

fn compile(source: &str) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_fuel(Some(FUEL));
    environment.set_unknown_method_callback(unknown_method_callback);
    environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, message))
    });
    environment.add_function("strftime_now", strftime_now);
    environment.add_filter("tojson", to_json);
    environment.add_template_owned(NAME, source.to_string())?;
    Ok(environment)
}

/// The local time in the given format, which some templates put into the system turn.
fn strftime_now(format: String) -> Result<String, Error> {
    jiff::fmt::strtime::format(&format, &jiff::ZonedDateTime::now())
        .map_err(|e| Error::new(ErrorKind::InvalidOperation, format!("strftime_now({format:?}): {e}")))
}

/// Python's `json.dumps(ensure_ascii=False)`: no HTML escapes, and spaces after separators.
fn to_json(value: Value, options: Kwargs) -> Result<Value, Error> {
    let failed = |e: serde_json::Error| Error::new(ErrorKind::InvalidOperation, e.to_string());
    let indent: Option<usize> = options.get("indent")?;
    let mut out = Vec::new();
    match indent.map(|n| " ".repeat(n.min(16))) {
        Some(indent) => {
            let formatter = PrettyFormatter::with_indent(indent.as_bytes());
            value.serialize(&mut Serializer::with_formatter(&mut out, formatter)).map_err(failed)?;
        }
        None => value.serialize(&mut Serializer::with_formatter(&mut out, PythonSpacing)).map_err(failed)?,
    }
    Ok(Value::from(String::from_utf8_lossy(&out).into_owned()))
}

struct PythonSpacing;

impl Formatter for PythonSpacing {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { to.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { to.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, to: &mut W) -> io::Result<()> {
        to.write_all(b": ")
    }
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn message(role: &str, content: &str) -> Message {
        Message::new(role, content)
    }

    fn render(template: &str, messages: &[Message]) -> Result<String, String> {
        let template = Template::new(Some(template), "<s>".into(), "</s>".into());
        assert!(template.is_own());
        template.render(messages)
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
        let template =
            "{% for m in messages %}\n    {% if true %}\n{{ m.content }}\n    {% endif %}\n{% endfor %}\nend\n";
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
                template.render(&[message("user", "Hi")]).unwrap(),
                "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
            );
        }
    }
}
