//! Speed, quality and quantization: each in a model host of its own, which holds no other model.

use super::{Progress, Store, record};
use crate::error::{HobError, Kind};
use crate::models::ModelHost;
use crate::models::catalogue::Entry;
use crate::models::predict::{self, Need};
use hob_engine::measure::{FORMATS, MeasureSpec, Measured, Measurement, Question, Speed, beside, format};
use hob_engine::{CacheSpec, LoadSpec, ModelReply, ModelRequest, Role};
use hob_link::fetch::Record;
use hob_link::supervisor::HostSpec;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Most questions of one evaluation.
const MOST_QUESTIONS: usize = 20_000;
/// Tokens that a question needs.
const QUESTION_CONTEXT: u32 = 4_096;

/// How a model is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MeasureOptions {
    /// Threads; 0 takes all cores.
    pub threads: u32,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens that are written.
    pub answer_tokens: u32,
    /// How often.
    pub rounds: u32,
}

/// What a model is evaluated on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evaluation {
    /// A text, with the tokens that are looked at together.
    Text(String, u32),
    /// Questions with their answers.
    Questions(Vec<Question>),
}

/// What quantizing made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantization {
    /// The new model's id.
    pub id: String,
    /// Its file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// The size that it was made from.
    pub from_bytes: u64,
}

impl Store {
    /// How fast a model is on this machine.
    pub async fn bench(&self, id: &str, how: MeasureOptions, tell: mpsc::Sender<Progress>) -> Result<Speed, HobError> {
        let entry = self.measurable(id)?;
        let context = how.prompt_tokens.saturating_add(how.answer_tokens).saturating_add(8);
        let what = Measurement::Speed {
            prompt_tokens: how.prompt_tokens,
            answer_tokens: how.answer_tokens,
            rounds: how.rounds,
        };
        let load = load(&entry, context, how.threads);
        let words = format!("Measuring {}", entry.id);
        let need = predict::measuring(&entry, context, false);
        match self.measure(&entry, need, ("measuring", &words), MeasureSpec { load, what }, tell).await? {
            Measured::Speed(speed) => Ok(speed),
            other => Err(unexpected(&other)),
        }
    }

    /// How well a model predicts a text, or which answers it thinks likely.
    pub async fn evaluate(
        &self,
        id: &str,
        on: Evaluation,
        threads: u32,
        tell: mpsc::Sender<Progress>,
    ) -> Result<Measured, HobError> {
        let entry = self.measurable(id)?;
        let (context, what) = match on {
            Evaluation::Text(text, window) => (window.max(64), Measurement::Perplexity { text, window }),
            Evaluation::Questions(all) if all.is_empty() || all.len() > MOST_QUESTIONS => {
                return Err(HobError::invalid(format!("{} questions; give 1 to {MOST_QUESTIONS}", all.len())));
            }
            Evaluation::Questions(all) => (QUESTION_CONTEXT, Measurement::Choices(all)),
        };
        let spec = MeasureSpec { load: load(&entry, context, threads), what };
        let (need, words) = (predict::measuring(&entry, context, true), format!("Evaluating {}", entry.id));
        self.measure(&entry, need, ("evaluating", &words), spec, tell).await
    }

