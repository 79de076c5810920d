//! The long tasks of `org.hob.Models1`: options in, a task, its result out.

use super::ask_options::{priority, request_token};
use super::dict::{Dict, DictBuilder, Options};
use super::{convert, metered};
use crate::Daemon;
use crate::assistant::{Event, Update};
use crate::error::{HobError, Kind};
use crate::models::store::{Evaluation, Known, MeasureOptions, Progress, PullOptions};
use crate::settings::Metered;
use hob_engine::Priority;
use hob_engine::measure::{Measured, Question, Speed};
use hob_link::fetch::Record;
use hob_link::fetch::{Fetched, ImportOutcome, Imported, Source};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use tokio::sync::{mpsc, oneshot};

/// Context that the catalogue's estimates are for, in tokens.
const CONTEXT: u32 = 4_096;
/// Most bytes of a text or of questions.
const MOST_TEXT: usize = 8 << 20;

/// A task that takes its time.
pub enum Task {
    /// Get a file.
    Pull {
        /// Where from, with the digest that this names.
        source: (Source, Option<String>),
        /// As it was written.
        said: String,
        /// How.
        options: PullOptions,
        /// Also on a metered connection.
        metered: Metered,
    },
    /// Write a model with smaller weights.
    Quantize {
        /// Which.
        id: String,
        /// How small.
        format: String,
        /// The new id.
        name: Option<String>,
        /// Also from quantized weights.
        requantize: bool,
        /// With so many threads.
        threads: u32,
    },
    /// Measure speed.
    Bench(String, MeasureOptions),
    /// Measure quality.
    Eval(String, Evaluation, u32),
    /// Any of these, when nobody needs the machine.
    Later(Box<Task>),
}

impl Task {
    /// Bytes that it holds, about.
    pub fn size(&self) -> usize {
        match self {
            Self::Eval(_, Evaluation::Text(text, _), _) => text.len(),
            Self::Eval(_, Evaluation::Questions(all), _) => all.iter().map(|question| question.prompt.len() + 64).sum(),
            Self::Later(task) => task.size(),
            _ => 1_024,
        }
    }

    /// As the option priority says.
    fn with(self, priority: Priority) -> Self {
        if priority == Priority::Background { Self::Later(Box::new(self)) } else { self }
    }

    /// Runs it to its end.
    pub async fn run(self, daemon: &Daemon, updates: mpsc::Sender<Update>) -> Result<Dict, HobError> {
        if let Self::Later(task) = self {
            return daemon.steward.in_maintenance(Box::pin(task.run(daemon, updates))).await;
        }
        if let Self::Pull { source: (source, _), said, metered, .. } = &self
            && daemon.store.is_remote(source)
        {
            may_use_the_network(said, *metered, &updates).await?;
        }
        let (tell, mut told) = mpsc::channel::<Progress>(16);
        let forward = async {
            while let Some(progress) = told.recv().await {
                if updates.send(Update::Event(Event::Progress(progress))).await.is_err() {
                    tracing::trace!("progress found no listener");
                }
            }
        };
        let (result, ()) = tokio::join!(self.work(daemon, tell), forward);
        result
    }

    async fn work(self, daemon: &Daemon, tell: mpsc::Sender<Progress>) -> Result<Dict, HobError> {
        let store = &daemon.store;
        match self {
            Self::Pull { source, options, .. } => store.pull(source, options, tell).await.map(fetched),
            Self::Quantize { id, format, name, requantize, threads } => {
                let made = store.quantize(&id, (&format, name, requantize), threads, tell).await?;
                Ok(DictBuilder::default()
                    .put("id", made.id)
                    .put("path", convert::path(&made.path))
                    .put("bytes", made.bytes)
                    .put("from_bytes", made.from_bytes)
                    .done())
            }
            Self::Bench(id, how) => store.bench(&id, how, tell).await.map(speed),
            Self::Eval(id, on, threads) => store.evaluate(&id, on, threads, tell).await.map(measured),
            Self::Later(task) => Box::pin(task.work(daemon, tell)).await,
        }
    }
}

/// Asks first where the connection costs by what it carries.
async fn may_use_the_network(said: &str, setting: Metered, updates: &mpsc::Sender<Update>) -> Result<(), HobError> {
    if setting == Metered::Allow || metered::is_metered().await != Some(true) {
        return Ok(());
    }
    let action = format!("Get {said} over a metered connection, which may cost money");
    let refused = |why: &str| {
        let hint = "wait for another connection, or allow it with the option metered (hob model pull --metered)";
        HobError::new(Kind::Confirmation, format!("not done, {why}: the connection is metered; {hint}"))
    };
    if setting == Metered::Refuse {
        return Err(refused("as the settings say"));
    }
    let (agreed, word) = oneshot::channel();
    if updates.send(Update::Confirm { action, call: None, agreed }).await.is_err() {
        return Err(refused("since nobody is here to confirm it"));
    }
    match word.await {
        Ok(true) => Ok(()),
        Ok(false) => Err(refused("as you said no")),
        Err(_) => Err(refused("since nobody confirmed it")),
    }
}

