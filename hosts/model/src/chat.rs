//! A chat model at work: many conversations in, their answers in pieces out.
//!
//! Owns: the turn. Each turn takes what has arrived, ends what was cancelled, starts what may start, evaluates one step
//! for all that run, and chooses a token for each. Must not know: how a step is planned (`schedule`), what sequences
//! hold (`sequences`), how a token is chosen (`run`).

use crate::adapters::{Adapters, Group};
use crate::context::{Context, Item, Shape, Step};
use crate::format::{Format, Reader};
use crate::grammar::Grammars;
use crate::guide::Guide;
use crate::loaded::Loaded;
use crate::marked::Marked;
use crate::output::{Output, Send};
use crate::pace::Pace;
use crate::prompt::{self, Controls};
use crate::run::{Means, Prompt, Run};
use crate::saved::{Saved, common};
use crate::schedule::{self, Plan, Planner, Request, View};
use crate::sequences::{Keep, Sequences};
use crate::template::Template;
use crate::threads::{Threads, Work};
use crate::wire::{Job, Wire, cancelled};
use hob_engine::{
    EngineError, Finish, GenerateSpec, LoadSpec, Message, ModelReply, ModelRequest, Persist, Priority, ToolChoice,
    ToolSpec,
};
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use std::time::{Duration, Instant};

/// Most tokens of one step: beyond this, larger steps gain nothing.
const STEP: u32 = 128;
/// Answers of each priority that are under way at once.
const TOGETHER: usize = 4;
/// Sequences beside those that run: some idle ones, and one through which parts are copied.
const SPARE: usize = 5;
/// Most bytes of a conversation; more can't fit any context and would take seconds to count.
const MOST_BYTES: usize = 8 << 20;
/// System messages whose tokens are remembered.
const KNOWN_SYSTEMS: usize = 4;
/// How long to wait for work when there is none; its end has no meaning.
const NOTHING_TO_DO: Duration = Duration::from_secs(3_600);
/// After so long without a request, what waits for it is written to disk.
const QUIET: Duration = Duration::from_secs(2);

/// A chat model ready to answer.
pub struct Chat<'m> {
    wire: &'m Wire,
    vocab: LlamaVocab<'m>,
    context: Context<'m>,
    sequences: Sequences,
    template: Template,
    controls: Controls,
    marked: Marked,
    grammars: Option<Grammars>,
    adapters: Adapters<'m>,
    /// The adapter that the context applies now.
    applied: Group,
    threads: Threads,
    planner: Planner,
    pace: Pace,
    waiting: Vec<(Request, Job)>,
    runs: Vec<Run>,
    /// Runs that had to leave the context, and whether another has ended since.
    parked: Vec<Run>,
    room: bool,
    last_caller: String,
    /// System messages and tools of late, and their tokens.
    systems: Vec<System>,
}

/// A first message with its tools, and their tokens.
type System = (Option<Message>, Vec<ToolSpec>, Vec<LlamaToken>);

impl<'m> Chat<'m> {
    /// Sets up the context.
    pub fn new(loaded: &'m Loaded, spec: &LoadSpec, wire: &'m Wire) -> Result<Self, EngineError> {
        let sequences = 2 * TOGETHER + SPARE;
        let shape = Shape {
            length: loaded.context,
            step: STEP.min(loaded.context),
            sequences: sequences as u32,
            threads: loaded.threads,
        };
        let context = Context::new(&loaded.model, shape, wire.interrupt())?;
        let vocab = loaded.model.vocab();
        let text = |token| prompt::text_of(&vocab, token).unwrap_or_default();
        let template = Template::new(loaded.header.chat_template.as_deref(), text(vocab.bos()), text(vocab.eos()));
        Ok(Self {
            wire,
            controls: Controls::of(&vocab),
            context,
            sequences: Sequences::new(sequences, saved(loaded, spec)),
            marked: Marked::of(&vocab, template.format()),
            vocab,
            template,
            grammars: None,
            adapters: Adapters::new(&loaded.model),
            applied: 0,
            threads: Threads::new(loaded.threads),
            planner: Planner::default(),
            pace: Pace::default(),
            waiting: Vec::new(),
            runs: Vec::new(),
            parked: Vec::new(),
            room: false,
            last_caller: String::new(),
            systems: Vec::new(),
        })
    }

