//! The lines of JSON that a skill and its host exchange.
//!
//! Owns: the messages and how a line is read from somebody who may be hostile. Must not know: pipes,
//! processes, what is asked for.
//!
//! A skill of kind `exec` speaks them over standard input and output; a library speaks [`ToSkill::Answer`],
//! [`ToSkill::Cancel`], [`FromSkill::Ask`], [`FromSkill::Progress`] and [`FromSkill::Log`] over the
//! descriptor that its context names as `services`. One message is one line of UTF-8; lines that are
//! longer than [`LONGEST_LINE`] end the conversation.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::{self, BufRead, Read};

/// The version of this protocol; a skill repeats it in its hello.
pub const PROTOCOL: u32 = 1;
/// Longest line that either end accepts, in bytes.
pub const LONGEST_LINE: usize = 8 << 20;

/// What a skill is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ToSkill {
    /// The first line.
    Hello {
        /// [`PROTOCOL`].
        protocol: u32,
        /// The id of `skill.toml`.
        id: String,
        /// As [`crate::Context`].
        context: Value,
    },
    /// Carry out an intent; one at a time.
    Call {
        /// Repeated with the result.
        call: u64,
        /// The intent's name.
        intent: String,
        /// Fits the intent's schema.
        arguments: Value,
        /// As [`crate::Context`].
        context: Value,
    },
    /// What was asked for.
    Answer {
        /// Of the [`FromSkill::Ask`].
        ask: u64,
        /// What came of it.
        #[serde(flatten)]
        answer: Answer,
    },
    /// Nobody waits for this call any more; a skill that goes on is ended a second later.
    Cancel {
        /// Which one.
        call: u64,
    },
}

/// What came of an ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The thing itself.
    Result(Value),
    /// Why there is none.
    Error {
        /// Short and stable, e.g. `permission_denied`.
        code: String,
        /// One sentence.
        message: String,
    },
}

/// What a skill says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum FromSkill {
    /// The answer to [`ToSkill::Hello`].
    Hello {
        /// [`PROTOCOL`].
        protocol: u32,
        /// The id of `skill.toml`.
        id: String,
        /// The version of `skill.toml`.
        version: String,
    },
    /// The end of a call.
    Result {
        /// Which one.
        call: u64,
        /// A result object, see [`crate::CallResult`].
        result: Value,
    },
    /// Something is wanted of the daemon, e.g. `model.complete`.
    Ask {
        /// Repeated with the answer; chosen by the skill.
        ask: u64,
        /// `model.complete`, `index.search` or `settings.get`.
        what: String,
        /// Details.
        #[serde(default)]
        with: Value,
    },
    /// How far the call is.
    Progress {
        /// 0 to 1, if known.
        #[serde(default)]
        fraction: Option<f64>,
        /// What is being done.
        #[serde(default)]
        text: String,
    },
    /// A line for hob's log.
    Log {
        /// `debug`, `info`, `warn` or `error`.
        #[serde(default)]
        level: String,
        /// The line.
        text: String,
    },
}

/// A message as a line.
///
/// # Errors
/// When it can't be written as JSON, which plain data always can.
pub fn line(message: &impl Serialize) -> io::Result<String> {
    let mut line = serde_json::to_string(message)?;
    line.push('\n');
    Ok(line)
}

/// The next line without its end; `None` when the other end closed.
///
/// # Errors
/// `InvalidData` when it is too long or not UTF-8; whatever reading gave.
pub fn next_line(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    from.by_ref().take(LONGEST_LINE as u64 + 1).read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    } else if bytes.len() > LONGEST_LINE {
        return Err(invalid(format!("a line is longer than {LONGEST_LINE} bytes")));
    }
    String::from_utf8(bytes).map(Some).map_err(|error| invalid(format!("a line is not UTF-8 ({})", error.utf8_error())))
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn messages_are_plain_json_objects() {
        let answer = ToSkill::Answer { ask: 3, answer: Answer::Result(json!({"text": "hi"})) };
        assert_eq!(line(&answer).unwrap(), "{\"type\":\"answer\",\"ask\":3,\"result\":{\"text\":\"hi\"}}\n");
        let denied = Answer::Error { code: "permission_denied".into(), message: "No.".into() };
        let denied = line(&ToSkill::Answer { ask: 4, answer: denied }).unwrap();
        assert!(matches!(
            serde_json::from_str(&denied).unwrap(),
            ToSkill::Answer { ask: 4, answer: Answer::Error { .. } }
        ));
        let ask: FromSkill = serde_json::from_str(r#"{"type":"ask","ask":1,"what":"settings.get"}"#).unwrap();
        assert_eq!(ask, FromSkill::Ask { ask: 1, what: "settings.get".into(), with: Value::Null });
        assert!(serde_json::from_str::<FromSkill>(r#"{"type":"result","call":1,"result":{},"x":1}"#).is_err());
    }

    #[test]
    fn lines_are_bounded_and_must_be_text() {
        let mut two: &[u8] = b"one\ntwo";
        assert_eq!(next_line(&mut two).unwrap().as_deref(), Some("one"));
        assert_eq!(next_line(&mut two).unwrap().as_deref(), Some("two"));
        assert_eq!(next_line(&mut two).unwrap(), None);
        let long = vec![b'x'; LONGEST_LINE + 2];
        assert!(next_line(&mut long.as_slice()).unwrap_err().to_string().contains("longer than"));
        assert!(next_line(&mut [0xc3, 0x28, b'\n'].as_slice()).unwrap_err().to_string().contains("not UTF-8"));
    }
}
