//! Answers in pieces into text, reasoning and calls.
//!
//! Owns: what of an answer may be shown, and as what. Must not know: what a body means.
//!
//! White space beside a marker belongs to the marker; of everything else nothing is lost. What was
//! taken for a call and is none is not searched for others again, but for its last few characters,
//! so time stays proportional to the answer.

use super::Format;
use super::body::{Scan, Verdict};
use super::calls::Offered;
use super::families::{Opener, Place, Syntax, Thinking};
use hob_engine::{Message, ToolCall, ToolSpec};

/// Longest body of a call in bytes; what is longer is text.
const MOST_BODY: usize = 1 << 20;
/// How far before the character that spoiled a body another marker is looked for, in bytes.
const REREAD: usize = 32;
/// A body of this many bytes that names no tool yet will not name one.
const MOST_UNSURE: usize = 2 << 10;

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Out {
    /// The next piece of the answer proper.
    Text(String),
    /// The next piece of the model's reasoning.
    Reasoning(String),
    /// A complete call of a tool that was offered.
    Call(ToolCall),
}

/// Reads one answer.
#[derive(Debug)]
pub struct Reader {
    syntax: &'static Syntax,
    thinking: &'static Thinking,
    offered: Offered,
    state: State,
    /// What came and is not decided on.
    held: String,
    /// The end of what was no body after all.
    reread: String,
    /// White space that is shown before the next character, unless a marker comes first.
    space: String,
    /// Nothing came yet but white space and markers.
    fresh: bool,
    /// The last thing before `space` was a marker.
    marked: bool,
    /// Calls of the conversation so far, which number the next one.
    calls: usize,
}

#[derive(Debug)]
enum State {
    Text,
    Reasoning,
    Call(Box<Open>),
    /// After a body: its closing marker, or another body.
    Closing(&'static Opener),
}

/// A call that was opened.
#[derive(Debug)]
struct Open {
    opener: &'static Opener,
    scan: Scan,
    /// White space before the marker.
    space: String,
    /// The marker, where it is not part of the body.
    marker: &'static str,
    body: String,
    /// It can hardly be anything but a call.
    sure: bool,
    /// It was opened within reasoning.
    reasoning: bool,
}

/// What a marker does.
enum Action {
    Think,
    EndThinking,
    Skip,
    Call(&'static Opener),
}

/// What the undecided text starts with.
enum Found {
    Marker(&'static str, Action),
    /// Perhaps a marker: more must come.
    Part,
    Other,
}

impl Reader {
    /// A reader of an answer to a request with these tools; give none where no call is allowed.
    /// `opens_thinking`: see [`Format::opens_thinking`].
    pub fn new(format: &Format, tools: &[ToolSpec], opens_thinking: bool) -> Self {
        Self {
            syntax: format.syntax(),
            thinking: format.thinking,
            offered: Offered::new(tools),
            state: if opens_thinking { State::Reasoning } else { State::Text },
            held: String::new(),
            reread: String::new(),
            space: String::new(),
            fresh: true,
            marked: opens_thinking,
            calls: 0,
        }
    }

    /// Numbers the calls after those of the conversation so far.
    pub fn after(mut self, messages: &[Message]) -> Self {
        self.calls = messages.iter().map(|message| message.tool_calls.len()).sum();
        self
    }

    /// Takes the next piece of the answer.
    pub fn push(&mut self, piece: &str) -> Vec<Out> {
        self.held.push_str(piece);
        let mut outs = Vec::new();
        self.run(false, &mut outs);
        outs
    }

    /// What is left when the answer ends.
    pub fn end(mut self) -> Vec<Out> {
        let mut outs = Vec::new();
        self.run(true, &mut outs);
        let reasoning = self.in_reasoning();
        match std::mem::replace(&mut self.state, State::Text) {
            State::Call(open) => self.refuse(*open, &mut outs),
            _ if self.marked => {}
            _ => show(&self.space, reasoning, &mut outs),
        }
        outs
    }

    /// A call was opened, unmistakably, and is not complete.
    pub fn in_call(&self) -> bool {
        matches!(&self.state, State::Call(open) if open.sure)
    }

    /// What came of the body of a call that is open; starts after the marker, if there is one.
    pub fn call_text(&self) -> Option<&str> {
        match &self.state {
            State::Call(open) => Some(&open.body),
            _ => None,
        }
    }

    /// The model thinks; an answer is yet to come.
    pub fn in_reasoning(&self) -> bool {
        match &self.state {
            State::Call(open) => open.reasoning,
            _ => self.is_reasoning(),
        }
    }

