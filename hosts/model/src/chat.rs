//! A chat model at work: many conversations in, their answers in pieces out.
//!
//! Owns: the turn. Each turn takes what has arrived, ends what was cancelled, starts what may start (`prepare`), and
//! evaluates one step for all that run (`step`). Must not know: how a step is planned (`schedule`), what the contexts
//! hold (`lanes`, `sequences`), how a token is chosen (`run`).

mod prepare;
mod step;

use crate::adapters::Adapters;
use crate::context::Shape;
use crate::controls::Controls;
use crate::grammar::Grammars;
use crate::lanes::{Lanes, Place};
use crate::loaded::Loaded;
use crate::marked::Marked;
use crate::output::Send;
use crate::pace::{Paces, Worth};
use crate::prompt;
use crate::run::Run;
use crate::saved::{Saved, common};
use crate::schedule::{self, Planner, Request};
use crate::sequences::Keep;
use crate::store::Store;
use crate::template::Template;
use crate::threads::Threads;
use crate::wire::{Job, Wire, cancelled};
use hob_engine::{EngineError, Finish, LoadSpec, ModelReply, ModelRequest, Priority};
use llama_cpp_2::vocab::LlamaVocab;
use std::panic::resume_unwind;
use std::time::{Duration, Instant};

/// Most tokens of one step: beyond this, larger steps gain nothing.
const STEP: u32 = 128;
/// Answers of each priority that are under way at once.
const TOGETHER: usize = 4;
/// Sequences beside those that run: some idle ones, and one through which parts are copied.
const SPARE: usize = 5;
/// How long to wait for work when there is none; its end has no meaning.
const NOTHING_TO_DO: Duration = Duration::from_secs(3_600);
/// Tokens of a common beginning that are worth waiting for.
const SHARED: usize = 96;
/// After so long without a request, what waits for it is written to disk.
const QUIET: Duration = Duration::from_secs(2);
/// The first words of an answer pass through three processes, which need the cores that the next step would take.
const HANDED_OVER: Duration = Duration::from_millis(1);
/// After so long without a request, a second context is freed.
const UNUSED: Duration = Duration::from_secs(20);

/// A chat model ready to answer.
pub struct Chat<'m> {
    wire: &'m Wire,
    vocab: LlamaVocab<'m>,
    lanes: Lanes<'m>,
    /// A sequence can't be taken back in part.
    whole_only: bool,
    /// One more token of a step costs little.
    is_cheap: bool,
    template: Template,
    controls: Controls,
    marked: Marked,
    grammars: Option<Grammars>,
    adapters: Adapters<'m>,
    threads: Threads,
    planner: Planner,
    paces: Paces,
    waiting: Vec<(Request, Job)>,
    runs: Vec<Run>,
    /// Runs that had to leave the context, and whether another has ended since.
    parked: Vec<Run>,
    room: bool,
    /// Runs that wait until another has read the beginning that both have in common.
    followers: Vec<Run>,
    last_caller: String,
    /// System messages and tools of late, and their tokens.
    systems: Vec<prepare::System>,
}

