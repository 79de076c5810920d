//! JSON that is still being written: the value so far, at any moment.
//!
//! Owns: the state between two pieces of a streamed answer. Must not know: where pieces come from.
//!
//! An answer that follows a schema comes in pieces of text. A program that wants to show its parts
//! as they arrive feeds the pieces to a [`Partial`] and asks for the value:
//!
//! ```
//! use hob_sdk::partial_json::Partial;
//! use serde_json::json;
//!
//! # fn main() -> Result<(), hob_sdk::partial_json::NotJson> {
//! let mut answer = Partial::default();
//! answer.push(r#"{"city": "Por"#)?;
//! assert_eq!(answer.value(), Some(json!({"city": "Por"})));
//! answer.push(r#"to", "days": 1"#)?;
//! assert_eq!(answer.value(), Some(json!({"city": "Porto"})));
//! answer.push(r#"2}"#)?;
//! assert_eq!(answer.value(), Some(json!({"city": "Porto", "days": 12})));
//! assert!(answer.is_complete());
//! # Ok(())
//! # }
//! ```
//!
//! Open texts, lists and objects are closed where they end. What could still become another value is
//! left out: a key without a value, a number that may go on, half of an escape.

use serde_json::Value;

/// Deepest nesting; serde_json reads no deeper.
const DEPTH: usize = 127;

/// A piece of text can't go on the JSON before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is no JSON from byte {at} on")]
pub struct NotJson {
    /// Bytes from the beginning that are the beginning of some JSON value.
    pub at: usize,
}

/// A JSON value under way. Memory and time per piece grow with the text; [`Partial::value`] reads
/// all of it.
#[derive(Debug, Clone, Default)]
pub struct Partial {
    /// Everything so far that is JSON.
    text: String,
    /// What is open, from the outside in.
    open: Vec<Open>,
    state: State,
    /// How much of `text` stands, once `closers` are written after it.
    kept: usize,
    closers: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    List,
    Object,
}

/// What may come next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// A value.
    #[default]
    Value,
    /// A value or the end of an empty list.
    FirstItem,
    /// A key or the end of an empty object.
    FirstKey,
    /// A key.
    Key,
    /// The colon after a key.
    Colon,
    /// A comma or the end of what is open; nothing but white space when nothing is.
    After,
    /// The rest of a text.
    Text { key: bool, escape: Escape },
    /// The rest of `true`, `false` or `null`.
    Word(&'static str),
    /// The rest of a number.
    Number(Digits),
}

/// Where in an escape sequence a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    None,
    Backslash,
    /// Digits of `\u` that are missing, and the number so far. `high` is the first half of a pair.
    Code {
        missing: u8,
        code: u32,
        high: bool,
    },
    /// The first half of a surrogate pair is there; its second half must follow.
    Pair,
    PairBackslash,
}

/// Where in a number (RFC 8259, section 6) the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Digits {
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    E,
    Sign,
    Exponent,
}

impl Digits {
    /// The number may end here.
    fn may_end(self) -> bool {
        matches!(self, Self::Zero | Self::Whole | Self::Fraction | Self::Exponent)
    }

    fn next(self, c: char) -> Option<Self> {
        Some(match (self, c) {
            (Self::Minus, '0') => Self::Zero,
            (Self::Minus, '1'..='9') | (Self::Whole, '0'..='9') => Self::Whole,
            (Self::Zero | Self::Whole, '.') => Self::Point,
            (Self::Point | Self::Fraction, '0'..='9') => Self::Fraction,
            (Self::Zero | Self::Whole | Self::Fraction, 'e' | 'E') => Self::E,
            (Self::E, '+' | '-') => Self::Sign,
            (Self::E | Self::Sign | Self::Exponent, '0'..='9') => Self::Exponent,
            _ => return None,
        })
    }
}

impl Partial {
    /// Takes the next piece of text.
    ///
    /// # Errors
    ///
    /// [`NotJson`] when the text is not the beginning of one JSON value any more. What came before
    /// the place that the error names stays, and so does [`Partial::value`].
    pub fn push(&mut self, piece: &str) -> Result<(), NotJson> {
        for c in piece.chars() {
            if !self.take(c) {
                return Err(NotJson { at: self.text.len() });
            }
        }
        Ok(())
    }

    /// The value so far; `None` while there is not even its beginning.
    ///
    /// A number that nothing follows is left out, since more digits may come; ask
    /// [`Partial::finish`] for it at the end.
    #[must_use]
    pub fn value(&self) -> Option<Value> {
        // What is kept and closed is JSON; a number beyond a double's range is not serde_json's.
        serde_json::from_str(&self.json()).ok()
    }

    /// The text so far, cut and closed so that it is JSON; empty while there is no value.
    #[must_use]
    pub fn json(&self) -> String {
        let mut out = self.text[..self.kept].to_string();
        out.push_str(&self.closers);
        out
    }