    fn is_reasoning(&self) -> bool {
        matches!(self.state, State::Reasoning)
    }

    fn run(&mut self, last: bool, outs: &mut Vec<Out>) {
        let mut text = std::mem::take(&mut self.held);
        let mut at = 0;
        while at < text.len() {
            match self.step(&text[at..], last, outs) {
                Some(bytes) => at += bytes,
                None => break,
            }
            if !self.reread.is_empty() {
                text = std::mem::take(&mut self.reread) + &text[at..];
                at = 0;
            }
        }
        self.held = text.split_off(at);
    }

    /// Takes some of what came and says how many bytes; `None`: more must come first.
    fn step(&mut self, rest: &str, last: bool, outs: &mut Vec<Out>) -> Option<usize> {
        if self.is_reasoning() || matches!(self.state, State::Text) {
            return self.read_text(rest, last, outs);
        }
        match std::mem::replace(&mut self.state, State::Text) {
            State::Call(open) => Some(self.read_body(open, rest, outs)),
            State::Closing(opener) => self.read_closing(opener, rest, last),
            State::Text | State::Reasoning => None,
        }
    }

    fn read_text(&mut self, rest: &str, last: bool, outs: &mut Vec<Out>) -> Option<usize> {
        let reasoning = self.is_reasoning();
        if self.has_no_markers() {
            self.show_all(rest, reasoning, outs);
            return Some(rest.len());
        }
        let c = rest.chars().next()?;
        if c.is_whitespace() {
            self.space.push(c);
            return Some(c.len_utf8());
        }
        let (marker, action) = match self.find(rest, last) {
            Found::Part => return None,
            Found::Other => {
                self.show_all(&rest[..c.len_utf8()], reasoning, outs);
                return Some(c.len_utf8());
            }
            Found::Marker(marker, action) => (marker, action),
        };
        match action {
            Action::Call(opener) => {
                let marker = if opener.inside { "" } else { marker };
                self.open(opener, marker, reasoning);
                return Some(marker.len());
            }
            Action::Think => self.state = State::Reasoning,
            Action::EndThinking => {
                self.state = State::Text;
                self.fresh = false;
            }
            Action::Skip => {}
        }
        self.space.clear();
        self.marked = true;
        Some(marker.len())
    }

    fn open(&mut self, opener: &'static Opener, marker: &'static str, reasoning: bool) {
        self.state = State::Call(Box::new(Open {
            opener,
            scan: Scan::new(opener.body),
            space: std::mem::take(&mut self.space),
            marker,
            body: String::new(),
            sure: opener.place == Place::Anywhere,
            reasoning,
        }));
    }

    fn read_body(&mut self, mut open: Box<Open>, rest: &str, outs: &mut Vec<Out>) -> usize {
        for (at, c) in rest.char_indices() {
            let verdict = if open.body.len() < MOST_BODY { open.scan.take(c) } else { Verdict::Bad };
            match verdict {
                Verdict::More => open.body.push(c),
                Verdict::Done => {
                    open.body.push(c);
                    self.close(*open, outs);
                    return at + c.len_utf8();
                }
                Verdict::Bad => {
                    let mut again = open.body.split_off(restart(&open.body, open.marker));
                    self.refuse(*open, outs);
                    // What of it came with this piece is still there.
                    let back = again.len().min(at);
                    again.truncate(again.len() - back);
                    self.reread = again;
                    return at - back;
                }
            }
        }
        if !open.sure && open.body.len() < MOST_UNSURE {
            open.sure = self.offered.named_in(&open.body);
        }
        self.state = State::Call(open);
        rest.len()
    }

    /// Takes a complete body for what it is.
    fn close(&mut self, open: Open, outs: &mut Vec<Out>) {
        let calls = self.offered.read(open.opener.body, &open.body);
        // An empty list says "no call" where there is a marker, and anything elsewhere.
        let Some(calls) = calls.filter(|calls| !calls.is_empty() || open.opener.place == Place::Anywhere) else {
            return self.refuse(open, outs);
        };
        for (name, arguments) in calls {
            self.calls += 1;
            let arguments = serde_json::Value::Object(arguments).to_string();
            outs.push(Out::Call(ToolCall { id: format!("call_{}", self.calls), name, arguments }));
        }
        self.state = State::Closing(open.opener);
        self.fresh = false;
        self.marked = true;
    }

