//! What skills can ask of hob during a call.
//!
//! Owns: the form of asks and answers, and who may ask for what how often. Must not know: models, the index; whoever
//! has those implements [`Helper`].

use hob_sdk::lines::Answer;
use hob_sdk::manifest::{Manifest, Permissions};
use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Texts that one skill may have written within a minute.
const TEXTS_A_MINUTE: usize = 30;

/// Something that a skill wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Its number.
    pub ask: u64,
    /// `model.complete` or `index.search`.
    pub what: String,
    /// Details as JSON.
    pub with: String,
}

/// What came of it: a value, or a code with a sentence.
pub type Helped = Result<Value, (String, String)>;

/// Answers asks.
pub trait Helper: Send + Sync {
    /// Answers one.
    fn help<'a>(&'a self, skill: &'a Manifest, ask: Ask) -> Pin<Box<dyn Future<Output = Helped> + Send + 'a>>;
}

/// An answer as it travels.
pub fn answer_json(helped: Helped) -> String {
    let answer = match helped {
        Ok(value) => Answer::Result(value),
        Err((code, message)) => Answer::Error { code, message },
    };
    // Plain data always becomes JSON; should it not, the skill is told so.
    serde_json::to_string(&answer)
        .unwrap_or_else(|_| r#"{"error":{"code":"internal","message":"The answer could not be written."}}"#.into())
}

/// Who may ask for what how often.
#[derive(Default)]
pub struct Quota {
    texts: Mutex<HashMap<String, VecDeque<Instant>>>,
}

impl Quota {
    /// Whether this skill may ask for this now.
    pub fn allows(&self, skill: &Manifest, what: &str) -> Result<(), (String, String)> {
        let Permissions { model, index, .. } = skill.permissions;
        let denied = |key: &str| {
            let why = format!(
                "{} may not ask for {what}: its manifest does not say {key} = true under [permissions].",
                skill.id
            );
            Err(("permission_denied".to_string(), why))
        };
        match what {
            "model.complete" if !model => denied("model"),
            "index.search" if !index => denied("index"),
            "model.complete" => self.count(&skill.id, Instant::now()),
            "index.search" => Ok(()),
            _ => {
                Err(("invalid_argument".into(), format!("There is no {what}; ask for model.complete or index.search.")))
            }
        }
    }

    fn count(&self, id: &str, now: Instant) -> Result<(), (String, String)> {
        let mut all = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let texts = all.entry(id.to_string()).or_default();
        texts.retain(|at| now.duration_since(*at) < Duration::from_secs(60));
        if texts.len() >= TEXTS_A_MINUTE {
            let why = format!("{id} has had {TEXTS_A_MINUTE} texts written within a minute; wait a little.");
            return Err(("quota_exceeded".into(), why));
        }
        texts.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_granted_and_not_too_often() {
        let text = |permissions: &str| {
            format!(
                "[skill]\nid = \"org.example.a\"\nversion = \"1.0.0\"\ntitle = \"A\"\nkind = \"mcp\"\ncommand = [\"a\"]\n[permissions]\n{permissions}\n"
            )
        };
        let skill = |permissions: &str| Manifest::parse(&text(permissions), "skill.toml").expect("a manifest");
        let quota = Quota::default();
        let code = |skill: &Manifest, what: &str| quota.allows(skill, what).err().map(|(code, _)| code);
        assert_eq!(code(&skill(""), "model.complete").as_deref(), Some("permission_denied"));
        assert_eq!(code(&skill("model = true"), "index.search").as_deref(), Some("permission_denied"));
        assert_eq!(code(&skill(""), "disk.format").as_deref(), Some("invalid_argument"));
        let may = skill("model = true");
        assert!((0..TEXTS_A_MINUTE).all(|_| code(&may, "model.complete").is_none()));
        assert_eq!(code(&may, "model.complete").as_deref(), Some("quota_exceeded"));
    }

    #[test]
    fn answers_are_results_or_errors() {
        assert_eq!(answer_json(Ok(3.into())), r#"{"result":3}"#);
        assert_eq!(answer_json(Err(("a".into(), "b".into()))), r#"{"error":{"code":"a","message":"b"}}"#);
    }
}