impl<'m> Chat<'m> {
    /// Sets up the context.
    pub fn new(loaded: &'m Loaded, spec: &LoadSpec, wire: &'m Wire) -> Result<Self, EngineError> {
        let shape = Shape {
            length: loaded.context,
            step: STEP.min(loaded.context),
            sequences: (2 * TOGETHER + SPARE) as u32,
            threads: loaded.threads,
        };
        let token_bytes = loaded.header.memory_per_token;
        let (whole_only, half) = (is_whole_only(loaded), loaded.context as usize / 2);
        let mut lanes = std::thread::scope(|scope| {
            // A context's memory is filled with zeros, which leaves time to read what is to come into it.
            let opening = scope.spawn(|| Store::new(saved(spec, whole_only), half));
            let store = || opening.join().unwrap_or_else(|panic| resume_unwind(panic));
            Lanes::new(&loaded.model, shape, token_bytes, wire.interrupt(), store)
        })?;
        lanes.recall();
        let vocab = loaded.model.vocab();
        let text = |token| prompt::text_of(&vocab, token).unwrap_or_default();
        let template = Template::new(loaded.header.chat_template.as_deref(), text(vocab.bos()), text(vocab.eos()));
        Ok(Self {
            wire,
            controls: Controls::of(&vocab),
            lanes,
            whole_only,
            is_cheap: loaded.in_place,
            marked: Marked::of(&vocab, template.format()),
            vocab,
            template,
            grammars: None,
            adapters: Adapters::new(&loaded.model),
            threads: Threads::new(loaded.threads),
            planner: Planner::default(),
            paces: Paces::default(),
            waiting: Vec::new(),
            runs: Vec::new(),
            parked: Vec::new(),
            room: false,
            followers: Vec::new(),
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
            let Some(mut jobs) = self.wire.take(patience) else { break };
            if jobs.is_empty() {
                self.tidy(patience);
            } else if !patience.is_zero() && !jobs.iter().all(Job::is_urgent) {
                // Whoever asks at the same moment shares the first step. What is urgent does not wait for that.
                self.threads.begin(Instant::now());
                let Some(more) = self.wire.take(Duration::ZERO) else { break };
                jobs.extend(more);
            }
            for job in jobs {
                match &*job.body {
                    ModelRequest::Generate(spec) => {
                        let since = job.received;
                        let request = Request { priority: spec.priority, caller: spec.caller.clone(), since };
                        self.waiting.push((request, job));
                    }
                    body => {
                        match body {
                            ModelRequest::Limits { threads, background } => {
                                self.threads.limit(*threads);
                                self.planner.hold(!background);
                            }
                            ModelRequest::Trim { prompts } => self.trim(*prompts),
                            _ => {}
                        }
                        self.wire.finish(&job, other(body, &self.vocab));
                    }
                }
            }
            self.drop_cancelled();
            self.admit();
            if let Err(error) = self.balance().and_then(|()| self.step()) {
                self.fail(&error);
            }
        }
        self.lanes.settle();
        self.lanes.store().flush();
    }

    /// Lets go of what nobody uses: the second context, and what is kept of prompts in memory if that is wanted too.
    fn trim(&mut self, prompts: bool) {
        if self.in_lane(1, None) == 0 {
            self.lanes.close_second();
        }
        if prompts {
            (0..self.lanes.count()).for_each(|lane| {
                self.lanes.leave(lane);
            });
            self.lanes.store().let_go();
        }
    }

    /// What there is time for when nobody has come for so long.
    fn tidy(&mut self, patience: Duration) {
        if patience == QUIET {
            self.lanes.store().write_one();
        } else if patience == UNUSED {
            self.lanes.close_second();
        }
    }

    /// How long to wait for more: not at all while there is work. What else there is to do is done first.
    fn patience(&mut self) -> Duration {
        let started = [&self.runs, &self.parked, &self.followers].into_iter().flatten().map(|run| &run.request);
        let mut there = self.waiting.iter().map(|(request, _)| request).chain(started).peekable();
        let is_empty = there.peek().is_none();
        if there.any(|request| !self.planner.holds(request.priority)) {
            return Duration::ZERO;
        }
        self.threads.rest();
        if !is_empty {
            return NOTHING_TO_DO;
        }
        self.lanes.settle();
        match (self.lanes.store().has_unwritten(), self.lanes.count()) {
            (true, _) => QUIET,
            (false, 1) => NOTHING_TO_DO,
            (false, _) => UNUSED,
        }
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
        for waiting in [&mut self.parked, &mut self.followers] {
            for run in waiting.extract_if(.., |run| run.job.is_cancelled()) {
                self.wire.finish(&run.job, cancelled(&run.job.body));
            }
        }
    }

    /// Starts what may start: first what had to leave, then what waits.
    fn admit(&mut self) {
        while !self.parked.is_empty() && (self.room || self.runs.is_empty()) {
            let run = self.parked.remove(0);
            self.room = false;
            self.place(run);
        }
        for run in std::mem::take(&mut self.followers) {
            self.place(run);
        }
        let now = Instant::now();
        loop {
            let started = || self.runs.iter().chain(&self.followers);
            let full = |priority| started().filter(|run| run.request.priority == priority).count() >= TOGETHER;
            let full = [Priority::Interactive, Priority::Background].map(|p| (p, full(p)));
            let may = |(request, _): &&(Request, Job)| !full.contains(&(request.priority, true));
            let running: Vec<&Request> = started().map(|run| &run.request).collect();
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

    /// Gives a run a sequence, with what is there already of its tokens.
    fn place(&mut self, mut run: Run) {
        run.follows = self.follows(&run);
        if run.follows {
            self.followers.push(run);
            return;
        }
        let alone = self.in_lane(0, None) == 0;
        let wanted = &run.tokens[..run.reusable()];
        match self.lanes.claim(wanted, run.adapter, alone) {
            Some((seq, reused)) => {
                run.place = Some(Place { lane: 0, seq });
                if run.is_prompt() {
                    run.usage.cached_tokens = reused as u32;
                }
                self.runs.push(run);
            }
            // There are more sequences than runs, so this is for another time.
            None => self.parked.push(run),
        }
    }

    /// Somebody reads a long beginning that this run has too, so it waits and shares it: two would take twice as long.
    fn follows(&self, run: &Run) -> bool {
        let leads = |other: &Run| {
            let comes_first = other.is_prompt() && other.request.priority <= run.request.priority;
            let read = other.place.map_or(0, |place| self.lanes.filled(place));
            let same = common(&other.tokens, &run.tokens[..run.reusable()]);
            let worth = if run.follows { 1 } else { SHARED };
            comes_first && other.adapter == run.adapter && same >= read + worth
        };
        run.place.is_none() && run.is_prompt() && self.runs.iter().any(leads)
    }

    fn in_lane(&self, lane: usize, priority: Option<Priority>) -> usize {
        let here = |run: &&Run| run.place.is_some_and(|place| place.lane == lane);
        self.runs.iter().filter(here).filter(|run| priority.is_none_or(|p| p == run.request.priority)).count()
    }

    /// Moves answers between the contexts: half of them to the second if that pays or should be tried, all to the first
    /// if it does not. Prompts are read in the first, where all threads do it together; until they are, nothing moves.
    fn balance(&mut self) -> Result<(), EngineError> {
        let priority = self.runs.iter().map(|run| run.request.priority).min();
        let [first, second] = [0, 1].map(|lane| self.in_lane(lane, priority));
        let reads = |run: &Run| run.is_prompt() && Some(run.request.priority) == priority;
        if first + second < 2 || self.runs.iter().any(reads) {
            return Ok(());
        }
        let (from, to, count) = match self.paces.worth(first + second) {
            Worth::Yes | Worth::Trial => (0, 1, first.saturating_sub(second) / 2),
            Worth::No | Worth::Unknown => (1, 0, second),
        };
        for _ in 0..count {
            let moves = |run: &Run| {
                let here = run.place.is_some_and(|place| place.lane == from) && Some(run.request.priority) == priority;
                here && self.lanes.fits(to, run.longest())
            };
            let Some(at) = self.runs.iter().rposition(moves) else { break };
            let Some(place) = self.runs[at].place else { break };
            self.runs[at].place = self.lanes.transfer(place, to)?;
            if self.runs[at].place.is_none() {
                let run = self.runs.remove(at);
                self.parked.push(run);
            }
        }
        Ok(())
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
        if let Some(place) = run.place {
            self.lanes.release(place, run.keep());
            if self.in_lane(place.lane, None) > 0 {
                // The others should not carry it along in every step.
                self.lanes.leave(place.lane);
            }
        }
        self.room = true;
        run
    }

    /// Makes room in a context: idle sequences leave, then whoever came last and has the least right to stay.
    fn make_room(&mut self, lane: usize) {
        if self.lanes.leave(lane) {
            return;
        }
        let here = |run: &Run| run.place.is_some_and(|place| place.lane == lane);
        let rank = |run: &Run| (run.request.priority, run.request.since);
        let last = (0..self.runs.len()).filter(|at| here(&self.runs[*at])).max_by_key(|at| rank(&self.runs[*at]));
        let Some(at) = last else { return };
        if lane == 0 && self.in_lane(0, None) == 1 {
            return self.end(at, Finish::Length);
        }
        let mut run = self.runs.remove(at);
        if let Some(place) = run.place.take() {
            self.lanes.release(place, Keep { tokens: usize::MAX, on_disk: false });
            self.lanes.leave(lane);
        }
        run.usage.preempted += 1;
        send(self.wire, &mut run, Send::All);
        // What outgrew the second context goes on in the first at once.
        self.room |= lane > 0;
        self.parked.push(run);
    }

    /// A step failed, and nothing is known of what is in memory.
    fn fail(&mut self, error: &EngineError) {
        for run in self.runs.drain(..) {
            self.wire.finish(&run.job, ModelReply::Failed(error.clone()));
        }
        self.lanes.forget();
    }
}

fn send(wire: &Wire, run: &mut Run, how: Send) {
    let first = run.output.is_unheard();
    let replies = run.output.take(Instant::now(), how);
    let spoken = first && !replies.is_empty() && run.request.priority == Priority::Interactive;
    for reply in replies {
        wire.send(&run.job, reply);
    }
    if spoken {
        std::thread::sleep(HANDED_OVER);
    }
}

fn is_whole_only(loaded: &Loaded) -> bool {
    loaded.model.is_recurrent() || loaded.model.is_hybrid()
}

fn saved(spec: &LoadSpec, whole_only: bool) -> Saved {
    // What the bytes of saved keys and values depend on, besides the weights.
    let layout = format!("llama-cpp-sys-2 0.1.161, f16 f16 flash, {}", std::env::consts::ARCH);
    if whole_only { Saved::open_whole_only(&spec.cache, &layout) } else { Saved::open(&spec.cache, &layout) }
}
