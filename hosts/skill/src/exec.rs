//! Skills that are programs: lines of JSON over standard input and output.
//!
//! Owns: the conversation, and what of it is believed. Must not know: how the program was confined.

use crate::child::Child;
use crate::error::{LoadError, shortened};
use crate::library::context;
use crate::post::Post;
use crate::runner::{Agreed, Failure, Runner};
use crate::speech::Speech;
use hob_link::skill::Load;
use hob_sdk::CallResult;
use hob_sdk::lines::{FromSkill, PROTOCOL, ToSkill, next_line};
use serde_json::{Map, Value};
use std::io::BufReader;
use std::process::ChildStdout;
use std::sync::Arc;

/// A program that has introduced itself.
pub struct Exec {
    id: String,
    version: String,
    /// What every context holds beside what the daemon tells.
    ours: Map<String, Value>,
    child: Child,
    from: BufReader<ChildStdout>,
    to: Speech,
    post: Arc<Post>,
    /// It answers every line with a bare result.
    plain: bool,
}

impl Exec {
    /// Says hello to a started program and hears who it is. One that answers with a bare result knows nothing of hellos:
    /// it answers each line, so it is told of calls only.
    pub fn greet(
        load: &Load,
        mut child: Child,
        ours: Map<String, Value>,
        post: Arc<Post>,
    ) -> Result<(Self, Speech), LoadError> {
        let context = with(&load.context, &ours).map_err(|why| declined(&load.id, why))?;
        let (to, from) = child.streams()?;
        let to = Speech::over(to);
        let (id, version) = (load.id.clone(), String::new());
        let from = BufReader::new(from);
        let mut exec = Self { id: id.clone(), version, ours, child, from, to: to.clone(), post, plain: false };
        // A program that is gone already shows in what it does not answer.
        to.say_if_there(&ToSkill::Hello { protocol: PROTOCOL, id, context });
        match exec.next() {
            Ok(Said::Hello { protocol, .. }) if protocol != PROTOCOL => Err(LoadError::OtherProtocol(protocol)),
            Ok(Said::Hello { id, .. }) if id != load.id => {
                Err(LoadError::OtherId { manifest: load.id.clone(), library: id })
            }
            Ok(Said::Hello { version, .. }) => {
                exec.version = version;
                Ok((exec, to))
            }
            Ok(Said::Bare(_)) => {
                (exec.plain, exec.version) = (true, load.version.clone());
                Ok((exec, Speech::over(std::io::sink())))
            }
            Ok(other) => Err(declined(&load.id, format!("its first line is no hello but {other:?}"))),
            Err(Heard::Nothing) => Err(declined(&load.id, exec.child.last_words())),
            Err(Heard::Nonsense(why)) => Err(declined(&load.id, why)),
        }
    }

    /// The next message that is a hello or a result; everything else is passed on.
    fn next(&mut self) -> Result<Said, Heard> {
        loop {
            let line = match next_line(&mut self.from) {
                Ok(Some(line)) => line,
                Ok(None) => return Err(Heard::Nothing),
                Err(error) => return Err(Heard::Nonsense(error.to_string())),
            };
            match serde_json::from_str(&line) {
                Ok(FromSkill::Hello { protocol, id, version }) => return Ok(Said::Hello { protocol, id, version }),
                Ok(FromSkill::Result { call, result }) => return Ok(Said::Result { call, result }),
                Ok(message) => self.post.pass(message),
                Err(why) => {
                    return serde_json::from_str(&line).map(|bare| Said::Bare(Box::new(bare))).map_err(|_| {
                        Heard::Nonsense(format!("it wrote {} where a message belongs ({why})", shortened(&line)))
                    });
                }
            }
        }
    }
}

impl Runner for Exec {
    fn agreed(&self) -> Agreed {
        Agreed { abi: PROTOCOL, version: self.version.clone(), tools: Vec::new() }
    }

    fn call(&mut self, id: u64, intent: &str, arguments: &str, context: &str) -> Result<String, Failure> {
        let json = |text: &str, what: &str| {
            serde_json::from_str::<Value>(text).map_err(|e| Failure::Call(format!("the {what} are no JSON: {e}")))
        };
        let arguments = json(arguments, "arguments")?;
        let context = with(context, &self.ours).map_err(Failure::Call)?;
        self.to.say_if_there(&ToSkill::Call { call: id, intent: intent.into(), arguments, context });
        let said = self.next();
        let bad = |why: String| format!("{} gave no valid result: {why}; this is a bug in the skill", self.id);
        match said {
            Ok(Said::Bare(result)) if self.plain => Ok(result.to_json()),
            Ok(Said::Result { call, result }) if call == id => {
                let result = serde_json::from_value::<CallResult>(result);
                result.map(|result| result.to_json()).map_err(|why| Failure::Call(bad(why.to_string())))
            }
            Ok(Said::Result { call, .. }) => {
                Err(Failure::End(bad(format!("it answered call {call}, which was not made"))))
            }
            Ok(other) => Err(Failure::End(bad(format!("it said {other:?}")))),
            Err(Heard::Nothing) => Err(Failure::End(self.child.mirror_end())),
            Err(Heard::Nonsense(why)) => Err(Failure::End(bad(why))),
        }
    }
}

/// What a program said for itself.
#[derive(Debug)]
enum Said {
    Hello {
        protocol: u32,
        id: String,
        version: String,
    },
    Result {
        call: u64,
        result: Value,
    },
    /// A result that says not of which call.
    Bare(Box<CallResult>),
}

/// What came instead of a message.
enum Heard {
    /// The program closed its output.
    Nothing,
    /// Something else, in words.
    Nonsense(String),
}

fn with(told: &str, ours: &Map<String, Value>) -> Result<Value, String> {
    let context = context(told, ours).map_err(|why| why.to_string())?;
    serde_json::from_str(&context).map_err(|why| why.to_string())
}

fn declined(id: &str, why: String) -> LoadError {
    LoadError::Declined { id: id.into(), why }
}