    /// Writes a model with smaller weights, beside the old one.
    pub async fn quantize(
        &self,
        id: &str,
        (wanted, name, requantize): (&str, Option<String>, bool),
        threads: u32,
        tell: mpsc::Sender<Progress>,
    ) -> Result<Quantization, HobError> {
        let entry = self.find(id)?;
        let (wanted, _, bits) = format(wanted).ok_or_else(|| {
            let known: Vec<&str> = FORMATS.iter().map(|(name, ..)| *name).collect();
            HobError::invalid(format!("there is no format \"{wanted}\"; known: {}", known.join(", ")))
        })?;
        let id = name.unwrap_or_else(|| renamed(&entry, wanted));
        let path = self.target(&id)?;
        let parameters = entry.header.as_ref().map_or(0, |header| header.parameters);
        self.must_have_room((parameters as f64 * bits / 8.0) as u64)?;
        let what = Measurement::Quantize { to: path.clone(), format: wanted.into(), requantize };
        let spec = MeasureSpec { load: load(&entry, 0, threads), what };
        let words = format!("Quantizing {} to {wanted}", entry.id);
        match self.measure(&entry, predict::rewriting(&entry), ("quantizing", &words), spec, tell).await? {
            Measured::Quantized(bytes) => {
                self.note(&path, bytes, format!("{} quantized to {wanted}", entry.id))?;
                self.models.refresh();
                Ok(Quantization { id, path, bytes, from_bytes: entry.size })
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Has it done in a process of its own, for which room is set aside like for a load.
    async fn measure(
        &self,
        entry: &Entry,
        need: Need,
        (stage, words): (&'static str, &str),
        spec: MeasureSpec,
        tell: mpsc::Sender<Progress>,
    ) -> Result<Measured, HobError> {
        let busy = |_| HobError::new(Kind::Busy, "another model is being measured or quantized; try again after that");
        let _alone = self.measuring.try_lock().map_err(busy)?;
        let host = HostSpec { kind: "model", program: self.setup.model_host.clone(), args: Vec::new() };
        let room = self.models.reserve(entry, need).await?;
        let _unfinished = match &spec.what {
            Measurement::Quantize { to, .. } => Some(Unfinished(beside(to))),
            _ => None,
        };
        let host = Arc::new(ModelHost::spawn(&host).await?);
        room.runs(&host);
        // Dropped with the host, which ends the process with whatever it does.
        let mut replies = host.request(ModelRequest::Measure(spec)).await?;
        while let Some(reply) = replies.next().await? {
            match reply {
                ModelReply::Progress(share) => Progress::of_share(stage, words, share).send(&tell).await,
                ModelReply::Measured(measured) => return Ok(measured),
                ModelReply::Failed(error) => return Err(error.into()),
                _ => {}
            }
        }
        Err(HobError::internal("the model process ended its reply without a result; see the daemon's log"))
    }

    fn find(&self, id: &str) -> Result<Entry, HobError> {
        self.models.refresh();
        let default = || self.models.default_entry(Role::Chat);
        let entry = match id {
            "" => {
                default().ok_or_else(|| HobError::new(Kind::NoModel, "there is no chat model; see hob model pull"))?
            }
            id => self.models.entry_or_file(id)?,
        };
        match &entry.header {
            Ok(_) => Ok(entry),
            Err(problem) => Err(HobError::invalid(format!("{} can't be used: {problem}", entry.id))),
        }
    }

    /// A chat model.
    fn measurable(&self, id: &str) -> Result<Entry, HobError> {
        let entry = self.find(id)?;
        if entry.role != Role::Chat {
            let (id, role) = (&entry.id, entry.role.name());
            return Err(HobError::invalid(format!(
                "{id} is a model for {role}; only chat models can be measured so far"
            )));
        }
        Ok(entry)
    }

    fn target(&self, id: &str) -> Result<PathBuf, HobError> {
        if id.is_empty() || id.starts_with('.') || id.contains(['/', '\\']) || id.chars().any(char::is_control) {
            return Err(HobError::invalid(format!("\"{id}\" is no name for a model")));
        }
        let path = self.setup.folder.join(format!("{id}.gguf"));
        if std::fs::symlink_metadata(&path).is_ok() {
            return Err(HobError::invalid(format!("{id} is there already; remove it, or choose a name")));
        }
        Ok(path)
    }

    fn must_have_room(&self, bytes: u64) -> Result<(), HobError> {
        let folder = &self.setup.folder;
        let about =
            rustix::fs::statvfs(folder).map_err(|e| HobError::internal(format!("{}: {e}", folder.display())))?;
        let free = about.f_bavail.saturating_mul(about.f_frsize);
        if bytes <= free {
            return Ok(());
        }
        let (need, free) = (bytes >> 20, free >> 20);
        Err(HobError::internal(format!(
            "the new file needs about {need} MiB, but {} has {free} MiB free; make room there",
            folder.display()
        )))
    }

    fn note(&self, path: &std::path::Path, bytes: u64, origin: String) -> Result<(), HobError> {
        let record = Record { bytes, origin, ..Record::default() };
        let Some(to) = record::path(&self.setup.folder, path) else { return Ok(()) };
        crate::json_file::write(&to, &record).map_err(|e| HobError::internal(format!("{}: {e}", to.display())))
    }
}

/// A file that a process which was ended has left half written; it goes with this.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%error, path = %self.0.display(), "an unfinished file stays");
            }
            _ => {}
        }
    }
}

fn load(entry: &Entry, context: u32, threads: u32) -> LoadSpec {
    LoadSpec { path: entry.path.clone(), role: Role::Chat, context, threads, cache: CacheSpec::default() }
}

/// The old id with the new format in place of the old one.
fn renamed(entry: &Entry, format: &str) -> String {
    let old = entry.header.as_ref().map(|header| header.quantization.clone()).unwrap_or_default();
    match entry.id.to_uppercase().rfind(&old.to_uppercase()).filter(|_| !old.is_empty() && entry.id.is_ascii()) {
        Some(at) => format!("{}{format}{}", &entry.id[..at], &entry.id[at + old.len()..]),
        None => format!("{}.{format}", entry.id),
    }
}

fn unexpected(measured: &Measured) -> HobError {
    HobError::internal(format!("the model process measured {measured:.60?}"))
}
