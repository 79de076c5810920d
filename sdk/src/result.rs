//! What a call gives back: the result object that users, scripts and the daemon read.
//!
//! Owns: the JSON contract of a result. Must not know: how it travels.

use crate::uri;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a successful call gives back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// For scripts and for the model, as the intent's `result` schema says.
    pub data: Value,
    /// One sentence for the user; a screen or a voice gives it as it is.
    pub message: String,
    /// The files and pages that the result is about, so that whoever shows it can open them.
    pub uris: Vec<String>,
    /// Intents that the daemon shall call later, so that an idle skill holds no memory.
    pub wake: Vec<Wake>,
    /// Ids of wakes asked for earlier that are no longer wanted; unknown ones are ignored.
    pub cancel_wake: Vec<String>,
}

impl Outcome {
    /// An outcome that only says something.
    pub fn say(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// Adds data.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = data;
        self
    }

    /// Names what the result is about, each once: see [`crate::file_uri`].
    #[must_use]
    pub fn with_uris(mut self, uris: impl IntoIterator<Item = String>) -> Self {
        for uri in uris {
            if !self.uris.contains(&uri) {
                self.uris.push(uri);
            }
        }
        self
    }

    /// Asks for one more later call.
    #[must_use]
    pub fn with_wake(mut self, wake: Wake) -> Self {
        self.wake.push(wake);
        self
    }

    /// Takes an earlier wake back.
    #[must_use]
    pub fn cancelling(mut self, id: impl Into<String>) -> Self {
        self.cancel_wake.push(id.into());
        self
    }
}

/// A call that the daemon makes on the skill's behalf at a later time. It keeps the wake over
/// restarts, makes the call late rather than never, and shows the result's message to the user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wake {
    /// Chosen by the skill; a later wake of the same id replaces this one.
    pub id: String,
    /// When, in seconds since the Unix epoch.
    pub at: i64,
    /// The skill's own intent; one without examples is never routed to.
    pub intent: String,
    /// The arguments to call it with.
    #[serde(default = "empty_object")]
    pub arguments: Value,
}

fn empty_object() -> Value {
    Value::Object(serde_json::Map::new())
}

/// Why a call failed, for the user (message, suggestion) and for scripts (code).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SkillError {
    /// Short and stable, e.g. `invalid_argument`.
    pub code: String,
    /// One sentence that says what went wrong.
    pub message: String,
    /// One sentence that says what to do, if there is something.
    pub suggestion: Option<String>,
}

impl SkillError {
    /// Any error, by its code.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), suggestion: None }
    }

    /// An argument is missing or makes no sense.
    pub fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new("invalid_argument", message)
    }

    /// What was asked for does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new("not_found", message)
    }

    /// The system lacks something that the call needs.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new("unavailable", message)
    }

    /// Something else failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new("failed", message)
    }

    /// The skill has no such intent.
    pub fn unknown_intent(intent: &str) -> Self {
        Self::new("unknown_intent", format!("This skill has no intent {intent}."))
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }
}

impl From<std::io::Error> for SkillError {
    fn from(error: std::io::Error) -> Self {
        Self::failed(format!("The system refused: {error}."))
    }
}

/// Whether a call did its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It did.
    Success,
    /// It did not; nothing was changed unless the message says so.
    Error,
}

/// The result object as it crosses the ABI and as scripts see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallResult {
    /// Whether the call did its work.
    pub status: Status,
    /// Short and stable, on errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// One sentence for the user.
    #[serde(default)]
    pub message: String,
    /// What the user can do, on errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    /// The intent's own result.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
    /// The files and pages that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "uris")]
    pub uris: Vec<String>,
    /// Later calls asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wake: Vec<Wake>,
    /// Later calls no longer wanted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cancel_wake: Vec<String>,
}

fn uris<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let uris = Vec::<String>::deserialize(from)?;
    match uris.iter().find_map(|uri| uri::fault(uri)) {
        Some(fault) => Err(serde::de::Error::custom(fault)),
        None => Ok(uris),
    }
}

impl CallResult {
    /// Reads a result that a skill wrote, which may be anything.
    ///
    /// # Errors
    /// When the text is no result object; the error says where.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// The result as one line of JSON.
    pub fn to_json(&self) -> String {
        // Values, strings and integers always serialise; the fallback keeps the contract anyhow.
        serde_json::to_string(self)
            .unwrap_or_else(|_| r#"{"status":"error","message":"The result could not be written."}"#.into())
    }

    /// Whether the call did its work.
    pub fn is_success(&self) -> bool {
        self.status == Status::Success
    }
}

impl From<Result<Outcome, SkillError>> for CallResult {
    fn from(result: Result<Outcome, SkillError>) -> Self {
        match result {
            Ok(Outcome { data, message, uris, wake, cancel_wake }) => {
                Self { status: Status::Success, code: None, message, suggestion: None, data, uris, wake, cancel_wake }
            }
            Err(SkillError { code, message, suggestion }) => Self {
                status: Status::Error,
                code: Some(code),
                message,
                suggestion,
                data: Value::Null,
                uris: Vec::new(),
                wake: Vec::new(),
                cancel_wake: Vec::new(),
            },
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_result_carries_only_what_it_has() {
        let wake = Wake { id: "t1".into(), at: 7, intent: "Rang".into(), arguments: json!({"id": 1}) };
        let full: CallResult =
            Ok(Outcome::say("Done.").with_data(json!({"n": 1})).with_wake(wake).cancelling("t0")).into();
        assert_eq!(
            full.to_json(),
            r#"{"status":"success","message":"Done.","data":{"n":1},"wake":[{"id":"t1","at":7,"intent":"Rang","arguments":{"id":1}}],"cancel_wake":["t0"]}"#
        );
        assert_eq!(CallResult::parse(&full.to_json()).unwrap(), full);

        let about: CallResult =
            Ok(Outcome::say("Found.").with_uris(["file:///a".to_string(), "file:///a".to_string()])).into();
        assert_eq!(about.to_json(), r#"{"status":"success","message":"Found.","uris":["file:///a"]}"#);
        let nowhere = CallResult::parse(r#"{"status":"success","uris":["letter.pdf"]}"#).unwrap_err();
        assert!(nowhere.to_string().contains("no URI"), "{nowhere}");

        let failed: CallResult = Err(SkillError::not_found("No such timer.").suggest("List the timers.")).into();
        assert_eq!(
            failed.to_json(),
            r#"{"status":"error","code":"not_found","message":"No such timer.","suggestion":"List the timers."}"#
        );
    }

    #[test]
    fn what_is_no_result_is_refused() {
        for bad in ["", "3", "{}", r#"{"status":"maybe"}"#, r#"{"status":"success","mesage":"x"}"#] {
            assert!(CallResult::parse(bad).is_err(), "{bad} was accepted");
        }
    }
}