    /// The chat template is the model's own.
    pub fn has_own_template(&self) -> bool {
        self.template.is_own()
    }

    /// Serves requests until the wire closes; `other` answers those that are no generation.
    pub fn serve(&mut self, other: impl Fn(&ModelRequest, &LlamaVocab<'_>) -> ModelReply) {
        loop {
            let patience = self.patience();
            let Some(jobs) = self.wire.take(patience) else { break };
            if jobs.is_empty() && patience == QUIET {
                self.sequences.write_one();
            }
            for job in jobs {
                match &*job.body {
                    ModelRequest::Generate(spec) => {
                        let since = job.received;
                        let request = Request { priority: spec.priority, caller: spec.caller.clone(), since };
                        self.waiting.push((request, job));
                    }
                    body => {
                        if let ModelRequest::Limits { threads } = body {
                            self.threads.limit(*threads);
                        }
                        self.wire.finish(&job, other(body, &self.vocab));
                    }
                }
            }
            self.drop_cancelled();
            self.admit();
            if let Err(error) = self.step() {
                self.fail(&error);
            }
        }
        self.sequences.flush(&mut self.context);
    }

    /// How long to wait for more: not at all while there is work. What else there is to do is done first.
    fn patience(&mut self) -> Duration {
        if !self.runs.is_empty() || !self.waiting.is_empty() || !self.parked.is_empty() {
            return Duration::ZERO;
        }
        self.sequences.settle(&mut self.context);
        if self.sequences.has_unwritten() { QUIET } else { NOTHING_TO_DO }
    }

    fn drop_cancelled(&mut self) {
        let gone = |(_, job): &mut (Request, Job)| job.is_cancelled();
        for (_, job) in self.waiting.extract_if(.., gone) {
            self.wire.finish(&job, cancelled(&job.body));
        }
        for at in (0..self.runs.len()).rev() {
            if self.runs[at].job.is_cancelled() {
                self.end(at, Finish::Cancelled);
            }
        }
        for run in self.parked.extract_if(.., |run| run.job.is_cancelled()) {
            self.wire.finish(&run.job, cancelled(&run.job.body));
        }
    }

    /// Starts what may start: first what had to leave, then what waits.
    fn admit(&mut self) {
        while !self.parked.is_empty() && (self.room || self.runs.is_empty()) {
            let run = self.parked.remove(0);
            self.room = false;
            self.place(run);
        }
        let now = Instant::now();
        loop {
            let full = |priority| self.runs.iter().filter(|run| run.request.priority == priority).count() >= TOGETHER;
            let full = [Priority::Interactive, Priority::Background].map(|p| (p, full(p)));
            let may = |(request, _): &&(Request, Job)| !full.contains(&(request.priority, true));
            let running: Vec<&Request> = self.runs.iter().map(|run| &run.request).collect();
            let candidates = self.waiting.iter().filter(may).map(|(request, _)| request);
            let Some(nth) = schedule::next(candidates, &running, &self.last_caller, now) else { return };
            let Some(at) = (0..self.waiting.len()).filter(|at| may(&&self.waiting[*at])).nth(nth) else { return };
            let (request, job) = self.waiting.remove(at);
            self.last_caller.clone_from(&request.caller);
            match self.prepare(request, job.clone()) {
                Ok(run) => self.place(run),
                Err(error) => self.wire.finish(&job, ModelReply::Failed(error)),
            }
        }
    }

    /// Everything about a request that can be known before it is evaluated.
    fn prepare(&mut self, request: Request, job: Job) -> Result<Run, EngineError> {
        let body = job.body.clone();
        let ModelRequest::Generate(spec) = &*body else {
            return Err(EngineError::InvalidArgument("only generations are scheduled".into()));
        };
        check(spec)?;
        if Guide::is_needed(spec) && self.grammars.is_none() {
            self.grammars = Some(Grammars::new(&self.vocab)?);
        }
        let format = *self.template.format();
        let guide = Guide::new(spec, &format, self.grammars.as_ref(), &self.vocab, self.marked.opener())?;
        let (messages, tools) = (&spec.messages, &spec.tools);
        let prompt = prompt::tokens(&self.vocab, &self.controls, &self.template, messages, tools)?;
        let offered = if spec.tool_choice == ToolChoice::None { &[][..] } else { tools };
        let reader = Reader::new(&format, offered, prompt.opens_thinking).after(messages);
        let stops = spec.stop.iter().cloned().chain(self.template.stops().iter().map(ToString::to_string));
        let means = Means {
            guide,
            output: Output::new(reader, stops.collect()),
            adapter: self.adapters.group(spec.lora.as_ref())?,
            length: self.context.length(),
        };
        let system = self.system(spec, &prompt.tokens)?;
        Run::new(job, request, spec, Prompt { tokens: prompt.tokens, system }, means)
    }

    /// How many leading tokens of a prompt are its system message and tools.
    fn system(&mut self, spec: &GenerateSpec, prompt: &[LlamaToken]) -> Result<usize, EngineError> {
        // Nobody asks for it, or it is the same as a moment ago.
        if spec.persist != Persist::System {
            return Ok(0);
        }
        let first = spec.messages.first().cloned();
        if let Some((_, _, tokens)) = self.systems.iter().find(|(m, t, _)| (m, t) == (&first, &spec.tools)) {
            return Ok(common(tokens, prompt));
        }
        let (messages, tools) = (&spec.messages, &spec.tools);
        let tokens = prompt::system_tokens(&self.vocab, &self.controls, &self.template, messages, tools)?;
        let length = common(&tokens, prompt);
        self.systems.truncate(KNOWN_SYSTEMS - 1);
        self.systems.insert(0, (first, spec.tools.clone(), tokens));
        Ok(length)
    }

    /// Gives a run a sequence, with what is there already of its tokens.
    fn place(&mut self, mut run: Run) {
        let alone = self.runs.is_empty();
        let claimed = self.sequences.claim(&mut self.context, &run.tokens, run.reusable(), run.adapter, alone);
        match claimed {
            Some((seq, reused)) => {
                run.seq = Some(seq);
                if run.is_prompt() {
                    run.usage.cached_tokens = reused as u32;
                }
                self.runs.push(run);
            }
            // There are more sequences than runs, so this is for another time.
            None => self.parked.push(run),
        }
    }

    /// One step for all that run.
    fn step(&mut self) -> Result<(), EngineError> {
        let views: Vec<View> = self.runs.iter().map(|run| self.view(run)).collect();
        let answers = views.iter().filter(|view| !view.is_prompt).count();
        let most = STEP.min(self.context.length() as u32) as usize;
        let plan = self.planner.plan(&views, most, self.pace.together(answers), Instant::now());
        if plan.parts.is_empty() {
            return Ok(());
        }
        self.apply(views[plan.parts[0].0].group)?;
        self.rest(&plan);
        let items = self.items(&plan);
        let work = work(&plan, &views);
        let started = Instant::now();
        let threads = self.threads.next(work, started);
        self.context.set_threads(threads)?;
        self.wire.begin_step(plan.gives_way);
        match self.context.step(&items)? {
            Step::Done => {
                let time = started.elapsed();
                self.threads.took(work, items.len(), time);
                if work != Work::Prefill {
                    self.pace.took(plan.parts.len(), threads, time);
                }
                self.choose(&plan, &items, threads);
            }
            Step::Interrupted => {
                for (at, _) in &plan.parts {
                    if let Some(seq) = self.runs[*at].seq {
                        self.sequences.undo(&mut self.context, seq);
                    }
                }
            }
            Step::NoRoom => self.make_room(),
        }
        Ok(())
    }

    fn apply(&mut self, group: Group) -> Result<(), EngineError> {
        if group != self.applied {
            self.context.set_adapter(self.adapters.of(group))?;
            self.applied = group;
        }
        Ok(())
    }

    fn view(&self, run: &Run) -> View {
        let filled = run.seq.map_or(0, |seq| self.sequences.filled(seq));
        let pending = run.tokens.len() - filled;
        // After a loss, an answer's tokens are read again like a prompt.
        let is_prompt = run.is_prompt() || pending > 1;
        View { priority: run.request.priority, pending, is_prompt, group: run.adapter }
    }

    /// Notes who has to wait for somebody else, and lets out what they have said so far.
    fn rest(&mut self, plan: &Plan) {
        for (at, run) in self.runs.iter_mut().enumerate() {
            let moves = plan.parts.iter().any(|(moving, _)| *moving == at);
            let rests = !moves && run.request.priority == Priority::Background && !plan.gives_way;
            if rests && !std::mem::replace(&mut run.rests, rests) {
                run.usage.preempted += 1;
                send(self.wire, run, Send::All);
            }
            run.rests = rests;
        }
    }

    fn items(&self, plan: &Plan) -> Vec<Item> {
        let mut items = Vec::new();
        for (at, count) in &plan.parts {
            let run = &self.runs[*at];
            let Some(seq) = run.seq else { continue };
            let from = self.sequences.filled(seq);
            for position in from..from + count {
                let scored = position + 1 == run.tokens.len();
                items.push(Item { seq, token: run.tokens[position], position, scored });
            }
        }
        items
    }

    /// After a step: its tokens are in memory, and whoever has none left chooses the next.
    fn choose(&mut self, plan: &Plan, items: &[Item], threads: u32) {
        let crowded = self.threads.is_busy() || self.runs.len() > 2;
        let how = if crowded { Send::Busy } else { Send::Idle };
        let mut last = 0;
        let mut over = Vec::new();
        for (at, count) in &plan.parts {
            let run = &mut self.runs[*at];
            let Some(seq) = run.seq else { continue };
            last += count;
            let item = items[last - 1];
            self.sequences.added(seq, &run.tokens[item.position + 1 - count..=item.position]);
            run.usage.threads = threads;
            if !item.scored {
                continue;
            }
            let chosen = run.choose(&self.vocab, &self.marked, self.context.scores(last - 1));
            let chosen = chosen.and_then(|over| {
                constrain_call(run, self.template.format(), self.grammars.as_ref(), &self.vocab)?;
                Ok(over)
            });
            match chosen {
                Ok(None) => send(self.wire, run, how),
                Ok(Some(finish)) => over.push((*at, Ok(finish))),
                Err(error) => over.push((*at, Err(error))),
            }
        }
        for (at, end) in over.into_iter().rev() {
            match end {
                Ok(finish) => self.end(at, finish),
                Err(error) => {
                    let run = self.remove(at);
                    self.wire.finish(&run.job, ModelReply::Failed(error));
                }
            }
        }
    }

    /// An answer is over: its last words and what it took.
    fn end(&mut self, at: usize, finish: Finish) {
        let mut run = self.remove(at);
        let mut finish = finish;
        if finish != Finish::Cancelled {
            run.output.end();
            send(self.wire, &mut run, Send::All);
            if run.output.calls() > 0 {
                finish = Finish::ToolCalls;
            }
        }
        let (usage, logprobs) = run.account();
        self.wire.finish(&run.job, ModelReply::Done { finish, usage, logprobs });
    }

    fn remove(&mut self, at: usize) -> Run {
        let run = self.runs.remove(at);
        if let Some(seq) = run.seq {
            self.sequences.release(seq, run.keep());
        }
        if !self.runs.is_empty() {
            // The others should not carry it along in every step.
            self.sequences.leave(&mut self.context);
        }
        self.room = true;
        run
    }

    /// Makes room in the context: idle sequences leave, then whoever came last and has the least right to stay.
    fn make_room(&mut self) {
        if self.sequences.leave(&mut self.context) {
            return;
        }
        let last =
            (0..self.runs.len()).max_by_key(|at| (self.runs[*at].request.priority, self.runs[*at].request.since));
        let Some(at) = last else { return };
        if self.runs.len() == 1 {
            return self.end(at, Finish::Length);
        }
        let mut run = self.runs.remove(at);
        if let Some(seq) = run.seq.take() {
            self.sequences.release(seq, Keep { tokens: usize::MAX, on_disk: false });
            self.sequences.leave(&mut self.context);
        }
        run.usage.preempted += 1;
        send(self.wire, &mut run, Send::All);
        self.parked.push(run);
    }

    /// A step failed, and nothing is known of what is in memory.
    fn fail(&mut self, error: &EngineError) {
        for run in self.runs.drain(..) {
            self.wire.finish(&run.job, ModelReply::Failed(error.clone()));
        }
        self.sequences.forget(&mut self.context);
    }
}

/// Binds the arguments of a call that the model has just opened to the tools' schemas.
fn constrain_call(
    run: &mut Run,
    format: &Format,
    grammars: Option<&Grammars>,
    vocab: &LlamaVocab<'_>,
) -> Result<(), EngineError> {
    let Some(grammars) = grammars.filter(|_| run.guide.wants_call()) else { return Ok(()) };
    let Some(body) = run.output.open_call() else { return Ok(()) };
    let ModelRequest::Generate(spec) = &*run.job.body else { return Ok(()) };
    run.guide.call(spec, format, grammars, vocab, body)
}

fn work(plan: &Plan, views: &[View]) -> Work {
    let reads = plan.parts.iter().any(|(at, _)| views[*at].is_prompt);
    match plan.parts.len() {
        _ if reads => Work::Prefill,
        1 => Work::Decode,
        _ => Work::Together,
    }
}

fn send(wire: &Wire, run: &mut Run, how: Send) {
    for reply in run.output.take(Instant::now(), how) {
        wire.send(&run.job, reply);
    }
}

fn saved(loaded: &Loaded, spec: &LoadSpec) -> Saved {
    // What the bytes of saved keys and values depend on, besides the weights.
    let layout = format!("llama-cpp-sys-2 0.1.161, f16 f16 flash, {}", std::env::consts::ARCH);
    let whole_only = loaded.model.is_recurrent() || loaded.model.is_hybrid();
    if whole_only { Saved::open_whole_only(&spec.cache, &layout) } else { Saved::open(&spec.cache, &layout) }
}

fn check(spec: &GenerateSpec) -> Result<(), EngineError> {
    let wrong = |reason: &str| Err(EngineError::InvalidArgument(reason.into()));
    if spec.messages.is_empty() {
        return wrong("there is no message to answer; give at least one");
    }
    if let Some(message) = spec.messages.iter().find(|m| !matches!(&*m.role, "system" | "user" | "assistant" | "tool"))
    {
        let role: String = message.role.chars().take(32).collect();
        return wrong(&format!("a message has the role {role:?}; use system, user, assistant or tool"));
    }
    let of_calls = |m: &Message| m.tool_calls.iter().map(|call| call.name.len() + call.arguments.len()).sum::<usize>();
    let of_messages: usize = spec.messages.iter().map(|m| m.content.len() + of_calls(m)).sum();
    let of_tools: usize = spec.tools.iter().map(|t| t.name.len() + t.description.len() + t.parameters.len()).sum();
    let bytes = of_messages + of_tools;
    if bytes > MOST_BYTES {
        return wrong(&format!("the conversation has {bytes} bytes, over {MOST_BYTES}; shorten it"));
    }
    Ok(())
}
