//! Conversations on disk: one JSON file each, readable by the user alone.
//!
//! Owns: the files' form. What comes from the user's files is not copied here: such turns are
//! written as the places that they came from.

use super::session::{MAX_AGE, MAX_SESSIONS, Session, Turn};
use crate::json_file;
use hob_engine::{Message, ToolCall};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longest file that is read, in bytes: far more than a session may hold.
const MAX_FILE: u64 = 1 << 20;

/// The folder of stored conversations.
pub(super) struct Store {
    folder: PathBuf,
    writing: Mutex<()>,
}

/// A conversation as it stands in its file.
#[derive(Serialize, Deserialize)]
struct StoredSession {
    /// Seconds since 1970 at its last use.
    used: u64,
    turns: Vec<StoredTurn>,
}

#[derive(Serialize, Deserialize)]
struct StoredTurn {
    role: String,
    content: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<StoredCall>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredCall {
    id: String,
    name: String,
    arguments: String,
}

impl Store {
    /// Makes the folder when the first conversation is written.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, writing: Mutex::new(()) }
    }

    /// The conversations that are young enough, least recently used first; removes the others.
    pub fn read(&self) -> Vec<Session> {
        let files: Vec<PathBuf> =
            fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
        let mut sessions: Vec<Session> = files.iter().filter_map(|file| read(file)).collect();
        sessions.sort_by_key(|session| session.used);
        let surplus = sessions.len().saturating_sub(MAX_SESSIONS);
        let gone: Vec<Session> = sessions.drain(..surplus).collect();
        let left_over = files.iter().filter(|file| is_left_over(file)).cloned();
        for file in gone.iter().map(|session| self.file(&session.id)).chain(left_over) {
            if let Err(error) = fs::remove_file(&file) {
                tracing::warn!(file = %file.display(), %error, "an old session could not be removed");
            }
        }
        sessions
    }

    /// Writes what `newest` gives when this writer's turn has come.
    pub fn write(&self, newest: impl FnOnce() -> Option<Session>) -> io::Result<()> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(session) = newest() else { return Ok(()) };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        fs::set_permissions(&self.folder, Permissions::from_mode(0o700))?;
        json_file::write(&self.file(&session.id), &stored(session))
    }

    /// Removes a conversation's file, if it has one.
    pub fn remove(&self, id: &str) -> io::Result<()> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        match fs::remove_file(self.file(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn file(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }
}

fn stored(session: Session) -> StoredSession {
    let used = session.used.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let turn = |Turn { message, instead }| {
        let Message { role, content, tool_calls, tool_call_id } = message;
        let call = |ToolCall { id, name, arguments }| StoredCall { id, name, arguments };
        let content = instead.unwrap_or(content);
        StoredTurn { role, content, tool_calls: tool_calls.into_iter().map(call).collect(), tool_call_id }
    };
    StoredSession { used, turns: session.turns.into_iter().map(turn).collect() }
}

/// The conversation in a file; `None` when it is none, damaged or too old.
fn read(file: &Path) -> Option<Session> {
    let id = file.file_name()?.to_str()?.strip_suffix(".json")?;
    // The name becomes part of an object path.
    let fits = !id.is_empty() && id.len() <= 64 && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !fits || fs::metadata(file).ok()?.len() > MAX_FILE {
        return None;
    }
    let stored: StoredSession = json_file::read::<Option<StoredSession>>(file)?;
    let used = UNIX_EPOCH + Duration::from_secs(stored.used.min(u64::from(u32::MAX)));
    if is_old(used) {
        return None;
    }
    let turn = |turn: StoredTurn| {
        let call = |call: StoredCall| ToolCall { id: call.id, name: call.name, arguments: call.arguments };
        let tool_calls = turn.tool_calls.into_iter().map(call).collect();
        Turn::from(Message { role: turn.role, content: turn.content, tool_calls, tool_call_id: turn.tool_call_id })
    };
    Some(Session { id: id.into(), turns: stored.turns.into_iter().map(turn).collect(), used, asked: None })
}

/// Whatever lies here unused for longer than a session may: sessions, and damaged ones kept aside.
fn is_left_over(file: &Path) -> bool {
    fs::metadata(file).and_then(|m| m.modified()).is_ok_and(is_old)
}

fn is_old(used: SystemTime) -> bool {
    used.elapsed().is_ok_and(|unused| unused > MAX_AGE)
}

#[cfg(test)]
mod tests {
    use super::super::session::Sessions;
    use super::super::types::Citation;
    use super::*;
    use std::sync::Arc;

    fn sessions(folder: &Path) -> Arc<Sessions> {
        Arc::new(Sessions::new(Some(folder.to_path_buf())))
    }

    #[tokio::test]
    async fn a_conversation_outlives_the_daemon_without_the_files_words() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("sessions");
        let before = sessions(&place);
        let (id, _) = before.open();
        let call = ToolCall { id: "1".into(), name: "f".into(), arguments: "{}".into() };
        let called = Message { tool_calls: vec![call], ..Message::new("assistant", "") };
        let result = Message { tool_call_id: Some("1".into()), ..Message::new("tool", "42") };
        let cited = Citation { path: "/n/a.md".into(), line: 3, ..Citation::default() };
        let quoted = Turn::answer(Message::new("assistant", "The boiler is secret."), &[cited]);
        assert!(quoted.is_from_files());
        let said = vec![Message::new("user", "Grüße?").into(), called.into(), result.into(), quoted];
        before.remember(&id, said.clone());
        before.save(&id).await;

        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        let file = place.join(format!("{id}.json"));
        assert_eq!((mode(&place), mode(&file)), (0o700, 0o600));
        let text = fs::read_to_string(&file).expect("text");
        assert!(!text.contains("secret") && text.contains("/n/a.md:3"), "{text}");

        let after = sessions(&place);
        let turns = after.turns(&id);
        assert_eq!(turns[..3], said[..3]);
        assert!(turns[3].message.content.contains("/n/a.md:3") && !turns[3].is_from_files());
        assert_ne!(after.open().0, id);
        after.close(&id);
        assert!(!file.exists() && sessions(&place).ids().is_empty());
    }

    #[tokio::test]
    async fn damaged_old_and_foreign_files_are_no_sessions() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path();
        let stored = |used: u64| format!("{{\"used\": {used}, \"turns\": []}}");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        for (name, content) in [
            ("good.json", stored(now)),
            ("old.json", stored(now - MAX_AGE.as_secs() - 9)),
            ("torn.json", stored(now)[..9].to_string()),
            ("odd-name.json", stored(now)),
            ("notes.txt", "hello".into()),
            ("absurd.json", " ".repeat(MAX_FILE as usize + 1)),
        ] {
            fs::write(place.join(name), content).expect("written");
        }
        assert_eq!(sessions(place).ids(), ["good"]);
        assert!(place.join("torn.json.damaged").exists());
    }

    #[tokio::test]
    async fn a_closed_session_is_not_written_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let sessions = sessions(folder.path());
        let (id, _) = sessions.open();
        sessions.remember(&id, vec![Message::new("user", "a").into()]);
        sessions.close(&id);
        sessions.save(&id).await;
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }
}
