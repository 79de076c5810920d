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
            Ok(FromSkill::Hello { protocol, .. }) if protocol != PROTOCOL => Err(LoadError::OtherProtocol(protocol)),
            Ok(FromSkill::Hello { id, .. }) if id != load.id => {
                Err(LoadError::OtherId { manifest: load.id.clone(), library: id })
            }
            Ok(FromSkill::Hello { version, .. }) => {
                exec.version = version;
                Ok((exec, to))
            }
            Err(Heard::Bare(_)) => {
                (exec.plain, exec.version) = (true, load.version.clone());
                Ok((exec, Speech::over(std::io::sink())))
            }
            Ok(other) => Err(declined(&load.id, format!("its first line is no hello but {other:?}"))),
            Err(Heard::Nothing) => Err(declined(&load.id, exec.child.last_words())),
            Err(Heard::Nonsense(why)) => Err(declined(&load.id, why)),
        }
    }

    /// The next message that is a hello or a result; everything else is passed on.
    fn next(&mut self) -> Result<FromSkill, Heard> {
        loop {
            let line = match next_line(&mut self.from) {
                Ok(Some(line)) => line,
                Ok(None) => return Err(Heard::Nothing),
                Err(error) => return Err(Heard::Nonsense(error.to_string())),
            };
            match serde_json::from_str(&line) {
                Ok(message @ (FromSkill::Hello { .. } | FromSkill::Result { .. })) => return Ok(message),
                Ok(message) => self.post.pass(message),
                Err(why) => {
                    let what = format!("it wrote {} where a message belongs ({why})", shortened(&line));
                    return Err(
                        CallResult::parse(&line).map_or(Heard::Nonsense(what), |bare| Heard::Bare(Box::new(bare)))
                    );
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
            Ok(FromSkill::Result { call, result }) if call == id => {
                let result = serde_json::from_value::<CallResult>(result);
                result.map(|result| result.to_json()).map_err(|why| Failure::Call(bad(why.to_string())))
            }
            Ok(FromSkill::Result { call, .. }) => {
                Err(Failure::End(bad(format!("it answered call {call}, which was not made"))))
            }
            Ok(other) => Err(Failure::End(bad(format!("it said {other:?}")))),
            Err(Heard::Bare(result)) if self.plain => Ok(result.to_json()),
            Err(Heard::Bare(result)) => Err(Failure::End(bad(format!("it said Bare({result:?})")))),
            Err(Heard::Nothing) => Err(Failure::End(self.child.mirror_end())),
            Err(Heard::Nonsense(why)) => Err(Failure::End(bad(why))),
        }
    }
}

/// What came instead of a message.
enum Heard {
    /// The program closed its output.
    Nothing,
    /// A result that says not of which call.
    Bare(Box<CallResult>),
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