    fn read_closing(&mut self, opener: &'static Opener, rest: &str, last: bool) -> Option<usize> {
        let c = rest.chars().next()?;
        // Small models like to close one bracket too many; it goes with the marker, if that comes.
        let surplus = matches!(c, '}' | ']') && opener.place == Place::Anywhere && !opener.closes.is_empty();
        if c.is_whitespace() || surplus {
            self.space.push(c);
            self.marked &= !surplus;
            self.state = State::Closing(opener);
            return Some(c.len_utf8());
        }
        if let Some(marker) = opener.closes.iter().find(|marker| rest.starts_with(**marker)) {
            self.space.clear();
            self.marked = true;
            return Some(marker.len());
        }
        if !last && opener.closes.iter().any(|marker| marker.starts_with(rest)) {
            self.state = State::Closing(opener);
            return None;
        }
        if c == '{' && !opener.closes.is_empty() {
            self.open(opener, "", false);
        }
        Some(0)
    }

    /// Shows as text what was taken for a call.
    fn refuse(&mut self, open: Open, outs: &mut Vec<Out>) {
        self.state = if open.reasoning { State::Reasoning } else { State::Text };
        self.space = open.space;
        self.show_all(open.marker, open.reasoning, outs);
        self.show_all(&open.body, open.reasoning, outs);
    }

    fn show_all(&mut self, text: &str, reasoning: bool, outs: &mut Vec<Out>) {
        if text.is_empty() {
            return;
        }
        if !self.marked {
            show(&self.space, reasoning, outs);
        }
        self.space.clear();
        self.marked = false;
        self.fresh = false;
        show(text, reasoning, outs);
    }

    /// Nothing can come any more that is not text.
    fn has_no_markers(&self) -> bool {
        let settled = matches!(self.state, State::Text) && !self.fresh && !self.marked;
        settled && !self.thinking.anywhere && self.offered.is_empty() && self.syntax.skipped.is_empty()
    }

    fn find(&self, rest: &str, last: bool) -> Found {
        let mut longest = None;
        let mut part = false;
        self.each_marker(|marker, action| {
            if rest.starts_with(marker) {
                if longest.as_ref().is_none_or(|(other, _): &(&str, Action)| other.len() < marker.len()) {
                    longest = Some((marker, action));
                }
            } else if marker.starts_with(rest) {
                part = true;
            }
        });
        match longest {
            // What is a part of a longer one may be this longer one.
            _ if part && !last => Found::Part,
            Some((marker, action)) => Found::Marker(marker, action),
            None => Found::Other,
        }
    }

    /// The markers that may come now.
    fn each_marker(&self, mut visit: impl FnMut(&'static str, Action)) {
        let Thinking { opens, closes, anywhere } = *self.thinking;
        let calls = self.syntax.openers.iter().filter(|_| !self.offered.is_empty());
        if self.is_reasoning() {
            closes.iter().for_each(|marker| visit(marker, Action::EndThinking));
            opens.iter().filter(|_| self.fresh).for_each(|marker| visit(marker, Action::Skip));
            let ending = calls.filter(|opener| self.syntax.ends_thinking && opener.place == Place::Anywhere);
            ending.for_each(|opener| visit(opener.text, Action::Call(opener)));
            return;
        }
        if self.fresh || anywhere {
            opens.iter().for_each(|marker| visit(marker, Action::Think));
            closes.iter().for_each(|marker| visit(marker, Action::Skip));
        }
        self.syntax.skipped.iter().for_each(|marker| visit(marker, Action::Skip));
        let line_start = self.fresh || self.marked || self.space.contains('\n');
        let here = calls.filter(|opener| line_start || opener.place == Place::Anywhere);
        here.for_each(|opener| visit(opener.text, Action::Call(opener)));
    }
}

/// Where in a spoilt body the next marker, or the white space before it, may have started. Something
/// must come before it, or it would be taken for the same again.
fn restart(body: &str, marker: &str) -> usize {
    let from = (body.len().saturating_sub(REREAD)..body.len()).find(|at| body.is_char_boundary(*at)).unwrap_or(0);
    let found = body[from..].rfind(['<', '[']).map_or(body.len(), |at| from + at);
    let cut = body[..found].trim_end().len();
    if cut > 0 || !marker.is_empty() { cut } else { body.len() }
}

fn show(text: &str, reasoning: bool, outs: &mut Vec<Out>) {
    if text.is_empty() {
        return;
    }
    match (outs.last_mut(), reasoning) {
        (Some(Out::Text(shown)), false) | (Some(Out::Reasoning(shown)), true) => shown.push_str(text),
        (_, false) => outs.push(Out::Text(text.to_string())),
        (_, true) => outs.push(Out::Reasoning(text.to_string())),
    }
}