    /// The value is complete: nothing but white space may follow. Not true of a number without
    /// anything around it, which may always go on.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.open.is_empty() && self.state == State::After
    }

    /// The whole value, when no more text comes.
    ///
    /// # Errors
    ///
    /// [`NotJson`] when it is cut off.
    pub fn finish(self) -> Result<Value, NotJson> {
        serde_json::from_str(&self.text).map_err(|_| NotJson { at: self.text.len() })
    }

    /// Takes one character, if it may follow.
    fn take(&mut self, c: char) -> bool {
        let number = match self.state {
            State::Number(digits) if digits.may_end() && digits.next(c).is_none() => Some(digits),
            _ => None,
        };
        if number.is_some() {
            // The character does not belong to the number, which ends before it.
            self.state = State::After;
        }
        let ended = self.text.len();
        let Some(state) = self.next(c) else {
            self.state = number.map_or(self.state, State::Number);
            return false;
        };
        self.text.push(c);
        if number.is_some() && state != State::After {
            // A comma: the number stands, the comma does not yet.
            self.keep();
            self.kept = ended;
        }
        self.state = state;
        match state {
            State::Number(_) | State::Word(_) | State::Value | State::Key | State::FirstKey | State::FirstItem => {
                // An opened object or list stands as an empty one.
                if matches!(c, '{' | '[') && matches!(state, State::FirstKey | State::FirstItem) {
                    self.keep();
                }
            }
            State::Colon => {}
            State::After => self.keep(),
            State::Text { key: false, escape: Escape::None } => self.keep(),
            State::Text { .. } => {}
        }
        true
    }

    /// Everything so far stands.
    fn keep(&mut self) {
        self.kept = self.text.len();
        self.closers.clear();
        if matches!(self.state, State::Text { .. }) {
            self.closers.push('"');
        }
        self.closers.extend(self.open.iter().rev().map(|open| match open {
            Open::List => ']',
            Open::Object => '}',
        }));
    }

    /// The state after `c`, or `None` when it may not follow.
    fn next(&mut self, c: char) -> Option<State> {
        let space = matches!(c, ' ' | '\t' | '\n' | '\r');
        match self.state {
            State::Value | State::FirstItem | State::FirstKey | State::Key | State::Colon | State::After if space => {
                Some(self.state)
            }
            State::FirstItem if c == ']' => self.close(Open::List),
            State::Value | State::FirstItem => self.begin(c),
            State::FirstKey if c == '}' => self.close(Open::Object),
            State::FirstKey | State::Key => (c == '"').then_some(State::Text { key: true, escape: Escape::None }),
            State::Colon => (c == ':').then_some(State::Value),
            State::After => match (c, self.open.last()) {
                (',', Some(Open::List)) => Some(State::Value),
                (',', Some(Open::Object)) => Some(State::Key),
                (']', _) => self.close(Open::List),
                ('}', _) => self.close(Open::Object),
                _ => None,
            },
            State::Text { key, escape } => text(c, key, escape),
            State::Word(rest) => {
                let rest = rest.strip_prefix(c)?;
                Some(if rest.is_empty() { State::After } else { State::Word(rest) })
            }
            State::Number(digits) => digits.next(c).map(State::Number),
        }
    }

    fn begin(&mut self, c: char) -> Option<State> {
        Some(match c {
            '"' => State::Text { key: false, escape: Escape::None },
            '{' => self.open(Open::Object, State::FirstKey)?,
            '[' => self.open(Open::List, State::FirstItem)?,
            't' => State::Word("rue"),
            'f' => State::Word("alse"),
            'n' => State::Word("ull"),
            '-' => State::Number(Digits::Minus),
            '0' => State::Number(Digits::Zero),
            '1'..='9' => State::Number(Digits::Whole),
            _ => return None,
        })
    }

    fn open(&mut self, what: Open, state: State) -> Option<State> {
        (self.open.len() < DEPTH).then(|| self.open.push(what))?;
        Some(state)
    }

    fn close(&mut self, what: Open) -> Option<State> {
        self.open.pop_if(|open| *open == what)?;
        Some(State::After)
    }
}

/// The state of a text after one more character.
fn text(c: char, key: bool, escape: Escape) -> Option<State> {
    let next = match (escape, c) {
        (Escape::None, '"') => return Some(if key { State::Colon } else { State::After }),
        (Escape::None, '\\') => Escape::Backslash,
        (Escape::None, c) if c < ' ' => return None,
        (Escape::None, _) => Escape::None,
        (Escape::Backslash, 'u') => Escape::Code { missing: 4, code: 0, high: false },
        (Escape::Backslash, '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') => Escape::None,
        (Escape::Code { missing, code, high }, c) => {
            let code = code * 16 + c.to_digit(16)?;
            match (missing, high, code) {
                (2.., _, _) => Escape::Code { missing: missing - 1, code, high },
                (_, false, 0xd800..=0xdbff) => Escape::Pair,
                (_, true, 0xdc00..=0xdfff) => Escape::None,
                // Half a pair is no character.
                (_, true, _) | (_, _, 0xdc00..=0xdfff) => return None,
                _ => Escape::None,
            }
        }
        (Escape::Pair, '\\') => Escape::PairBackslash,
        (Escape::PairBackslash, 'u') => Escape::Code { missing: 4, code: 0, high: true },
        _ => return None,
    };
    Some(State::Text { key, escape: next })
}

#[cfg(test)]
mod tests;