/// The task of `Pull`, and its request's token.
pub fn pull(daemon: &Daemon, source: &str, options: Dict) -> Result<(String, Task), HobError> {
    let mut options = Options::new(options);
    let token = token(&mut options)?;
    let metered = if options.flag("metered")? { Metered::Allow } else { daemon.store.setup().pull.metered };
    let how = PullOptions {
        name: options.string("name")?.map(ending_in_gguf),
        sha256: options.string("sha256")?,
        replace: options.flag("replace")?,
        kib_per_second: options.number("kib_per_second")?,
        endpoint: options.string("endpoint")?,
        token: options.string("token")?,
        plain_http: options.flag("plain_http")?,
    };
    options.end()?;
    let source_of = daemon.store.source(source)?;
    Ok((token, Task::Pull { source: source_of, said: source.to_string(), options: how, metered }))
}

fn ending_in_gguf(name: String) -> String {
    if name.to_ascii_lowercase().ends_with(".gguf") { name } else { format!("{name}.gguf") }
}

fn token(options: &mut Options) -> Result<String, HobError> {
    Ok(options.string("handle_token")?.unwrap_or_else(request_token))
}

/// The task of `Quantize`.
pub fn quantize(id: String, format: String, options: Dict) -> Result<(String, Task), HobError> {
    let mut options = Options::new(options);
    let token = token(&mut options)?;
    let name = options.string("name")?;
    let requantize = options.flag("requantize")?;
    let threads = options.number32("threads")?.unwrap_or(0);
    let priority = priority(&mut options)?;
    options.end()?;
    Ok((token, Task::Quantize { id, format, name, requantize, threads }.with(priority)))
}

