//! What goes to the daemon while a call runs.
//!
//! Owns: which call that is, and how much of what a skill prints is passed on. Must not know: kinds of
//! skills.

use hob_link::host::Replier;
use hob_link::skill::SkillReply;
use hob_sdk::lines::FromSkill;
use std::io::{BufRead, BufReader, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// Bytes of a skill's own lines that are passed on for each call; the rest is read and dropped, so that a
/// skill that floods neither waits nor fills anybody's disk.
const SAID_PER_CALL: u64 = 32 << 10;
/// Longest piece of output that counts as one line, in bytes.
const LINE: u64 = 4 << 10;

/// Sends what a skill says during a call under that call's number.
pub struct Post {
    replier: Replier<SkillReply>,
    /// 0 without a call.
    call: AtomicU64,
    said: AtomicU64,
    last_words: Mutex<String>,
}

impl Post {
    /// For a new process.
    pub fn new(replier: Replier<SkillReply>) -> Arc<Self> {
        Arc::new(Self { replier, call: AtomicU64::new(0), said: AtomicU64::new(0), last_words: Mutex::default() })
    }

    /// A request begins.
    pub fn begin(&self, id: u64) {
        self.said.store(0, Ordering::Relaxed);
        self.call.store(id, Ordering::Release);
    }

    /// It ends with this reply.
    pub fn finish(&self, id: u64, reply: SkillReply) -> anyhow::Result<()> {
        self.call.store(0, Ordering::Release);
        Ok(self.replier.finish(id, reply)?)
    }

    /// Answers a request that is no call.
    pub fn acknowledge(&self, id: u64) {
        if let Err(error) = self.replier.finish(id, SkillReply::Taken) {
            tracing::debug!(%error, "the daemon is gone");
        }
    }

    /// A line of the skill's, for the log.
    pub fn said(&self, line: &str) {
        let before = self.said.fetch_add(line.len() as u64 + 1, Ordering::Relaxed);
        if before < SAID_PER_CALL {
            self.tell(SkillReply::Said(line.chars().take(LINE as usize).collect()));
        }
    }

    /// The last line that the skill printed.
    pub fn last_words(&self) -> String {
        self.last_words.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Passes on what is no result.
    pub fn pass(&self, message: FromSkill) {
        match message {
            FromSkill::Ask { ask, what, with } => self.tell(SkillReply::Ask { ask, what, with: with.to_string() }),
            FromSkill::Progress { fraction, text } => {
                let json = serde_json::json!({"fraction": fraction.map(|f| f.clamp(0.0, 1.0)), "text": text});
                self.tell(SkillReply::Progress(json.to_string()));
            }
            FromSkill::Log { level, text } if level.is_empty() => self.said(&text),
            FromSkill::Log { level, text } => self.said(&format!("{level}: {text}")),
            FromSkill::Hello { .. } | FromSkill::Result { .. } => self.said("a message that belongs elsewhere"),
        }
    }

    fn tell(&self, reply: SkillReply) {
        let id = self.call.load(Ordering::Acquire);
        // Outside of a call nobody listens.
        if id != 0
            && let Err(error) = self.replier.send(id, reply)
        {
            tracing::debug!(%error, "the daemon is gone");
        }
    }

    /// Reads everything that a skill prints, for as long as it can print.
    pub fn listen(self: &Arc<Self>, output: impl Read + Send + 'static) -> std::io::Result<JoinHandle<()>> {
        let post = self.clone();
        let read = move || {
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            while matches!(output.by_ref().take(LINE).read_until(b'\n', &mut line), Ok(read) if read > 0) {
                let text = String::from_utf8_lossy(&line).trim_end().to_string();
                post.said(&text);
                if !text.is_empty() {
                    *post.last_words.lock().unwrap_or_else(PoisonError::into_inner) = text;
                }
                line.clear();
            }
        };
        thread::Builder::new().name("output".into()).spawn(read)
    }
}