/// The task of `Bench`.
pub fn bench(id: String, options: Dict) -> Result<(String, Task), HobError> {
    let mut options = Options::new(options);
    let token = token(&mut options)?;
    let mut within = |name: &'static str, default: u32, most: u32| match options.number32(name)?.unwrap_or(default) {
        0 => Err(HobError::invalid(format!("option {name} must be at least 1"))),
        given if given > most => Err(HobError::invalid(format!("option {name} is at most {most}"))),
        given => Ok(given),
    };
    let prompt_tokens = within("prompt_tokens", 512, 131_072)?;
    let answer_tokens = within("answer_tokens", 64, 16_384)?;
    let rounds = within("rounds", 3, 100)?;
    let threads = options.number32("threads")?.unwrap_or(0);
    let priority = priority(&mut options)?;
    options.end()?;
    Ok((token, Task::Bench(id, MeasureOptions { threads, prompt_tokens, answer_tokens, rounds }).with(priority)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    prompt: String,
    answers: Vec<String>,
}

/// The task of `Eval`.
pub fn eval(id: String, options: Dict) -> Result<(String, Task), HobError> {
    let mut options = Options::new(options);
    let token = token(&mut options)?;
    let (text, questions) = (options.string("text")?, options.string("questions")?);
    let window = options.number32("window")?.unwrap_or(512);
    let threads = options.number32("threads")?.unwrap_or(0);
    let priority = priority(&mut options)?;
    options.end()?;
    let on = match (text, questions) {
        (Some(text), None) if text.len() <= MOST_TEXT => Evaluation::Text(text, window),
        (None, Some(text)) if text.len() <= MOST_TEXT => Evaluation::Questions(read_questions(&text)?),
        (Some(_), None) | (None, Some(_)) => {
            return Err(HobError::invalid(format!("more than {} MiB; evaluate on a part of it", MOST_TEXT >> 20)));
        }
        _ => return Err(HobError::invalid("give one of the options text and questions")),
    };
    Ok((token, Task::Eval(id, on, threads).with(priority)))
}

fn read_questions(text: &str) -> Result<Vec<Question>, HobError> {
    let asked: Vec<Asked> =
        serde_json::from_str(text).map_err(|e| HobError::invalid(format!("option questions: {e}")))?;
    if let Some(at) = asked.iter().position(|q| q.prompt.is_empty() || q.answers.is_empty() || q.answers.len() > 26) {
        return Err(HobError::invalid(format!("question {} needs a prompt and 1 to 26 answers", at + 1)));
    }
    Ok(asked.into_iter().map(|Asked { prompt, answers }| Question { prompt, answers }).collect())
}

/// `Import`.
pub async fn import(daemon: &Daemon, path: &str, options: Dict) -> Result<Vec<Dict>, HobError> {
    let mut options = Options::new(options);
    let (name, dry_run) = (options.string("name")?.map(ending_in_gguf), options.flag("dry_run")?);
    options.end()?;
    if !Path::new(path).is_absolute() {
        return Err(HobError::invalid(format!("\"{path}\" must be an absolute path")));
    }
    let all = daemon.store.import(&PathBuf::from(path), name, dry_run).await?;
    Ok(all.into_iter().map(imported).collect())
}

fn imported(one: Imported) -> Dict {
    let (outcome, reason) = match one.outcome {
        ImportOutcome::HardLink => ("hard_link", String::new()),
        ImportOutcome::Reflink => ("reflink", String::new()),
        ImportOutcome::Reference => ("reference", String::new()),
        ImportOutcome::WasThere => ("was_there", String::new()),
        ImportOutcome::Found => ("found", String::new()),
        ImportOutcome::Skipped(reason) => ("skipped", reason),
    };
    DictBuilder::default()
        .put("name", one.name)
        .put("from", convert::path(&one.from))
        .put("bytes", one.bytes)
        .put("outcome", outcome)
        .put("reason", reason)
        .done()
}

/// `Remove`.
pub async fn remove(daemon: &Daemon, id: &str, options: Dict) -> Result<Dict, HobError> {
    let mut options = Options::new(options);
    let dry_run = options.flag("dry_run")?;
    options.end()?;
    let removed = daemon.store.remove(id, dry_run).await?;
    Ok(DictBuilder::default()
        .put("path", convert::path(&removed.path))
        .put("freed_bytes", removed.freed)
        .put("kept", removed.kept)
        .done())
}

/// `SetDefault`.
pub fn set_default(daemon: &Daemon, id: &str, options: Dict) -> Result<(), HobError> {
    Options::new(options).end()?;
    daemon.models.refresh();
    let entry = daemon.models.entry(id)?;
    if let Err(problem) = &entry.header {
        return Err(HobError::invalid(format!("{id} can't be used as a model: {problem}")));
    }
    let chosen = daemon.chosen.set(entry.role, Some(entry.id));
    chosen.map_err(|e| HobError::internal(format!("the choice could not be written down: {e}")))
}

/// `Recommend`.
pub fn recommend(daemon: &Daemon, options: Dict) -> Result<Dict, HobError> {
    Options::new(options).end()?;
    let recommended = daemon.store.recommend()?;
    Ok(DictBuilder::default()
        .put("tier", recommended.tier.map_or("", crate::models::store::Tier::name))
        .put("reason", recommended.reason)
        .put("models", recommended.models.iter().map(known).collect::<Vec<_>>())
        .done())
}

/// A model of the catalogue.
pub fn known(known: &Known) -> Dict {
    let further = known.memory_bytes(2_048) - known.memory_bytes(1_024);
    DictBuilder::default()
        .put("name", known.name.clone())
        .put("tier", known.tier.name())
        .put("source", known.source.clone())
        .put("licence", known.licence.clone())
        .put("context", known.context)
        .put("languages", known.languages.clone())
        .put("parameters", known.parameters)
        .put("about", known.about.clone())
        .put("file_bytes", known.file_bytes())
        .put("memory_bytes", known.memory_bytes(CONTEXT))
        .put("memory_per_1k_bytes", further)
        .done()
}

/// What is written down of a file.
pub fn record(record: Record) -> Dict {
    DictBuilder::default()
        .put("origin", record.origin)
        .put("sha256", record.sha256)
        .put("verified", record.verified)
        .put("reference", record.reference)
        .put("commit", record.commit.unwrap_or_default())
        .done()
}

fn fetched(fetched: Fetched) -> Dict {
    let id = fetched.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    DictBuilder::default()
        .put("id", id)
        .put("path", convert::path(&fetched.path))
        .put("bytes", fetched.bytes)
        .put("sha256", fetched.sha256)
        .put("verified", fetched.verified)
        .put("was_there", fetched.was_there)
        .put("received_bytes", fetched.received)
        .put("origin", fetched.origin)
        .put_some("commit", fetched.commit)
        .done()
}

fn speed(speed: Speed) -> Dict {
    DictBuilder::default()
        .put("load_ms", speed.load_ms)
        .put("prompt_tokens_per_second", median(&speed.prompt_rates))
        .put("answer_tokens_per_second", median(&speed.answer_rates))
        .put("prompt_rates", speed.prompt_rates)
        .put("answer_rates", speed.answer_rates)
        .put("peak_bytes", speed.peak_bytes)
        .put("threads", speed.threads)
        .put("backend", speed.backend)
        .done()
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

fn measured(measured: Measured) -> Dict {
    match measured {
        Measured::Perplexity { tokens, nll } => DictBuilder::default()
            .put("tokens", tokens)
            .put("nll", nll)
            .put("perplexity", (nll / tokens.max(1) as f64).exp())
            .done(),
        Measured::Choices(logprobs) => DictBuilder::default().put("logprobs", logprobs).done(),
        Measured::Speed(of) => speed(of),
        Measured::Quantized(bytes) => DictBuilder::default().put("bytes", bytes).done(),
    }
}
